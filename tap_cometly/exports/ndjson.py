"""Bytes of an export file to lines: compressed or not, whole or not.

A file is recognised by its first bytes, never by a header: ``1f 8b`` is gzip (one or several members), an opening
brace or white space is plain NDJSON, and anything else (an HTML error page, most likely) is not an export.
"""

from __future__ import annotations

import gzip
import io
import zlib
from typing import IO, TYPE_CHECKING, Final, cast

from tap_cometly.exports.jobs import Damaged

if TYPE_CHECKING:
    from collections.abc import Iterator

BLOCK_BYTES: Final = 128 * 1024
"""Decompressed bytes handled at a time: large enough to be quick, small enough to stay in the processor's cache."""

_GZIP_MAGIC: Final = b"\x1f\x8b"
_PLAIN_STARTS: Final = b"{ \t\r\n\xef"  # an object, white space, or a byte order mark


def blocks(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the decompressed content in blocks.

    Args:
        file: An export file, from its beginning.

    Raises:
        Damaged: The file is empty, cut short, altered, followed by something else, or no export at all.
    """
    file.seek(0)
    head = file.read(2)
    file.seek(0)
    if not head:
        raise Damaged("the file is empty: zero bytes, not even an empty archive")
    if head == _GZIP_MAGIC:
        # `gzip` checks length and checksum of each member as it passes its end.
        source = cast("IO[bytes]", gzip.GzipFile(fileobj=file, mode="rb"))
    elif head[:1] in _PLAIN_STARTS:
        source = file
    else:
        raise Damaged(f"the file is neither gzip nor JSON lines: it begins with {head!r}")
    try:
        while block := source.read(BLOCK_BYTES):
            yield block
    except EOFError:
        raise Damaged("the file is cut short: the archive has no end") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise Damaged(f"the file is altered: {error}") from None


def lines(file: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield number (from 1) and content of each line that is not blank.

    Lines may end like Unix's or like Windows'; the last one need not end at all.

    Args:
        file: An export file, from its beginning.

    Raises:
        Damaged: See `blocks`.
    """
    number = 0
    rest = b""
    for block in blocks(file):
        whole, newline, tail = block.rpartition(b"\n")
        if not newline:
            rest += tail
            continue
        for line in io.BytesIO(rest + whole + newline):
            number += 1
            if stripped := line.strip():
                yield number, stripped
        rest = tail
    if stripped := rest.strip():
        yield number + 1, stripped
