"""A clock that jumps to the next moment at which anything can happen, so that hours pass in milliseconds."""

from __future__ import annotations

import queue
import threading

from simulation.patience import HANG_SECONDS


class VirtualClock:
    """Implements `bulk_exports.engine.clock.Clock`; `time` is the same moment for a server's side."""

    def __init__(self, start: float = 1_740_000_000.0) -> None:
        self._now = start
        self._lock = threading.Lock()

    def now(self) -> float:
        with self._lock:
            return self._now

    time = __call__ = now

    def advance(self, seconds: float) -> None:
        with self._lock:
            self._now += seconds

    def wait(self, inbox: queue.SimpleQueue, *, until: float, expecting: bool):
        """Wait for news in real time while work is under way; otherwise jump."""
        if expecting:
            return inbox.get(timeout=HANG_SECONDS)
        try:
            return inbox.get_nowait()
        except queue.Empty:
            if until == float("inf"):
                raise AssertionError("the engine waits for nothing at all") from None
            with self._lock:
                self._now = max(self._now, until)
            return None
