"""The program with standard streams that are closed, full or refuse to wait: words on stderr and a status."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from simulation.patience import HANG_SECONDS

PROGRAM = Path(sys.executable).parent / "tap-cometly"

pytestmark = pytest.mark.slow


def run(redirected: str, *arguments: str) -> tuple[int, list[str]]:
    command = f"{shlex.join([str(PROGRAM), *arguments])} {redirected}"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=HANG_SECONDS, check=False)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr.splitlines()


@pytest.mark.parametrize("redirected", ["2>&-", "<&-", "<&- 2>&-"])
def test_a_closed_stdin_or_stderr_is_no_reason_to_fail(redirected):
    status, _ = run(redirected, "--discover")
    assert status == 0


@pytest.mark.parametrize("what", ["--discover", "--about", "--version"])
def test_a_closed_stdout_is_told(what):
    status, told = run(">&-", what)
    assert status == 1
    assert "stdout is closed" in told[-1]


@pytest.mark.parametrize("what", ["--discover", "--about", "--help"])
def test_what_cannot_be_written_is_told(what):
    # A descriptor that takes nothing is the same everywhere; a device that is always full, only Linux has.
    full = "> /dev/full" if sys.platform == "linux" else "1< /dev/null"
    status, told = run(full, what)
    assert status == 1
    assert "The system refuses to go on" in told[-1]
