"""Who gets the credit: the eight attribution models.

The vendor documents what the models mean, but not in which order window, sources and model apply. Here a journey is
first cut to the window. Models that name a channel (``*_platform_touch``) and the multi-touch models then see only the
touchpoints of the requested sources, so their shares add up to the event's amount. The other models choose from all
touchpoints, and give no row when the chosen one is not of a requested source.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from tap_cometly import vocabulary
from tap_cometly.sandbox.journeys import Touchpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

Weighted = list[tuple[Touchpoint, int]]

_DAY: Final = 86_400


def credit(
    amount: Decimal,
    journey: Sequence[Touchpoint],
    *,
    model: str,
    sources: Collection[str],
    digits: int = 6,
    narrow: bool = True,
) -> list[tuple[Touchpoint, Decimal]]:
    """Return the credited touchpoints of a journey (oldest first), each with its share of ``amount``.

    Args:
        amount: What the event was worth.
        journey: Touchpoints within the attribution window.
        model: One of the eight attribution models.
        sources: The requested sources; only their touchpoints are credited.
        digits: Decimals of a share.
        narrow: Multi-touch models see only the requested sources. Otherwise they share among all, and the shares of
            other sources are lost.
    """
    chooses_from_all = model in _CHOOSE_FROM_ALL or (model in vocabulary.MULTI_TOUCH_MODELS and not narrow)
    pool = journey if chooses_from_all else [touch for touch in journey if touch.source in sources]
    weighted = _MODELS[model](pool)
    shares = split(amount, [weight for _, weight in weighted], digits)
    return [(touch, share) for (touch, _), share in zip(weighted, shares, strict=True) if touch.source in sources]


def within(journey: Sequence[Touchpoint], event_time: int, window: int) -> Sequence[Touchpoint]:
    """Return the touchpoints at most ``window`` days before the event; 0 days is the whole lifetime."""
    if not window:
        return journey
    earliest = event_time - window * _DAY
    return [touch for touch in journey if touch.time >= earliest]


def split(amount: Decimal, weights: Sequence[int], digits: int) -> list[Decimal]:
    """Share ``amount`` by weight to so many decimals; the last gets what is left, so that the sum is exact."""
    if len(weights) == 1 or not amount:
        return [amount] * len(weights)
    exponent = amount.as_tuple().exponent
    digits = max(digits, -exponent if isinstance(exponent, int) else 0)
    units = int(amount.scaleb(digits))
    total = sum(weights)
    shares = [units * weight // total for weight in weights]
    if shares:
        shares[-1] += units - sum(shares)
    return [Decimal(share).scaleb(-digits) for share in shares]


def _alike(pool: Sequence[Touchpoint]) -> Weighted:
    return [(touch, 1) for touch in pool]


def _u_shaped(pool: Sequence[Touchpoint]) -> Weighted:
    """40 % for the first, 40 % for the last, 20 % for those between; two share alike."""
    between = len(pool) - 2
    if between < 1:
        return _alike(pool)
    return [(pool[0], 2 * between), *((touch, 1) for touch in pool[1:-1]), (pool[-1], 2 * between)]


_MODELS: Final[dict[str, Callable[[Sequence[Touchpoint]], Weighted]]] = {
    "first_touch": lambda pool: _alike(pool[:1]),
    "last_touch": lambda pool: _alike(pool[-1:]),
    "first_platform_touch": lambda pool: _alike(pool[:1]),
    "last_platform_touch": lambda pool: _alike(pool[-1:]),
    "last_non_direct_touch": lambda pool: _alike([touch for touch in pool if touch.source != "direct"][-1:]),
    "linear": _alike,
    "linear_paid": lambda pool: _alike([touch for touch in pool if touch.source in vocabulary.PAID_SOURCES]),
    "u_shaped": _u_shaped,
}
_CHOOSE_FROM_ALL: Final = frozenset({"first_touch", "last_touch", "last_non_direct_touch"})
