"""How long something lasted, when something is tried again, what is asked for instead: as messages have it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def lasting(seconds: float) -> str:
    """Return how long something lasted."""
    return f"{seconds / 60:.0f} minutes" if seconds >= 90 else f"{seconds:.0f} seconds"


def in_seconds(seconds: float) -> str:
    """Return when something is tried again."""
    return f"in {seconds:.0f} s" if math.isfinite(seconds) else "as soon as the rate limit allows"


def joined(parts: Sequence[object]) -> str:
    """Return what takes the place of something, part by part."""
    return " and ".join(map(str, parts))
