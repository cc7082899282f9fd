"""One deadline for each attempt, held from outside: whoever waits for a server cannot also look at the clock.

A time limit of a socket counts from byte to byte. A server that sends a byte now and then, in a header, between chunks
or as one ``100 Continue`` after the other, keeps its reader for ever. So somebody else watches, and hangs up.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import requests.adapters
import urllib3.connection
import urllib3.connectionpool
from typing_extensions import Self, override

if TYPE_CHECKING:
    from types import TracebackType

_attempt = threading.local()


class Deadline:
    """In this context, connections of this thread are cut when the time is over.

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
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        _attempt.deadline = self
        threading.Thread(target=self._watch, name="deadline", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _attempt.deadline = None
        self._ended.set()
        with self._lock:
            for each in self._sockets:
                each.close()
            self._sockets.clear()

    def renew(self) -> None:
        """Let the time begin anew: there was progress."""
        self._until = time.monotonic() + self._seconds

    def hold(self, connection: socket.socket) -> None:
        """Cut this connection, too, when the time is over."""
        # A descriptor of its own: TLS takes the other one over while it shakes hands.
        with self._lock:
            if self._ended.is_set():
                return
            self._sockets.append(socket.socket(fileno=os.dup(connection.fileno())))
            if self.passed:
                self._cut()

    def _watch(self) -> None:
        while (left := self._until - time.monotonic()) > 0:
            if self._ended.wait(left):
                return
        with self._lock:
            if not self._ended.is_set():
                self.passed = True
                self._cut()

    def _cut(self) -> None:
        for each in self._sockets:
            with contextlib.suppress(OSError):  # it has ended by itself
                each.shutdown(socket.SHUT_RDWR)


def _hold(connection: Any) -> None:
    deadline: Deadline | None = getattr(_attempt, "deadline", None)
    if deadline is not None and isinstance(connection, socket.socket) and connection.fileno() >= 0:
        deadline.hold(connection)


class _Connection(urllib3.connection.HTTPConnection):
    @override
    def _new_conn(self) -> socket.socket:
        connection = super()._new_conn()
        _hold(connection)
        return connection

    @override
    def getresponse(self) -> Any:
        _hold(self.sock)  # one that is used again was not made in this attempt
        return super().getresponse()


class _TlsConnection(urllib3.connection.HTTPSConnection):
    @override
    def _new_conn(self) -> socket.socket:
        connection = super()._new_conn()
        _hold(connection)
        return connection

    @override
    def getresponse(self) -> Any:
        _hold(self.sock)
        return super().getresponse()


class _Pool(urllib3.connectionpool.HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(urllib3.connectionpool.HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


_POOLS = {"http": _Pool, "https": _TlsPool}


class WatchedAdapter(requests.adapters.HTTPAdapter):
    """Lets a session use connections that heed the `Deadline` of their thread."""

    @override
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    @override
    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = _POOLS
        return manager


def watched(session: requests.Session) -> requests.Session:
    """Return the session, with connections that heed the `Deadline` of their thread."""
    for scheme in ("http://", "https://"):
        session.mount(scheme, WatchedAdapter())
    return session
