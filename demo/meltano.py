"""Runs Meltano on the repository's meltano.yml, with settings of ours instead of the user's."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

PROJECT: Final = Path(__file__).parent.parent
_OTHERS: Final = ("MELTANO_", "PG", "TAP_", "TARGET_")
_SECONDS_TO_END: Final = 10


class MeltanoError(Exception):
    """Meltano did not succeed; the message holds the end of its log."""


class Meltano:
    """Meltano with an environment file and a state of its own: the user's have no effect here and stay as they are.

    Args:
        folder: Where the environment file, Meltano's database and its log are kept.
        settings: Environment variables, such as ``TAP_COMETLY_API_KEY``.
    """

    def __init__(self, folder: Path, settings: Mapping[str, str]) -> None:
        self.env_file = folder / "meltano.env"
        self.log = folder / "meltano.log"
        settings = {
            "MELTANO_DATABASE_URI": f"sqlite:///{folder}/meltano.db",
            "MELTANO_CLI_DISABLE_VERSION_CHECK": "true",
            **settings,
        }
        lines = [f"{name}='{value}'\n" for name, value in settings.items()]
        self.env_file.touch(mode=0o600)
        self.env_file.write_text("".join(lines), encoding="utf-8")

    def __call__(self, *arguments: str, tell: Callable[[str], None] = lambda _line: None, **settings: str) -> str:
        """Run one command to its end, and return what it logged.

        Args:
            arguments: Such as ``"run", "tap-cometly", "target-postgres"``.
            tell: Gets each line of the log as it comes.
            settings: Environment variables for this command only.

        Raises:
            MeltanoError: It failed.
        """
        command = [str(Path(sys.executable).parent / "meltano"), f"--env-file={self.env_file}", *arguments]
        environment = {name: value for name, value in os.environ.items() if not name.startswith(_OTHERS)}
        begin = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab", buffering=0) as log, _started(command, {**environment, **settings}) as process:
            for line in process.stdout or ():
                log.write(line)
                tell(line.decode(errors="replace").rstrip())
            code = process.wait()
        said = self.log.read_bytes()[begin:].decode(errors="replace")
        if code:
            end = "\n".join(said.splitlines()[-25:])
            raise MeltanoError(f"`meltano {' '.join(arguments)}` failed. All of its log: {self.log}. The end:\n{end}")
        return said


@contextlib.contextmanager
def _started(command: list[str], environment: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Start a process group, and end all of it with the block, however the block ends."""
    process = subprocess.Popen(
        command,
        cwd=PROJECT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_SECONDS_TO_END)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if process.stdout:
            process.stdout.close()
