"""Time as the engine sees it, so that tests can let an hour pass in a millisecond."""

from __future__ import annotations

import queue
import time
from typing import Protocol, TypeVar

News = TypeVar("News")


class Clock(Protocol):
    """Tells the time and waits."""

    def now(self) -> float:
        """Return seconds on a clock that never goes back."""

    def wait(self, inbox: queue.SimpleQueue[News], *, until: float, expecting: bool) -> News | None:
        """Wait for news, but not past a moment.

        Args:
            inbox: Where news arrives. Putting something in it ends the wait at once.
            until: The moment to return without news; infinity to wait for news only.
            expecting: Whether work is under way that will bring news. (A clock that is moved by hand must not
                jump over it.)

        Returns:
            The news, or None when the moment came first.
        """


class SystemClock:
    """The machine's own monotonic clock."""

    def now(self) -> float:
        """Return seconds of the machine's monotonic clock."""
        return time.monotonic()

    def wait(self, inbox: queue.SimpleQueue[News], *, until: float, expecting: bool) -> News | None:
        """Wait for news until the moment comes; see `Clock.wait`."""
        del expecting
        try:
            # A day at a time: threading refuses longer timeouts on some platforms, and infinity.
            return inbox.get(timeout=min(max(until - self.now(), 0.0), 86_400.0))
        except queue.Empty:
            return None
