"""One file on its way from the vendor's store to the local disk, whatever happens to the connection.

A transfer that is cut is resumed where it stopped (``Range``), but only while the store vouches that the object is
the same (``If-Match``); in every other case it starts over. Nothing is ever glued together on a guess.

A file is fetched as fast as somebody reads it, so that it is proven as soon as its last byte has arrived. What is there
already when a transfer is resumed is read again only after the rest has arrived: it may turn out to be of no use.

The spool file has no name: the system frees it when the process ends, however it ends, and no other process can open
it. It holds at most what one export weighs compressed.
"""

from __future__ import annotations

import collections
import contextlib
import io
import logging
import os
import pathlib
import re
import tempfile
from typing import IO, TYPE_CHECKING, Final

import requests
import urllib3
from typing_extensions import override

from tap_cometly.exports.jobs import LinkExpired, SpoolError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from typing_extensions import Buffer

    from tap_cometly.exports.jobs import Link

CHUNK_BYTES: Final = 256 * 1024
CONNECT_SECONDS: Final = 10.0
READ_SECONDS: Final = 30.0
"""Silence for this long means that the connection is dead."""
SLOWEST_BYTES_PER_SECOND: Final = 1024
"""Slower than this over `READ_SECONDS` is as good as dead: a fresh connection may do better."""

_CONTENT_RANGE: Final = re.compile(r"bytes (?:(\d+)-\d+|\*)/(?:(\d+)|\*)")
"""First byte of a part, and length of the whole, where they are told."""


class _WithoutQueries(logging.Filter):
    """Cuts the query off every address: the query of a link is what makes it a secret."""

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(arg.partition("?")[0] if isinstance(arg, str) else arg for arg in record.args)
        return True


for _name in ("urllib3.connectionpool", "urllib3.util.retry"):
    # These log whole request lines at DEBUG.
    logging.getLogger(_name).addFilter(_WithoutQueries())


def spool_file() -> IO[bytes]:
    """Open a private, nameless file in the folder for temporary files: ``TMPDIR``, or the system's.

    Raises:
        SpoolError: The folder is not usable.
    """
    try:
        return tempfile.TemporaryFile(dir=_spool_folder())
    except OSError as error:
        raise _spool_error(error) from None


def _spool_folder() -> str:
    """Return the folder, and unlike `tempfile.gettempdir` write nothing to try it, nor take another than was named."""
    named = filter(None, map(os.environ.get, ("TMPDIR", "TEMP", "TMP")))
    usual = pathlib.Path("/tmp")  # noqa: S108 - files in it have no name
    return next(named, str(usual) if usual.is_dir() else tempfile.gettempdir())


def _spool_error(error: OSError) -> SpoolError:
    try:
        folder = _spool_folder()
    except OSError:
        folder = "none usable"
    reason = error.strerror or str(error)
    return SpoolError(
        f"cannot write an export to the folder for temporary files ({folder}): {reason}. "
        "Free some space, or set TMPDIR to a folder with room for a few exports"
    )


class Transfer:
    """A file being fetched, over one or several connections.

    Args:
        session: Bare HTTP session: it must not add credentials of its own, they would go to the store's host.
        now: Clock of this machine, in seconds; only to recognise a connection that trickles.
        read_seconds: Longest silence on a connection.

    Attributes:
        file: What has arrived so far.
        received: Its length in bytes.
        complete: Whether all of it has arrived.
    """

    def __init__(
        self, session: requests.Session, *, now: Callable[[], float], read_seconds: float = READ_SECONDS
    ) -> None:
        self._session = session
        self._now = now
        self._read_seconds = read_seconds
        self._etag: str | None = None
        self._length: int | None = None
        self.file = spool_file()
        self.received = 0
        self.complete = False

    def close(self) -> None:
        """Give the disk space back."""
        with contextlib.suppress(OSError):  # what is still in the buffer may not fit on the disk
            self.file.close()

    def start_over(self) -> None:
        """Forget what has arrived."""
        self._etag = None
        self._length = None
        self.received = 0
        self.complete = False
        try:
            self.file.seek(0)
            self.file.truncate()
        except OSError as error:
            raise _spool_error(error) from None

    def arriving(self, link: Link) -> IO[bytes]:
        """Return the file, to be read from its beginning: what is missing is fetched when it is asked for.

        Raises:
            ExportError: As `fetch` does; and reading from the file does so too.
        """
        arriving = _Arriving(self, self.fetch(link))
        if self.received:
            arriving.seek(0, os.SEEK_END)
            arriving.seek(0)
        return io.BufferedReader(arriving, CHUNK_BYTES)

    def fetch(self, link: Link) -> Generator[None]:
        """Fetch the file, or what is missing of it, step by step.

        Raises:
            Unavailable: The connection broke or the store is in trouble; call again to resume.
            LinkExpired: The store does not honour the link; call again with a fresh one.
            SpoolError: The disk does not take it.
        """
        if self.complete:
            return
        headers = {"Accept-Encoding": "identity", **link.headers}
        if self.received and self._etag:
            headers |= {"Range": f"bytes={self.received}-", "If-Match": self._etag}
        elif self.received:  # nothing vouches that the object is still the same
            self.start_over()
        try:
            with contextlib.closing(
                self._session.get(link.url, headers=headers, stream=True, timeout=(CONNECT_SECONDS, self._read_seconds))
            ) as response:
                yield from self._take(response)
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            # The error's own text may quote the link.
            raise Unavailable(f"the download broke off ({type(error).__name__})") from None

    def _take(self, response: requests.Response) -> Iterator[None]:
        status = response.status_code
        if status == 416 and self._length is None and _whole_length(response) == self.received:
            self.complete = True  # all that was missing is the end of a connection that did not say how long it is
            return
        if status in {412, 416}:
            self.start_over()
            raise Unavailable("the file changed between two connections; starting over")
        if status in {400, 401, 403, 404, 410}:
            raise LinkExpired(f"the file store refused the link (HTTP {status})")
        if status not in {200, 206}:
            raise Unavailable(f"the file store answered HTTP {status}")
        if status == 206:
            self._check_range(response)
        else:
            self.start_over()
            self._length = _content_length(response)
        self._etag = response.headers.get("ETag")
        yield from self._copy(response)
        if self._length is not None and self.received != self._length:
            raise Unavailable(f"the connection was cut after {self.received} of {self._length} bytes")
        self.complete = True

    def _check_range(self, response: requests.Response) -> None:
        """See to it that the part continues what is there, of the same object."""
        announced = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        length = _whole_length(response)
        if announced is None or announced[1] != str(self.received) or self._length not in {None, length}:
            self.start_over()
            raise Unavailable("the file store sent another part than was asked for; starting over")
        if self.received and response.headers.get("ETag") != self._etag:
            self.start_over()
            raise Unavailable("the file changed between two connections; starting over")
        self._length = length

    def _copy(self, response: requests.Response) -> Iterator[None]:
        missing = _content_length(response)
        waited, waited_for = 0.0, 0
        while missing is None or missing > 0:
            began = self._now()
            chunk = response.raw.read1(CHUNK_BYTES, decode_content=False)
            waited += self._now() - began
            if not chunk:
                break
            self._append(chunk)
            waited_for += len(chunk)
            if missing is not None:
                missing -= len(chunk)
            if waited > self._read_seconds:
                if waited_for < waited * SLOWEST_BYTES_PER_SECOND:
                    raise Unavailable("the download came to a trickle")
                waited, waited_for = 0.0, 0
            yield

    def _append(self, chunk: bytes) -> None:
        try:
            self.file.seek(self.received)
            self.file.write(chunk)
            self.file.flush()
        except OSError as error:
            raise _spool_error(error) from None
        self.received += len(chunk)


class _Arriving(io.RawIOBase):
    """What has arrived of a file; takes the next step where that ends.

    Args:
        transfer: The file.
        steps: What makes more of it arrive, until all of it is there.
    """

    def __init__(self, transfer: Transfer, steps: Generator[None]) -> None:
        self._transfer = transfer
        self._steps = steps
        self._position = 0

    @override
    def readable(self) -> bool:
        return True

    @override
    def seekable(self) -> bool:
        return True

    @override
    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        if whence == os.SEEK_END:
            collections.deque(self._steps, maxlen=0)
        origin = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._transfer.received}
        self._position = origin[whence] + offset
        return self._position

    @override
    def readinto(self, buffer: Buffer) -> int:
        transfer, into = self._transfer, memoryview(buffer)
        if self._position == transfer.received:
            next(self._steps, None)
        transfer.file.seek(self._position)
        content = transfer.file.read(min(len(into), transfer.received - self._position))
        into[: len(content)] = content
        self._position += len(content)
        return len(content)

    @override
    def close(self) -> None:
        """Hang up, if the connection is still open."""
        self._steps.close()
        super().close()


def _content_length(response: requests.Response) -> int | None:
    length = response.headers.get("Content-Length", "")
    return int(length) if length.isdecimal() else None


def _whole_length(response: requests.Response) -> int | None:
    announced = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    return int(announced[2]) if announced and announced[2] else None
