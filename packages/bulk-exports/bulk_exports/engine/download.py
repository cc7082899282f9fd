"""One file on its way from the vendor's store to the local disk, whatever happens to the connection.

A transfer that is cut is resumed where it stopped (``Range``), but only while the store vouches that the object is
the same (``If-Match``); in every other case it starts over. Nothing is ever glued together on a guess.

A file is fetched as fast as somebody reads it, so that it is verified as soon as its last byte has arrived. What is
there already when a transfer is resumed is read again only after the rest has arrived: it may turn out to be of no use.
"""

from __future__ import annotations

import collections
import contextlib
import io
import ipaddress
import os
import re
from typing import IO, TYPE_CHECKING, Final
from urllib.parse import urljoin, urlsplit

import requests
import urllib3
from typing_extensions import override

from bulk_exports.engine.deadline import Deadline, WatchedSession
from bulk_exports.engine.errors import InvalidAnswerError, LinkExpiredError, UnavailableError
from bulk_exports.engine.rate_limit import whole_number
from bulk_exports.engine.spool import disk, is_file_limit, spool_file, too_many_files

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from typing_extensions import Buffer

    from bulk_exports.engine.vendor import Link

PIECE_BYTES: Final = 1024 * 1024
"""Fetched at a time at most: with less of it, threads get in each other's way more often."""
CONNECT_SECONDS: Final = 10.0
READ_SECONDS: Final = 30.0
"""Silence for this long means that the connection is dead."""
MIN_BYTES_PER_SECOND: Final = 1024
"""Slower than this over `READ_SECONDS` is as good as dead: a fresh connection may do better."""

MAX_WAIT_SECONDS: Final = 6 * 60 * 60.0
"""For so long a file may keep us waiting, all connections together: a store that always has a little more has no end.

A file of a gigabyte arrives in time at 50 kB/s.
"""
MAX_REDIRECTS: Final = 5
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_CONTENT_RANGE: Final = re.compile(r"bytes (?:(\d+)-\d+|\*)/(?:(\d+)|\*)")
"""First byte of a part, and length of the whole, where they are told."""


def bare_session() -> requests.Session:
    """Return a session for links: their hosts get what a link says, and nothing from `.netrc` or a proxy's settings."""
    session = WatchedSession()
    session.auth = _no_credentials
    return session


def _no_credentials(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


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
        self._waited = 0.0
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
        with disk("an export"):
            self.file.seek(0)
            self.file.truncate()

    def arriving(self, link: Link) -> IO[bytes]:
        """Return the file, to be read from its beginning: what is missing is fetched when it is asked for.

        Raises:
            ExportError: As `fetch` does; and reading from the file does so too.
        """
        arriving = _ReadWhileFetching(self, self.fetch(link))
        if self.received:
            arriving.seek(0, os.SEEK_END)
            arriving.seek(0)
        return io.BufferedReader(arriving)

    def arrived(self, position: int, count: int) -> bytes:
        """Return what has arrived, from a position on, so many bytes at most."""
        with disk("an export"):
            self.file.seek(position)
            content = self.file.read(count)
            self.file.seek(self.received)
        return content

    def fetch(self, link: Link) -> Generator[bytes]:
        """Fetch the file, or what is missing of it, piece by piece.

        Raises:
            UnavailableError: The connection broke or the store is in trouble; call again to resume.
            LinkExpiredError: The store does not honour the link; call again with a fresh one.
            SpoolError: The disk does not take it.
        """
        if self.complete:
            return
        headers = {"Accept-Encoding": "identity", **link.headers}
        if self.received and self._etag:
            headers |= {"Range": f"bytes={self.received}-", "If-Match": self._etag}
        elif self.received:  # nothing vouches that the object is still the same
            self.start_over()
        with Deadline(2 * self._read_seconds) as deadline:
            try:
                with deadline.holding():
                    response = self._open(link, headers)
                with response:
                    yield from self._take(response, deadline)
                if deadline.passed:  # what was cut may look like the end
                    self.start_over()
                    raise requests.Timeout
            except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
                if is_file_limit(error):
                    raise too_many_files() from None
                # The error's own text may quote the link.
                kind = "it took too long" if deadline.passed else type(error).__name__
                raise UnavailableError(f"the download broke off ({kind})") from None

    def _open(self, link: Link, headers: dict[str, str]) -> requests.Response:
        """Ask for the file, wherever the link leads.

        Redirects are followed here and not by the library, which would send along what it finds in `.netrc`.
        """
        url = link.url
        for _ in range(MAX_REDIRECTS + 1):
            _check_address(url)
            response = self._session.get(
                url,
                headers=headers,
                stream=True,
                timeout=(CONNECT_SECONDS, self._read_seconds),
                allow_redirects=False,
            )
            location = response.headers.get("Location")
            if response.status_code not in _REDIRECTS or location is None:
                return response
            response.close()
            target = urljoin(url, location)
            if urlsplit(url).scheme == "https" and urlsplit(target).scheme != "https":
                raise InvalidAnswerError("the file store redirects from https to an address that is not")
            # What the link says must be sent is for its own host, and for those that the vendor's client trusts.
            if not link.trusts(target):
                headers = {name: value for name, value in headers.items() if name not in link.headers}
            url = target
        raise InvalidAnswerError(f"the file store redirects more than {MAX_REDIRECTS} times")

    def _take(self, response: requests.Response, deadline: Deadline) -> Iterator[bytes]:
        status = response.status_code
        if status == 416 and self._length is None and _whole_length(response) == self.received:
            self.complete = True  # all that was missing is the end of a connection that did not say how long it is
            return
        if status in {412, 416}:
            self.start_over()
            raise UnavailableError("the file changed between two connections; starting over")
        if status in {400, 401, 403, 404, 410}:
            raise LinkExpiredError(f"the file store refused the link (HTTP {status})")
        if status not in {200, 206}:
            raise UnavailableError(f"the file store answered HTTP {status}")
        if status == 206:
            self._check_range(response)
        else:
            self.start_over()
            self._length = _content_length(response)
        self._etag = _strong_etag(response)
        yield from self._copy(response, deadline)
        if self._length is not None and self.received != self._length:
            raise UnavailableError(f"the connection was cut after {self.received} of {self._length} bytes")
        self.complete = True

    def _check_range(self, response: requests.Response) -> None:
        """See to it that the part continues what is there, of the same object."""
        announced = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        length = _whole_length(response)
        if (
            announced is None
            or announced[1] != str(self.received)
            or (announced[2] is not None and length is None)
            or self._length not in {None, length}
        ):
            self.start_over()
            raise UnavailableError("the file store sent another part than was asked for; starting over")
        if self.received and _strong_etag(response) != self._etag:
            self.start_over()
            raise UnavailableError("the file changed between two connections; starting over")
        self._length = length

    def _copy(self, response: requests.Response, deadline: Deadline) -> Iterator[bytes]:
        missing = _content_length(response)
        waited, waited_for = 0.0, 0
        while missing is None or missing > 0:
            deadline.renew()
            began = self._now()  # what a reader does with a piece is not the store's fault
            piece = response.raw.read1(PIECE_BYTES, decode_content=False)
            took = self._now() - began
            waited += took
            self._waited += took
            if not piece:
                break
            if self._waited > MAX_WAIT_SECONDS:
                raise InvalidAnswerError(
                    f"the file does not end: it has been arriving for {self._waited / 3600:.0f} hours"
                )
            with disk("an export"):
                self.file.write(piece)
            self.received += len(piece)
            waited_for += len(piece)
            if missing is not None:
                missing -= len(piece)
            if waited > self._read_seconds:
                if waited_for < waited * MIN_BYTES_PER_SECOND:
                    raise UnavailableError("the download was too slow (less than 1 kB/s)")
                waited, waited_for = 0.0, 0
            deadline.rest()
            yield piece
        with disk("an export"):
            self.file.flush()


class _ReadWhileFetching(io.RawIOBase):
    """What has arrived of a file; fetches the next piece where that ends.

    Args:
        transfer: The file.
        pieces: What has not arrived yet.
    """

    def __init__(self, transfer: Transfer, pieces: Generator[bytes]) -> None:
        self._transfer = transfer
        self._pieces = pieces
        self._fresh = memoryview(b"")  # need not be read from the disk
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
            collections.deque(self._pieces, maxlen=0)
        origin = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._transfer.received}
        self._position = origin[whence] + offset
        self._fresh = memoryview(b"")
        return self._position

    @override
    def readinto(self, buffer: Buffer) -> int:
        transfer, into = self._transfer, memoryview(buffer)
        if not self._fresh and self._position == transfer.received:
            self._fresh = memoryview(next(self._pieces, b""))
        if self._fresh:
            count = min(len(into), len(self._fresh))
            into[:count], self._fresh = self._fresh[:count], self._fresh[count:]
        else:
            content = transfer.arrived(self._position, len(into))
            count = len(content)
            into[:count] = content
        self._position += count
        return count

    @override
    def close(self) -> None:
        """Hang up, if the connection is still open."""
        self._pieces.close()
        super().close()


def _check_address(url: str) -> None:
    """See to it that an address may be asked: what is fetched in the clear can be read and changed on its way.

    Raises:
        InvalidAnswerError: It may not.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        raise InvalidAnswerError("the file's address cannot be read") from None
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(host)):
        raise InvalidAnswerError("the file's address is not https")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _strong_etag(response: requests.Response) -> str | None:
    """Return the tag that vouches for every byte of the object; a weak one (``W/``) vouches for its meaning only."""
    tag = response.headers.get("ETag", "")
    return tag if tag.startswith('"') else None


def _content_length(response: requests.Response) -> int | None:
    return whole_number(response.headers.get("Content-Length"))


def _whole_length(response: requests.Response) -> int | None:
    announced = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    return whole_number(announced[2]) if announced else None
