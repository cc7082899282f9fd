"""Runs the quick tests on every supported Python of this machine, and on the newest singer-sdk.

A Python that is not here is reported, and at least the dependencies are resolved for it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT: Final = Path(__file__).parent.parent
FOLDER: Final = ROOT / "build" / "matrix"
UV: Final = str(Path(sys.executable).with_name("uv"))
NEWEST_SDK: Final = "singer-sdk[msgspec,testing]>=0.55.0a1,<0.56"
"""Naming a pre-release allows pre-releases of this package, and of no other."""


def main() -> int:
    """Run them all, as many at a time as there are processors; a failure does not keep the others from running."""
    runs: dict[str, Callable[[], str]] = {}
    for version in supported():
        interpreter = find(version)
        runs[f"Python {version}"] = (
            partial(on_python, version, interpreter) if interpreter else partial(resolved, version)
        )
    runs[f"Python {sys.version_info.major}.{sys.version_info.minor}, {NEWEST_SDK}"] = on_newest_sdk
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = {pool.submit(run): name for name, run in runs.items()}
        for result in as_completed(results):
            print(f"{results[result]}: {result.result()}", flush=True)
    return any("FAILED" in result.result() for result in results)


def supported() -> list[str]:
    """Return the versions that pyproject.toml promises."""
    return re.findall(r"Python :: (3\.\d+)", (ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def find(version: str) -> str | None:
    """Return an interpreter that runs: from the PATH, from pyenv, or from uv."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    candidates = [f"python{version}", *map(str, sorted(pyenv.glob(f"versions/{version}.*/bin/python")))]
    found = _output(UV, "python", "find", "--no-python-downloads", "--system", version)
    for candidate in [*candidates, *found.splitlines()]:
        shown = "import sys; print('%d.%d' % sys.version_info[:2], sys.executable)"
        actual, _, path = _output(candidate, "-c", shown).partition(" ")
        if actual == version:
            return path
    return None


def on_python(version: str, interpreter: str) -> str:
    """Return how the quick tests end on an interpreter, with the locked versions of the dependencies."""
    environment = FOLDER / version
    sync = [UV, "sync", "--quiet", "--locked", "--no-default-groups", "--group=test", f"--python={interpreter}"]
    if not _succeeds(*sync, UV_PROJECT_ENVIRONMENT=str(environment)):
        return "FAILED to install"
    return _tested(environment)


def on_newest_sdk() -> str:
    """Return how the quick tests end on this Python with the newest singer-sdk, be it a pre-release."""
    environment = FOLDER / "newest-sdk"
    if not (
        _succeeds(UV, "venv", "--quiet", "--clear", f"--python={sys.executable}", str(environment))
        and _succeeds(
            UV, "pip", "install", "--quiet", f"--python={environment}", "--editable=.", "--group=test", NEWEST_SDK
        )
    ):
        return "FAILED to install"
    version = _output(
        str(environment / "bin" / "python"), "-c", "import importlib.metadata as m; print(m.version('singer-sdk'))"
    )
    return f"{version} {_tested(environment)}"


def resolved(version: str) -> str:
    """Return whether the dependencies can be installed on a Python that is not here."""
    command = [UV, "pip", "compile", "--quiet", f"--python-version={version}", "--only-binary=:all:", "pyproject.toml"]
    fine = _succeeds(*command, "--output-file=/dev/null")
    return "not on this machine; its dependencies " + ("resolve to wheels" if fine else "FAILED to resolve")


def _tested(environment: Path) -> str:
    began = time.monotonic()
    pytest = [
        str(environment / "bin" / "python"),
        "-m",
        "pytest",
        "-m",
        "not slow",
        "--quiet",
        "-p",
        "no:cacheprovider",
    ]
    word = "passed" if _succeeds(*pytest) else "FAILED"
    return f"{word} in {time.monotonic() - began:.0f} s"


def _succeeds(*command: str, **environment: str) -> bool:
    """Run a command; what it says is shown, in one piece, if it fails."""
    result = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if result.returncode:
        print(f"$ {' '.join(command)}\n{result.stdout.decode(errors='replace')}", flush=True)
    return result.returncode == 0


def _output(*command: str) -> str:
    try:
        result = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
        )
    except OSError:
        return ""
    return result.stdout.strip() if result.returncode == 0 else ""


if __name__ == "__main__":
    sys.exit(main())
