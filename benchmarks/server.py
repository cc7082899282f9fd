"""The smallest Cometly there can be, in a process of its own: each file of a folder is an export, finished at once.

A file called ``name`` is the export of the API at ``/name``: ``POST /name/events/exports`` makes it, the status that
``GET /name/events/exports/1`` tells has the link, and ``GET /name/events/exports/1/file`` is the file. So a tap that
follows the life of an export and one that only knows the address of a file get the same bytes over the same way.
"""

from __future__ import annotations

import contextlib
import http.server
import json
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from typing_extensions import override

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

EXPORTS: Final = "/events/exports"
EXPORT: Final = f"{EXPORTS}/1"
FILE: Final = f"{EXPORT}/file"
ASKED: Final = "/asked"


class FileServer:
    """Serves a folder for as long as a ``with`` block lasts.

    Args:
        folder: Where the files are, or will be.
        module: The module that serves them.
    """

    def __init__(self, folder: Path, module: str = __name__) -> None:
        self._folder = folder
        self._module = module

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", self._module, str(self._folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        self.url = self._process.stdout.readline().decode().strip()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()  # closes its stdin

    def api_url(self, file: Path) -> str:
        """Return the address of the API whose export is this file."""
        return f"{self.url}/{file.name}"

    def asked(self) -> list[float]:
        """Return when files were asked for since this was called last, in seconds of the machine's monotonic clock."""
        with urllib.request.urlopen(self.url + ASKED) as response:  # noqa: S310 - our own server
            return json.load(response)  # type: ignore[no-any-return]


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers a request."""

    protocol_version = "HTTP/1.1"
    folder: Path
    asked: list[float]

    def do_POST(self) -> None:
        """Make an export."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer({"export_id": 1})

    def do_GET(self) -> None:
        """Tell about an export, or send its file."""
        now = time.monotonic()
        if self.path == ASKED:
            self.answer(self.asked)
            self.asked.clear()
        elif self.path.endswith(FILE):
            self.asked.append(now)
            self.send(self.folder / self.path.removesuffix(FILE).lstrip("/"))
        else:
            link = f"http://{self.headers['Host']}{self.path}{FILE.removeprefix(EXPORT)}"
            self.answer({"export_id": 1, "status": "completed", "download_url": link})

    def answer(self, content: Any) -> None:
        """Answer with JSON."""
        text = json.dumps(content).encode()
        self._begin("application/json", len(text))
        self.wfile.write(text)

    def send(self, path: Path) -> None:
        """Answer with a file."""
        with path.open("rb") as file:
            self._begin("application/gzip", path.stat().st_size)
            # By the system, which takes next to no time away from those who are measured.
            self.connection.sendfile(file)

    def _begin(self, kind: str, length: int) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(length))
        self.end_headers()

    @override
    def log_message(self, format: str, *args: Any) -> None:
        """Keep quiet."""


class _Server(http.server.ThreadingHTTPServer):
    @override
    def handle_error(self, request: object, client_address: object) -> None:
        """Keep quiet about a tap that hung up: it has its own reasons, and tells them."""


def main(folder: str, handler: type[Handler] = Handler) -> None:
    """Serve until stdin ends, as it does when whoever started this ends, however that happens."""
    handler.folder, handler.asked = Path(folder), []
    with _Server(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(f"http://127.0.0.1:{server.server_port}", flush=True)
        with contextlib.suppress(KeyboardInterrupt):  # then the others are ending too
            sys.stdin.read()
        server.shutdown()


if __name__ == "__main__":
    main(sys.argv[1])
