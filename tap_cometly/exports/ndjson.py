"""Bytes of an export file to lines: compressed or not, whole or not.

A file is recognised by its first bytes, never by a header: ``1f 8b`` is gzip (one or several members), an opening
brace, be it after white space, is plain NDJSON, and anything else (an HTML error page, most likely) is not an export.
"""

from __future__ import annotations

import gzip
import io
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import IO, TYPE_CHECKING, Any, Final, TypeVar

from tap_cometly.exports.jobs import Damaged
from tap_cometly.exports.threads import deaf_threads

_GzipFile: Any
_CompressionError: Any
try:
    from isal.igzip import IGzipFile as _GzipFile
    from isal.isal_zlib import IsalError as _CompressionError
except ImportError:  # no wheel of it for this machine: Python's own does the same at a third of the speed
    _GzipFile, _CompressionError = gzip.GzipFile, zlib.error

if TYPE_CHECKING:
    from collections.abc import Iterator

BLOCK_BYTES: Final = 256 * 1024
"""Decompressed bytes handled at a time: large enough to be quick, small enough to stay in the processor's cache."""

Item = TypeVar("Item")

_GZIP_MAGIC: Final = b"\x1f\x8b"
_BEFORE_OBJECTS: Final = b" \t\r\n\xef\xbb\xbf"  # white space, or a byte order mark
_HEAD_BYTES: Final = 4096


def blocks(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the decompressed content in blocks.

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
        # It checks length and checksum of each member as it passes its end.
        source = _GzipFile(fileobj=file, mode="rb")
    elif head.lstrip(_BEFORE_OBJECTS).startswith(b"{"):
        source = file
    else:
        raise Damaged(f"the file is neither gzip nor JSON lines: it begins with {head[:2]!r}")
    try:
        while block := source.read(BLOCK_BYTES):
            yield block
    except EOFError:
        raise Damaged("the file is cut short: the archive has no end") from None
    except (gzip.BadGzipFile, _CompressionError) as error:
        raise Damaged(f"the file is altered: {error}") from None


def line_blocks(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the decompressed content in blocks of whole lines, each of them ended.

    Args:
        file: An export file, from its beginning.

    Raises:
        Damaged: See `blocks`.
    """
    rest: list[bytes] = []
    for block in blocks(file):
        end = block.rfind(b"\n") + 1
        if not end:
            rest.append(block)
            continue
        yield b"".join((*rest, block[:end])) if rest else block[:end]
        rest = [block[end:]] if end < len(block) else []
    if rest:
        yield b"".join((*rest, b"\n"))


def ahead(items: Iterator[Item]) -> Iterator[Item]:
    """Yield the same items, each made in a thread while the one before it is in use.

    Decompression does not need the interpreter, so it can have the machine's second core.
    """
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="ahead") as worker:
        with deaf_threads():  # the thread starts with its first work
            coming = worker.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = worker.submit(next, items, None)
            yield item


def lines(file: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield number (from 1) and content of each line that is not blank.

    Lines may end like Unix's or like Windows'; the last one need not end at all.

    Args:
        file: An export file, from its beginning.

    Raises:
        Damaged: See `blocks`.
    """
    number = 0
    for block in line_blocks(file):
        for line in io.BytesIO(block):
            number += 1
            if stripped := line.strip():
                yield number, stripped
