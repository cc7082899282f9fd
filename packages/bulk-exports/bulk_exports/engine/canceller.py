"""Takes exports that were given up out of the vendor's queue, where they would stand in the way of the next ones."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import math
import threading
import time
from typing import TYPE_CHECKING

from bulk_exports.engine.errors import (
    ExportError,
    QuotaUsedUpError,
    RateLimitedError,
    UnavailableError,
    UnknownJobError,
)
from bulk_exports.engine.task import Trouble
from bulk_exports.engine.threads import signals_blocked
from bulk_exports.engine.vendor import Cancels

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Sequence

    from bulk_exports.job_names import JobName


@dataclasses.dataclass(frozen=True)
class Cancelled:
    """An export was cancelled, or not.

    Attributes:
        job: The vendor's name of it.
        error: Why not.
    """

    job: JobName
    error: BaseException | None


class Canceller:
    """Cancels exports, one at a time. Used by one thread; a worker waits for the vendor and reports.

    Args:
        vendor: Who makes the exports. One that cancels none has none to be cancelled.
        report: Takes what a worker reports, for `heard`.
        cancelled: Is told of every export that is cancelled, or has ended by itself.
        log: Where to tell what cannot be cancelled.
        jitter: Turns the longest delay before a retry into the one that is waited.
        patience: For so many seconds the vendor may be in trouble before creates wait no longer.
    """

    def __init__(
        self,
        vendor: object,
        *,
        report: Callable[[Cancelled], None],
        cancelled: Callable[[JobName], None],
        log: logging.Logger,
        jitter: Callable[[float], float],
        patience: float,
    ) -> None:
        self._vendor = vendor if isinstance(vendor, Cancels) else None
        self._report = report
        self._cancelled = cancelled
        self._log = log
        self._jitter = jitter
        self._patience = patience
        self._jobs: collections.deque[JobName] = collections.deque()
        self._at = -math.inf
        self._trouble: Trouble | None = None
        self._is_overdue = self._is_over = False
        self._worker: threading.Thread | None = None
        self.is_busy = False

    @property
    def comes_first(self) -> bool:
        """Whether something is to be cancelled before another export is created."""
        return (self.is_busy or bool(self._jobs)) and not self._is_overdue

    def give_up(self, job: JobName) -> None:
        """Take note of an export that nobody will fetch, and that the vendor may still have in its queue or be at."""
        if self._vendor is not None:
            self._jobs.append(job)

    def start(self, now: float) -> float:
        """Begin to cancel the next one, if it is time; return when to look again."""
        if self._vendor is None or self.is_busy or self._is_over or not self._jobs:
            return math.inf
        if now < self._at:
            return self._at
        self.is_busy = True
        self._worker = threading.Thread(
            target=self._cancel, args=(self._vendor, self._jobs.popleft()), name="cancel", daemon=True
        )
        self._worker.start()
        return math.inf

    def heard(self, news: Cancelled, now: float) -> None:
        """Go on after a worker's report."""
        self.is_busy = False
        error = news.error
        was_overdue = self._is_overdue
        if error is None or isinstance(error, UnknownJobError):  # which has ended by itself
            self._trouble, self._is_overdue = None, False
            self._cancelled(news.job)
            return
        if isinstance(error, (RateLimitedError, UnavailableError, QuotaUsedUpError)):
            self._trouble = self._trouble or Trouble(now)
            self._jobs.appendleft(news.job)
            self._at = now + self._jitter(next(self._trouble.delays))
            self._is_over = isinstance(error, QuotaUsedUpError)
            self._is_overdue = self._is_over or now - self._trouble.since >= self._patience
            if was_overdue or not self._is_overdue:
                return
        elif not isinstance(error, Exception):
            raise error
        words = str(error) if isinstance(error, ExportError) else type(error).__name__
        self._log.warning("The export %s, which was given up, cannot be cancelled: %s", news.job, words)

    def finish(self, jobs: Sequence[JobName], seconds: float) -> None:
        """Cancel what is left at the end of a run, but do not wait long for the vendor.

        Args:
            jobs: What else nobody will fetch, besides what was given up.
            seconds: How long to wait at most.
        """
        if self._vendor is None:
            return
        until = time.monotonic() + seconds
        workers = [self._worker] if self._worker else []
        if left := [*jobs, *self._jobs]:
            workers.append(threading.Thread(target=_cancel_all, args=(self._vendor, left), name="cancel", daemon=True))
            with signals_blocked():
                workers[-1].start()
        for worker in workers:
            worker.join(max(until - time.monotonic(), 0.0))

    def _cancel(self, vendor: Cancels, job: JobName) -> None:
        error: BaseException | None = None
        try:
            vendor.cancel(job)
        except BaseException as found:  # noqa: BLE001 - the coordinator tells of it, or raises it
            error = found
        self._report(Cancelled(job, error))


def _cancel_all(vendor: Cancels, jobs: Sequence[JobName]) -> None:
    for job in jobs:
        with contextlib.suppress(ExportError):  # they end by themselves, only later
            vendor.cancel(job)
