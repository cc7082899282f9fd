"""A MariaDB server of one's own, where the machine has MariaDB: for tests and measurements that load into one."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from typing_extensions import Self

USER: Final = "loader"
PASSWORD: Final = "secret"  # noqa: S105 - of a server that lives for a minute
MISSING: Final = "There is no MariaDB server on this machine: apt install mariadb-server-core"
_PATH: Final = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin", "/opt/homebrew/bin"))
_SECONDS_TO_START: Final = 60


class MariaDBError(Exception):
    """The server does not start; the message says why."""


def is_installed() -> bool:
    """Whether the machine has the programs."""
    return bool(found("mariadbd") and found("mariadb-install-db"))


class MariaDB:
    """A MariaDB server for as long as a ``with`` block lasts, on a port of this machine.

    Args:
        folder: Where its data and its log are to be; it is made.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.port = 0

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True)
        data = self._folder / "data"
        as_root = () if os.geteuid() else ("--user=root",)
        first = self._folder / "first.sql"
        first.write_text(
            f"create user '{USER}'@'%' identified by '{PASSWORD}';\ngrant all on *.* to '{USER}'@'%';\n",
            encoding="utf-8",
        )
        self._log = (self._folder / "log").open("ab")
        install = [found("mariadb-install-db"), "--no-defaults", f"--datadir={data}", "--skip-test-db", *as_root]
        if subprocess.run(install, stdout=self._log, stderr=self._log, check=False).returncode:
            raise MariaDBError(f"mariadb-install-db failed.\n{self._said()}")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._process = subprocess.Popen(
            [
                found("mariadbd"),
                "--no-defaults",
                f"--datadir={data}",
                "--socket=socket",  # in the folder of the data, which is where it works: a path may have 100 characters
                "--pid-file=pid",
                "--bind-address=127.0.0.1",
                f"--port={self.port}",
                "--skip-name-resolve",
                "--character-set-server=utf8mb4",
                f"--init-file={first}",
                *as_root,
            ],
            stdout=self._log,
            stderr=self._log,
        )
        try:
            self._wait()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait()
        self._log.close()

    @property
    def address(self) -> str:
        """User, password, host and port, as addresses of databases have them."""
        return f"{USER}:{PASSWORD}@127.0.0.1:{self.port}"

    def _wait(self) -> None:
        """Wait until it listens: it does so when the file with the user has been run."""
        deadline = time.monotonic() + _SECONDS_TO_START
        while True:
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise MariaDBError(f"mariadbd does not start.\n{self._said()}")
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                time.sleep(0.1)
            else:
                return

    def _said(self) -> str:
        return (self._folder / "log").read_text(encoding="utf-8", errors="replace")[-2000:]


def found(program: str) -> str:
    """Return the path of a program of MariaDB; nothing if the machine has none."""
    return shutil.which(program, path=_PATH) or ""
