"""One deadline for each attempt, held from outside: whoever waits for a server cannot also look at the clock.

A time limit of a socket counts from byte to byte. A server that sends a byte now and then, in a header, between chunks
or as one ``100 Continue`` after the other, keeps its reader for ever. A name server may keep whoever asks it for
minutes, and a host with many addresses that do not answer takes its time at each. So somebody else watches, and hangs
up.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from concurrent.futures import CancelledError, Future
from http.client import HTTPResponse
from typing import TYPE_CHECKING, Any

import requests
import requests.adapters
import urllib3.connection
import urllib3.connectionpool
from typing_extensions import Self, override

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

_attempt = threading.local()


class Deadline:
    """While in this context, what it holds is cut when the time is over.

    Args:
        seconds: How long an attempt, or a part of it that is `renew`-ed, may take.

    Attributes:
        passed: Whether the time was over.
    """

    def __init__(self, seconds: float) -> None:
        self.passed = False
        self._seconds = seconds
        self._until = time.monotonic() + seconds
        self._ended = threading.Event()
        self._sockets: list[socket.socket] = []
        self._waits: list[Future[socket.socket]] = []
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        threading.Thread(target=self._watch, name="deadline", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        with self._lock:
            for each in self._sockets:
                each.close()
            self._sockets.clear()
            self._waits.clear()

    @contextlib.contextmanager
    def holding(self) -> Iterator[None]:
        """Hold the connections that this thread makes, or uses again, in this context.

        Not all that it makes until the deadline ends: that of a file that is read bit by bit lasts for long, and may
        end in another thread.
        """
        before = getattr(_attempt, "deadline", None)
        _attempt.deadline = self
        try:
            yield
        finally:
            _attempt.deadline = before

    def renew(self) -> None:
        """Let the time begin anew: there was progress."""
        self._until = time.monotonic() + self._seconds

    def rest(self) -> None:
        """Let no time pass until it is renewed: it is not the server that is waited for."""
        self._until = float("inf")

    def hold(self, connection: socket.socket) -> None:
        """Cut this connection, too, when the time is over."""
        # A descriptor of its own: TLS takes the other one over while it shakes hands.
        with self._lock:
            if self._ended.is_set():
                return
            self._sockets.append(socket.socket(fileno=os.dup(connection.fileno())))
            if self.passed:
                self._cut()

    def wait_for(self, connect: Callable[[], socket.socket]) -> socket.socket:
        """Return the connection that a function makes, but wait for it only until the time is over.

        Nothing ends a name lookup. So it is left alone, in a thread that keeps no program from ending.

        Raises:
            TimeoutError: The time is over.
        """
        future: Future[socket.socket] = Future()
        with self._lock:
            self._waits.append(future)
            if self.passed:
                self._cut()
        threading.Thread(target=_connect, args=(connect, future), name="connect", daemon=True).start()
        try:
            connection = future.result()
        except CancelledError:
            raise TimeoutError from None
        self.hold(connection)
        return connection

    def _watch(self) -> None:
        while (left := self._until - time.monotonic()) > 0:
            # Never longer than it takes from a rest that ends at once to the end of the time.
            if self._ended.wait(min(left, self._seconds)):
                return
        with self._lock:
            if not self._ended.is_set():
                self.passed = True
                self._cut()

    def _cut(self) -> None:
        for wait in self._waits:
            wait.cancel()
        for each in self._sockets:
            with contextlib.suppress(OSError):  # it has ended by itself
                each.shutdown(socket.SHUT_RDWR)


def _connect(connect: Callable[[], socket.socket], future: Future[socket.socket]) -> None:
    """Connect, for whoever may not wait any more when that is done."""
    try:
        connection = connect()
    except BaseException as error:  # noqa: BLE001 - it is raised where the connection is wanted
        if future.set_running_or_notify_cancel():
            future.set_exception(error)
    else:
        if future.set_running_or_notify_cancel():
            future.set_result(connection)
        else:
            connection.close()


class _Held:
    """A connection that heeds the deadline of its thread."""

    sock: Any
    response_class: Any

    def _new_conn(self) -> socket.socket:
        deadline: Deadline | None = getattr(_attempt, "deadline", None)
        connect: Callable[[], socket.socket] = super()._new_conn  # type: ignore[misc]
        return deadline.wait_for(connect) if deadline else connect()

    def getresponse(self) -> Any:
        deadline: Deadline | None = getattr(_attempt, "deadline", None)
        # One that is used again was not made in this attempt.
        if deadline and isinstance(self.sock, socket.socket) and self.sock.fileno() >= 0:
            deadline.hold(self.sock)
        with contextlib.ExitStack() as opened:
            # The library leaves an answer open whose headers it cannot read.
            self.response_class = lambda *args, **options: opened.enter_context(HTTPResponse(*args, **options))
            response = super().getresponse()  # type: ignore[misc]
            opened.pop_all()
        return response


class _Connection(_Held, urllib3.connection.HTTPConnection):
    pass


class _TlsConnection(_Held, urllib3.connection.HTTPSConnection):
    pass


class _Pool(urllib3.connectionpool.HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(urllib3.connectionpool.HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


_POOLS = {"http": _Pool, "https": _TlsPool}


class _Adapter(requests.adapters.HTTPAdapter):
    @override
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    @override
    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = _POOLS
        return manager


class WatchedSession(requests.Session):
    """A session whose connections heed a `Deadline`, and that leaves redirects to its caller."""

    def __init__(self) -> None:
        super().__init__()
        for scheme in ("http://", "https://"):
            self.mount(scheme, _Adapter())

    @override
    def get_redirect_target(self, resp: requests.Response) -> None:
        """Find no redirect: even where none is to be followed, the library reads the body of one, without a bound.

        And it raises what it cannot read of the new address, as if there had been no answer.
        """
