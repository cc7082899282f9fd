"""Runs the tests of what differs between Pythons on the supported ones of this machine, and some on the newest SDK.

`make test` has run everything on the Python of the environment. The oldest one, which lacks the most, runs all quick
tests. On the others run the tests of what another interpreter, another build of a library or another database of time
zones can change: parsing and msgspec, threads and sockets, zones, signals, and the faces of the SDK. Another SDK can
change its own faces only: the tap as a Singer plugin, the form of its messages, and the command line.

What is left out decides about values that these tests have shown to be the same. Every folder and every module of
tests/ is named in `TESTS` or in `LEFT_OUT`; a new one that is in neither fails the run.

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
    from collections.abc import Callable, Sequence

ROOT: Final = Path(__file__).parent.parent
FOLDER: Final = ROOT / "build" / "matrix"
UV: Final = str(Path(sys.executable).with_name("uv"))
NEWEST_SDK: Final = "singer-sdk[msgspec,testing]>=0.55.0a1,<0.56"
"""Naming a pre-release allows pre-releases of this package, and of no other."""

TESTS: Final = {
    "airbyte": "msgspec, signals, pipes",
    "engine": "threads, sockets, clocks",
    "faults/test_kills.py": "signals, and the end of a process",
    "faults/test_network.py": "what a system says of a network that is not there",
    "files": "gzip and lines",
    "outputs": "msgspec, pipes, files",
    "reconcile/test_timezone_check.py": "zones",
    "records": "parsing, msgspec, decimals",
    "singer": "the SDK",
    "test_client.py": "requests and urllib3",
    "test_common_settings.py": "parsing",
    "test_command_line.py": "the SDK, the start of a program",
    "test_reporting.py": "logging, terminals",
    "test_settings.py": "parsing",
    "windows": "dates and zones",
}
"""What another Python can change, and why."""
LEFT_OUT: Final = {
    "apsis": "what a vendor says is data for the kit; the oldest Python runs it all the same",
    "e2e": "slow, and tools with Pythons of their own",
    "fleet": "an orchestrator with needs of its own; what it starts is tested here",
    "faults": "but for what is named above: what a run makes of errors that are always the same",
    "kit": "as apsis",
    "pardot": "as apsis",
    "reconcile": "but for what is named above: arithmetic on sets of days and rows",
    "sandbox": "for tests; those above would fail with it",
    "test_backfill.py": "arithmetic on moments",
    "test_chores.py": "make, before there is an environment",
    "test_documented_commands.py": "texts",
    "test_documents.py": "texts",
    "test_house.py": "texts",
    "test_hub.py": "texts",
    "test_wording.py": "texts",
}
"""What it cannot, and why."""
OF_THE_SDK: Final = ("singer", "outputs", "test_command_line.py", "test_documents.py", "test_reporting.py")
ALL: Final = ("",)


def main() -> int:
    """Run them all, as many at a time as there are processors; a failure does not keep the others from running."""
    if unnamed := forgotten():
        sys.exit(f"tests/{unnamed[0]} is neither in TESTS nor in LEFT_OUT of {Path(__file__).name}.")
    runs: dict[str, Callable[[], str]] = {}
    oldest = supported()[0]
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    for version in supported():
        if version == here != oldest:
            continue
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


def forgotten() -> list[str]:
    """Return what is in tests/ and in no table."""
    folders = [path.parent.name for path in (ROOT / "tests").glob("*/__init__.py")]
    modules = [path.name for path in (ROOT / "tests").glob("test_*.py")]
    return sorted({*folders, *modules} - TESTS.keys() - LEFT_OUT.keys())


def on_python(version: str, interpreter: str) -> str:
    """Return how the tests end on an interpreter, with the locked versions of the dependencies."""
    environment = FOLDER / version
    sync = [UV, "sync", "--quiet", "--locked", "--no-default-groups", "--group=test", f"--python={interpreter}"]
    if not _succeeds(*sync, UV_PROJECT_ENVIRONMENT=str(environment)):
        return "FAILED to install"
    return _tested(environment, ALL if version == supported()[0] else tuple(TESTS))


def on_newest_sdk() -> str:
    """Return how the tests of its faces end on this Python with the newest singer-sdk, be it a pre-release."""
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
    return f"{version} {_tested(environment, OF_THE_SDK)}"


def resolved(version: str) -> str:
    """Return whether the dependencies can be installed on a Python that is not here."""
    command = [UV, "pip", "compile", "--quiet", f"--python-version={version}", "--only-binary=:all:", "pyproject.toml"]
    fine = _succeeds(*command, "--output-file=/dev/null")
    return "not on this machine; its dependencies " + ("resolve to wheels" if fine else "FAILED to resolve")


def _tested(environment: Path, tests: Sequence[str]) -> str:
    began = time.monotonic()
    pytest = [
        str(environment / "bin" / "python"),
        "-m",
        "pytest",
        "-m",
        "not slow and not long",
        "--quiet",
        "-p",
        "no:cacheprovider",
        f"--ignore={ROOT / 'tests' / 'e2e'}",  # slow without exception, and its tools are not installed here
        *(str(ROOT / "tests" / each) for each in tests),
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
