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
MAX_KNOWN: Final = 100_000
"""So many hours are remembered in UTC, 11 years, in some 15 MB, and as many minutes."""

_INTEGER: Final = re.compile(r"-?[0-9]{1,18}")
_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,18})?")
_TO_ZERO: Final = str.maketrans("123456789", "000000000")
_NUMBER_FORM: Final = re.compile(r"(-?0{1,18}(\.0{1,18})?)?")
_BOOLEANS: Final[dict[str, bool | None]] = {
    "": None, "1": True, "0": False, "true": True, "false": False, "True": True, "False": False, "TRUE": True,
    "FALSE": False,
}  # fmt: skip
_LOCAL: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2}:[0-9]{2})(?:[.,]([0-9]+))?")
_HOUR: Final = slice(0, len("0000-00-00 00"))
_IN_HOUR: Final = slice(len("0000-00-00 00"), None)
_MINUTE: Final = slice(0, len("0000-00-00 00:00"))
_IN_MINUTE: Final = slice(len("0000-00-00 00:00"), None)
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
        self._hours: dict[str, str] = {}
        self._minutes: dict[str, str] = {}

    def __call__(self, cells: Sequence[str]) -> Converted:
        known = self._hours.get
        values = [
            cell
            if cell.endswith("Z")
            else f"{hour}{cell[_IN_HOUR]}Z"
            if len(cell) == _TO_THE_SECOND and cell[-3] == ":" and (hour := known(cell[_HOUR]))
            else self._in_utc(cell)
            for cell in cells
        ]
        return Converted(values, exact=True)

    def _in_utc(self, cell: str) -> str | None:
        is_usual = len(cell) == _TO_THE_SECOND and cell[-3] == ":"
        if is_usual and (minute := self._minutes.get(cell[_MINUTE])):
            return f"{minute}{cell[_IN_MINUTE]}Z"
        found = _LOCAL.fullmatch(cell.strip())
        if found is None:  # with an offset, empty, or no time at all
            return cell or None
        day, time, fraction = found.groups()
        try:
            moment = datetime.fromisoformat(f"{day}T{time}")
            written = self._written(moment)
        except ValueError:
            return cell
        except OverflowError:
            return f"{cell} {self._zone}"  # no calendar has it in UTC; without its zone it would pass for UTC
        if is_usual and fraction is None:
            self._remember(cell, moment, written)
        return f"{written}{f'.{fraction}' if fraction else ''}Z"

    def _written(self, moment: datetime) -> str:
        return moment.replace(tzinfo=self._zone).astimezone(timezone.utc).replace(tzinfo=None).isoformat()

    def _remember(self, cell: str, moment: datetime, written: str) -> None:
        """Remember where in UTC the hour of a time is, if minutes and seconds stay the same; else where its minute is.

        An hour in which clocks are changed is at two places.
        """
        begin, end = moment.replace(minute=0, second=0), moment.replace(minute=59, second=59)
        offsets = {time.replace(tzinfo=self._zone).utcoffset() for time in (begin, end)}
        if len(offsets) == 1 and written[_IN_HOUR] == cell[_IN_HOUR]:
            _put(self._hours, cell[_HOUR], written[_HOUR])
        elif written[_IN_MINUTE] == cell[_IN_MINUTE]:
            _put(self._minutes, cell[_MINUTE], written[_MINUTE])


def _put(known: dict[str, str], key: str, value: str) -> None:
    if len(known) >= MAX_KNOWN:
        known.clear()
    known[key] = value
