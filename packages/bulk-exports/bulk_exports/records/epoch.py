"""Milliseconds since 1970, as files have them, to times in UTC."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

MIN_MILLISECONDS: Final = 10**11
"""A number that is smaller is one of seconds, which reach the year 5138 below it."""
MAX_DAYS_REMEMBERED: Final = 10_000
_MAX_DIGITS: Final = 18
_FRACTION: Final = re.compile(r"\.0+$")
_EPOCH: Final = date(1970, 1, 1).toordinal()
_DAY_MS: Final = 86_400_000
_MINUTE_MS: Final = 60_000
# Written together they are faster than any calendar: files hold millions of times, and few of them twice.
_MINUTES: Final = tuple(f"T{minute // 60:02d}:{minute % 60:02d}:" for minute in range(1440))
_REST: Final = tuple(f"{second:02d}" for second in range(60))

_days: dict[int, str] = {}


def of_milliseconds(value: int) -> str | None:
    """Return a time as ``2026-01-30T06:59:16.865Z``; None if no calendar has it."""
    number, rest = divmod(value, _DAY_MS)
    day = _days.get(number)
    if day is None:
        try:
            day = date.fromordinal(_EPOCH + number).isoformat()
        except (ValueError, OverflowError):
            return None
        if len(_days) >= MAX_DAYS_REMEMBERED:
            _days.clear()
        _days[number] = day
    minute, rest = divmod(rest, _MINUTE_MS)
    second, rest = divmod(rest, 1000)
    if rest:
        return f"{day}{_MINUTES[minute]}{_REST[second]}.{rest:03d}Z"
    return f"{day}{_MINUTES[minute]}{_REST[second]}Z"


def of_cells(cells: Sequence[str], *, may_be_unknown: bool) -> list[str]:
    """Return milliseconds in cells as times; what is no number stays as it is, to be judged by its column.

    Args:
        cells: The cells.
        may_be_unknown: Whether 0, and a number that is in no calendar, say that nobody knows the time.
    """
    if _are_plain(cells):
        if may_be_unknown:
            return ["" if cell == "0" else of_milliseconds(int(cell)) or "" for cell in cells]
        return [of_milliseconds(int(cell)) or cell for cell in cells]
    return [_of_cell(cell, may_be_unknown=may_be_unknown) for cell in cells]


def plain_cells(cells: Sequence[str]) -> Sequence[str]:
    """Return whole numbers in cells in plain digits, however else they are written; what is none stays as it is."""
    if _are_plain(cells) and not any(cell[0] == "0" for cell in cells):
        return cells
    return [cell if (number := whole_number(cell)) is None else str(number) for cell in cells]


def _are_plain(cells: Sequence[str]) -> bool:
    together = "".join(cells)
    return together.isascii() and together.isdecimal() and max(map(len, cells)) <= _MAX_DIGITS and "" not in cells


def _of_cell(cell: str, *, may_be_unknown: bool) -> str:
    number = whole_number(cell)
    if number is None:
        return cell
    if may_be_unknown and number == 0:
        return ""
    return of_milliseconds(number) or ("" if may_be_unknown else cell)


def whole_number(value: object) -> int | None:
    """Return a whole number that stands in a file as a number or as text; None if it is none."""
    if type(value) is int:  # which a boolean is not
        return value
    if isinstance(value, Decimal) and value == value.to_integral_value():
        return int(value)
    if isinstance(value, str):
        digits = _FRACTION.sub("", value.strip())
        unsigned = digits.removeprefix("-")
        if unsigned.isascii() and unsigned.isdecimal() and len(unsigned) <= _MAX_DIGITS:
            return int(digits)
    return None


def of_timestamp(value: object) -> object:
    """Return a timestamp of an attribute as a time: documented in seconds, but in a file perhaps in milliseconds.

    What is no number is left to those who know how times are written.
    """
    number = whole_number(value)
    if number is None:
        return value
    return of_milliseconds(number if abs(number) >= MIN_MILLISECONDS else number * 1000) or value
