"""NDJSON: bytes of an export file to lines."""

from __future__ import annotations

import io
from typing import IO, TYPE_CHECKING, Final

from bulk_exports.engine.errors import InvalidRowsError
from bulk_exports.engine.threads import prefetch
from bulk_exports.files.content import Kind, chunks

if TYPE_CHECKING:
    from collections.abc import Collection, Generator, Iterator, Mapping

    from bulk_exports import fields

BLOCK_BYTES: Final = 256 * 1024
"""Decompressed bytes handled at a time: large enough to be quick, small enough to stay in the processor's cache."""
MAX_LINE_BYTES: Final = 64 * 1024 * 1024
"""A line may be so long. A record of that size is a mistake, and takes several times as much memory."""

_KIND: Final = Kind("JSON lines", lambda head: head.startswith(b"{"))


def line_blocks(file: IO[bytes]) -> Generator[bytes]:
    """Yield the decompressed content in blocks of whole lines, each of them ended.

    Args:
        file: An export file, from its beginning.

    Raises:
        CorruptFileError: See `chunks`.
        InvalidRowsError: See `chunks`; or a line is longer than `MAX_LINE_BYTES`.
    """
    pieces: list[bytes] = []  # of the line that has no end yet
    length = 0
    for chunk in prefetch(chunks(file, _KIND)):
        start = 0
        while end := chunk.rfind(b"\n", start, start + BLOCK_BYTES) + 1 or chunk.find(b"\n", start) + 1:
            if pieces:
                yield b"".join((*pieces, chunk[start:end]))
                pieces, length = [], 0
            else:
                yield chunk[start:end]
            start = end
        if start < len(chunk):
            pieces.append(chunk[start:])
            length += len(pieces[-1])
        if length > MAX_LINE_BYTES:
            raise InvalidRowsError(f"one of its lines is longer than {MAX_LINE_BYTES // (1024 * 1024)} MB")
    if pieces:
        yield b"".join((*pieces, b"\n"))


def lines(file: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield number (from 1) and content of each line that is not blank.

    Lines may end like Unix's or like Windows'; the last one need not end at all.

    Args:
        file: An export file, from its beginning.

    Raises:
        CorruptFileError: See `chunks`.
        InvalidRowsError: See `line_blocks`.
    """
    number = 0
    for block in line_blocks(file):
        for line in io.BytesIO(block):
            number += 1
            if stripped := line.strip():
                yield number, stripped


class _Ndjson:
    """The format of files that hold one JSON object a line."""

    converts = False

    def read(self, file: IO[bytes], columns: Mapping[str, fields.Kind | None]) -> _Lines:
        """Return the lines of a file; see `Format.read`."""
        del columns
        return _Lines(file)


class _Lines:
    """A file of lines that is being read."""

    unknown: Collection[str] = ()
    missing: Collection[str] = ()
    rows = None

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def blocks(self) -> Generator[bytes]:
        """Yield the lines as they are; see `Reading.blocks`."""
        return line_blocks(self._file)

    def place(self, row: int) -> str:
        """Return the line; see `Reading.place`."""
        return f"line {row}"


NDJSON: Final = _Ndjson()
