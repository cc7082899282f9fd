"""Environments of their own, in build/, for programs that tests and measurements need and that do not fit into ours."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from pathlib import Path
from typing import Final

from demo.meltano import PROJECT

FOLDER: Final = PROJECT / "build" / "environments"
_UV: Final = str(Path(sys.executable).with_name("uv"))


class EnvironmentMissingError(Exception):
    """Packages could not be installed; the message holds the reason."""


def environment(name: str, *packages: str) -> Path:
    """Return the folder of an environment's programs; make the environment if it is not there, or of other packages.

    Args:
        name: Of its folder.
        packages: What to install, as pip takes it.

    Raises:
        EnvironmentMissingError: They could not be installed.
    """
    folder = FOLDER / name
    made_of = folder / "made-of"
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests run in several processes
        if not made_of.exists() or made_of.read_text(encoding="utf-8").splitlines() != [*packages]:
            _run("venv", "--quiet", "--clear", f"--python={sys.executable}", str(folder))
            _run("pip", "install", "--quiet", f"--python={folder}", *packages)
            made_of.write_text("\n".join(packages), encoding="utf-8")
    return folder / "bin"


def _run(*arguments: str) -> None:
    done = subprocess.run([_UV, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise EnvironmentMissingError(f"`uv {' '.join(arguments)}` failed:\n{done.stderr}")
