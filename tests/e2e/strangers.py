"""A copy of the repository in a folder with a space in its name, and an ordinary user who types what is printed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from simulation.patience import HANG_SECONDS
from tests import bytecode
from tests.documents import ROOT

NOBODY = 65534
OURS = ("TAP_", "TARGET_", "MELTANO", *bytecode.NAMES)
"""What of our environment has no effect there; the bytecode of a folder that is thrown away goes with it."""
MAKES_ENVIRONMENTS = ["bash", "-c", "python3 -c 'import ensurepip, venv'"]


def _as(user):
    """The beginning of a command that runs as this user."""
    return ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"] if user else []


def ordinary_user():
    """Another user than root, with a Python of the machine; None where the tests are not root's, or there is none."""
    if os.geteuid() or not shutil.which("setpriv"):
        return None
    able = subprocess.run([*_as(NOBODY), *MAKES_ENVIRONMENTS], cwd="/", capture_output=True, check=False)
    return None if able.returncode else NOBODY


class Folder:
    """A copy of the repository's files, and a shell in it that runs what a document says.

    Args:
        settings: Environment variables, such as the address of a local Cometly.
    """

    def __init__(self, settings):
        self._base = Path(tempfile.mkdtemp(prefix="documents-"))
        self._base.chmod(0o755)
        self.path = self._base / "a folder with a space"
        home = self._base / "home"
        for folder in (self.path, home):
            folder.mkdir()
        self.user = ordinary_user()
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(OURS)},
            "HOME": str(home),
            "PIP_NO_COMPILE": "1",  # of what it installs, few modules are loaded
            **settings,
        }
        tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
        for name in tracked.decode().split("\0"):
            if (ROOT / name).is_file():
                (self.path / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, self.path / name)
        if self.user:
            for file in (home, self.path, *self.path.rglob("*")):
                os.chown(file, self.user, self.user, follow_symlinks=False)

    def remove(self):
        shutil.rmtree(self._base)

    def files(self):
        """The files in it, as paths below it."""
        return {str(file.relative_to(self.path)) for file in self.path.rglob("*") if not file.is_dir()}

    def run(self, code, *, status=0, **environment):
        """Run a block of code; return what it printed, messages of the programs included."""
        done = subprocess.run(
            [*_as(self.user), "bash", "-e", "-c", code],
            cwd=self.path,
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=HANG_SECONDS,
            check=False,
        )
        assert done.returncode == status, done.stdout
        return done.stdout

    def ask(self, *statements):
        """Run SQL in DuckDB, in this folder; return the rows of the last statement."""
        program = "import duckdb, json, sys\nconnection = duckdb.connect()\nfor sql in json.loads(sys.argv[1]):\n"
        program += "    answer = connection.execute(sql)\nprint(json.dumps(answer.fetchall(), default=str))"
        command = [sys.executable, "-c", program, json.dumps(statements)]
        return json.loads(subprocess.run(command, cwd=self.path, capture_output=True, check=True, text=True).stdout)
