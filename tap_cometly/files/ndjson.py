"""Bytes of an export file to lines: compressed or not, whole or not.

A file is recognised by its first bytes, never by a header: ``1f 8b`` is gzip (one or several members), an opening
brace, be it after white space or a byte order mark, is plain NDJSON, and anything else (an HTML error page, most
likely) is not an export.
"""

from __future__ import annotations

import gzip
import io
import zlib
from typing import IO, TYPE_CHECKING, Any, Final

from tap_cometly.engine.errors import CorruptFileError, InvalidRowsError
from tap_cometly.engine.threads import prefetch

_GzipFile: type[gzip.GzipFile]
_BROKEN: Any = (gzip.BadGzipFile, zlib.error)
try:
    from isal.igzip import IGzipFile as _GzipFile
    from isal.isal_zlib import IsalError
except ImportError:  # no wheel of it for this machine: Python's own does the same at a quarter of the speed
    _GzipFile = gzip.GzipFile
else:
    _BROKEN = (*_BROKEN, IsalError)

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

BLOCK_BYTES: Final = 256 * 1024
"""Decompressed bytes handled at a time: large enough to be quick, small enough to stay in the processor's cache."""
CHUNK_BYTES: Final = 2 * 1024 * 1024
"""Decompressed bytes made at a time. With less than a megabyte, glibc gives the memory of each block back to the system
and asks for it anew with the next one, and that takes a third of all the time."""
MAX_LINE_BYTES: Final = 64 * 1024 * 1024
"""A line may be so long. A record of that size is a mistake, and takes several times as much memory."""

_GZIP_MAGIC: Final = b"\x1f\x8b"
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_WHITE_SPACE: Final = b" \t\r\n"
_HEAD_BYTES: Final = 4096


def chunks(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the decompressed content in pieces, without a byte order mark.

    Args:
        file: An export file, from its beginning.

    Raises:
        CorruptFileError: The file is empty, cut short, altered, followed by something else, or no export at all.
        InvalidRowsError: The file is whole, but compressed twice.
    """
    file.seek(0)
    head = file.read(_HEAD_BYTES)
    file.seek(0)
    if not head:
        raise CorruptFileError("the export file is empty (0 bytes)")
    plain = head.removeprefix(_BYTE_ORDER_MARK).lstrip(_WHITE_SPACE).startswith(b"{")
    if not plain and not head.startswith(_GZIP_MAGIC):
        raise CorruptFileError(f"the file is neither gzip nor JSON lines: it begins with {head[:2]!r}")
    read = file.read if plain else _decompressed(file).read
    try:
        first = read(CHUNK_BYTES)
        if first.startswith(_GZIP_MAGIC):
            raise InvalidRowsError("the file is compressed twice")
        if unmarked := first.removeprefix(_BYTE_ORDER_MARK):
            yield unmarked
        while chunk := read(CHUNK_BYTES):
            yield chunk
    except EOFError:
        raise CorruptFileError("the gzip file is truncated or has trailing data") from None
    except OverflowError:  # isal's word for a header that is longer than it reads ahead
        raise CorruptFileError("the gzip file is corrupt: its header has no end") from None
    except _BROKEN as error:
        raise CorruptFileError(f"the gzip file is corrupt: {error}") from None


def _decompressed(file: Any) -> gzip.GzipFile:
    """Open an archive; length and checksum of each member are checked as its end is passed."""
    return _GzipFile(fileobj=file, mode="rb")


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
    for chunk in prefetch(chunks(file)):
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
