"""API and store in one, which say anything: answers, headers and files follow from a number, so they come again."""

from __future__ import annotations

import contextlib
import gzip
import json
import random
import socket
import threading
from typing import TYPE_CHECKING

from tests.faults.raw_server import whole_request

if TYPE_CHECKING:
    from typing_extensions import Self

KEY = "cmt_live_a-key-that-nobody-may-see"
SIGNATURE = "s1gn4tur3-that-nobody-may-see"
SECRETS = (KEY, KEY[:14], SIGNATURE, "files.test", "X-Amz")

NUMBERS = ["0", "-1", "7", "9" * 30, "9" * 5000, "1e9", "1.5", "٣", "banana", "", " 3 ", "nan", "inf"]
TEXTS = [
    "", "\x1b[31mred", "two\r\n lines", KEY, f"https://files.test/a?Signature={SIGNATURE}",
    f"https%3A%2F%2Ffiles.test%2Fa%3FSignature%3D{SIGNATURE}", "?" * 20_000, f"{' ' * 5980}{KEY}", "\ud800", "\0",
]  # fmt: skip
HEADERS = {
    "Content-Length": NUMBERS,
    "Content-Range": [f"bytes {first}-9/{whole}" for first in "07" for whole in NUMBERS],
    "Content-Encoding": ["gzip", "gzip, gzip", "br", "deflate", "banana"],
    "Date": ["banana", "Sun, 99 Foo 99999 99:99:99 GMT", "Mon, 01 Jan 0001 00:00:00 +2359"],
    "ETag": TEXTS,
    "Location": ["http://[", "//", "", "http://files.test/", f"https://user:{SIGNATURE}@files.invalid/"],
    "Retry-After": NUMBERS,
    "X-RateLimit-Limit": NUMBERS,
    "X-RateLimit-Remaining": NUMBERS,
    "Transfer-Encoding": ["chunked", "banana"],
    "Set-Cookie": TEXTS,
}
STATUSES = ["200 OK", "200 OK", "200 OK", "202 A", "204 N", "206 P", "302 F"]
STATUSES += ["401 U", "404 N", "416 R", "422 U", "429 L", "500 B", "503 L"]
STATES = ["queued", "processing", "completed", "failed", "reticulating", None, 5, [], {}, True]
NO_ANSWERS = [b"[" * 50_000, b'{"a":' * 50_000, b"\xff", b"9" * 9999, b"", b"<html>", b"null", b"[1]", b" " * 2**20]
NO_HEADS = [b"", b"\0", b"\r\n", b"\r\n\r\n", b": ", b"\xff\xfe", b"HTTP/1.1 100 Continue\r\n\r\n", b"X" * 70_000]


class AnyServer:
    """Answers as it should, but for whatever its number makes different.

    Args:
        number: Makes the difference.
        rows: The file as it should be: lines of JSON.

    Attributes:
        address: Where it is.
        asked: The heads of the requests.
    """

    def __init__(self, number: int, rows: bytes) -> None:
        self._chance = random.Random(number)  # noqa: S311 - it is to be foreseen
        self._wild = self._chance.choice([0.05, 0.3, 0.8])
        self._file = gzip.compress(rows)
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._made = 0
        self.address = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.asked: list[bytes] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)  # or the thread goes on waiting in it
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            head = whole_request(connection).partition(b"\r\n\r\n")[0]
            if head:
                with self._lock:
                    self.asked.append(head)
                    answer = self._answer(head)
                connection.sendall(answer)

    def _answer(self, head: bytes) -> bytes:
        chance, path = self._chance, head.split(b" ", 2)[1]
        if head.startswith(b"POST"):
            self._made += 1
            body = self._said({"export_id": self._made, "status": "queued"})
        elif b"/events/exports/" in path:
            link = f"{self.address}/file?X-Amz-Signature={SIGNATURE}"
            state = chance.choice(STATES) if self._is_odd() else "completed"
            body = self._said({"export_id": int(path.rpartition(b"/")[2]), "status": state, "download_url": link})
        else:
            broken = [self._file[:-9], chance.randbytes(200), gzip.compress(b'{"id":1e99999}'), gzip.compress(b"null")]
            body = chance.choice(broken) if self._is_odd() else self._file
        status, headers = "200 OK", [b"Connection: close", b"Content-Length: %d" % len(body)]
        if self._is_odd():
            status = chance.choice(STATUSES)
            for name in chance.sample(sorted(HEADERS), chance.randrange(3)):
                value = chance.choice(HEADERS[name]).encode("utf-8", "replace").translate(None, b"\r\n\0")
                headers.append(name.encode() + b": " + value)
        lines = b"\r\n".join([b"HTTP/1.1 " + status.encode(), *headers])
        if chance.random() < self._wild / 5:
            place = chance.randrange(len(lines))
            lines = lines[:place] + chance.choice(NO_HEADS) + lines[place + chance.randrange(5) :]
        return lines + b"\r\n\r\n" + body

    def _said(self, told: dict[str, object]) -> bytes:
        """Return the body of an answer, now and then with something in it changed, or something else altogether."""
        chance = self._chance
        if self._is_odd():
            kinds = [None, True, -1, 10**30, 1.5, [chance.choice(TEXTS)], {chance.choice(TEXTS): [None]}, *TEXTS]
            told[chance.choice([*told, "message", "errors"])] = chance.choice(kinds)
        return chance.choice(NO_ANSWERS) if chance.random() < self._wild / 5 else json.dumps(told).encode()

    def _is_odd(self) -> bool:
        return self._chance.random() < self._wild
