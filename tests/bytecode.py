"""What the tests' programs compile is kept, also where Python is told to leave nothing behind.

With ``PYTHONDONTWRITEBYTECODE``, which many images and CI machines set, each start compiles every module again: two
seconds for Meltano or a target, which these tests start some hundred times, and as long again for the tests themselves
in each process of pytest. What the variable asks for, folders of sources without ``__pycache__``, holds all the same:
bytecode goes into build/.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent.parent / "build" / "bytecode"
NAMES: Final = ("PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX")


def keep() -> None:
    """Keep the bytecode of this process and of all that it starts, if it would not be kept anyway."""
    if sys.dont_write_bytecode:
        sys.dont_write_bytecode = False
        sys.pycache_prefix = os.environ["PYTHONPYCACHEPREFIX"] = str(FOLDER)
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
