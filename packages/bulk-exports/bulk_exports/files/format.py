"""What every format of export files answers, so that all behind it is one machine.

That machine knows lines: each of them a JSON object, a row, its values named by column. NDJSON files are made of such
lines and are read twice, as they stand. Files of any other format are *converted* while they are verified: block by
block they become such lines, the lines are kept in a `RowSpool`, and whoever needs the rows again reads that. So a
format is no more than the way from bytes to lines, and types, summaries, digests, records and outputs never learn which
one it was.

To convert costs more than to read what was converted: some 4 us for a row of CSV, against 0.6 for its line.
"""

from __future__ import annotations

import contextlib
import gzip
from typing import IO, TYPE_CHECKING, Any, Protocol, runtime_checkable

from typing_extensions import override

from bulk_exports.engine.spool import disk, spool_file

_GzipFile: Any
try:
    from isal.igzip import IGzipFile as _GzipFile
except ImportError:  # no wheel of it for this machine
    _GzipFile = gzip.GzipFile

if TYPE_CHECKING:
    from collections.abc import Collection, Generator, Iterator, Mapping

    from bulk_exports.fields import Kind


class Format(Protocol):
    """How the files of a stream are written. What a stream declares."""

    @property
    def converts(self) -> bool:
        """Whether the lines that come out are not the file's own, so that they should be kept."""

    def read(self, file: IO[bytes], columns: Mapping[str, Kind | None]) -> Reading:
        """Return what reads a file.

        Args:
            file: A file, from its beginning; it may still be arriving.
            columns: The columns that are wanted, with the kind of their values if that is a simple one.
        """


@runtime_checkable
class HasRules(Protocol):
    """A format that can be declared wrongly."""

    def broken_rules(self, columns: Collection[str]) -> Iterator[str]:
        """Yield in words what is wrong with it, or does not go with a stream.

        Args:
            columns: The names of all columns that the stream may have.
        """


class Reading(Protocol):
    """A file that is being read."""

    @property
    def unknown(self) -> Collection[str]:
        """Columns that were found but are not wanted; complete at the end of the file."""

    @property
    def missing(self) -> Collection[str]:
        """Columns that are wanted but were not found; complete at the end of the file."""

    @property
    def rows(self) -> list[Any] | None:
        """The rows of the last block, if the format has made them: Structs, each value of its column's kind or null."""

    def blocks(self) -> Generator[bytes]:
        """Yield the rows as lines of JSON, each of them ended, many at once.

        A block is made only when it is asked for, so that `place` can tell about the rows of the last one.

        Raises:
            CorruptFileError: The file is not what the vendor wrote. Whether it is may show only at its end.
            InvalidRowsError: The file holds no rows of this format; names the place, not its content.
        """

    def place(self, row: int) -> str:
        """Return where a row of the last block stands in the file, for messages.

        Args:
            row: Its number among the lines that came out, from 1.
        """


class Place:
    """Where a row stands, should anybody ask: nobody does unless something is wrong with it.

    Args:
        reading: Its file.
        row: Its number among the lines that came out.
    """

    __slots__ = ("_reading", "_row")

    def __init__(self, reading: Reading, row: int) -> None:
        self._reading = reading
        self._row = row

    @override
    def __str__(self) -> str:
        return self._reading.place(self._row)


class RowSpool:
    """Converted rows on disk, seen by nobody. They are gone as soon as nobody has them any more.

    They are compressed: that takes no more time than to write five times as much, and a run that is far ahead keeps
    many of them.

    Raises:
        SpoolError: The disk does not take them.
    """

    def __init__(self) -> None:
        self.file: IO[bytes] = spool_file()
        self._archive = _GzipFile(fileobj=self.file, mode="wb", compresslevel=1)

    def passing(self, blocks: Generator[bytes]) -> Generator[bytes]:
        """Yield blocks of rows and keep them."""
        with contextlib.closing(blocks):
            for block in blocks:
                with disk("the rows of an export"):
                    self._archive.write(block)
                yield block

    def finish(self) -> None:
        """Note that there are no more. From here on `file` is a file of lines."""
        with disk("the rows of an export"):
            self._archive.close()
            self.file.flush()

    def __del__(self) -> None:
        # Rows of which a later one is at fault are given up. An archive that is left open would ask for its file then.
        if hasattr(self, "_archive"):
            with contextlib.suppress(OSError, ValueError):
                self._archive.close()
        if hasattr(self, "file"):
            self.file.close()
