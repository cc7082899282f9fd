"""Export jobs: queued, processing, completed; or another fate."""

from __future__ import annotations

import collections
import concurrent.futures
import dataclasses
import datetime as dt
import itertools
import threading
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from bulk_exports.sandbox.dice import roll
from bulk_exports.sandbox.shelf import Form, Shelf, StoredObject
from tap_cometly.sandbox.content import Content
from tap_cometly.sandbox.queries import EventQuery, Query, Space

if TYPE_CHECKING:
    from bulk_exports.sandbox.faults import Fault

_FIRST_EXPORT_ID: Final = 40_001
_PATIENCE: Final = 5.0
"""Real seconds that a status request waits for a file in the making; after them the job is still processing."""

JobSeconds = float | Callable[[dt.date, int], float]


@dataclasses.dataclass
class Job:
    """One export job. ``content`` is fixed when its end is first seen."""

    export_id: int
    resource: str
    query: Query
    created_at: float
    ends_at: float
    object_name: str
    fate: Fault | None = None
    content: Content | None = None
    first_link: str | None = None
    order: int = 0


class Jobs:
    """Every job of the Space."""

    def __init__(
        self, space: Space, shelf: Shelf[Content], clock: Callable[[], float], job_seconds: JobSeconds
    ) -> None:
        self._space = space
        self._shelf = shelf
        self._clock = clock
        self._job_seconds = job_seconds
        self._ids = itertools.count(_FIRST_EXPORT_ID)
        self._attempts: collections.Counter[tuple[str, dt.date]] = collections.Counter()
        self._jobs: dict[int, Job] = {}
        self._objects: dict[str, Job] = {}
        self._lock = threading.Lock()

    def create(self, resource: str, query: Query, fate: Fault | None) -> Job:
        """Start a job."""
        with self._lock:
            export_id = next(self._ids)
            self._attempts[resource, query.date] += 1
            seconds = self._job_seconds
            if callable(seconds):
                seconds = seconds(query.date, self._attempts[resource, query.date])
            now = self._clock()
            name = f"{uuid.UUID(int=roll(export_id, 1) << 64 | roll(export_id, 2), version=4)}.ndjson.gz"
            job = Job(export_id, resource, query, now, now + seconds, name, fate)
            self._jobs[export_id] = self._objects[name] = job
        content = self._content(job)
        if content.until is None:
            # A closed day: begin to write at once, most likely nothing will change before the job ends.
            self._shelf.build(content, self._form())
        return job

    def find(self, resource: str, export_id: int) -> Job | None:
        """Return the job, unless there is none or it has been forgotten."""
        job = self._jobs.get(export_id)
        lifetime = self._space.quirks.job_lifetime
        if job is None or job.resource != resource:
            return None
        return None if lifetime is not None and self._clock() >= job.ends_at + lifetime else job

    def of_object(self, name: str) -> Job | None:
        """Return the finished job whose file has this name."""
        job = self._objects.get(name)
        return job if job and job.content else None

    def get(self, export_id: int) -> Job:
        """Return the job.

        Raises:
            LookupError: There is no such job.
        """
        try:
            return self._jobs[export_id]
        except KeyError:
            raise LookupError(f"There is no export {export_id}.") from None

    def state(self, job: Job) -> str:
        """Return ``queued``, ``processing`` or ``completed``, and fix the content at the end."""
        now = self._clock()
        if now < job.ends_at:
            return "queued" if now < job.created_at + (job.ends_at - job.created_at) / 3 else "processing"
        with self._lock:
            job.content = job.content or self._content(job)
        future = self._shelf.build(job.content, self._form())
        try:
            future.result(_PATIENCE)
        except concurrent.futures.TimeoutError:
            return "processing"
        return "completed"

    def file(self, job: Job, **form: Any) -> StoredObject:
        """Return the file of a finished job, in the form that the quirks and a fault give it."""
        if job.content is None:
            raise LookupError(f"Export {job.export_id} is not finished.")
        changes = {"order": job.order, **form}
        return self._shelf.build(job.content, dataclasses.replace(self._form(), **changes)).result()

    def _form(self) -> Form:
        quirks = self._space.quirks
        return Form(member_rows=quirks.member_rows, final_newline=quirks.final_newline)

    def _content(self, job: Job) -> Content:
        past = self._space.history.at(job.ends_at)
        _, end = job.query.bounds(self._space.days)
        until = None if job.ends_at >= end else job.ends_at
        # Contacts and companies do not follow from the changes of any day's events.
        revision = past.revision(job.query.date) if isinstance(job.query, EventQuery) else (0, 0)
        return Content(job.query, revision, until, past)
