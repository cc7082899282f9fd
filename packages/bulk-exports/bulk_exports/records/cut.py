"""Leaves out the rows that lie outside of a window, or counts them, for vendors whose bounds are vague.

Where it is not certain whether a bound is part of the window, the vendor is asked for a little more than is wanted, and
what is too much is left out here: so that neighbouring windows have neither a gap nor a row in common.
"""

from __future__ import annotations

import contextlib
import itertools
from operator import attrgetter, itemgetter
from typing import IO, TYPE_CHECKING, Any, Final

import msgspec
from typing_extensions import override

from bulk_exports.files.format import Format, Reading

if TYPE_CHECKING:
    from collections.abc import Collection, Generator, Mapping, Sequence
    from datetime import datetime

    from bulk_exports.fields import Kind
    from bulk_exports.records.columns import Column

_UTC_WIDTH: Final = len("0000-00-00T00:00:00Z")
_UTC_WIDTHS: Final = frozenset({_UTC_WIDTH, len("0000-00-00T00:00:00.000Z")})
_LAST: Final = itemgetter(-1)
_FORM: Final = "%Y-%m-%dT%H:%M:%S"


class Cut(Format):
    """A format whose rows have a time from ``begin`` on and before ``end``; a row without a time stays.

    Args:
        file_format: How the files are written.
        time: The column of the time.
        begin: The first moment that is wanted.
        end: The first moment that is not.
        keeps: Whether the others are only counted.

    Attributes:
        outside: How many rows lie outside.
        keeps: Whether they are only counted.
    """

    def __init__(
        self, file_format: Format, time: Column, begin: datetime, end: datetime, *, keeps: bool = False
    ) -> None:
        self._format = file_format
        self._time = time
        self._begin, self._end = (moment.strftime(_FORM) for moment in (begin, end))
        row = msgspec.defstruct("Row", [("time", Any, None)], rename={"time": time.name}, gc=False)
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(row)
        self.outside = 0
        self.keeps = keeps

    @property
    @override
    def converts(self) -> bool:
        return True

    @override
    def read(self, file: IO[bytes], columns: Mapping[str, Kind | None]) -> Reading:
        return _CutReading(self._format.read(file, columns), self)

    def inside(self, block: bytes, rows: list[Any] | None) -> Sequence[bool]:
        """Return which rows of a block are wanted; nothing if that cannot be told, which verification will explain."""
        try:
            if rows is not None:
                times = list(map(attrgetter(self._time.name), rows))
            else:
                times = [row.time for row in self._decoder.decode_lines(block)]
            if self._holds_all(times):
                return [True] * len(times)
            return [time is None or self._begin <= self._moment(time) < self._end for time in times]
        except (msgspec.DecodeError, TypeError, ValueError, ArithmeticError, RecursionError, IndexError):
            return ()

    def _holds_all(self, times: Sequence[Any]) -> bool:
        """Tell whether all times are wanted, if they are all written alike: so it is of nearly all blocks."""
        if None in times or {*map(len, times), *map(_LAST, times)} != {_UTC_WIDTH, "Z"}:
            return False
        return self._begin <= self._moment(min(times)) and self._moment(max(times)) < self._end

    def _moment(self, value: object) -> str:
        """Return a time in UTC; without the Z, a fraction sorts after its whole second."""
        if isinstance(value, str) and len(value) in _UTC_WIDTHS and value[-1] == "Z":
            return value[:-1]
        return str(self._time.fit(value))[:-1]


class _CutReading(Reading):
    def __init__(self, reading: Reading, cut: Cut) -> None:
        self._reading = reading
        self._cut = cut
        self._read = self._yielded = 0
        self._kept: Sequence[int] | None = None
        self._rows: list[Any] | None = None

    @property
    @override
    def unknown(self) -> Collection[str]:
        return self._reading.unknown

    @property
    @override
    def missing(self) -> Collection[str]:
        return self._reading.missing

    @property
    @override
    def rows(self) -> list[Any] | None:
        return self._rows

    @override
    def blocks(self) -> Generator[bytes]:
        with contextlib.closing(self._reading.blocks()) as blocks:
            for block in blocks:
                self._rows = self._reading.rows
                inside = self._cut.inside(block, self._rows)
                lines = rows = block.count(b"\n")
                self._kept = None
                if self._cut.keeps:
                    self._cut.outside += inside.count(False)
                elif len(inside) == lines and not all(inside):
                    self._kept = [number for number, wanted in enumerate(inside) if wanted]
                    self._cut.outside += lines - len(self._kept)
                    rows = len(self._kept)
                    block = b"".join(itertools.compress(block.splitlines(keepends=True), inside))  # noqa: PLW2901
                    self._rows = self._rows and list(itertools.compress(self._rows, inside))
                if block:
                    yield block
                self._read += lines
                self._yielded += rows

    @override
    def place(self, row: int) -> str:
        number = row - 1 - self._yielded
        return self._reading.place(self._read + (self._kept[number] if self._kept else number) + 1)
