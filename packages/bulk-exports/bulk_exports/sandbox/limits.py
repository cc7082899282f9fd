"""Request budgets as web frameworks keep them: so many per minute, for each key and endpoint."""

from __future__ import annotations

import collections
import math
import threading
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

MINUTE: Final = 60.0

Window = Literal["fixed", "sliding"]


class Verdict(NamedTuple):
    """Whether a request is within its budget.

    Attributes:
        limit: Requests per minute.
        remaining: How many more are left.
        retry_after: Whole seconds until the next one is allowed; None: this one is.
    """

    limit: int
    remaining: int
    retry_after: int | None = None

    @property
    def headers(self) -> dict[str, str]:
        """What a vendor that tells its limits says with every answer."""
        told = {"X-RateLimit-Limit": str(self.limit), "X-RateLimit-Remaining": str(self.remaining)}
        return told if self.retry_after is None else {**told, "Retry-After": str(self.retry_after)}


class Budgets:
    """Counts requests per (key, endpoint).

    ``fixed``: a minute begins with the first request after the last minute ended. ``sliding``: any sixty seconds.
    """

    def __init__(self, clock: Callable[[], float], window: Window) -> None:
        self._clock = clock
        self._window = window
        self._lock = threading.Lock()
        self._hits: dict[tuple[str, str], collections.deque[float]] = collections.defaultdict(collections.deque)

    def spend(self, key: str, endpoint: str, limit: int) -> Verdict:
        """Count one request, unless it is over the limit."""
        with self._lock:
            now = self._clock()
            hits = self._hits[key, endpoint]
            if self._window == "fixed":
                if hits and now >= hits[0] + MINUTE:
                    hits.clear()
            else:
                while hits and now >= hits[0] + MINUTE:
                    hits.popleft()
            if len(hits) >= limit:
                oldest = hits[0] if hits else now
                return Verdict(limit, 0, max(1, math.ceil(oldest + MINUTE - now)))
            hits.append(now)
            return Verdict(limit, limit - len(hits))
