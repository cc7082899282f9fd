"""The engine: create ahead, poll what is due, download what is ready, verify it, hand over in order.

One thread, the coordinator, decides everything; it never waits for the network. Each request and each download runs
in a worker thread of its own and reports back through the coordinator's inbox, and so does the consumer when it has
taken a result. So there is one place where the coordinator waits (`Clock.wait`), one order of events, and no locks.
What an answer means for a request is said in `bulk_exports.engine.lifecycle`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import queue
import threading
import time
from typing import IO, TYPE_CHECKING, Any, Final, Generic

import backoff

from bulk_exports.engine.budgets import JobCap, used_up
from bulk_exports.engine.canceller import Cancelled, Canceller
from bulk_exports.engine.clock import SystemClock
from bulk_exports.engine.errors import QuotaUsedUpError, StuckError
from bulk_exports.engine.lifecycle import Lifecycle
from bulk_exports.engine.limits import Limits
from bulk_exports.engine.logs import keep_links_out
from bulk_exports.engine.sizing import AnySize
from bulk_exports.engine.task import Result, Stage, Task
from bulk_exports.engine.threads import signals_blocked
from bulk_exports.engine.vendor import (
    Cancels,
    CapsJobs,
    Delivery,
    JobState,
    JobStatus,
    RequestT,
    Started,
    Vendor,
    VerificationT,
)
from bulk_exports.engine.workers import Workers

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import TracebackType

    from bulk_exports.engine.clock import Clock
    from bulk_exports.engine.sizing import Sizing
    from bulk_exports.engine.task import Attempt
    from bulk_exports.job_names import JobName

CREATES_AT_ONCE: Final = 4
"""Enough to use the largest budgets; each waits for one short answer."""
DOWNLOADS_AT_ONCE: Final = 2
"""One is read while the next arrives; more would only make the head of the line slower."""
USUAL_LIMITS: Final = Limits()
CREATED_SECONDS: Final = 1.5
"""Whoever stops a run waits so long at most for exports that are just being created."""
CANCEL_SECONDS: Final = 3.0
"""And so long until exports are cancelled."""
MAX_DEAF_SECONDS: Final = 1.0
"""After so long at most a signal is heard that came at the wrong moment."""
MAX_STUCK_SECONDS: Final = 10 * 60.0
"""So long a budget may wait for an answer that none of this run's requests will bring."""


@dataclasses.dataclass(frozen=True)
class _Answer:
    """A worker's report."""

    task: Task[Any, Any]
    outcome: object


@dataclasses.dataclass(frozen=True)
class _Start(Generic[RequestT]):
    """An export was created."""

    request: RequestT
    attempt: Attempt


class _Taken:
    """The consumer is done with a result."""


class _Stop:
    """The consumer wants no more results."""


class _End:
    """There are no more results."""


class Pipeline(Generic[RequestT, VerificationT]):
    """Fulfils requests, several at once, and hands the results over in the order of the requests.

    Use it as a context manager and iterate over it, once::

        with Pipeline(vendor, requests, verify=verify, log=logger) as results:
            for result in results: ...

    Args:
        vendor: Who makes the exports.
        requests: What to export, in the order in which results are wanted.
        verify: Reads the files of a request to their end and returns whatever the consumer wants to know about them.
            Runs in a worker thread. It raises `CorruptFileError` for files that are not what the vendor wrote (they are
            fetched again), `InvalidRowsError` for content that cannot be taken (the request fails).
        log: Where to tell what went wrong and was tried again.
        export_ended: Is told of every export that the vendor ended or that was given up: the request, its age in
            seconds, and whether it is ready. Called by the coordinator.
        limits: How much, and how long.
        clock: Time.
        jitter: Turns the longest delay before a retry into the one that is waited.
        sizing: How much the vendor exports at a time: what it finds too large, or fails again and again, is split.
        jobs: Exports of an earlier run with which requests begin: the vendor's name of each, and its age in seconds.
        tells_starts: Whether every export that is created comes out among the results, as `Started`. Whoever comes back
            for the next result has written down its name: a stop leaves that export to a later run.
    """

    def __init__(
        self,
        vendor: Vendor[RequestT],
        requests: Sequence[RequestT],
        *,
        verify: Callable[[RequestT, tuple[IO[bytes], ...]], VerificationT],
        log: logging.Logger,
        export_ended: Callable[[RequestT, float, bool], None] = lambda _request, _seconds, _ready: None,
        limits: Limits = USUAL_LIMITS,
        clock: Clock | None = None,
        jitter: Callable[[float], float] = backoff.full_jitter,
        sizing: Sizing[RequestT] | None = None,
        jobs: Mapping[RequestT, tuple[JobName, float]] | None = None,
        tells_starts: bool = False,
    ) -> None:
        self._vendor = vendor
        self._limits = limits
        self._clock = clock or SystemClock()
        keep_links_out(log)
        self._tasks = [Task[RequestT, VerificationT](request) for request in requests]
        self._inbox: queue.SimpleQueue[_Answer | Cancelled | _Taken | _Stop] = queue.SimpleQueue()
        job_cap = vendor.job_cap if isinstance(vendor, CapsJobs) else JobCap()
        self._workers = Workers(
            vendor,
            verify=verify,
            report=lambda task, outcome: self._inbox.put(_Answer(task, outcome)),
            job_cap=job_cap,
            clock=self._clock,
            read_seconds=limits.read_seconds,
        )
        now = self._clock.now()
        for task in self._tasks:
            if jobs and task.request in jobs:
                job, age = jobs[task.request]
                task.adopts(job, now - age, now)
                task.needs(Stage.POLL, now)
                job_cap.started(job, now - age)
        self._canceller = Canceller(
            vendor,
            report=self._inbox.put,
            cancelled=job_cap.ended,
            log=log,
            jitter=jitter,
            patience=limits.trouble_seconds,
        )
        self._lifecycle = Lifecycle(
            self._tasks,
            limits=limits,
            log=log,
            export_ended=export_ended,
            jitter=jitter,
            allowed_at=self._allowed_at,
            used_up=self._used_up,
            sizing=sizing or AnySize(),
            started=self._tell_start if tells_starts else lambda _task: None,
            give_up_export=self._canceller.give_up,
        )
        self._handed_over = 0
        self._taken = 0
        self._stuck_since: float | None = None
        self._under_way: list[Task[RequestT, VerificationT]] = []
        self._outbox: queue.SimpleQueue[Task[RequestT, VerificationT] | _Start[RequestT] | BaseException | _End] = (
            queue.SimpleQueue()
        )
        self._coordinator = threading.Thread(target=self._coordinate, name="exports", daemon=True)

    # What the consumer sees

    def __enter__(self) -> Pipeline[RequestT, VerificationT]:
        with signals_blocked():
            self._coordinator.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._inbox.put(_Stop())
        self._coordinator.join()
        self._workers.stop()
        self._hear_last_answers(wait=isinstance(self._vendor, Cancels))
        for task in self._tasks:
            if not task.busy:  # a worker that is still busy cleans up after itself
                task.drop_files()
        self._cancel_what_nobody_will_fetch(kind)
        self._workers.close()

    def __iter__(self) -> Iterator[Result[RequestT, VerificationT] | Started[RequestT]]:
        while not isinstance(task := self._next(), _End):
            if isinstance(task, BaseException):
                raise task
            if isinstance(task, _Start):
                yield Started(task.request, task.attempt.job)
                task.attempt.is_remembered = True  # the consumer has come back for more
                continue
            try:
                if task.result is not None:
                    yield task.result
            finally:
                task.drop_files()
                task.result = None  # with the verification, and whatever it keeps on disk
                self._inbox.put(_Taken())

    def _next(self) -> Any:
        """Return what comes next, however long it takes.

        A signal that arrives in the moment before a wait begins interrupts nothing: its handler runs when the wait is
        over. So none lasts for long.
        """
        while True:
            with contextlib.suppress(queue.Empty):
                return self._outbox.get(timeout=MAX_DEAF_SECONDS)

    def last_create_in(self) -> float:
        """Return in how many seconds the rate limit lets the last export be created; less than 0 if it has been."""
        now = self._clock.now()
        if waiting := sum(task.stage is Stage.CREATE and not task.busy for task in self._tasks):
            return self._vendor.create_limit.seconds_for(waiting, now)
        return max((task.attempt.created_at for task in self._tasks), default=now) - now

    def interrupt(self, error: BaseException) -> None:
        """Make the consumer's wait end with ``error``. May be called from a signal handler."""
        self._outbox.put(error)

    def _tell_start(self, task: Task[RequestT, VerificationT]) -> None:
        self._outbox.put(_Start(task.request, task.attempt))

    def _hear_last_answers(self, *, wait: bool) -> None:
        """Take note of what workers have reported since; wait a little for exports that are just being created."""
        until = time.monotonic() + (CREATED_SECONDS if wait else 0.0)
        while not self._inbox.empty() or any(task.busy and task.stage is Stage.CREATE for task in self._tasks):
            try:
                news = self._inbox.get(timeout=max(until - time.monotonic(), 0.0))
            except queue.Empty:
                return
            if isinstance(news, _Answer):
                news.task.busy = False
                if news.task.stage is Stage.CREATE and isinstance(news.outcome, (int, str)):
                    news.task.has_job(news.outcome, self._clock.now())
                    news.task.needs(Stage.POLL, math.inf)
                elif isinstance(news.outcome, JobStatus) and news.outcome.state is not JobState.UNKNOWN:
                    news.task.attempt.last_state = news.outcome.state
            elif isinstance(news, Cancelled):
                self._canceller.heard(news, self._clock.now())

    def _cancel_what_nobody_will_fetch(self, error: type[BaseException] | None) -> None:
        """Ask the vendor to give up exports, but do not wait long for it.

        What STATE names, and is being made or is made, the next run will fetch. What still waits in the vendor's queue
        would keep others waiting meanwhile, for something that may never be fetched.

        Args:
            error: With which the run ends. After `QuotaUsedUpError` the next one comes for what still waits, too.
        """
        goes_on = error is not None and issubclass(error, QuotaUsedUpError)
        attempts = [task.attempt for task in self._tasks if task.stage is Stage.POLL or task.is_left]
        open_ones = [each for each in attempts if not each.has_ended and not each.is_given_up]
        jobs = [each.job for each in open_ones if not each.is_remembered or (each.is_waiting and not goes_on)]
        self._canceller.finish(jobs, CANCEL_SECONDS)

    # The coordinator

    def _coordinate(self) -> None:
        try:
            while self._taken < len(self._tasks):
                wake = self._start_what_may_start(self._clock.now())
                news = self._clock.wait(self._inbox, until=wake, expecting=self._expects_news())
                if isinstance(news, _Stop):
                    return
                if isinstance(news, _Taken):
                    self._taken += 1
                elif isinstance(news, Cancelled):
                    self._canceller.heard(news, self._clock.now())
                elif isinstance(news, _Answer):
                    news.task.busy = False
                    self._lifecycle.advance(news.task, news.outcome, self._clock.now())
                    self._hand_over()
            self._outbox.put(_End())
        except BaseException as error:  # noqa: BLE001 - it is raised again, where the consumer waits
            self._outbox.put(error)

    def _expects_news(self) -> bool:
        is_waited_for = self._canceller.is_busy or self._handed_over > self._taken
        return is_waited_for or any(task.busy for task in self._under_way)

    def _may_go_on(self) -> list[Task[RequestT, VerificationT]]:
        """Return the requests for which something may be done now, first ones first.

        They are those under way and, while there is room, the next ones; but none far ahead of the consumer. Where one
        was split, some that are under way, or done, may have come to lie further back.
        """
        self._under_way = [task for task in self._under_way if task.stage is not Stage.DONE]
        near = self._tasks[self._handed_over : self._taken + self._limits.in_flight]
        others = [task for task in near if task not in self._under_way and task.stage is not Stage.DONE]
        held = sum(isinstance(task.result, Delivery) for task in self._tasks[self._taken :])
        chosen = {*self._under_way, *others[: max(self._limits.in_flight - len(self._under_way) - held, 0)]}
        return [task for task in near if task in chosen] + [task for task in self._under_way if task not in near]

    def _start_what_may_start(self, now: float) -> float:
        """Start every action that is due and allowed, first requests first; return when to look again."""
        wake = self._canceller.start(now)
        for task in self._may_go_on():
            if task.busy or not self._has_worker_for(task.stage):
                continue  # the busy ones will report
            if task.stage is Stage.CREATE and self._canceller.comes_first:
                continue  # what was given up would stand in its way
            allowed_at = self._allowed_at(task.stage, now)
            if self._lifecycle.left_for_later(task, allowed_at - now):
                continue
            at = max(task.due, allowed_at)
            if at <= now:
                if self._lifecycle.split_ahead(task):
                    return self._start_what_may_start(now)
                self._start(task)
            else:
                wake = min(wake, at)
        self._hand_over()
        if not math.isinf(wake) or self._expects_news():
            self._stuck_since = None
            return wake
        # What is waited for may be an answer to another stream; but none is for ever on its way.
        self._stuck_since = now if self._stuck_since is None else self._stuck_since
        if now - self._stuck_since >= MAX_STUCK_SECONDS:
            raise StuckError(
                "The rate limit waits for the answer to a request that was counted and never sent: nothing would come "
                "of it. This is a fault of the tap: please report it"
            )
        return now + MAX_DEAF_SECONDS

    def _has_worker_for(self, stage: Stage) -> bool:
        """A link is asked for when it can be used at once: a poll takes a download's place."""
        creating = sum(task.busy and task.stage is Stage.CREATE for task in self._under_way)
        if stage is Stage.CREATE:
            return creating < CREATES_AT_ONCE
        return sum(task.busy for task in self._under_way) - creating < DOWNLOADS_AT_ONCE

    def _used_up(self, stage: Stage, wait: float) -> QuotaUsedUpError | None:
        budgets = {Stage.CREATE: self._vendor.create_limit, Stage.POLL: self._vendor.status_limit}
        return used_up(budgets.get(stage), wait)

    def _allowed_at(self, stage: Stage, now: float) -> float:
        if stage is Stage.CREATE:
            return self._vendor.create_limit.ready_at(now)
        if stage is Stage.POLL:
            return self._vendor.status_limit.ready_at(now)
        return now

    def _start(self, task: Task[RequestT, VerificationT]) -> None:
        if task.stage is Stage.CREATE:
            self._vendor.create_limit.spend()
        elif task.stage is Stage.POLL:
            self._vendor.status_limit.spend()
        task.busy = True
        if task not in self._under_way:
            self._under_way.append(task)
        self._workers.start(task)

    def _hand_over(self) -> None:
        while self._handed_over < len(self._tasks):
            task = self._tasks[self._handed_over]
            if task.result is None:
                return
            self._outbox.put(task)
            self._handed_over += 1
