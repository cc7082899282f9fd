"""The content of an export file, whatever its format: compressed or not, whole or not.

A file is recognised by its first bytes, never by a header: ``1f 8b`` is gzip (one or several members), what its format
may begin with, be it after white space or a byte order mark, is plain, and anything else (an HTML error page, most
likely) is not an export.
"""

from __future__ import annotations

import dataclasses
import gzip
import zlib
from typing import IO, TYPE_CHECKING, Any, Final

from bulk_exports.engine.errors import CorruptFileError, InvalidRowsError

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
    from collections.abc import Callable, Iterator

CHUNK_BYTES: Final = 2 * 1024 * 1024
"""Decompressed bytes made at a time. With less than a megabyte, glibc gives the memory of each block back to the system
and asks for it anew with the next one, and that takes a third of all the time."""

_GZIP_MAGIC: Final = b"\x1f\x8b"
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_WHITE_SPACE: Final = b" \t\r\n"
_HEAD_BYTES: Final = 4096


@dataclasses.dataclass(frozen=True)
class Kind:
    """What files of a format look like.

    Attributes:
        name: What people call them.
        begins: Tells whether they may begin so, where they are not compressed: without white space and mark.
    """

    name: str
    begins: Callable[[bytes], bool]


def chunks(file: IO[bytes], kind: Kind) -> Iterator[bytes]:
    """Yield the decompressed content in pieces, without a byte order mark.

    Args:
        file: An export file, from its beginning.
        kind: What it should look like.

    Raises:
        CorruptFileError: The file is empty, cut short, altered, followed by something else, or no export at all.
        InvalidRowsError: The file is whole, but compressed twice.
    """
    file.seek(0)
    head = file.read(_HEAD_BYTES)
    file.seek(0)
    if not head:
        raise CorruptFileError("the export file is empty (0 bytes)")
    plain = not head.startswith(_GZIP_MAGIC)
    if plain and not kind.begins(head.removeprefix(_BYTE_ORDER_MARK).lstrip(_WHITE_SPACE)):
        raise CorruptFileError(f"the file is neither gzip nor {kind.name}: it begins with {head[:2]!r}")
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
