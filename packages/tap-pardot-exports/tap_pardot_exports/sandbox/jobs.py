"""The queue: one export at a time for the whole account, the oldest first, whoever asked for it."""

from __future__ import annotations

import dataclasses
import itertools
import math
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from tap_pardot_exports import vocabulary as pardot

if TYPE_CHECKING:
    import datetime as dt

    from bulk_exports.sandbox.faults import Fault
    from tap_pardot_exports.sandbox.queries import Query

LIFE_SECONDS: Final = pardot.DATA_DAYS * 86_400.0
_FIRST_ID: Final = 201_900

JobSeconds = float | Callable[[str, int], float]


@dataclasses.dataclass
class Job:
    """An export.

    Attributes:
        id: Its number.
        query: What was asked for; None for one of somebody else.
        day: The first day that it is about.
        created_at: Since when it waits.
        seconds: How long it takes, once it is its turn.
        starts_at: When its turn came; infinity while it has not.
        ends_at: When it was, or will be, finished.
        canceled_at: When it was taken out.
        fate: What becomes of it instead.
        rows: How many it has, once somebody has counted them.
    """

    id: int
    query: Query | None
    day: dt.date | None
    created_at: float
    seconds: float
    starts_at: float = math.inf
    ends_at: float = math.inf
    canceled_at: float | None = None
    fate: Fault | None = None
    rows: int | None = None


class Jobs:
    """Every export of the account.

    Args:
        clock: Epoch seconds.
        job_seconds: How long an export takes, or a function of stream and attempt (1, 2, ...).
    """

    def __init__(self, clock: Callable[[], float], job_seconds: JobSeconds) -> None:
        self._clock = clock
        self._job_seconds = job_seconds
        self._ids = itertools.count(_FIRST_ID)
        self._jobs: dict[int, Job] = {}
        self._queue: list[Job] = []
        self._free_at = -math.inf
        self._attempts = 0
        self._lock = threading.Lock()

    def create(self, query: Query, day: dt.date | None, fate: Fault | None) -> Job:
        """Put an export at the end of the queue."""
        self._attempts += 1
        seconds = self._job_seconds
        if callable(seconds):
            seconds = seconds(query.thing.stream, self._attempts)
        if fate and fate.kind == "never_finishes":
            seconds = math.inf
        return self._put(query, day, seconds, fate)

    def occupy(self, seconds: float) -> int:
        """Put an export of somebody else at the end of the queue; return its number."""
        return self._put(None, None, seconds, None).id

    def find(self, number: int) -> Job | None:
        """Return an export of ours."""
        job = self._jobs.get(number)
        return job if job and job.query else None

    def all(self) -> list[Job]:
        """Return every export, the oldest first."""
        self._settle()
        return list(self._jobs.values())

    def state(self, job: Job) -> str:
        """Return where an export stands, in the vendor's words."""
        self._settle()
        now = self._clock()
        if job.canceled_at is not None:
            return "Canceled"
        if now >= job.ends_at:
            failed = job.fate and job.fate.kind in {"failed", "canceled"}
            return str(job.fate.kind).capitalize() if job.fate and failed else "Complete"
        return "Processing" if now >= job.starts_at else "Waiting"

    def is_expired(self, job: Job) -> bool:
        """Whether the files of an export are gone."""
        since = job.canceled_at if job.canceled_at is not None else job.ends_at
        return self._clock() >= since + LIFE_SECONDS or bool(job.fate and job.fate.kind == "expired")

    def cancel(self, job: Job) -> bool:
        """Take an export out, unless it has ended; tell whether it was taken out."""
        if self.state(job) not in {"Waiting", "Processing"}:
            return False
        self._take_out(job, self._clock())
        return True

    def _put(self, query: Query | None, day: dt.date | None, seconds: float, fate: Fault | None) -> Job:
        with self._lock:
            job = Job(next(self._ids), query, day, self._clock(), seconds, fate=fate)
            self._jobs[job.id] = job
            self._queue.append(job)
        self._settle()
        return job

    def _take_out(self, job: Job, moment: float) -> None:
        with self._lock:
            job.canceled_at = moment
            if job.starts_at <= moment:
                self._free_at = moment
            if job in self._queue:
                self._queue.remove(job)
        self._settle()

    def _settle(self) -> None:
        """Let everything happen that has happened by now."""
        now = self._clock()
        with self._lock:
            while self._queue:
                job = self._queue[0]
                if job.starts_at == math.inf:
                    starts_at = max(job.created_at, self._free_at)
                    if starts_at > now:
                        return
                    job.starts_at = starts_at
                    job.ends_at = starts_at + job.seconds
                if min(job.ends_at, job.created_at + LIFE_SECONDS) > now:
                    return
                if job.ends_at > job.created_at + LIFE_SECONDS:  # nobody waits for longer
                    job.canceled_at = job.created_at + LIFE_SECONDS
                self._free_at = min(job.ends_at, job.created_at + LIFE_SECONDS)
                self._queue.pop(0)
