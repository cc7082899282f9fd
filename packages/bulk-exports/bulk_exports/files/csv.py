"""CSV: bytes of an export file to rows, by the letter of RFC 4180.

Python's own `csv` reads the cells; what it is fed is cut so that one row, be it broken or endless, cannot fill the
memory. The rows of a piece of the file are turned into columns, each column is read at once, and the columns become
lines of JSON. Where a piece has no quote at all, its lines need not even be read by `csv`, but only be split.

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
import itertools
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import timezone, tzinfo
from typing import IO, TYPE_CHECKING, Any, Final, Literal, NoReturn

import msgspec

from bulk_exports.engine.errors import CorruptFileError, InvalidRowsError
from bulk_exports.engine.threads import prefetch
from bulk_exports.files.cells import converter
from bulk_exports.files.content import Kind, chunks
from bulk_exports.wording import foreign

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from bulk_exports import fields

PIECE_BYTES: Final = 256 * 1024
"""What is read at a time becomes one block of rows."""
MAX_ROW_BYTES: Final = 8 * 1024 * 1024
"""A longer row is none: a quote was never closed. It takes some ten times as much memory."""
MAX_COLUMNS: Final = 10_000
"""A header with more names is none."""

Table = Mapping[str, Sequence[Any]]
"""Columns by name, all of them as long as one another."""

_KIND: Final = Kind("CSV", lambda head: not head.startswith((b"<", b"{", b"[")))
_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")
_HAS_QUOTE: Final = operator.methodcaller("__contains__", '"')
_LINE_END: Final = re.compile(r"\r\n|\r|\n")


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
        derive: Makes the columns of the stream from those of the file (texts, by the names in the header), for a
            stream whose columns are other ones. It gets some thousand rows at a time.
    """

    delimiter: str = ","
    empty_is_null: bool = True
    zone: tzinfo = timezone.utc
    missing: Literal["null", "refuse"] = "null"
    repeated: Literal["first", "refuse"] = "first"
    ignored: frozenset[str] = frozenset()
    derive: Callable[[Table], Table] | None = None

    @property
    def converts(self) -> bool:
        """See `Format.converts`."""
        return True

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
        self._lines_handed = 0
        self._bytes_since_row = 0
        self._at_end = False
        self._ends_open = False
        self._header: list[str] = []
        self._rows: list[list[str]] = []
        self._rows_before = 0
        self._lines_before = 0
        names = [f"c{number}" for number in range(len(columns))]
        self._row = msgspec.defstruct(
            "Row", [(name, Any) for name in names], rename=dict(zip(names, columns, strict=True)), gc=False
        )
        self._converters = [
            converter(kind, empty_is_null=rules.empty_is_null, zone=rules.zone) for kind in columns.values()
        ]

    def blocks(self) -> Generator[bytes]:
        """Yield the rows as lines of JSON; see `Reading.blocks`."""
        csv.field_size_limit(MAX_ROW_BYTES)  # of this process; the usual one is less than a cell may have elsewhere
        pieces = self._lines()
        try:
            for lines in pieces:
                rows = self._split(lines) or self._read_quoted(lines, pieces)
                self._bytes_since_row = 0
                if rows and not self._header:
                    self._take_header(rows)
                self._rows = rows
                if block := self._block():
                    yield block
                self._rows_before += sum(map(bool, rows))
                self._lines_before = self._lines_handed
        finally:
            self._chunks.close()

    def _split(self, lines: list[str]) -> list[list[str]]:
        """Return the rows of lines without a quote, which takes a third of the time; none if there is one."""
        if any(map(_HAS_QUOTE, lines)):
            return []
        delimiter = self._rules.delimiter
        return [text.split(delimiter) if (text := line.rstrip("\r\n")) else [] for line in lines]

    def _read_quoted(self, lines: list[str], pieces: Iterator[list[str]]) -> list[list[str]]:
        """Return the rows of lines, and of those that follow if the last row goes on in them."""
        following = itertools.chain(lines, itertools.chain.from_iterable(pieces))
        reader = csv.reader(following, delimiter=self._rules.delimiter, strict=True)
        rows = []
        try:
            for row in reader:
                rows.append(row)
                if self._lines_before + reader.line_num >= self._lines_handed:
                    break
        except csv.Error as error:
            if self._at_end:
                raise CorruptFileError("the file is cut short: the quotes of its last cell are not closed") from None
            self._refuse(f"line {self._lines_before + reader.line_num} is not CSV ({error})")
        return rows

    def place(self, row: int) -> str:
        """Return the line in which a row begins; see `Reading.place`."""
        line = self._lines_before + 1
        wanted = row - self._rows_before
        for cells in self._rows:
            wanted -= bool(cells)
            if not wanted and cells:
                break
            line += 1 + sum(len(_LINE_END.findall(cell)) for cell in cells)
        return f"line {line}"

    def _take_header(self, rows: list[list[str]]) -> None:
        """Take the names of the columns from the first row that is not blank, and leave a blank one in its place."""
        place = next((place for place, row in enumerate(rows) if row), None)
        if place is None:
            return
        if len(rows[place]) > MAX_COLUMNS:
            self._refuse(f"the header has more than {MAX_COLUMNS:,} columns")
        rules, names = self._rules, [name.strip() for name in rows[place]]
        repeated = sorted(name for name, count in collections.Counter(names).items() if count > 1)
        if repeated and rules.repeated == "refuse":
            self._refuse(f"the header has these columns more than once: {foreign(', '.join(repeated))}")
        self._header = names
        # Where rows stand is reckoned from here on, and the header may have line breaks of its own.
        self._lines_before += sum(len(_LINE_END.findall(name)) for name in rows[place])
        rows[place] = []
        # By going backwards, the first one of several comes last and counts.
        self._positions = {name: position for position, name in reversed(list(enumerate(names)))}
        made = rules.derive(dict.fromkeys(self._positions, ())) if rules.derive else self._positions
        self.unknown.update(made.keys() - self._columns.keys() - rules.ignored)
        self.missing.update(self._columns.keys() - made.keys())
        if self.missing == self._columns.keys():
            raise CorruptFileError("the file is no CSV of this export: its header names none of the wanted columns")
        if self.missing and rules.missing == "refuse":
            self._refuse(f"the header lacks these columns: {', '.join(sorted(self.missing))}")

    def _block(self) -> bytes:
        """Return the rows at hand as lines of JSON."""
        if not self._header:
            return b""
        rows, width = self._rows, len(self._header)
        if set(map(len, rows)) != {width} and not (rows := self._of_width(width)):
            return b""
        cells = list(zip(*rows, strict=True))
        table: Table = {name: cells[position] for name, position in self._positions.items()}
        if self._rules.derive:
            table = self._rules.derive(table)
        nothing = [None] * len(rows)
        columns = [
            convert(table[name]) if name in table else nothing
            for name, convert in zip(self._columns, self._converters, strict=True)
        ]
        return _ENCODER.encode_lines(list(map(self._row, *columns)))

    def _of_width(self, width: int) -> list[list[str]]:
        """Return the rows at hand without blank ones, if all others have so many cells."""
        rows = [row for row in self._rows if row]
        for number, row in enumerate(rows, self._rows_before + 1):
            if len(row) != width:
                what = f"{self.place(number)} has {len(row)} columns, the header {width}"
                if row is self._rows[-1] and self._ends_open and len(row) < width:
                    raise CorruptFileError(f"the file is cut short: {what}, and it does not end")
                self._refuse(what)
        return rows

    def _refuse(self, why: str) -> NoReturn:
        # Nothing can be said of a file that was altered on its way, and whether it was shows only at its end.
        collections.deque(self._chunks, maxlen=0)
        raise InvalidRowsError(why)

    def _lines(self) -> Iterator[list[str]]:
        """Yield lines with their ends, all of a piece at once. The next piece is begun when these are used up."""
        begun: list[str] = []  # of a line whose end has not come: put together once, however many pieces it has
        for piece in self._pieces():
            self._bytes_since_row += len(piece)
            if self._bytes_since_row > MAX_ROW_BYTES:
                self._refuse(f"after line {self._lines_before}: a row is longer than {MAX_ROW_BYTES:,} bytes")
            begun.append(piece)
            if "\n" not in piece and "\r" not in piece and not begun[0].endswith("\r"):
                continue
            # To split it so takes no Python per line; and a carriage return may be half of a line end.
            lines = io.StringIO("".join(begun), newline="").readlines()
            rest = lines.pop() if lines and not lines[-1].endswith("\n") else ""
            begun = [rest]
            self._lines_handed += len(lines)
            yield lines
        rest = "".join(begun)
        self._ends_open = bool(rest) and not rest.endswith("\r")
        if rest:
            self._lines_handed += 1
            yield [rest]
        self._at_end = True

    def _pieces(self) -> Iterator[str]:
        decoder = codecs.getincrementaldecoder("utf-8-sig")()
        try:
            for chunk in self._chunks:
                for start in range(0, len(chunk), PIECE_BYTES):
                    yield decoder.decode(chunk[start : start + PIECE_BYTES])
        except UnicodeDecodeError:
            self._refuse(f"after line {self._lines_handed}: there is something that is not UTF-8")
        try:
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            raise CorruptFileError("the file is cut short: its last character is not whole") from None
