"""One origin: sockets, HTTP/1.1, and everything that can go wrong between two machines."""

from __future__ import annotations

import contextlib
import http.server
import os
import socket
import socketserver
import struct
import sys
import threading
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, cast

from tap_cometly.sandbox.faults import WIRE, Fault
from tap_cometly.sandbox.messages import FileSlice, Reply, Request, error

if TYPE_CHECKING:
    from collections.abc import Iterator

if TYPE_CHECKING or sys.version_info < (3, 12):
    from typing_extensions import override
else:
    from typing import override

_PIECE: Final = 64 * 1024
_TICK: Final = 0.05
_LONGEST_WAIT: Final = 1.0
_LINGER: Final = "hh" if os.name == "nt" else "ii"

Answer = Callable[[Request], Reply]


class Origin:
    """A host and port that answers requests."""

    def __init__(self, address: tuple[str, int], answer: Answer, software: str, clock: Callable[[], float]) -> None:
        self._server = _Server(address, answer, software, clock)
        self._address = address[0], int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def url(self) -> str:
        """Where it listens."""
        return "http://{}:{}".format(*self._address)

    def start(self) -> None:
        """Answer from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Stop listening and hang up on everybody, also on those who wait for a stalled answer."""
        self._server.hang_up()
        if self._thread.is_alive():
            with contextlib.suppress(OSError):  # a call that wakes the thread; without it, it wakes by itself
                socket.create_connection(self._address, _LONGEST_WAIT).close()
            self._thread.join()
        self._server.server_close()

    def _serve(self) -> None:
        while not self._server.stopping.is_set():
            self._server.handle_request()


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    timeout = _LONGEST_WAIT

    def __init__(self, address: tuple[str, int], answer: Answer, software: str, clock: Callable[[], float]) -> None:
        self.answer = answer
        self.software = software
        self.clock = clock
        self.stopping = threading.Event()
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__(address, _Handler)

    def hang_up(self) -> None:
        """End every connection."""
        self.stopping.set()
        with self._lock:
            for connection in self._open:
                _shut(connection)

    def opened(self, connection: socket.socket) -> None:
        """Remember a connection, to be able to end it."""
        with self._lock:
            self._open.add(connection)
            if self.stopping.is_set():
                _shut(connection)

    def closed(self, connection: socket.socket) -> None:
        """Forget a connection."""
        with self._lock:
            self._open.discard(connection)

    @override
    def handle_error(self, request: Any, client_address: Any) -> None:
        # Clients that go away in the middle are what this server is for.
        if not isinstance(sys.exc_info()[1], OSError):
            traceback.print_exc()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    @property
    def _origin(self) -> _Server:
        return cast("_Server", self.server)

    @override
    def setup(self) -> None:
        super().setup()
        self._origin.opened(self.connection)

    @override
    def finish(self) -> None:
        self._origin.closed(self.connection)
        super().finish()

    @override
    def version_string(self) -> str:
        return self._origin.software

    @override
    def date_time_string(self, timestamp: float | None = None) -> str:
        return super().date_time_string(self._origin.clock() if timestamp is None else timestamp)

    @override
    def log_message(self, format: str, *args: Any) -> None:  # the request log replaces it
        pass

    def _respond(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, self.path, headers, body)
        try:
            reply = self._origin.answer(request)
        except Exception as trouble:  # noqa: BLE001 - a mistake of the sandbox must not look like a fault of the network
            if self._origin.stopping.is_set():
                return
            traceback.print_exc()
            reply = error(500, f"The sandbox itself failed: {trouble!r}")
        try:
            self._send(reply)
        finally:
            if isinstance(reply.body, FileSlice):
                reply.body.file.close()

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _respond  # noqa: N815 - the base class wants these names

    def _send(self, reply: Reply) -> None:
        length = reply.body.length if isinstance(reply.body, FileSlice) else len(reply.body)
        wire = reply.fault if reply.fault and reply.fault.kind in WIRE else None
        if wire is None:
            self._send_head(reply, length)
            if self.command != "HEAD":
                for piece in _pieces(reply.body):
                    self.wfile.write(piece)
            return
        self._send_badly(wire, reply, length)
        self.close_connection = True

    def _send_head(self, reply: Reply, length: int | None) -> None:
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if length is not None:
            self.send_header("Content-Length", str(length))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()

    def _send_badly(self, fault: Fault, reply: Reply, length: int) -> None:
        detail = fault.detail
        at = detail.get("at", length // 2 if fault.kind == "cut" else 0)
        at = min(max(at + length if at < 0 else at, 0), length)
        if fault.kind == "slow_close":
            # Without a length, only the end of the connection is the end of the body.
            self.close_connection, at = True, length
        if detail.get("headers", fault.kind != "reset" or "at" in detail):
            self._send_head(reply, None if fault.kind == "slow_close" and not detail.get("length") else length)
            self._send_part(reply, at)
        if fault.kind == "reset":
            self._reset()
        elif fault.kind == "trickle":
            self._trickle(reply, at, float(detail.get("bytes_per_second", 8)))
        elif fault.kind != "cut":
            self._stay_silent()

    def _send_part(self, reply: Reply, length: int) -> None:
        for piece in _pieces(reply.body):
            self.wfile.write(piece[:length])
            length -= len(piece)
            if length <= 0:
                break

    def _trickle(self, reply: Reply, at: int, bytes_per_second: float) -> None:
        size = max(1, int(bytes_per_second * _TICK))
        rest = b"".join(_pieces(reply.body))[at:]
        for start in range(0, len(rest), size):
            if self._origin.stopping.wait(size / bytes_per_second):
                return
            self.wfile.write(rest[start : start + size])

    def _stay_silent(self) -> None:
        """Send nothing until the client goes away or the server stops."""
        while self.connection.recv(_PIECE):
            pass

    def _reset(self) -> None:
        """Close the connection with RST instead of FIN."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack(_LINGER, 1, 0))
        # Detached, so that no orderly shutdown is sent first.
        socket.close(self.connection.detach())


def _pieces(body: bytes | FileSlice) -> Iterator[bytes]:
    if isinstance(body, bytes):
        yield body
        return
    body.file.seek(body.start)
    left = body.length
    while left > 0 and (piece := body.file.read(min(_PIECE, left))):
        left -= len(piece)
        yield piece


def _shut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):  # already gone
        connection.shutdown(socket.SHUT_RDWR)
