"""Text to JSON values, a column at a time: what files say that know no types, such as CSV.

Only what is written beyond doubt becomes a number, a boolean or a time in UTC. Any other text stays text, and whether
it fits is decided where all values are fitted (`bulk_exports.records.coercion`), by the same rules for every format. A
column of which nothing was left is known to be of its kind, and need not be looked at once more.

What can be is asked of all cells of a column at once, in one text: that takes a fraction of a question for each.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from datetime import tzinfo

    from bulk_exports.fields import Kind


class Converted(NamedTuple):
    """A column of values.

    Attributes:
        values: The values, one for each cell.
        exact: Whether each of them is null or of the kind of its column, times and days being any text.
    """

    values: Sequence[Any]
    exact: bool


Convert = Callable[[Sequence[str]], Converted]
"""Returns the values of a column for the texts of its cells."""

MAX_DIGITS: Final = 18
"""Longer integers are left to those who know what an integer may be; so many fit into 64 bits."""
MAX_MINUTES: Final = 100_000
"""So many minutes are remembered in UTC: 69 days, in some 15 MB."""

_INTEGER: Final = re.compile(r"-?[0-9]{1,18}")
_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,18})?")
_TO_ZERO: Final = str.maketrans("123456789", "000000000")
_NUMBER_FORM: Final = re.compile(r"(-?0{1,18}(\.0{1,18})?)?")
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
    known = {"integer": _integers, "number": _numbers, "boolean": _booleans, "string": _texts, "date": _texts}
    return known.get(kind or "", _others)


def _as_they_are(cells: Sequence[str]) -> Converted:
    return Converted(cells, exact=True)


def _texts(cells: Sequence[str]) -> Converted:
    return Converted([cell or None for cell in cells] if "" in cells else cells, exact=True)


def _others(cells: Sequence[str]) -> Converted:
    return Converted(_texts(cells).values, exact=False)


def _integers(cells: Sequence[str]) -> Converted:
    together = "".join(cells)
    if not together:
        return Converted([None] * len(cells), exact=True)
    if together.isascii() and together.isdecimal() and max(map(len, cells)) <= MAX_DIGITS:
        return Converted(
            [int(cell) if cell else None for cell in cells] if "" in cells else list(map(int, cells)), exact=True
        )
    return _checked([int(cell) if _INTEGER.fullmatch(cell) else cell or None for cell in cells])


def _numbers(cells: Sequence[str]) -> Converted:
    # Of the forms of numbers a column has a handful, whatever the numbers are.
    forms = "\n".join(cells).translate(_TO_ZERO).split("\n")
    if len(forms) == len(cells) and all(map(_NUMBER_FORM.fullmatch, set(forms))):
        return Converted([_number(cell) if cell else None for cell in cells], exact=True)
    return _checked([_number(cell) if _NUMBER.fullmatch(cell) else cell or None for cell in cells])


def _number(cell: str) -> Decimal | int:
    """Return a number as JSON has it: an integer if it has no fraction."""
    return Decimal(cell) if "." in cell else int(cell)


def _booleans(cells: Sequence[str]) -> Converted:
    return _checked(list(map(_BOOLEANS.get, cells, cells)))


def _checked(values: Sequence[Any]) -> Converted:
    return Converted(values, exact=str not in set(map(type, values)))


class _Times:
    """Times of day to RFC 3339 in UTC.

    What an hour that comes twice means, when clocks are put back, cannot be known: it is taken for the first one.

    Args:
        zone: The zone of those without an offset.
    """

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone
        self._minutes: dict[str, str] = {}

    def __call__(self, cells: Sequence[str]) -> Converted:
        known = self._minutes.get
        values = [
            cell
            if cell.endswith("Z")
            else f"{minute}{cell[_SECOND]}Z"
            if len(cell) == _TO_THE_SECOND and cell[-3] == ":" and (minute := known(cell[_MINUTE]))
            else self._in_utc(cell)
            for cell in cells
        ]
        return Converted(values, exact=True)

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
