"""What the rows of one export look like: the decoder that takes just these, and what must still be done to them.

A row is taken only if it has exactly the catalog's types and no keys that are not declared, so that a block of lines
which decodes has been checked, every value of it. Where rows are found to be otherwise, the shape is relaxed: only
where needed, column by column.
"""

from __future__ import annotations

import decimal
import io
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Any, Final

import msgspec

from bulk_exports.exact_numbers import read_number
from bulk_exports.fields import can_be_field
from bulk_exports.records.rows import too_deep

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from bulk_exports.fields import Kind
    from bulk_exports.records.coercion import Fit
    from bulk_exports.records.columns import Column

    Texts = Mapping[str, set[str | None]]

MAX_UNKNOWN: Final = 300
"""With more keys that are not declared, rows have no shape: each new one costs another decoder, and no vendor sends so
many by mistake."""

_STRICT: Final[Mapping[Kind | None, Any]] = {
    "integer": int,
    "boolean": bool,
    "string": str,
    "timestamp": str,
    "date": str,
    "object": dict,
}
_TIME_FORM: Final = "0000-00-00T00:00:00Z"
_TO_ZERO: Final = str.maketrans("123456789", "000000000")
_HOUR_WIDTH: Final = len("0000-00-00T00")
_DAY_WIDTH: Final = len("0000-00-00")
_SIXTIES: Final = (len("0000-00-00T00:"), len("0000-00-00T00:00:"))
"""Where the first digits of minutes and seconds are."""
_NUMBERS: Final = frozenset({int, decimal.Decimal})
_INTEGERS: Final = frozenset({int, type(None)})
_CONTAINERS: Final = frozenset({dict, list})
_SIMPLE: Final = frozenset({str, int, bool, type(None)})
_LAST: Final = itemgetter(-len("}\n"))
_BRACES: Final = tuple(b"{{}")


class UnexpectedRowsError(Exception):
    """A block is not of the shape that was expected."""


class Shape:
    """What the rows of one export look like.

    Args:
        columns: The declared columns.
        order: Names as they follow one another in a row; where a key is expected, it is found sooner.
        fitted: Columns whose values must be fitted one by one.
        numbered: Columns of text whose values are all integers: they become text when they are written.
        unknown: Keys that are not declared but were seen.
        untyped: Those of them whose values may be anything: fractions, objects, lists.
        complete: Whether each row has all the columns.

    Raises:
        ValueError: A name cannot be a field of a Struct.
    """

    def __init__(
        self,
        columns: Sequence[Column],
        *,
        order: Sequence[str] = (),
        fitted: AbstractSet[str] = frozenset(),
        numbered: AbstractSet[str] = frozenset(),
        unknown: AbstractSet[str] = frozenset(),
        untyped: AbstractSet[str] = frozenset(),
        complete: bool = True,
    ) -> None:
        self.columns = columns
        places = {name: place for place, name in enumerate(order)}
        self.as_they_follow = sorted(columns, key=lambda column: places.get(column.name, -1))
        self.fitted = fitted | {column.name for column in columns if column.kind is None}
        self.numbered = numbered
        self.unknown = unknown
        self.untyped = untyped
        self.complete = complete
        self._numbers = [
            (attrgetter(column.name), _NUMBERS | {type(None)} if column.nullable else _NUMBERS)
            for column in self._of_kinds("number")
        ]
        self._required = [attrgetter(column.name) for column in columns if not column.nullable]
        self._texts = [(column.name, column.fit) for column in self._of_kinds("timestamp", "date")]
        objects = [column.name for column in self._of_kinds("object")]
        self._loose = [attrgetter(name) for name in (*self.fitted, *objects, *untyped)]
        self._fits = self.fits(self.fitted)
        self._decoder = row_decoder(
            *((column.name, *self._strict(column)) for column in columns),
            *((name, Any if name in untyped else str | int | bool | None, None) for name in unknown),
            forbid_unknown_fields=True,
        )

    def relaxed(
        self,
        order: Sequence[str],
        types: Mapping[str, set[type]],
        *,
        changed: set[str],
        unknown: set[str],
        complete: bool,
    ) -> Shape:
        """Return the shape that takes more.

        Args:
            order: Names as they follow one another in a row.
            types: Which types of values the columns held, be they declared or not.
            changed: The columns of which a value had to be converted.
            unknown: Keys that are not declared.
            complete: Whether each row had all the columns.

        Raises:
            ValueError: There are too many keys that are not declared, or one cannot be a field of a Struct.
        """
        if len(self.unknown | unknown) > MAX_UNKNOWN:
            raise ValueError("there is no end of keys that are not declared")
        odd = (changed | self.numbered) - self.fitted
        texts = {column.name for column in self.columns if column.kind == "string"}
        numbered = {name for name in odd & texts if types[name] <= _INTEGERS}
        return Shape(
            self.columns,
            order=order,
            fitted=self.fitted | (odd - numbered),
            numbered=numbered,
            unknown=self.unknown | unknown,
            untyped=self.untyped | {name for name in unknown if not types[name] <= _SIMPLE},
            complete=self.complete and complete,
        )

    def check(self, block: bytes, rows: list[Any] | None = None) -> tuple[list[bytes], list[Any], Texts]:
        """Return lines and rows of a block in which everything fits, and by which texts its times and days were known.

        Args:
            block: Lines, each of them ended.
            rows: Their rows, if they are known already: Structs with the columns, each value of its column's kind.

        Returns:
            The lines, the rows, and for each column of times or days a selection of them: the first and the last are in
            it.

        Raises:
            UnexpectedRowsError: Something does not fit, or would be changed by fitting it.
        """
        lines = io.BytesIO(block).readlines()
        try:
            if rows is None or not self._takes(rows):
                rows = self._decoder.decode_lines(block)
                # As many objects as lines, and each line begins and ends with one: so there is exactly one on each.
                if len(rows) != len(lines) or (min(lines)[0], max(lines)[0], *set(map(_LAST, lines))) != _BRACES:
                    raise UnexpectedRowsError
                self._check_loose(rows)
                self._check_numbers(rows)
            texts = self._check_texts(rows)
            fit_rows(rows, self._fits)
        except (msgspec.DecodeError, ValueError, ArithmeticError, RecursionError, IndexError):
            raise UnexpectedRowsError from None
        return lines, rows, texts

    def _takes(self, rows: list[Any]) -> bool:
        """Tell whether rows of which each value is of its column's kind, or null, are of this shape."""
        if self.fitted or self.numbered:
            return False
        return not any(None in map(value_of, rows) for value_of in self._required)

    def fits(self, names: AbstractSet[str]) -> list[tuple[str, Fit]]:
        """Return how the values of these columns are fitted."""
        return [
            # Text of an integer needs no more than this, but null is none.
            (column.name, str if column.name in self.numbered and not column.nullable else column.fit)
            for column in self.columns
            if column.name in names
        ]

    def _check_loose(self, rows: list[Any]) -> None:
        for value_of in self._loose:
            if not _CONTAINERS.isdisjoint(map(type, map(value_of, rows))) and any(map(too_deep, map(value_of, rows))):
                raise UnexpectedRowsError

    def _check_numbers(self, rows: list[Any]) -> None:
        for number_of, types in self._numbers:
            if not types.issuperset(map(type, map(number_of, rows))):
                raise UnexpectedRowsError

    def _check_texts(self, rows: list[Any]) -> Texts:
        checked: dict[str, set[str | None]] = {}
        for name, fit in self._texts:
            texts = list(map(attrgetter(name), rows))
            checked[name] = _first_and_last(texts) or set(texts)
            if any(fit(text) != text for text in checked[name]):
                raise UnexpectedRowsError
        return checked

    def _of_kinds(self, *kinds: Kind) -> list[Column]:
        return [column for column in self.columns if column.kind in kinds and column.name not in self.fitted]

    def _strict(self, column: Column) -> tuple[Any, ...]:
        """Return the type of a column, and its default if rows may lack it."""
        strict = Any if column.name in self.fitted else _STRICT.get(column.kind, Any)
        strict = int if column.name in self.numbered else strict
        if strict is not Any and column.nullable:
            strict |= None
        return (strict,) if self.complete or not column.nullable else (strict, None)


def _first_and_last(given: Sequence[Any]) -> set[str | None] | None:
    """Return the first and the last of times, and one of each hour between: if these are well-written, all of them are.

    It looks at all of them at once, and only where they have the form to the second; otherwise it returns None.
    """
    texts = [text for text in given if text is not None]
    if not texts:
        return None
    try:
        together = "\n".join(texts)
    except TypeError:  # one of them is no text
        return None
    lines = f"{_TIME_FORM}\n" * len(texts)
    if together.translate(_TO_ZERO) != lines[:-1] or any(
        max(together[place :: len(_TIME_FORM) + 1]) > "5" for place in _SIXTIES
    ):
        return None
    first, last = min(texts), max(texts)
    some: set[str | None] = {first, last} if len(texts) == len(given) else {first, last, None}
    # With the same day and the same form they are in order of the clock, so that no hour is later than the last one's.
    if first[:_DAY_WIDTH] != last[:_DAY_WIDTH]:
        some.update({text[:_HOUR_WIDTH]: text for text in texts}.values())
    return some


def fit_rows(rows: Sequence[Any], fits: Iterable[tuple[str, Fit]]) -> None:
    """Fit values of rows in place."""
    for name, fit in fits:
        for row, value in zip(rows, map(fit, map(attrgetter(name), rows)), strict=True):
            setattr(row, name, value)


def row_decoder(*fields: tuple[Any, ...], forbid_unknown_fields: bool = False) -> msgspec.json.Decoder[list[Any]]:
    """Return a decoder of rows as Structs with these fields: name, type and, if they may be missing, default.

    Raises:
        ValueError: A name cannot be a field of a Struct.
    """
    for name, *_ in fields:
        if not can_be_field(name):
            raise ValueError(f"{name!r} cannot be a field")
    row = msgspec.defstruct("Row", fields, kw_only=True, gc=False, forbid_unknown_fields=forbid_unknown_fields)
    return msgspec.json.Decoder(row, float_hook=read_number)
