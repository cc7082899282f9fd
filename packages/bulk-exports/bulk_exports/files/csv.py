"""CSV: bytes of an export file to rows, by the letter of RFC 4180.

Python's own `csv` reads the cells; what it is fed is cut so that one row, be it broken or endless, cannot fill the
memory. The rows of a piece of the file are turned into columns, each column is read at once, and the columns become
lines of JSON. Most pieces become columns without `csv` (`bulk_exports.files.csv_columns`).

Quotes, commas and line breaks in cells, any line ends, and a byte order mark are as the RFC and life have them. A row
that has not as many cells as the header fails the file: nobody can know which cell is the odd one. A file that does not
end with a line end and whose last row is short, or in a quote, was cut short.
"""

from __future__ import annotations

import codecs
import collections
import csv
import dataclasses
import io
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import timezone, tzinfo
from typing import IO, TYPE_CHECKING, Any, Final, Literal, NoReturn

import msgspec

from bulk_exports.annotations import misfits
from bulk_exports.engine.errors import CorruptFileError, InvalidRowsError
from bulk_exports.engine.threads import prefetch
from bulk_exports.fields import can_be_field
from bulk_exports.files.cells import Converted, converter
from bulk_exports.files.content import Kind, chunks
from bulk_exports.files.csv_columns import columns_of
from bulk_exports.wording import foreign

if TYPE_CHECKING:
    from collections.abc import Collection, Generator, Iterator

    from bulk_exports import fields

PIECE_BYTES: Final = 128 * 1024
"""What is read at a time becomes one block of rows."""
MAX_ROW_BYTES: Final = 8 * 1024 * 1024
"""A longer row is none: a quote was never closed. It takes some ten times as much memory."""
MAX_COLUMNS: Final = 10_000
"""A header with more names is none."""

Table = Mapping[str, Sequence[Any]]
"""Columns by name, all of them as long as one another."""

_KIND: Final = Kind("CSV", lambda head: not head.startswith((b"<", b"{", b"[")))
_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")
_NO_DELIMITERS: Final = '"\r\n\0'
_LINE_END: Final = re.compile(r"\r\n|\r|\n")
_FIRST_ROW: Final = re.compile(rb"[\r\n]*[^\r\n]*(?:\r\n|\r|\n)?")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Csv:
    """The format of CSV files, each with a header. Columns are found by their names, in whichever order.

    Attributes:
        delimiter: What stands between two cells.
        empty_is_null: Whether an empty cell in a column of text is null.
        zone: In which times are written that name no offset.
        missing: What becomes of a file whose header lacks a wanted column: it is null, or the file is refused.
        repeated: What becomes of one whose header has a name twice: the first column counts, or it is refused.
        ignored: Columns that may be there without being wanted, so that they are not worth a word.
        named: Columns of the stream, by names that they have in headers besides their own.
        derive: Makes the columns of the stream from those of the file (texts, by the names in the header), for a
            stream whose columns are other ones. It gets some thousand rows at a time.
    """

    delimiter: str = ","
    empty_is_null: bool = True
    zone: tzinfo = timezone.utc
    missing: Literal["null", "refuse"] = "null"
    repeated: Literal["first", "refuse"] = "first"
    ignored: frozenset[str] = frozenset()
    named: Mapping[str, str] = dataclasses.field(default_factory=dict, hash=False)
    derive: Callable[[Table], Table] | None = None

    @property
    def converts(self) -> bool:
        """See `Format.converts`."""
        return True

    def broken_rules(self, columns: Collection[str]) -> Iterator[str]:
        """Yield what is wrong with it; see `HasRules.broken_rules`."""
        yield from misfits(self, Csv, where="format")
        if len(self.delimiter) != 1 or self.delimiter in _NO_DELIMITERS:
            yield f"the delimiter of its CSV files must be one character, no quote and no line end: {self.delimiter!r}"
        if self.derive is None:  # which may make other columns of those that are named
            for heading, name in self.named.items():
                if name not in columns:
                    yield f"the heading `{heading}` of its CSV files is to name the column `{name}`, which it lacks"

    def read(self, file: IO[bytes], columns: Mapping[str, fields.Kind | None]) -> CsvFile:
        """Return what reads a file; see `Format.read`."""
        return CsvFile(file, columns, self)


class CsvFile:
    """A CSV file that is being read.

    Args:
        file: The file.
        columns: The columns that are wanted, with the kind of their values.
        rules: How it is written.
    """

    def __init__(self, file: IO[bytes], columns: Mapping[str, fields.Kind | None], rules: Csv) -> None:
        self.unknown: set[str] = set()
        self.missing: set[str] = set()
        self._rules = rules
        self._columns = columns
        self._chunks = prefetch(chunks(file, _KIND))
        self._pieces = _pieces(self._chunks)
        self._rest = b""
        self._at_end = self._ran_out = self._ends_open = False
        self._header: list[str] = []
        self._piece = b""
        self._rows: list[list[str]] | None = []
        self._count = self._rows_before = self._blank = 0
        self._lines = self._lines_before = 0
        self.rows: list[Any] | None = None
        self._named = all(map(can_be_field, columns))
        names = list(columns) if self._named else [f"c{number}" for number in range(len(columns))]
        self._row = msgspec.defstruct(
            "Row", [(name, Any) for name in names], rename=dict(zip(names, columns, strict=True)), gc=False
        )
        self._converters = [
            converter(kind, empty_is_null=rules.empty_is_null, zone=rules.zone) for kind in columns.values()
        ]

    def blocks(self) -> Generator[bytes]:
        """Yield the rows as lines of JSON; see `Reading.blocks`."""
        # Of this process: the usual one is less than a cell may have elsewhere, and how long a row is is seen here.
        csv.field_size_limit(2 * MAX_ROW_BYTES)
        try:
            while piece := self._next_piece():
                if not self._header:
                    piece = self._first_row_of(piece)
                if block := self._block(piece):
                    yield block
                self._rows_before += self._count
                self._lines_before += self._lines
            if not self._header:
                raise CorruptFileError("the file has no header: nothing shows that it is an export")
        finally:
            self._chunks.close()

    def _block(self, piece: bytes) -> bytes:
        """Return the rows of a piece as lines of JSON."""
        width = len(self._header)
        if width and (cells := columns_of(piece, self._rules.delimiter, width)):
            self._piece, self._rows = piece, None
            self._lines, self._count = piece.count(b"\n"), len(cells[0])
            return self._encoded(cells)
        self._rows = rows = self._read(piece)
        self._count = sum(map(bool, rows))
        self._blank = 0 if self._count else self._blank + len(piece)
        if self._blank > MAX_ROW_BYTES:
            self._refuse(f"after line {self._lines_before}: there are only blank lines")
        if not width:
            for row in filter(None, rows):
                self._take_header(row)
                self._count = 0
            return b""
        if set(map(len, rows)) != {width} and not (rows := self._of_width(width)):
            return b""
        return self._encoded(list(zip(*rows, strict=True)))

    def _read(self, piece: bytes) -> list[list[str]]:
        """Return the rows of a piece, which goes on until its last row ends."""
        lines = self._split(piece)
        last = len(lines)
        reader = csv.reader(self._with_following(lines), delimiter=self._rules.delimiter, strict=True)
        rows = []
        try:
            for row in reader:
                rows.append(row)
                if reader.line_num >= last:
                    break
        except csv.Error as error:
            if self._ran_out:
                raise CorruptFileError("the file is cut short: the quotes of its last cell are not closed") from None
            self._refuse(f"line {self._lines_before + reader.line_num} is not CSV ({error})")
        self._lines = reader.line_num
        self._rest = "".join(lines[self._lines :]).encode() + self._rest
        return rows

    def _with_following(self, lines: list[str]) -> Iterator[str]:
        """Yield lines and those that follow them, which are added to them."""
        yield from lines
        length = 0
        while piece := self._next_piece():
            length += len(piece)
            if length > MAX_ROW_BYTES:
                self._refuse_long()
            lines += (following := self._split(piece))
            yield from following
        self._ran_out = True

    def _split(self, piece: bytes) -> list[str]:
        """Return lines with their ends. To split them so takes no Python per line."""
        try:
            return io.StringIO(piece.decode(), newline="").readlines()
        except UnicodeDecodeError as error:
            if self._at_end and not self._rest and error.end == len(piece) and "end of data" in error.reason:
                raise CorruptFileError("the file is cut short: its last character is not whole") from None
            self._refuse(f"after line {self._lines_before}: there is something that is not UTF-8")

    def place(self, row: int) -> str:
        """Return the line in which a row begins; see `Reading.place`."""
        if self._rows is None:
            self._rows = self._read(self._piece)
        line = self._lines_before + 1
        wanted = row - self._rows_before
        for cells in self._rows:
            wanted -= bool(cells)
            if not wanted and cells:
                break
            line += 1 + sum(len(_LINE_END.findall(cell)) for cell in cells)
        return f"line {line}"

    def _take_header(self, row: list[str]) -> None:
        """Take the names of the columns."""
        if len(row) > MAX_COLUMNS:
            self._refuse(f"the header has more than {MAX_COLUMNS:,} columns")
        rules, written = self._rules, [name.strip() for name in row]
        names = [rules.named.get(name, name) for name in written]
        repeated = sorted(name for name, count in collections.Counter(names).items() if count > 1)
        if repeated and rules.repeated == "refuse":
            self._refuse(f"the header has these columns more than once: {foreign(', '.join(repeated))}")
        self._header = names
        # By going backwards, the first one of several comes last and counts.
        self._positions = {name: position for position, name in reversed(list(enumerate(names)))}
        made = rules.derive(dict.fromkeys(self._positions, ())) if rules.derive else self._positions
        self.unknown.update(made.keys() - self._columns.keys() - rules.ignored)
        self.missing.update(self._columns.keys() - made.keys())
        if self.missing == self._columns.keys():
            raise CorruptFileError("the file is no CSV of this export: its header names none of the wanted columns")
        if self.missing and rules.missing == "refuse":
            self._refuse(f"the header lacks these columns: {', '.join(sorted(self.missing))}")

    def _encoded(self, cells: Sequence[Sequence[str]]) -> bytes:
        """Return columns of the file as lines of JSON."""
        table: Table = {name: cells[position] for name, position in self._positions.items()}
        if self._rules.derive:
            table = self._rules.derive(table)
        nothing = Converted([None] * len(cells[0]), exact=True)
        columns = [
            convert(table[name]) if name in table else nothing
            for name, convert in zip(self._columns, self._converters, strict=True)
        ]
        structs = list(map(self._row, *[column.values for column in columns]))
        self.rows = structs if self._named and all(column.exact for column in columns) else None
        return _ENCODER.encode_lines(structs)

    def _of_width(self, width: int) -> list[list[str]]:
        """Return the rows at hand without blank ones, if all others have so many cells."""
        rows = [row for row in self._rows or () if row]
        for number, row in enumerate(rows, self._rows_before + 1):
            if len(row) != width:
                what = f"{self.place(number)} has {len(row)} columns, the header {width}"
                if row is rows[-1] and self._at_end and not self._rest and self._ends_open and len(row) < width:
                    raise CorruptFileError(f"the file is cut short: {what}, and it does not end")
                self._refuse(what)
        return rows

    def _refuse(self, why: str) -> NoReturn:
        # Nothing can be said of a file that was altered on its way, and whether it was shows only at its end.
        collections.deque(self._chunks, maxlen=0)
        raise InvalidRowsError(why)

    def _refuse_long(self) -> NoReturn:
        self._refuse(f"after line {self._lines_before}: a row is longer than {MAX_ROW_BYTES:,} bytes")

    def _first_row_of(self, piece: bytes) -> bytes:
        """Return a piece without byte order mark up to the first line that is not blank, and keep what follows."""
        piece = piece.removeprefix(codecs.BOM_UTF8)
        end = _FIRST_ROW.match(piece).end()  # type: ignore[union-attr]  # it matches nothing, too
        self._rest = piece[end:] + self._rest
        return piece[:end]

    def _next_piece(self) -> bytes:
        """Return lines that end with a row, as far as quotes can tell; nothing at the end of the file."""
        begun, length = [self._rest], len(self._rest)  # put together once, however many pieces a line has
        while not self._at_end:
            piece = next(self._pieces, b"")
            self._at_end = not piece
            self._ends_open = self._ends_open if self._at_end else piece[-1:] not in {b"\n", b"\r"}
            begun.append(piece)
            length += len(piece)
            if b"\n" in piece or b"\r" in begun[-2][-1:] + piece[:-1]:
                break
            if length > MAX_ROW_BYTES:
                self._refuse_long()
        text = b"".join(begun)
        end = _end_of_rows(text) or len(text)
        self._rest = text[end:]
        return text[:end]


def _pieces(chunks: Iterator[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        for start in range(0, len(chunk), PIECE_BYTES):
            yield chunk[start : start + PIECE_BYTES]


def _end_of_rows(text: bytes) -> int:
    """Return where the last row ends that is whole, as far as quotes can tell; else the last line; 0 without any."""
    line_end = b"\n" if b"\n" in text else b"\r"
    before = len(text) - text.endswith(b"\r")  # which may be half of a line end
    found = last = text.rfind(line_end, 0, before) + 1
    is_open = text.count(b'"', 0, found) % 2
    while is_open and found:
        before, found = found - 1, text.rfind(line_end, 0, found - 1) + 1
        is_open ^= text.count(b'"', found, before) % 2
    return found or last
