"""The engine: create ahead, poll what is due, download what is ready, prove it, hand over in order.

One thread, the coordinator, decides everything; it never waits for the network. Each request and each download runs
in a worker thread of its own and reports back through the coordinator's inbox, and so does the consumer when it has
taken a result. So there is one place where the coordinator waits (`Clock.wait`), one order of events, and no locks.

An order passes through the stages CREATE, POLL and FETCH (which ends with the proof) and is DONE when it is delivered
or has failed. Whatever goes wrong on the way sends it back to an earlier stage, a bounded number of times.
"""

from __future__ import annotations

import dataclasses
import enum
import math
import queue
import threading
from typing import IO, TYPE_CHECKING, Any, Final, Generic, TypeVar

import backoff
import requests

from tap_cometly.exports.clock import SystemClock
from tap_cometly.exports.download import READ_SECONDS, Transfer
from tap_cometly.exports.jobs import (
    Damaged,
    Failure,
    JobState,
    JobStatus,
    JobUnknown,
    Link,
    LinkExpired,
    Order,
    Throttled,
    Unavailable,
    Unfit,
    Vendor,
)
from tap_cometly.exports.polling import LONGEST_GAP_SECONDS, PollRhythm

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Hashable, Iterator, Sequence
    from types import TracebackType

    from tap_cometly.exports.clock import Clock

Proof = TypeVar("Proof")

CREATES_AT_ONCE: Final = 4
"""Enough to use the largest budgets; each waits for one short answer."""
DOWNLOADS_AT_ONCE: Final = 2
"""One is read while the next arrives; more would only make the head of the line slower."""
MOST_EXPORTS_PER_ORDER: Final = 3
"""Jobs created for one order before it counts as failed."""
MOST_LINKS_REFUSED: Final = 3
"""Fresh links in a row that the store refused, before another export is tried."""
PATIENCE_WITH_UNKNOWN_SECONDS: Final = 60.0
"""A new job may be unknown to the vendor's own status endpoint for so long."""
LONGEST_BACKOFF_SECONDS: Final = 60.0

_ABOUT_ONE_ORDER: Final = (JobUnknown, LinkExpired, Damaged, Unfit)
"""Errors that concern one order; any other stops the run."""


@dataclasses.dataclass(frozen=True)
class Limits:
    """How much, and how long.

    Attributes:
        in_flight: Exports created but not yet taken by the consumer; so many files are on disk at most.
        export_seconds: How long one export may take at the vendor before another one is tried.
        trouble_seconds: How long an endpoint may be out of reach before orders fail.
        read_seconds: Longest silence of a connection.
    """

    in_flight: int = 20
    export_seconds: float = 30 * 60.0
    trouble_seconds: float = 5 * 60.0
    read_seconds: float = READ_SECONDS


@dataclasses.dataclass(frozen=True)
class Delivery(Generic[Order, Proof]):
    """A fulfilled order: its files are complete and were proven.

    Attributes:
        order: What was asked for.
        job: The vendor's name of the export.
        files: The files, from their beginning; closed when the next result is asked for.
        proof: What the proof of the files returned.
        file_bytes: What the files weigh, compressed.
        created_at: When the vendor had accepted the export, in seconds of the engine's clock.
        ready_at: When it was seen finished.
    """

    order: Order
    job: Hashable
    files: tuple[IO[bytes], ...]
    proof: Proof
    file_bytes: int
    created_at: float
    ready_at: float


class _Stage(enum.Enum):
    CREATE = "create"
    POLL = "poll"
    FETCH = "fetch"
    DONE = "done"


class _Task(Generic[Order, Proof]):
    """One order on its way."""

    def __init__(self, order: Order) -> None:
        self.order = order
        self.stage = _Stage.CREATE
        self.busy = False
        self.due = -math.inf
        self.exports = 0
        self.job: Hashable = None
        self.created_at = 0.0
        self.ready_at: float | None = None
        self.links: tuple[Link, ...] = ()
        self.links_refused = 0
        self.transfers: list[Transfer] = []
        self.damaged = False
        self.troubled_since: float | None = None
        self.delays = _backoff_delays()
        self.result: Delivery[Order, Proof] | Failure[Order] | None = None

    def drop_files(self) -> None:
        for transfer in self.transfers:
            transfer.close()
        self.transfers = []


def _backoff_delays() -> Iterator[float]:
    delays = backoff.expo(max_value=LONGEST_BACKOFF_SECONDS)
    delays.send(None)  # the generator's protocol: the first value is no delay
    return delays


@dataclasses.dataclass(frozen=True)
class _Answer:
    """A worker's report."""

    task: _Task[Any, Any]
    outcome: object


class _Taken:
    """The consumer is done with a result."""


class _Stop:
    """The consumer wants no more results."""


class Pipeline(Generic[Order, Proof]):
    """Fulfils orders, several at once, and hands the results over in the order of the orders.

    Use it as a context manager and iterate over it, once::

        with Pipeline(vendor, orders, prove=prove, log=logger) as results:
            for result in results: ...

    Args:
        vendor: Who makes the exports.
        orders: What to export, in the order in which results are wanted.
        prove: Reads the files of an order to their end and returns whatever the consumer wants to know about them.
            Runs in a worker thread. It raises `Damaged` for files that are not what the vendor wrote (they are
            fetched again), `Unfit` for content that cannot be taken (the order fails).
        log: Where to tell what went wrong and was tried again.
        export_ended: Is told of every export that the vendor ended or that was given up: the order, its age in
            seconds, and whether it is ready. Called by the coordinator.
        limits: How much, and how long.
        clock: Time.
        jitter: Turns the longest delay before a retry into the one that is waited.
    """

    def __init__(
        self,
        vendor: Vendor[Order],
        orders: Sequence[Order],
        *,
        prove: Callable[[Order, tuple[IO[bytes], ...]], Proof],
        log: logging.Logger,
        export_ended: Callable[[Order, float, bool], None] = lambda _order, _seconds, _ready: None,
        limits: Limits = Limits(),
        clock: Clock | None = None,
        jitter: Callable[[float], float] = backoff.full_jitter,
    ) -> None:
        self._vendor = vendor
        self._prove = prove
        self._log = log
        self._export_ended = export_ended
        self._limits = limits
        self._clock = clock or SystemClock()
        self._jitter = jitter
        self._session = requests.Session()
        # No .netrc, no proxy credentials: a link's host gets what the link says and nothing else.
        self._session.auth = _no_credentials
        self._tasks = [_Task[Order, Proof](order) for order in orders]
        self._handed_over = 0
        self._taken = 0
        self._rhythm = PollRhythm()
        self._down_since: dict[_Stage, float] = {}
        self._inbox: queue.SimpleQueue[_Answer | _Taken | _Stop] = queue.SimpleQueue()
        self._outbox: queue.SimpleQueue[Delivery[Order, Proof] | Failure[Order] | BaseException] = queue.SimpleQueue()
        self._coordinator = threading.Thread(target=self._coordinate, name="exports", daemon=True)

    # What the consumer sees

    def __enter__(self) -> Pipeline[Order, Proof]:
        self._coordinator.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._inbox.put(_Stop())
        self._coordinator.join()
        self._session.close()

    def __iter__(self) -> Iterator[Delivery[Order, Proof] | Failure[Order]]:
        for task in self._tasks:
            result = self._outbox.get()
            if isinstance(result, BaseException):
                raise result
            try:
                yield result
            finally:
                task.drop_files()
                self._inbox.put(_Taken())

    def interrupt(self, error: BaseException) -> None:
        """Make the consumer's wait end with ``error``. May be called from a signal handler."""
        self._outbox.put(error)

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
                elif isinstance(news, _Answer):
                    self._digest(news.task, news.outcome)
                    self._hand_over()
        except BaseException as error:  # noqa: BLE001 - it is raised again, where the consumer waits
            self._outbox.put(error)
        finally:
            for task in self._tasks[self._handed_over :]:
                task.drop_files()

    def _expects_news(self) -> bool:
        return self._handed_over > self._taken or any(task.busy for task in self._window())

    def _window(self) -> Sequence[_Task[Order, Proof]]:
        return self._tasks[self._handed_over : self._taken + self._limits.in_flight]

    def _start_what_may_start(self, now: float) -> float:
        """Start every action that is due and allowed, first orders first; return when to look again."""
        wake = math.inf
        scout_found = False
        for task in self._window():
            if task.busy or task.stage is _Stage.DONE:
                scout_found = scout_found or task.stage is _Stage.POLL
                continue
            if not self._has_worker_for(task.stage):
                continue  # the busy ones will report
            at = max(task.due, self._allowed_at(task.stage, now))
            if task.stage is _Stage.POLL and self._rhythm.usual is None:
                # Until one job has finished nobody knows how long jobs take: the first finds out for all.
                at = max(at, task.created_at + LONGEST_GAP_SECONDS) if scout_found else at
                scout_found = True
            if at <= now:
                self._start(task)
            else:
                wake = min(wake, at)
        return wake

    def _has_worker_for(self, stage: _Stage) -> bool:
        """A link is asked for when it can be used at once: a poll takes a download's place."""
        creating = sum(task.busy and task.stage is _Stage.CREATE for task in self._window())
        if stage is _Stage.CREATE:
            return creating < CREATES_AT_ONCE
        return sum(task.busy for task in self._window()) - creating < DOWNLOADS_AT_ONCE

    def _allowed_at(self, stage: _Stage, now: float) -> float:
        if stage is _Stage.CREATE:
            return self._vendor.create_budget.ready_at(now)
        if stage is _Stage.POLL:
            return self._vendor.status_budget.ready_at(now)
        return now

    def _start(self, task: _Task[Order, Proof]) -> None:
        if task.stage is _Stage.CREATE:
            self._vendor.create_budget.spend()
            work: Callable[[_Task[Order, Proof]], object] = self._create
        elif task.stage is _Stage.POLL:
            self._vendor.status_budget.spend()
            work = self._poll
        else:
            work = self._fetch
        task.busy = True
        threading.Thread(
            target=self._work, args=(work, task), name=f"{task.stage.value} {task.order}", daemon=True
        ).start()

    # The workers

    def _work(self, work: Callable[[_Task[Order, Proof]], object], task: _Task[Order, Proof]) -> None:
        try:
            outcome = work(task)
        except BaseException as error:  # noqa: BLE001 - the coordinator raises what it does not expect
            outcome = error
        self._inbox.put(_Answer(task, outcome))

    def _create(self, task: _Task[Order, Proof]) -> Hashable:
        return self._vendor.create(task.order)

    def _poll(self, task: _Task[Order, Proof]) -> JobStatus:
        return self._vendor.status(task.job)

    def _fetch(self, task: _Task[Order, Proof]) -> Delivery[Order, Proof]:
        for position, link in enumerate(task.links):
            if position == len(task.transfers):
                task.transfers.append(
                    Transfer(self._session, now=self._clock.now, read_seconds=self._limits.read_seconds)
                )
            transfer = task.transfers[position]
            if not transfer.complete:
                transfer.fetch(link)
        files = tuple(transfer.file for transfer in task.transfers)
        return Delivery(
            order=task.order,
            job=task.job,
            files=files,
            proof=self._prove(task.order, files),
            file_bytes=sum(transfer.received for transfer in task.transfers),
            created_at=task.created_at,
            ready_at=task.ready_at or task.created_at,
        )

    # What an answer means

    def _digest(self, task: _Task[Order, Proof], outcome: object) -> None:
        task.busy = False
        now = self._clock.now()
        if isinstance(outcome, Throttled):
            task.due = now  # the budget knows how long to wait
            return
        if isinstance(outcome, Unavailable):
            self._try_later(task, now, str(outcome))
            return
        if isinstance(outcome, BaseException) and not isinstance(outcome, _ABOUT_ONE_ORDER):
            raise outcome
        task.troubled_since = None
        task.delays = _backoff_delays()
        self._down_since.pop(task.stage, None)
        if task.stage is _Stage.CREATE:
            self._created(task, now, outcome)
        elif task.stage is _Stage.POLL:
            self._polled(task, now, outcome)
        else:
            self._fetched(task, now, outcome)

    def _created(self, task: _Task[Order, Proof], now: float, job: object) -> None:
        task.job = job
        task.exports += 1
        task.created_at = now
        task.ready_at = None
        task.links_refused = 0
        task.stage = _Stage.POLL
        task.due = now + self._rhythm.first()

    def _polled(self, task: _Task[Order, Proof], now: float, outcome: object) -> None:
        age = now - task.created_at
        if isinstance(outcome, JobUnknown):
            if age < PATIENCE_WITH_UNKNOWN_SECONDS:
                task.due = now + self._rhythm.gap(age)
            else:
                self._export_again(task, now, str(outcome))
            return
        if not isinstance(outcome, JobStatus):
            raise TypeError(f"unexpected answer about a job: {outcome!r}")
        if outcome.state is JobState.FAILED:
            self._export_again(task, now, f"the export ended as '{outcome.word}': {outcome.message}")
        elif outcome.state is JobState.READY:
            if task.ready_at is None:
                task.ready_at = now
                self._rhythm.finished(age)
                self._export_ended(task.order, age, True)
            if len(outcome.links) != len(task.links):
                task.drop_files()
            task.links = outcome.links
            task.stage = _Stage.FETCH
            task.due = now
        elif age >= self._limits.export_seconds:
            minutes = self._limits.export_seconds / 60
            self._export_again(task, now, f"the export was still '{outcome.word}' after {minutes:g} minutes")
        else:
            task.due = min(now + self._rhythm.gap(age), task.created_at + self._limits.export_seconds)

    def _fetched(self, task: _Task[Order, Proof], now: float, outcome: object) -> None:
        if isinstance(outcome, Delivery):
            self._finish(task, outcome)
        elif isinstance(outcome, Unfit):
            self._fail(task, str(outcome))
        elif isinstance(outcome, LinkExpired):
            task.links_refused += 1
            if task.links_refused < MOST_LINKS_REFUSED:
                self._log.info("%s: %s; asking for a fresh link", task.order, outcome)
                task.stage = _Stage.POLL
                task.due = now
            else:
                self._export_again(task, now, str(outcome))
        elif isinstance(outcome, Damaged):
            task.drop_files()
            if task.damaged:
                self._export_again(task, now, str(outcome))
            else:
                self._log.warning("%s: %s; downloading it again", task.order, outcome)
                task.damaged = True
                task.stage = _Stage.POLL
                task.due = now
        else:
            raise TypeError(f"unexpected outcome of a download: {outcome!r}")

    def _try_later(self, task: _Task[Order, Proof], now: float, reason: str) -> None:
        """Wait and try the same again, unless it has not worked for too long, for this order or for any."""
        down_since = self._down_since.setdefault(task.stage, now)
        if task.troubled_since is None:
            task.troubled_since = now
        troubled = now - min(task.troubled_since, down_since)
        if troubled >= self._limits.trouble_seconds:
            self._fail(task, f"{reason}, and so for {troubled / 60:.0f} minutes")
            return
        delay = self._jitter(next(task.delays))
        self._log.warning("%s: %s; trying again in %.0f s", task.order, reason, delay)
        task.due = now + delay

    def _export_again(self, task: _Task[Order, Proof], now: float, reason: str) -> None:
        if task.ready_at is None:
            self._export_ended(task.order, now - task.created_at, False)
        task.drop_files()
        task.damaged = False
        if task.exports >= MOST_EXPORTS_PER_ORDER:
            self._fail(task, f"{reason} (export {task.exports} of {MOST_EXPORTS_PER_ORDER})")
            return
        self._log.warning("%s: %s; creating another export", task.order, reason)
        task.stage = _Stage.CREATE
        task.due = now

    def _fail(self, task: _Task[Order, Proof], reason: str) -> None:
        self._log.error("%s is not delivered: %s", task.order, reason)
        self._finish(task, Failure(task.order, reason))

    def _finish(self, task: _Task[Order, Proof], result: Delivery[Order, Proof] | Failure[Order]) -> None:
        if isinstance(result, Failure):
            task.drop_files()
        task.stage = _Stage.DONE
        task.result = result

    def _hand_over(self) -> None:
        while self._handed_over < len(self._tasks):
            result = self._tasks[self._handed_over].result
            if result is None:
                return
            self._outbox.put(result)
            self._handed_over += 1


def _no_credentials(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request
