"""Text to JSON values, a column at a time: what files say that know no types, such as CSV.

Only what is written beyond doubt becomes a number, a boolean or a time in UTC. Any other text stays text, and whether
it fits is decided where all values are fitted (`bulk_exports.records.coercion`), by the same rules for every format.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from datetime import tzinfo

    from bulk_exports.fields import Kind

Convert = Callable[[Sequence[str]], Sequence[Any]]
"""Returns the values of a column for the texts of its cells."""

MAX_DIGITS: Final = 18
"""Longer integers are left to those who know what an integer may be; so many fit into 64 bits."""
MAX_MINUTES: Final = 100_000
"""So many minutes are remembered in UTC: 69 days, in some 15 MB."""

_INTEGER: Final = re.compile(r"-?[0-9]{1,18}")
_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,18})?")
_NUMBERS: Final = re.compile(rf"(({_NUMBER.pattern})?\n)*")
_BOOLEANS: Final[dict[str, bool | None]] = {
    "": None, "1": True, "0": False, "true": True, "false": False, "True": True, "False": False, "TRUE": True,
    "FALSE": False,
}  # fmt: skip
_LOCAL: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2}:[0-9]{2})(?:[.,]([0-9]+))?")
_MINUTE: Final = slice(0, len("0000-00-00 00:00"))
_SECOND: Final = slice(len("0000-00-00 00:00"), len("0000-00-00 00:00:00"))
_TO_THE_SECOND: Final = len("0000-00-00 00:00:00")


def converter(kind: Kind | None, *, empty_is_null: bool, zone: tzinfo) -> Convert:
    """Return what reads the cells of a column.

    Args:
        kind: What the column holds.
        empty_is_null: Whether an empty cell in a column of text is null. In any other it always is.
        zone: In which times are written that name no offset.
    """
    if kind == "timestamp":
        return _Times(zone)
    if kind == "string" and not empty_is_null:
        return _as_they_are
    return {"integer": _integers, "number": _numbers, "boolean": _booleans}.get(kind or "string", _texts)


def _as_they_are(cells: Sequence[str]) -> Sequence[str]:
    return cells


def _texts(cells: Sequence[str]) -> Sequence[str | None]:
    return [cell or None for cell in cells] if "" in cells else cells


def _integers(cells: Sequence[str]) -> Sequence[int | str | None]:
    together = "".join(cells)
    if not together:
        return [None] * len(cells)
    if together.isascii() and together.isdecimal() and max(map(len, cells)) <= MAX_DIGITS:
        return [int(cell) if cell else None for cell in cells]
    return [int(cell) if _INTEGER.fullmatch(cell) else cell or None for cell in cells]


def _numbers(cells: Sequence[str]) -> Sequence[Decimal | str | None]:
    if _NUMBERS.fullmatch("\n".join(cells) + "\n"):
        return [Decimal(cell) if cell else None for cell in cells]
    return [Decimal(cell) if _NUMBER.fullmatch(cell) else cell or None for cell in cells]


def _booleans(cells: Sequence[str]) -> Sequence[bool | str | None]:
    return [_BOOLEANS.get(cell, cell) for cell in cells]


class _Times:
    """Times of day to RFC 3339 in UTC.

    What an hour that comes twice means, when clocks are put back, cannot be known: it is taken for the first one.

    Args:
        zone: The zone of those without an offset.
    """

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone
        self._minutes: dict[str, str] = {}

    def __call__(self, cells: Sequence[str]) -> Sequence[str | None]:
        known = self._minutes.get
        return [
            cell
            if cell.endswith("Z")
            else f"{minute}{cell[_SECOND]}Z"
            if len(cell) == _TO_THE_SECOND and cell[-3] == ":" and (minute := known(cell[_MINUTE]))
            else self._in_utc(cell)
            for cell in cells
        ]

    def _in_utc(self, cell: str) -> str | None:
        found = _LOCAL.fullmatch(cell.strip())
        if found is None:  # with an offset, empty, or no time at all
            return cell or None
        day, time, fraction = found.groups()
        try:
            moment = datetime.fromisoformat(f"{day}T{time}").replace(tzinfo=self._zone).astimezone(timezone.utc)
        except ValueError:
            return cell
        except OverflowError:
            return f"{cell} {self._zone}"  # no calendar has it in UTC; without its zone it would pass for UTC
        written = moment.replace(tzinfo=None).isoformat()
        if fraction is None and len(cell) == _TO_THE_SECOND and written[-2:] == time[-2:]:
            if len(self._minutes) >= MAX_MINUTES:
                self._minutes.clear()
            self._minutes[cell[_MINUTE]] = written[_MINUTE]
        return f"{written}{f'.{fraction}' if fraction else ''}Z"
