"""What is delivered where only several exports together hold a window: a day is when all of its variants are.

Until then STATE remembers which of them are (``parts``), so that nothing is exported again because its sibling failed
or was not reached. A variant that was deselected stays remembered too: selected again, it is due for the days that
passed without it, and for no others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bulk_exports.windows.delivered import DeliveredDays

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def regrouped(
    delivered: DeliveredDays, parts: Mapping[str, DeliveredDays], before: Sequence[str], now: Sequence[str]
) -> tuple[DeliveredDays, dict[str, DeliveredDays]]:
    """Return the days that are delivered of all variants, and those of single ones, where others are asked for now.

    Args:
        delivered: The days that were delivered of all variants.
        parts: Other days that were, by variant.
        before: The variants that were asked for.
        now: Those that are.
    """
    by_variant = dict(parts)
    for variant in before:
        by_variant[variant] = DeliveredDays((*delivered.intervals, *by_variant.get(variant, DeliveredDays()).intervals))
    first, *others = (by_variant.get(variant, DeliveredDays()) for variant in now)
    whole = first
    for other in others:
        whole &= other
    return whole, {variant: days - whole if variant in now else days for variant, days in by_variant.items()}
