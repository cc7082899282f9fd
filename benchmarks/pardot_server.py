"""The smallest Account Engagement there can be: one export, finished at once, of the files ``1.csv`` to ``4.csv``."""

from __future__ import annotations

import sys
import time
from typing import Final

from typing_extensions import override

from benchmarks.server import ASKED, Handler, main

FILES: Final = 4
FILE: Final = "/files/"


class PardotHandler(Handler):
    """Answers a request."""

    @override
    def do_POST(self) -> None:
        """Give a token, or make an export."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer({"access_token": "none", "instance_url": "none"} if "token" in self.path else {"id": 1})

    @override
    def do_GET(self) -> None:
        """Tell about the export, or send one of its files."""
        if self.path.startswith(FILE):
            self.asked.append(time.monotonic())
            self.send(self.folder / self.path.removeprefix(FILE))
        elif self.path == ASKED:
            super().do_GET()
        else:
            here = f"http://{self.headers['Host']}{FILE}"
            refs = [f"{here}{number}.csv" for number in range(1, FILES + 1)]
            self.answer({"id": 1, "state": "Complete", "isExpired": False, "resultRefs": refs})


if __name__ == "__main__":
    main(sys.argv[1], PardotHandler)
