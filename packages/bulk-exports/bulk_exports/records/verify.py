"""The first pass over an export's files: every value of every row is checked, a block of lines at a time.

A block is decoded into Structs whose fields have exactly the catalog's types and which know no other keys, so a block
that decodes has been checked, every value of it, and the Structs are thrown away. The strict types take just those
values that `bulk_exports.records.coercion` would leave as they are. Where a block does not decode, its lines go the
slow way, one by one, which either names the misfit, or fits every value and so shows which columns of this file hold
something that must be converted (amounts as text, say). From there on these columns, and only these, are fitted value
by value, in both passes. What has been learnt is the file's `Shape`. The property tests hold all ways against each
other.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
from array import array
from operator import attrgetter
from typing import IO, TYPE_CHECKING, Any, Final

from bulk_exports.engine.errors import CorruptFileError, InvalidRowsError
from bulk_exports.files.format import Place, RowSpool
from bulk_exports.files.ndjson import NDJSON
from bulk_exports.records.decoder import Shape, UnexpectedRowsError
from bulk_exports.records.rows import decode_line, fit_line
from bulk_exports.records.summary import DaySummary, SummaryBuilder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from bulk_exports.files.format import Format, Reading
    from bulk_exports.records.columns import Columns
    from bulk_exports.records.summary import Known

MAX_NAMES: Final = 10_000
"""A row with more names has no shape worth learning."""
LONG_LINE_BYTES: Final = 1024 * 1024
MAX_VALUES: Final = 250_000
"""A line that is longer than that may hold so many values, and as many commas: a value takes thirty times the memory
that it takes in the file."""
MAX_KEYS: Final = 2_000_000
"""The keys of a file with more rows are not named: so many take 16 MB while it is verified."""


@dataclasses.dataclass(frozen=True)
class Verification:
    """What the first pass found.

    Attributes:
        summary: What the files hold.
        shape: What their rows look like; None where they can only be read one by one.
        verbatim: Whether each line is the record as it stands, but for integers that become text.
        keys: A hash of each row's `Measures.key`, if they were wanted and are not too many.
        converted: The rows as lines, where the files do not hold them so.
        outside: How many rows lie outside of the window, if that is counted.
    """

    summary: DaySummary
    shape: Shape | None
    verbatim: bool = False
    keys: array[int] | None = None
    converted: RowSpool | None = None
    outside: int = 0

    def lines_of(self, files: Sequence[IO[bytes]]) -> Sequence[IO[bytes]]:
        """Return files of lines with the rows of these files."""
        return files if self.converted is None else (self.converted.file,)


def verify(
    files: Sequence[IO[bytes]],
    columns: Columns,
    *,
    file_format: Format = NDJSON,
    keys: bool = False,
    before: Known | None = None,
    name: bool = True,
) -> Verification:
    """Read an export's files to their end and return what they hold, if every value of every row fits.

    Args:
        files: The files.
        columns: What their rows must fit.
        file_format: How they are written.
        keys: Whether the verification must name the keys.
        before: What the same day held before, if it is known. Where the lines are the same, so is the digest of the
            values; where they are not, the files are read once more for it.
        name: Whether the rows must have a name that does not depend on how they were written. If not, the digest of
            their lines does for it, which takes a tenth of the time.

    Raises:
        CorruptFileError: A file is not what the vendor wrote.
        InvalidRowsError: A line is no JSON object or holds a value that does not fit; names the line, not its content.
    """
    verification = _verify(files, columns, file_format, keys=keys, name=name and before is None)
    summary = verification.summary
    if not name:
        summary = dataclasses.replace(summary, digest=summary.lines_digest)
    elif before is not None and summary.lines_digest == before.lines_digest:
        summary = dataclasses.replace(summary, digest=before.digest)
    elif before is not None:
        summary = _verify(verification.lines_of(files), columns, NDJSON, keys=False, name=True).summary
    return dataclasses.replace(verification, summary=summary)


@contextlib.contextmanager
def _in_file(number: int, of: int) -> Iterator[None]:
    """Say in which of several files something is wrong."""
    try:
        yield
    except (CorruptFileError, InvalidRowsError) as error:
        raise type(error)(f"file {number} of {of}: {error}" if of > 1 else str(error)) from None


def _verify(
    files: Sequence[IO[bytes]], columns: Columns, file_format: Format, *, keys: bool, name: bool
) -> Verification:
    verifier = _Verifier(columns, keys=keys, name=name)
    spool = RowSpool() if file_format.converts else None
    kinds = {column.name: column.kind for column in columns.all}
    for number, file in enumerate(files, 1):
        reading = file_format.read(file, kinds)
        blocks = reading.blocks()
        with (
            _in_file(number, len(files)),
            contextlib.closing(spool.passing(blocks) if spool else blocks) as passing,
        ):
            verifier.take_file(passing, reading)
        columns.note_unknown(reading.unknown)
        columns.missing.update(reading.missing)
    if spool:
        spool.finish()
    return Verification(verifier.tally.summary(), verifier.shape, verifier.verbatim, verifier.keys, spool)


class _Verifier:
    """Takes block after block, and learns their shape."""

    def __init__(self, columns: Columns, *, keys: bool, name: bool) -> None:
        self._columns = columns
        self._numeric_ids = columns.holds(columns.measures.key, "integer")
        self._key = next((column.name for column in columns.all if column.name == columns.measures.key), None)
        self.keys = array("q") if keys and self._key else None
        self.tally = SummaryBuilder(columns, name=name)
        self.shape: Shape | None = None
        with contextlib.suppress(ValueError):
            self.shape = Shape(columns.all)
        self._tidy = True

    @property
    def verbatim(self) -> bool:
        """Whether each line is a record as it stands, but for integers that become text."""
        shape = self.shape
        return self._tidy and shape is not None and shape.complete and not shape.fitted and not shape.unknown

    def take_file(self, blocks: Iterable[bytes], reading: Reading) -> None:
        """Add the blocks of a file."""
        row = 1
        try:
            for block in blocks:
                row += self.take(block, row, reading)
        except InvalidRowsError:
            # Nothing can be said of a file that was altered on its way, and whether it was shows only at its end.
            collections.deque(blocks, maxlen=0)
            raise

    def take(self, block: bytes, first: int, reading: Reading) -> int:
        """Add a block that begins with this line of a file; return how many lines it has."""
        # Only a block that holds a single long line is so large.
        if len(block) > LONG_LINE_BYTES and block.count(b",") > MAX_VALUES:
            raise InvalidRowsError(f"{reading.place(first)} holds more than {MAX_VALUES:,} values")
        if lines := self._add(block, reading.rows):
            return lines
        tidied = _tidied(block)
        self._tidy &= tidied == block
        if tidied and not self._add(tidied):
            self._add_line_by_line(block, first, reading)
        return block.count(b"\n")

    def _add(self, block: bytes, known: list[Any] | None = None) -> int:
        """Add a block if it has the shape that is known by now; return how many lines were added.

        Args:
            block: The block.
            known: Its rows, if they are known; see `Reading.rows`.
        """
        if self.shape is None:
            return 0
        try:
            lines, rows, texts = self.shape.check(block, known)
        except UnexpectedRowsError:
            return 0
        if self._key:
            self._note_keys(map(attrgetter(self._key), rows))
        time = self.tally.time
        times = () if not time else texts[time] if time in texts else map(attrgetter(time), rows)
        self.tally.add_structs(lines, rows, times, texts=self.shape.numbered)
        return len(rows)

    def _note_keys(self, identifiers: Iterable[object]) -> None:
        if self.keys is not None:
            # Where the column is text, they may be numbers in one block and the same as text in another.
            self.keys.extend(map(hash, identifiers if self._numeric_ids else map(str, identifiers)))
            if len(self.keys) > MAX_KEYS:
                self.keys = None

    def _add_line_by_line(self, block: bytes, first: int, reading: Reading) -> None:
        """Add a block whatever its shape, and find a shape that takes it; if there is none, do without."""
        types: dict[str, set[type]] = collections.defaultdict(set)
        changed: set[str] = set()
        unknown: set[str] = set()
        complete = True
        row: dict[str, Any] = {}
        for number, line in enumerate(block.split(b"\n"), first):
            if not (stripped := line.strip()):
                continue
            place = Place(reading, number)
            row = decode_line(stripped, place)
            values = fit_line(row, place, self._columns)
            self.tally.add(stripped + b"\n", values)
            if self._key:
                self._note_keys([values.get(self._key)])
            if self.shape is None:
                continue
            if len(row) > MAX_NAMES:
                self.shape = None
                continue
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
                self.shape.check(_tidied(block))
        except (ValueError, UnexpectedRowsError):
            self.shape = None


def _tidied(block: bytes) -> bytes:
    """Return the block without blank lines and without white space around lines."""
    return b"".join(line + b"\n" for line in map(bytes.strip, block.split(b"\n")) if line)


def _same(value: object, other: object) -> bool:
    return type(value) is type(other) and value == other
