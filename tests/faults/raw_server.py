"""A server that says what it is told, byte by byte: what no library for servers would let it say."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import threading


def whole_request(connection):
    """Read a request to its end: a connection that is closed before is reset, and its answer may be lost."""
    request = b""
    while b"\r\n\r\n" not in request and (more := connection.recv(65536)):
        request += more
    head, _, body = request.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: *(\d+)", head)
    missing = int(length[1]) - len(body) if length else 0
    while missing > 0 and (more := connection.recv(65536)):
        request += more
        missing -= len(more)
    return request


class RawServer:
    """Says to everybody what it is told, byte by byte if need be, until nobody listens."""

    def __init__(self, *answers):
        self._answers = list(answers)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.asked = []
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._ended = threading.Event()

    def __enter__(self):
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        self._listener.close()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection):
        with contextlib.suppress(OSError), connection:
            self.asked.append(whole_request(connection))
            answer = self._answers[min(len(self.asked), len(self._answers)) - 1]
            for piece in [answer] if isinstance(answer, bytes) else answer:
                connection.sendall(piece)
                if not isinstance(answer, bytes):
                    self._ended.wait(0.02)
            if not isinstance(answer, bytes):
                self._ended.wait()


def answer(content, *headers, status="200 OK"):
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(content)}", "Connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode() + content


def said(value, *headers, status="202 Accepted"):
    return answer(json.dumps(value).encode(), *headers, status=status)


def for_ever(piece, begin=b"HTTP/1.1 200 OK\r\n"):
    yield begin
    while True:
        yield piece
