"""A vendor that answers as a test wants it to, and what runs the engine against it."""

from __future__ import annotations

import collections
import gzip
import logging
import threading

from bulk_exports.engine import Delivery, Failure, Limits, Pipeline
from bulk_exports.engine.vendor import JobState, JobStatus, Link
from bulk_exports.files.ndjson import lines

LOG = logging.getLogger("test")
READY, RUNNING, FAILED, WAITING = JobState.READY, JobState.RUNNING, JobState.FAILED, JobState.WAITING


class FreeBudget:
    def __init__(self):
        self.spent = 0

    def ready_at(self, now):
        return now

    def seconds_for(self, count, now):
        return 0.0

    def spend(self):
        self.spent += 1

    def returned(self):
        self.spent -= 1


class ScriptedVendor:
    """Makes jobs that take ``seconds``; ``script`` holds answers given instead, by step and request, first to last."""

    def __init__(self, clock, *, seconds=90.0):
        self.clock = clock
        self.seconds = seconds if callable(seconds) else lambda _order: seconds
        self.create_limit = FreeBudget()
        self.status_limit = FreeBudget()
        self.script = collections.defaultdict(list)
        self.jobs = []  # (request, created at)
        self.log = []  # (step, request, time)
        self.lock = threading.Lock()

    def _next(self, step, request):
        with self.lock:
            self.log.append((step, request, self.clock.now()))
            answers = self.script[step, request]
            answer = answers.pop(0) if answers else None
        if isinstance(answer, Exception):
            raise answer
        return answer

    def create(self, request):
        self._next("create", request)
        with self.lock:
            self.jobs.append((request, self.clock.now()))
            return len(self.jobs) - 1

    def status(self, job):
        request, created_at = self.jobs[job]
        answer = self._next("status", request)
        if answer is not None:
            return answer
        if self.clock.now() < created_at + self.seconds(request):
            return JobStatus(RUNNING, "processing")
        return JobStatus(READY, "completed", links=(Link(f"https://files.test/{request}"),))

    def times(self, step, request):
        return [at for logged, of, at in self.log if (logged, of) == (step, request)]


def content(request):
    return gzip.compress(b'{"request":"%s"}\n' % str(request).encode())


def read(_order, files):
    return [line for file in files for _, line in lines(file)]


def run(vendor, clock, requests, *, verify=read, limits=Limits(), jitter=float):  # noqa: B008
    with Pipeline(vendor, requests, verify=verify, log=LOG, limits=limits, clock=clock, jitter=jitter) as results:
        return list(results)


def rows(results):
    return [result.verification if isinstance(result, Delivery) else None for result in results]


def reason(results):
    (failure,) = (result for result in results if isinstance(result, Failure))
    return failure.reason


class QueuedVendor(ScriptedVendor):
    """Makes one job at a time, behind those of others, and tells who waits."""

    def __init__(self, clock, *, seconds, others):
        super().__init__(clock, seconds=seconds)
        self.free_at = clock.now() + others

    def create(self, request):
        job = super().create(request)
        self.starts = {**getattr(self, "starts", {}), job: max(self.clock.now(), self.free_at)}
        self.free_at = self.starts[job] + self.seconds(request)
        return job

    def status(self, job):
        status = super().status(job)
        if self.clock.now() < self.starts[job]:
            return JobStatus(WAITING, "waiting")
        return status if self.clock.now() >= self.starts[job] + self.seconds(job) else JobStatus(RUNNING, "processing")


class CancellingVendor(QueuedVendor):
    """Takes jobs out of its queue."""

    def __init__(self, clock, **how):
        super().__init__(clock, **how)
        self.cancelled = []

    def cancel(self, job):
        self._next("cancel", job)
        self.cancelled.append(job)
