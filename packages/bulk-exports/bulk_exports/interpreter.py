"""How Python itself is set for a run."""

from __future__ import annotations

import gc
import sys
from typing import Final

SWITCH_SECONDS: Final = 0.0002
"""How long a thread may have to wait for the interpreter. One that decompresses ahead needs it often, and each time for
next to nothing; with Python's usual 5 ms it waits longer than it works."""


def tune() -> None:
    """Set the interpreter when everything that a program begins with is loaded."""
    sys.setswitchinterval(SWITCH_SECONDS)
    # What is loaded by now stays to the end. The collector need not look through it again, least of all on the way out,
    # where that takes a tenth of the time of `--version`.
    gc.freeze()
