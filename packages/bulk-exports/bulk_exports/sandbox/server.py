"""One origin: sockets, HTTP/1.1, and everything that can go wrong between two machines."""

from __future__ import annotations

import contextlib
import http.server
import ipaddress
import os
import socket
import socketserver
import struct
import sys
import threading
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, cast

from bulk_exports.sandbox.faults import WIRE, Fault
from bulk_exports.sandbox.messages import FileSlice, Reply, Request, error

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

MAX_BODY_BYTES: Final = 1024 * 1024
_NAMES_OF_THIS_MACHINE: Final = ("localhost", "127.0.0.1", "[::1]")
_EVERY_ADDRESS: Final = ("0.0.0.0", "::")  # noqa: S104 - it is compared, not listened on

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

    def is_its_name(self, host: str) -> bool:
        """Tell whether a client that means this server may call it so: by its address, or by the machine's own name."""
        name, _, port = host.rpartition(":")
        address, own_port = self.server_address[:2]
        names = {str(address), *_NAMES_OF_THIS_MACHINE}
        if str(address) in _EVERY_ADDRESS and ("." not in name or _is_address(name)):
            # The user has opened it to others, who may call it by any address or by a name of their own network.
            # Names with a dot are what anybody on the internet can have.
            names.add(name)
        return name in names and port == str(own_port)

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
        headers = {name.lower(): value for name, value in self.headers.items()}
        if refusal := self._refusal(headers):
            self.close_connection = True  # a body that was not read would pass for the next request
            self._send(refusal)
            return
        body = self.rfile.read(int(headers.get("content-length") or 0))
        request = Request(self.command, self.path, headers, body)
        try:
            reply = self._origin.answer(request)
        except RecursionError:  # of a body nested without an end
            reply = error(400, "The body is nested too deep.")
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

    def _refusal(self, headers: dict[str, str]) -> Reply | None:
        """Return the answer to a request that no client of a sandbox sends, or whose body cannot be read.

        A page in a browser on this machine can send requests here too, and after some games with DNS read the answers.
        It cannot hide the name of the host that it believes to talk to, nor where it came from.
        """
        host = headers.get("host", "")
        if not self._origin.is_its_name(host):
            return error(421, "The sandbox answers to its own address only.")
        if "origin" in headers and not self._origin.is_its_name(headers["origin"].removeprefix("http://")):
            return error(403, "The sandbox answers no pages of other sites.")
        if "transfer-encoding" in headers:
            return error(411, "The body needs a Content-Length.")
        length = headers.get("content-length") or "0"
        if not (length.isascii() and length.isdigit()):
            return error(400, "The Content-Length is no number.")
        # Python reads no integer of very many digits.
        if len(length) > len(str(MAX_BODY_BYTES)) or int(length) > MAX_BODY_BYTES:
            return error(413, f"The body is larger than {MAX_BODY_BYTES:,} bytes.")
        return None

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


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


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
