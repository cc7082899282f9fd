"""Whole blocks of lines to records: how a million rows become messages without a line of Python per value.

The trick is to let C code do all the work, twice, a few hundred lines per call. The first pass proves: it decodes a
block into Structs whose fields have exactly the catalog's types and which know no other keys, so a block that decodes
has been checked, every value of it, and the Structs are thrown away. The second pass writes: where every line turned
out to be a record as it stands, the block is split at its newlines and joined again with what goes between two records.
Where it is not (some columns are deselected, say), the block is decoded into Structs whose fields are raw, pieces of
the vendor's own text, and these are encoded again. In either case what comes out has each value to the digit as it was,
without ever having been a Python object (but for integers and truth values, which are cheaper that way).

That is exact because the strict types of the first pass take just those values that `rows` would leave as they are.
Where a block does not decode, its lines go the slow way of `rows`, one by one, which either names the misfit, or
fits every value and so shows which columns of this file hold something that must be converted (amounts as text, say).
From there on these columns, and only these, are fitted value by value, in both passes. What has been learnt is the
file's `Shape`. The property tests hold all ways against each other.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import decimal
import io
import itertools
import operator
import re
from array import array
from operator import attrgetter
from typing import IO, TYPE_CHECKING, Any, Final

import msgspec

from tap_cometly.engine.vendor import InvalidRowsError
from tap_cometly.files.ndjson import line_blocks
from tap_cometly.reconcile.overlaps import MAX_EVENTS
from tap_cometly.records.coercion import decode_line, fit_line, read_rows
from tap_cometly.records.decoder import Shape, UnexpectedRowsError, fit_rows, row_decoder
from tap_cometly.records.summary import DaySummary, SummaryBuilder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from tap_cometly.records.coercion import Column, Columns, Plain
    from tap_cometly.records.decoder import Texts
    from tap_cometly.windows.bookmark import DaySnapshot

ROWS_AT_ONCE: Final = 500
"""Rows that are handed on together when they were read one by one."""

_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")
_ID: Final = attrgetter("id")
_NULL: Final = msgspec.Raw(b"null")
_CHEAP: Final[Mapping[Plain | None, Any]] = {"integer": int | None, "boolean": bool | None}
"""What takes less time to decode and to encode again than to be passed on as it was written."""


@dataclasses.dataclass(frozen=True)
class Records:
    """Encoded records, many at once.

    Attributes:
        text: A line for each record.
        count: How many they are.
    """

    text: bytes
    count: int

    def divided(self, count: int) -> tuple[Records, Records]:
        """Return the first so many records, and the others."""
        if count >= self.count:
            return self, Records(b"", 0)
        lines = self.text.splitlines(keepends=True)
        return Records(b"".join(lines[:count]), count), Records(b"".join(lines[count:]), self.count - count)

    def between(self, before: bytes, after: bytes) -> bytes:
        """Return the lines with this text before and after each record."""
        lines = self.text.replace(b"\n", after + b"\n" + before)
        # What should stand before the first record stands after the last one. As a view it is not copied once more.
        return b"".join((before, memoryview(lines)[: len(lines) - len(before)])) if lines else b""


@dataclasses.dataclass(frozen=True)
class Verification:
    """What the first pass found.

    Attributes:
        summary: What the files hold.
        shape: What their rows look like; None where they can only be read one by one.
        verbatim: Whether each line is the record as it stands, but for integers that become text.
        events: A hash of each row's `id`, if they were wanted and are not too many.
    """

    summary: DaySummary
    shape: Shape | None
    verbatim: bool = False
    events: array[int] | None = None


def verify(
    files: Sequence[IO[bytes]], columns: Columns, *, events: bool = False, before: DaySnapshot | None = None
) -> Verification:
    """Read an export's files to their end and return what they hold, if every value of every row fits.

    Args:
        files: The files.
        columns: What their rows must fit.
        events: Whether the verification must name the events.
        before: What the same day held before, if it is known. Where the lines are the same, so is the digest of the
            values; where they are not, the files are read once more for it.

    Raises:
        CorruptFileError: A file is not what the vendor wrote.
        InvalidRowsError: A line is no JSON object or holds a value that does not fit; names the line, not its content.
    """
    verification = _verify(files, columns, events=events, name=before is None)
    if before is None:
        return verification
    summary = verification.summary
    if summary.lines_digest != before.lines_digest:
        summary = _verify(files, columns, events=False, name=True).summary
    else:
        summary = dataclasses.replace(summary, digest=before.digest)
    return dataclasses.replace(verification, summary=summary)


def _verify(files: Iterable[IO[bytes]], columns: Columns, *, events: bool, name: bool) -> Verification:
    verifier = _Verifier(columns, events=events, name=name)
    try:
        for file in files:
            with contextlib.closing(line_blocks(file)) as blocks:
                verifier.take_file(blocks)
    except decimal.Inexact:
        raise InvalidRowsError("column `amount`: the numbers lie too far apart to be added up exactly") from None
    return Verification(verifier.tally.summary(), verifier.shape, verifier.verbatim, verifier.events)


class _Verifier:
    """Takes block after block, and learns their shape."""

    def __init__(self, columns: Columns, *, events: bool, name: bool) -> None:
        self._columns = columns
        self._numeric_ids = columns.holds("id", "integer")
        self.events = array("q") if events and any(column.name == "id" for column in columns.all) else None
        self._known: Texts = collections.defaultdict(set)
        self.tally = SummaryBuilder(columns.all, name=name)
        self.shape: Shape | None = None
        with contextlib.suppress(ValueError):
            self.shape = Shape(columns.all)
        self._tidy = True

    @property
    def verbatim(self) -> bool:
        """Whether each line is a record as it stands, but for integers that become text."""
        shape = self.shape
        return self._tidy and shape is not None and shape.complete and not shape.fitted and not shape.unknown

    def take_file(self, blocks: Iterable[bytes]) -> None:
        """Add a file."""
        line = 1
        try:
            for block in blocks:
                line += self.take(block, line)
        except (InvalidRowsError, decimal.Inexact):
            # Nothing can be said of a file that was altered on its way, and whether it was shows only at its end.
            collections.deque(blocks, maxlen=0)
            raise

    def take(self, block: bytes, first: int) -> int:
        """Add a block that begins with this line; return how many lines it has."""
        if lines := self._add(block):
            return lines
        tidied = _tidied(block)
        self._tidy &= tidied == block
        if tidied and not self._add(tidied):
            self._add_line_by_line(block, first)
        return block.count(b"\n")

    def _add(self, block: bytes) -> int:
        """Add a block if it has the shape that is known by now; return how many lines were added."""
        if self.shape is None:
            return 0
        try:
            lines, rows, new = self.shape.check(block, self._known)
        except UnexpectedRowsError:
            return 0
        self._note_events(map(_ID, rows))
        # A time that was known has been counted; and a column that must be fitted is never known.
        times = new["event_time_utc"] if "event_time_utc" in new else map(attrgetter("event_time_utc"), rows)
        self.tally.add_structs(lines, rows, times if self.tally.times else (), texts=self.shape.numbered)
        return len(rows)

    def _note_events(self, identifiers: Iterable[object]) -> None:
        if self.events is not None:
            # Where the column is text, they may be numbers in one block and the same as text in another.
            self.events.extend(map(hash, identifiers if self._numeric_ids else map(str, identifiers)))
            if len(self.events) > MAX_EVENTS:
                self.events = None

    def _add_line_by_line(self, block: bytes, first: int) -> None:
        """Add a block whatever its shape, and find a shape that takes it; if there is none, do without."""
        types: dict[str, set[type]] = collections.defaultdict(set)
        changed: set[str] = set()
        unknown: set[str] = set()
        complete = True
        row: dict[str, Any] = {}
        for number, line in enumerate(block.split(b"\n"), first):
            if not (stripped := line.strip()):
                continue
            row = decode_line(stripped, number)
            values = fit_line(row, number, self._columns)
            self.tally.add(stripped + b"\n", values)
            self._note_events([values.get("id")])
            for name in values.keys() | row.keys():
                types[name].add(type(row.get(name)))
            changed |= {name for name, value in values.items() if not _same(value, row.get(name))}
            unknown |= row.keys() - values.keys()
            complete &= row.keys() >= values.keys()
        try:
            self.shape = self.shape and self.shape.relaxed(
                tuple(row), types, changed=changed, unknown=unknown, complete=complete
            )
            if self.shape is not None:
                self.shape.check(_tidied(block), self._known)
        except (ValueError, UnexpectedRowsError):
            self.shape = None


def _tidied(block: bytes) -> bytes:
    """Return the block without blank lines and without white space around lines."""
    return b"".join(line + b"\n" for line in map(bytes.strip, block.split(b"\n")) if line)


def _same(value: object, other: object) -> bool:
    return type(value) is type(other) and value == other


def record_blocks(
    files: Iterable[IO[bytes]], verification: Verification, columns: Columns, own: dict[str, Any]
) -> Iterator[Records]:
    """Yield the records of verified files, encoded, many at once."""
    if verification.shape is None:
        rows = (row | own for row in read_rows(files, columns))
        while some := list(itertools.islice(rows, ROWS_AT_ONCE)):
            yield Records(_ENCODER.encode_lines(some), len(some))
        return
    written_anew = _written_anew(verification.shape, own)
    as_they_stand = _as_they_stand(verification.shape, own) if verification.verbatim else written_anew
    for file in files:
        for block in line_blocks(file):
            yield as_they_stand(block) or written_anew(block)


def _as_they_stand(shape: Shape, own: dict[str, Any]) -> Callable[[bytes], Records | None]:
    """Return what makes records of a block of rows: each row gets the tap's own columns, that is all.

    A name that a row has twice stays there twice; whoever reads it takes the second one, as the verification did.
    """
    columns = b"," + _ENCODER.encode(own)[1:-1] if own else b""
    numbered = sorted(shape.numbered)
    # The columns go to the end of each row, or behind an integer that must be found anyway.
    quotes = [_Quotes(name, columns if name == numbered[0] else b"") for name in numbered]
    end = columns + b"}\n"
    without_end = operator.itemgetter(slice(0, -len(b"}\n")))

    def with_integers(block: bytes) -> Records | None:
        # Without a backslash each quote begins or ends a text, so that names are not found within one.
        if b"\\" in block:
            return None
        # As count(b"\n") would have it, but that looks at each byte, and takes six times as long.
        rows = len(block) - len(block.replace(b"\n", b""))
        for each in quotes:
            if not (block := each.around_one_in_each_line(block, rows)):
                return None
        return Records(block, rows)

    def without(block: bytes) -> Records:
        lines = list(map(without_end, io.BytesIO(block)))
        return Records(end.join([*lines, b""]), len(lines))

    return with_integers if quotes else without


class _Quotes:
    """Puts the integers of a column into quotes.

    Args:
        name: Name of the column.
        behind: What is to stand behind each of them.
    """

    def __init__(self, name: str, behind: bytes) -> None:
        key = b'"%b":' % name.encode()
        self._integer = re.compile(re.escape(key) + rb"(0|-?[1-9][0-9]*)")
        self._before = key + b'"'
        self._after = b'"' + behind

    def around_one_in_each_line(self, block: bytes, rows: int) -> bytes:
        """Return the block with its integers in quotes; nothing if it cannot be told for sure which ones they are."""
        others, integers = (pieces := self._integer.split(block))[::2], pieces[1::2]
        if len(integers) != rows or not all(map(operator.contains, others[1:], itertools.repeat(b"\n"))):
            return b""
        woven = [b""] * (4 * rows + 1)
        woven[::4], woven[1::4], woven[2::4], woven[3::4] = (
            others,
            [self._before] * rows,
            integers,
            [self._after] * rows,
        )
        return b"".join(woven)


def _written_anew(shape: Shape, own: dict[str, Any]) -> Callable[[bytes], Records]:
    """Return what makes records of a block of rows: the declared columns, and no others."""
    values = {name: msgspec.Raw(_ENCODER.encode(value)) for name, value in own.items()}
    structs = _structs(shape, shape.as_they_follow, msgspec.Raw, _NULL, values)

    def records(block: bytes) -> Records:
        rows = structs(block)
        return Records(_ENCODER.encode_lines(rows), len(rows))

    return records


def _structs(
    shape: Shape, columns: Iterable[Column], kind: Any, null: Any, own: dict[str, Any]
) -> Callable[[bytes], list[Any]]:
    """Return what makes a block of rows Structs with the declared columns and the tap's own.

    Args:
        shape: What the rows were verified to look like.
        columns: Its columns, in the order that is wanted.
        kind: What values are to be that need no fitting, unless they are cheap.
        null: That kind of a null.
        own: The tap's own columns.
    """
    odd = shape.fitted | shape.numbered
    decoder = row_decoder(
        *(
            (column.name, Any, None) if column.name in odd else (column.name, _CHEAP.get(column.plain, kind), null)
            for column in columns
        ),
        *((name, Any, value) for name, value in own.items()),
    )
    fits = shape.fits(odd)
    overwritten = [(name, value) for name, value in own.items() if name in shape.unknown]

    def structs(block: bytes) -> list[Any]:
        rows = decoder.decode_lines(block)
        fit_rows(rows, fits)
        for name, value in overwritten:
            for row in rows:
                setattr(row, name, value)
        return rows

    return structs


def record_rows(
    files: Iterable[IO[bytes]], verification: Verification, columns: Columns, own: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    """Yield the same records one by one as Python values."""
    if verification.shape is None:
        for row in read_rows(files, columns):
            yield row | own
        return
    structs = _structs(verification.shape, verification.shape.columns, Any, None, own)
    for file in files:
        for block in line_blocks(file):
            yield from map(msgspec.structs.asdict, structs(block))
