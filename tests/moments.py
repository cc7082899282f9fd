"""Every test at one chosen moment, for `make test-dates`: the calendar must decide about none of them.

The moment is that of the machine, as .ci/moved_clock.c shows it to this process and to every program that it starts; a
clock injected into our own code would leave out the programs, the libraries and Python itself. Time goes on from the
moment at its usual pace, and begins there again with each test, so that one second before midnight is one second before
midnight for all of them. Pauses and limits are not touched: they use another clock.
"""

from __future__ import annotations

import os
import time
from datetime import datetime, timezone
from typing import Final

MOMENT: Final = os.environ.get("TEST_MOMENT", "")
"""ISO 8601, with an offset; empty: now."""
_SHIFT: Final = "TEST_SHIFT"
_TOLERANCE_SECONDS: Final = 60
"""The machine may be busy while a moment begins; a moment nearer to now than this would be seen as begun anyway."""


def begin() -> None:
    """Let it be the moment, if there is one."""
    if not MOMENT:
        return
    moment = datetime.fromisoformat(MOMENT)
    really = time.time() - int(os.environ.get(_SHIFT, "0"))
    os.environ[_SHIFT] = str(int(moment.timestamp()) - int(really))
    if abs((datetime.now(timezone.utc) - moment).total_seconds()) > _TOLERANCE_SECONDS:
        raise RuntimeError(f"It is {datetime.now(timezone.utc)} and not {MOMENT}: is the moved clock loaded?")
