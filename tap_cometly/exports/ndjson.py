"""Bytes of an export file to lines: compressed or not, whole or not.

A file is recognised by its first bytes, never by a header: ``1f 8b`` is gzip (one or several members), an opening
brace, be it after white space, is plain NDJSON, and anything else (an HTML error page, most likely) is not an export.
"""

from __future__ import annotations

import io
import zlib
from typing import IO, TYPE_CHECKING, Any, Final

from tap_cometly.exports.jobs import Damaged

_decompressor: Any
_CompressionError: Any
try:
    from isal.isal_zlib import IsalError as _CompressionError
    from isal.isal_zlib import decompressobj as _decompressor
except ImportError:  # no wheel of it for this machine: Python's own does the same at a third of the speed
    _decompressor, _CompressionError = zlib.decompressobj, zlib.error

if TYPE_CHECKING:
    from collections.abc import Iterator

BLOCK_BYTES: Final = 256 * 1024
"""Decompressed bytes handled at a time: large enough to be quick, small enough to stay in the processor's cache."""
CHUNK_BYTES: Final = 512 * 1024
"""Decompressed bytes made at a time, from `READ_BYTES` of compressed ones or less."""
READ_BYTES: Final = 128 * 1024

_GZIP: Final = 16 + zlib.MAX_WBITS
_GZIP_MAGIC: Final = b"\x1f\x8b"
_BEFORE_OBJECTS: Final = b" \t\r\n\xef\xbb\xbf"  # white space, or a byte order mark
_HEAD_BYTES: Final = 4096


def chunks(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the decompressed content in pieces.

    Args:
        file: An export file, from its beginning.

    Raises:
        Damaged: The file is empty, cut short, altered, followed by something else, or no export at all.
    """
    file.seek(0)
    head = file.read(_HEAD_BYTES)
    file.seek(0)
    if not head:
        raise Damaged("the file is empty: zero bytes, not even an empty archive")
    if head.startswith(_GZIP_MAGIC):
        yield from _decompressed(file)
    elif head.lstrip(_BEFORE_OBJECTS).startswith(b"{"):
        while chunk := file.read(CHUNK_BYTES):
            yield chunk
    else:
        raise Damaged(f"the file is neither gzip nor JSON lines: it begins with {head[:2]!r}")


def _decompressed(file: IO[bytes]) -> Iterator[bytes]:
    member = None
    compressed = b""
    while True:
        compressed = compressed or file.read(READ_BYTES)
        if member is None:
            # Between members there may be zeros, to fill up a block of a tape or a disk.
            compressed = compressed.lstrip(b"\0")
            if not compressed and not (compressed := file.read(READ_BYTES).lstrip(b"\0")):
                return
            member = _decompressor(_GZIP)
        try:
            # It checks length and checksum of each member as it passes its end.
            chunk = member.decompress(compressed, CHUNK_BYTES)
        except _CompressionError as error:
            raise Damaged(f"the file is altered: {error}") from None
        if not (compressed or chunk or member.eof):
            raise Damaged("the file is cut short: the archive has no end")
        yield chunk
        compressed = member.unused_data if member.eof else member.unconsumed_tail
        member = None if member.eof else member


def line_blocks(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the decompressed content in blocks of whole lines, each of them ended.

    Args:
        file: An export file, from its beginning.

    Raises:
        Damaged: See `chunks`.
    """
    rest = b""
    for chunk in chunks(file):
        start = 0
        while end := chunk.rfind(b"\n", start, start + BLOCK_BYTES) + 1 or chunk.find(b"\n", start) + 1:
            yield rest + chunk[start:end]
            rest = b""
            start = end
        rest += chunk[start:]
    if rest:
        yield rest + b"\n"


def lines(file: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield number (from 1) and content of each line that is not blank.

    Lines may end like Unix's or like Windows'; the last one need not end at all.

    Args:
        file: An export file, from its beginning.

    Raises:
        Damaged: See `chunks`.
    """
    number = 0
    for block in line_blocks(file):
        for line in io.BytesIO(block):
            number += 1
            if stripped := line.strip():
                yield number, stripped
