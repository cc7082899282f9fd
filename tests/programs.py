"""The installed program, for tests of what it says and how it ends.

Starting it takes many times as long as what most of these tests look at, and nearly all of that is Python loading the
same modules again. So they are loaded once, by a process that does nothing else; for each run it forks, and the child
is what the program would be after loading: a process of its own with its own arguments, environment, folder, files and
exit. What is about loading, signals or the last moments of a process starts the program itself (`PROGRAM`, `start`).
"""

from __future__ import annotations

import atexit
import dataclasses
import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from simulation.patience import HANG_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT: Final = Path(__file__).parent.parent
PROGRAM: Final = shutil.which("tap-cometly", path=str(Path(sys.executable).parent))


@dataclasses.dataclass(frozen=True)
class Done:
    """What a run wrote and how it ended; a negative status is that of a signal."""

    returncode: int
    stdout: str
    stderr: str


def start(*arguments: object, folder: Path | None = None, **environment: str) -> Done:
    """Start the program, and wait for its end."""
    done = subprocess.run(
        [PROGRAM, *map(str, arguments)],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def run(*arguments: object, folder: Path | None = None, **environment: str) -> Done:
    """Fork the program, and wait for its end."""
    with tempfile.NamedTemporaryFile() as out, tempfile.NamedTemporaryFile() as err:
        forked = Forked(arguments, stdout=out.name, stderr=err.name, folder=folder, **environment)
        return Done(forked.wait(), out.read().decode(), err.read().decode())


class Forked:
    """The program at work.

    Args:
        arguments: Its arguments.
        stdout: The path of a file, or of a named pipe, which it opens first of all.
        stderr: The path of a file.
        folder: In which it works; None: this one.
        environment: What differs from the environment of the tests.
    """

    def __init__(
        self, arguments: Iterable[object], *, stdout: str, stderr: str, folder: Path | None = None, **environment: str
    ) -> None:
        self._status: int | None = None
        self._pid = _loaded().ask(
            arguments=["tap-cometly", *map(str, arguments)],
            folder=str(folder or Path.cwd()),
            environment=dict(os.environ) | environment,
            files=[os.devnull, stdout, stderr],
        )

    def send_signal(self, number: int) -> None:
        """Send a signal; until the end is waited for, nobody else can have its process number."""
        if self._status is None:
            os.kill(self._pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end, which comes in any case: see `_become`."""
        if self._status is None:
            self._status = _loaded().ask(ended=self._pid)
        return self._status


class _Loaded:
    """The process that has loaded everything and forks."""

    def __init__(self) -> None:
        # As good as a shell: none of pytest's modules, settings for warnings or captured files are in it.
        command = [sys.executable, "-c", "from tests import programs; programs.serve()"]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        atexit.register(self._close)

    def ask(self, **wish: Any) -> int:
        self._process.stdin.write(json.dumps(wish) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def _close(self) -> None:
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


_loaded = functools.cache(_Loaded)


def serve() -> None:
    """For each line on stdin fork a run and answer with its number, or wait for its end and answer with its status.

    A child goes on as the program.
    """
    from bulk_exports import run  # noqa: F401, PLC0415 - what a run needs, once
    from tap_cometly import __main__, client  # noqa: F401, PLC0415 - what a run needs, once

    for line in sys.stdin:
        wish = json.loads(line)
        if "ended" in wish:
            _, status = os.waitpid(wish["ended"], 0)
            answer = os.waitstatus_to_exitcode(status)
        elif not (answer := os.fork()):
            _become(**wish)
            __main__.main()
            return
        print(answer, flush=True)  # noqa: T201 - it is the answer


def _become(arguments: list[str], folder: str, environment: dict[str, str], files: list[str]) -> None:
    for number, (name, flags) in enumerate(zip(files, (os.O_RDONLY, os.O_WRONLY, os.O_WRONLY), strict=True)):
        opened = os.open(name, flags)
        os.dup2(opened, number)
        os.close(opened)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.argv = arguments
    signal.alarm(HANG_SECONDS)
