"""Runs Airbyte's own tests and its client PyAirbyte on the source, in an environment of their own.

They need a Python that they support, and hundreds of megabytes that the tap itself does not need.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from matrix import UV, find

ROOT: Final = Path(__file__).parent.parent
TESTS: Final = ROOT / "tests" / "airbyte" / "official"
ENVIRONMENT: Final = ROOT / "build" / "airbyte"
PYTHONS: Final = ("3.12", "3.11", "3.10")
"""What PyAirbyte supports, best first: the pinned versions are those for the first."""


def main() -> int:
    """Make the environment, from the cache mostly, and run the tests."""
    interpreter = next(filter(None, map(find, PYTHONS)), None)
    if interpreter is None:
        sys.exit(f"PyAirbyte needs Python {', '.join(PYTHONS)}; there is none here")
    _run(UV, "venv", "--quiet", "--clear", f"--python={interpreter}", str(ENVIRONMENT))
    _run(UV, "pip", "sync", "--quiet", f"--python={ENVIRONMENT}", str(TESTS / "requirements.txt"))
    _run(
        UV,
        "pip",
        "install",
        "--quiet",
        f"--python={ENVIRONMENT}",
        "--no-deps",
        "--editable=packages/bulk-exports",
        "--editable=.",
    )
    pytest = [str(ENVIRONMENT / "bin" / "python"), "-m", "pytest", "-n", "2", "--dist", "worksteal", str(TESTS)]
    # Warnings of theirs are none of ours, and what needs docker is tested in a workflow (`.ci/image.py`).
    _run(
        *pytest,
        "-m",
        "not image_tests",
        "--override-ini=filterwarnings=ignore",
        "-p",
        "no:cacheprovider",
        *sys.argv[1:],
    )
    return 0


def _run(*command: str) -> None:
    # Before any of their libraries is loaded: they ask no registry and report nothing.
    quiet = {"AIRBYTE_OFFLINE_MODE": "1", "DO_NOT_TRACK": "1"}
    result = subprocess.run(command, cwd=ROOT, env={**os.environ, **quiet}, stdin=subprocess.DEVNULL, check=False)
    if result.returncode:
        sys.exit(f"`{' '.join(command)}` failed")


if __name__ == "__main__":
    sys.exit(main())
