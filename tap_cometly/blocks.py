"""Whole blocks of lines to records: how a million rows become messages without a line of Python per value.

The trick is to let the JSON decoder do all the work, twice, a few hundred lines per call. The first pass proves: it
decodes a block into Structs whose fields have exactly the catalog's types and which know no other keys, so a block
that decodes has been checked, every value of it. The second pass writes: it decodes the same block into Structs whose
fields are raw, pieces of the vendor's own text, and encodes these again. What comes out has the declared columns in
the catalog's order and no others, and each value to the digit as it was, without ever having been a Python object.

That is exact because the strict types of the first pass take just those values that `rows` would leave as they are.
Where a block does not decode, its lines go the slow way of `rows`, one by one, which either names the misfit, or
fits every value and so shows which columns of this file hold something that must be converted (identifiers as
numbers, amounts as text). From there on these columns, and only these, are fitted value by value, in both passes.
What has been learnt is the file's `Shape`. The property tests hold both ways against each other.
"""

from __future__ import annotations

import contextlib
import dataclasses
import decimal
import itertools
import keyword
from array import array
from operator import attrgetter, itemgetter
from typing import IO, TYPE_CHECKING, Any, Final

import msgspec

from tap_cometly.content import Content, Tally
from tap_cometly.exports.jobs import Unfit
from tap_cometly.exports.ndjson import line_blocks
from tap_cometly.moves import MOST_EVENTS
from tap_cometly.rows import decode_line, fit_line, read_rows, too_deep

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tap_cometly.rows import Column, Columns, Plain

ROWS_AT_ONCE: Final = 500
"""Rows that are handed on together when they were read one by one."""

_STRICT: Final[dict[str, Any]] = {"integer": int, "boolean": bool, "string": str, "timestamp": str, "date": str}
_NUMBERS: Final = frozenset({int, decimal.Decimal})
MOST_TEXTS_KNOWN: Final = 100_000
"""Times that were found well-written are not looked at again: so many, and a day has 86,400 seconds."""
_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")
_ID: Final = attrgetter("id")
_NULL: Final = msgspec.Raw(b"null")
_CONTAINERS: Final = frozenset({dict, list})
_LAST: Final = itemgetter(-1)
_BRACES: Final = tuple(b"{{}")
_INTEGERS: Final = {int}


class _OddError(Exception):
    """A block is not of the shape that was expected."""


class Shape:
    """What the rows of one export look like.

    Args:
        columns: The declared columns.
        fitted: Those whose values must be fitted one by one.
        unknown: Keys that are not declared but were seen.

    Raises:
        ValueError: A name cannot be a field of a Struct.
    """

    def __init__(
        self, columns: Sequence[Column], *, fitted: frozenset[str] = frozenset(), unknown: frozenset[str] = frozenset()
    ) -> None:
        self.columns = columns
        self.fitted = fitted | {column.name for column in columns if column.plain is None}
        self.unknown = unknown
        self._fits = [
            (column.name, attrgetter(column.name), column.fit, column.plain)
            for column in columns
            if column.name in self.fitted
        ]
        self._numbers = [
            (attrgetter(column.name), _NUMBERS | {type(None)} if column.nullable else _NUMBERS)
            for column in self._plain("number")
        ]
        self._texts = [(column.name, column.fit) for column in self._plain("timestamp", "date")]
        self._loose = [attrgetter(name) for name in (*self.fitted, *unknown)]
        self._decoder = _decoder(
            *((column.name, *self._strict(column)) for column in columns),
            *((name, Any, None) for name in unknown),
            forbid_unknown_fields=True,
        )

    def relaxed(self, fitted: set[str], unknown: set[str]) -> Shape:
        """Return the shape that takes more."""
        return Shape(self.columns, fitted=self.fitted | fitted, unknown=self.unknown | unknown)

    def check(self, block: bytes, known: dict[str, set[str]]) -> tuple[list[bytes], list[Any]]:
        """Return lines and fitted rows of a block in which everything fits.

        Args:
            block: Lines, each of them ended.
            known: Texts by column that were found well-written before; is added to.

        Raises:
            _OddError: Something does not fit, or would be changed by fitting it.
        """
        lines = block.split(b"\n")
        lines.pop()
        try:
            rows = self._decoder.decode_lines(block)
            # As many objects as lines, and each line begins and ends with one: so there is exactly one on each.
            if len(rows) != len(lines) or (min(lines)[0], max(lines)[0], *set(map(_LAST, lines))) != _BRACES:
                raise _OddError
            self._check_loose(rows)
            self._check_numbers(rows)
            self._check_texts(rows, known)
            self.fit(rows)
        except (msgspec.DecodeError, ValueError, ArithmeticError, RecursionError, IndexError):
            raise _OddError from None
        return lines, rows

    def _check_loose(self, rows: list[Any]) -> None:
        for value_of in self._loose:
            if not _CONTAINERS.isdisjoint(map(type, map(value_of, rows))) and any(map(too_deep, map(value_of, rows))):
                raise _OddError

    def _check_numbers(self, rows: list[Any]) -> None:
        for number_of, types in self._numbers:
            if not types.issuperset(map(type, map(number_of, rows))):
                raise _OddError

    def _check_texts(self, rows: list[Any], known: dict[str, set[str]]) -> None:
        for name, fit in self._texts:
            new = set(map(attrgetter(name), rows)) - known.setdefault(name, set())
            if any(fit(text) != text for text in new):
                raise _OddError
            if len(known[name]) < MOST_TEXTS_KNOWN:
                known[name] |= new

    def fit(self, rows: Sequence[Any]) -> None:
        """Fit the values that need it, in place."""
        for name, value_of, fit, plain in self._fits:
            values = list(map(value_of, rows))
            # Identifiers that come as numbers are so usual that they are worth a short cut.
            fitted = map(str if plain == "string" and set(map(type, values)) == _INTEGERS else fit, values)
            for row, value in zip(rows, fitted, strict=True):
                setattr(row, name, value)

    def _plain(self, *kinds: Plain) -> list[Column]:
        return [column for column in self.columns if column.plain in kinds and column.name not in self.fitted]

    def _strict(self, column: Column) -> tuple[Any, ...]:
        """Return type and default of a column; no default where it may not be missing."""
        strict = None if column.name in self.fitted or column.plain is None else _STRICT.get(column.plain)
        if strict is None:
            return (Any, None) if column.nullable or column.name in self.fitted else (Any,)
        return (strict | None, None) if column.nullable else (strict,)


class Records:
    """Makes the records of one export, block by block: the declared columns and the tap's own.

    Args:
        shape: What the rows were proven to look like.
        own: The tap's own columns, with the same values in every record.
        raw: Whether values stay pieces of the vendor's text, ready to be encoded; otherwise they become Python values.
    """

    def __init__(self, shape: Shape, own: dict[str, Any], *, raw: bool) -> None:
        self._shape = shape
        names = [column.name for column in shape.columns]
        values = {name: msgspec.Raw(_ENCODER.encode(value)) for name, value in own.items()} if raw else own
        self._decoder = _decoder(
            *((name, msgspec.Raw, _NULL) if raw and name not in shape.fitted else (name, Any, None) for name in names),
            *((name, Any, value) for name, value in values.items()),
        )
        self._overwrite = [(name, value) for name, value in values.items() if name in shape.unknown]

    def of(self, block: bytes) -> list[Any]:
        """Return the records of a block."""
        rows = self._decoder.decode_lines(block)
        self._shape.fit(rows)
        for name, value in self._overwrite:
            for row in rows:
                setattr(row, name, value)
        return rows


def _decoder(*fields: tuple[Any, ...], forbid_unknown_fields: bool = False) -> msgspec.json.Decoder[list[Any]]:
    for name, *_ in fields:
        if not name.isidentifier() or name.startswith("__") or keyword.iskeyword(name):
            raise ValueError(f"{name!r} cannot be a field")
    row = msgspec.defstruct("Row", fields, kw_only=True, gc=False, forbid_unknown_fields=forbid_unknown_fields)
    return msgspec.json.Decoder(row, float_hook=decimal.Decimal)


@dataclasses.dataclass(frozen=True)
class Proof:
    """What the first pass found.

    Attributes:
        content: What the files hold.
        shape: What their rows look like; None where they can only be read one by one.
        events: A hash of each row's `id`, if they were wanted and are not too many.
    """

    content: Content
    shape: Shape | None
    events: array[int] | None = None


def prove(files: Iterable[IO[bytes]], columns: Columns, *, events: bool = False) -> Proof:
    """Read an export's files to their end and return what they hold, if every value of every row fits.

    Args:
        files: The files.
        columns: What their rows must fit.
        events: Whether the proof must name the events.

    Raises:
        Damaged: A file is not what the vendor wrote.
        Unfit: A line is no JSON object or holds a value that does not fit; names the line, never its content.
    """
    prover = _Prover(columns, events=events)
    try:
        for file in files:
            line = 1
            for block in line_blocks(file):
                line += prover.take(block, line)
    except decimal.Inexact:
        raise Unfit("column `amount`: the numbers lie too far apart to be added up exactly") from None
    return Proof(prover.tally.content(), prover.shape, prover.events)


class _Prover:
    """Takes block after block, and learns their shape."""

    def __init__(self, columns: Columns, *, events: bool) -> None:
        self._columns = columns
        self.events = array("q") if events and any(column.name == "id" for column in columns.all) else None
        self._amount_of = attrgetter("amount") if columns.holds("amount", "number") else None
        self._time_of = attrgetter("event_time_utc") if columns.holds("event_time_utc", "timestamp") else None
        self._known: dict[str, set[str]] = {}
        self.tally = Tally(amounts=self._amount_of is not None, times=self._time_of is not None)
        self.shape: Shape | None = None
        with contextlib.suppress(ValueError):
            self.shape = Shape(columns.all)

    def take(self, block: bytes, first: int) -> int:
        """Add a block that begins with this line; return how many lines it has."""
        if lines := self._add(block):
            return lines
        if (tidied := _tidied(block)) and not self._add(tidied):
            self._add_line_by_line(block, first)
        return block.count(b"\n")

    def _add(self, block: bytes) -> int:
        """Add a block if it has the shape that is known by now; return how many lines were added."""
        if self.shape is None:
            return 0
        try:
            lines, rows = self.shape.check(block, self._known)
        except _OddError:
            return 0
        self.tally.add_all(
            lines,
            amounts=map(self._amount_of, rows) if self._amount_of else (),
            times=map(self._time_of, rows) if self._time_of else (),
        )
        self._note_events(map(_ID, rows))
        return len(lines)

    def _note_events(self, identifiers: Iterable[object]) -> None:
        if self.events is not None:
            self.events.extend(map(hash, identifiers))
            if len(self.events) > MOST_EVENTS:
                self.events = None

    def _add_line_by_line(self, block: bytes, first: int) -> None:
        """Add a block whatever its shape, and find a shape that takes it; if there is none, do without."""
        fitted: set[str] = set()
        unknown: set[str] = set()
        for number, line in enumerate(block.split(b"\n"), first):
            if not (stripped := line.strip()):
                continue
            row = decode_line(stripped, number)
            values = fit_line(row, number, self._columns)
            self.tally.add(stripped, values)
            self._note_events([values.get("id")])
            fitted |= {name for name, value in values.items() if not _same(value, row.get(name))}
            unknown |= row.keys() - values.keys()
        try:
            self.shape = self.shape and self.shape.relaxed(fitted, unknown)
            if self.shape is not None:
                self.shape.check(_tidied(block), self._known)
        except (ValueError, _OddError):
            self.shape = None


def _tidied(block: bytes) -> bytes:
    """Return the block without blank lines and without white space around lines."""
    return b"".join(line + b"\n" for line in map(bytes.strip, block.split(b"\n")) if line)


def _same(value: object, other: object) -> bool:
    return type(value) is type(other) and value == other


def record_blocks(
    files: Iterable[IO[bytes]], proof: Proof, columns: Columns, own: dict[str, Any]
) -> Iterator[Sequence[Any]]:
    """Yield the records of proven files, many at once and ready to be encoded: fields stand in the catalog's order."""
    if proof.shape is None:
        rows = (row | own for row in read_rows(files, columns))
        while some := list(itertools.islice(rows, ROWS_AT_ONCE)):
            yield some
        return
    records = Records(proof.shape, own, raw=True)
    for file in files:
        for block in line_blocks(file):
            yield records.of(block)


def record_rows(
    files: Iterable[IO[bytes]], proof: Proof, columns: Columns, own: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    """Yield the same records one by one as Python values."""
    if proof.shape is None:
        for row in read_rows(files, columns):
            yield row | own
        return
    records = Records(proof.shape, own, raw=False)
    for file in files:
        for block in line_blocks(file):
            yield from map(msgspec.structs.asdict, records.of(block))
