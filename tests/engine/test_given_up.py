"""Exports that are given up: the vendor is asked to make them no more, before another one is created or at the end."""

from __future__ import annotations

import math

import pytest

from bulk_exports.engine import Limits, Pipeline
from bulk_exports.engine.errors import (
    LinkExpiredError,
    RateLimitedError,
    RequestRejectedError,
    UnavailableError,
    UnknownJobError,
)
from bulk_exports.engine.vendor import JobStatus, Link
from tests.engine.scripted import (
    FAILED,
    LOG,
    READY,
    RUNNING,
    WAITING,
    CancellingVendor,
    ScriptedVendor,
    read,
    reason,
    rows,
    run,
)
from tests.engine.test_sizing import Halves

LIMITS = Limits(export_seconds=600, queue_seconds=3600)


def slow(clock, *, until, others=0):
    """Make so many jobs that take for ever, and quick ones after them."""
    vendor = CancellingVendor(clock, seconds=60, others=others)
    finished = vendor.status
    vendor.status = lambda job: JobStatus(RUNNING, "making") if job < until else finished(job)
    create = vendor.create

    def behind_nobody(request):
        vendor.free_at = clock.now()  # what is taken out of the queue is in nobody's way
        return create(request)

    vendor.create = behind_nobody
    return vendor


def steps(vendor):
    return [(step, what) for step, what, _ in vendor.log if step in {"create", "cancel"}]


def test_one_that_takes_too_long_is_cancelled_before_another_is_created(clock, files):
    vendor = slow(clock, until=1)
    assert rows(run(vendor, clock, ["a"], limits=LIMITS)) == [[b'{"request":"a"}']]
    assert steps(vendor) == [("create", "a"), ("cancel", 0), ("create", "a")]


def test_one_that_waits_for_too_long_is_cancelled_when_the_run_ends(clock, files):
    vendor = CancellingVendor(clock, seconds=60, others=86_400)
    assert "in the vendor's queue for 60 minutes" in reason(run(vendor, clock, ["a"], limits=LIMITS))
    assert vendor.cancelled == [0]


def test_the_last_one_that_may_be_tried_is_cancelled_like_the_others(clock, files):
    vendor = slow(clock, until=9)
    assert "export 3 of 3" in reason(run(vendor, clock, ["a"], limits=LIMITS))
    assert vendor.cancelled == [0, 1, 2]


def test_one_that_has_ended_is_not(clock, files):
    vendor = CancellingVendor(clock, seconds=60, others=0)
    vendor.script["status", "a"] = [JobStatus(FAILED, "failed")]
    assert rows(run(vendor, clock, ["a"], limits=LIMITS)) == [[b'{"request":"a"}']]
    assert vendor.cancelled == []


def test_before_smaller_ones_take_its_place_it_is_cancelled_too(clock, files):
    vendor = slow(clock, until=2)
    with Pipeline(
        vendor, [(0, 1)], verify=read, log=LOG, limits=LIMITS, clock=clock, jitter=float, sizing=Halves()
    ) as results:
        assert [result.request for result in results] == [(0, 0), (1, 1)]
    assert steps(vendor)[:4] == [("create", (0, 1)), ("cancel", 0), ("create", (0, 1)), ("cancel", 1)]
    assert vendor.cancelled == [0, 1]


def test_where_it_cannot_be_cancelled_for_now_the_next_one_waits(clock, files):
    vendor = slow(clock, until=1)
    vendor.script["cancel", 0] = [RateLimitedError("429"), UnavailableError("503")]
    assert rows(run(vendor, clock, ["a"], limits=LIMITS)) == [[b'{"request":"a"}']]
    assert steps(vendor) == [("create", "a"), *[("cancel", 0)] * 3, ("create", "a")]
    assert vendor.create_limit.spent == 2, "whatever is not sent is not counted"


def test_one_that_is_gone_already_is_in_nobodys_way(clock, files):
    vendor = slow(clock, until=1)
    vendor.script["cancel", 0] = [UnknownJobError("404")]
    assert rows(run(vendor, clock, ["a"], limits=LIMITS)) == [[b'{"request":"a"}']]
    assert steps(vendor) == [("create", "a"), ("cancel", 0), ("create", "a")]


def test_where_the_vendor_lets_nobody_cancel_another_one_is_created_all_the_same(clock, files, caplog):
    vendor = slow(clock, until=1)
    vendor.script["cancel", 0] = [RequestRejectedError("not allowed (HTTP 403)")]
    assert rows(run(vendor, clock, ["a"], limits=LIMITS)) == [[b'{"request":"a"}']]
    assert "The export 0, which was given up, cannot be cancelled: not allowed (HTTP 403)" in caplog.text


def test_a_vendor_in_trouble_holds_up_nothing_for_long_and_is_asked_again_all_the_same(clock, files, caplog):
    vendor = slow(clock, until=1)
    vendor.script["cancel", 0] = [UnavailableError("503")] * 12
    assert rows(run(vendor, clock, ["a", "b"], limits=LIMITS)) == [[b'{"request":"a"}'], [b'{"request":"b"}']]
    first, *_, last = vendor.times("cancel", 0)
    (*_, created_again) = vendor.times("create", "a")
    assert LIMITS.trouble_seconds <= created_again - first < 2 * LIMITS.trouble_seconds
    assert last >= created_again
    assert vendor.cancelled == [0]
    assert caplog.text.count("cannot be cancelled: 503") == 1


class OneAtATime(CancellingVendor):
    """Makes one export after the other; those of some requests never end, and keep all others waiting."""

    def __init__(self, clock, *, endless):
        super().__init__(clock, seconds=60, others=0)
        self._endless = endless
        self._ends = {}

    def _next_of_queue(self):
        return next((job for job in range(len(self.jobs)) if job not in self.cancelled and job not in self._ends), None)

    def status(self, job):
        now = self.clock.now()
        while (first := self._next_of_queue()) is not None:
            request, created_at = self.jobs[first]
            ends = max(created_at, max(self._ends.values(), default=0)) + 60
            if request in self._endless or ends > now:
                break
            self._ends[first] = ends
        if job in self._ends:
            return JobStatus(READY, "done", links=(Link(f"https://files.test/{self.jobs[job][0]}"),))
        return JobStatus(RUNNING, "making") if job == first else JobStatus(WAITING, "waiting")


def test_one_whose_request_has_failed_is_cancelled_at_once_lest_all_others_wait(clock, files):
    began = clock.now()
    vendor = OneAtATime(clock, endless={"a"})
    requests = list("abcdef")
    results = run(vendor, clock, requests, limits=Limits(export_seconds=600, queue_seconds=7200, in_flight=2))
    assert rows(results) == [None, *([b'{"request":"%s"}' % each.encode()] for each in requests[1:])]
    assert clock.now() - began < 2 * 3600


def test_while_others_use_the_same_budget_their_answer_is_waited_for(clock, files):
    """The budget of two streams is infinite while a request of the other one is on its way: nothing here will tell."""
    vendor = ScriptedVendor(clock)
    answers = iter([math.inf] * 5)
    vendor.create_limit.ready_at = lambda now: next(answers, now)
    assert rows(run(vendor, clock, ["a"])) == [[b'{"request":"a"}']]


def test_one_that_is_finished_is_not_cancelled_by_a_stop(clock, files):
    vendor = CancellingVendor(clock, seconds=60, others=0)

    class StoppedError(Exception):
        pass

    def refuse(_request, _files):
        raise LinkExpiredError("the link has expired")

    ready = vendor.status

    def stop_at_the_second_answer(job):
        answer = ready(job)
        if answer.state is READY and next(finished) == 1:
            engine.interrupt(StoppedError())
        return answer

    finished = iter(range(100))
    vendor.status = stop_at_the_second_answer
    engine = Pipeline(vendor, ["a"], verify=refuse, log=LOG, clock=clock, jitter=float)
    with pytest.raises(StoppedError), engine:
        list(engine)
    assert 0 not in vendor.cancelled, "one that was created since may be"


def test_the_name_of_another_export_is_refused(clock, files):
    """What one export holds must not count as two days."""
    vendor = ScriptedVendor(clock)
    create = vendor.create
    vendor.create = lambda request: create(request) * 0
    results = run(vendor, clock, ["a", "b"])
    assert reason(results) == "the vendor returned the name of another export (0)"
    assert len([each for each in rows(results) if each is not None]) == 1


def test_that_of_an_export_of_an_earlier_run_is_refused_too(clock, files):
    vendor = ScriptedVendor(clock)
    vendor.create("a")
    create = vendor.create
    vendor.create = lambda request: create(request) * 0
    with Pipeline(
        vendor, ["a", "b"], verify=read, log=LOG, clock=clock, jitter=float, jobs={"a": (0, 60.0)}
    ) as results:
        told = list(results)
    assert reason(told) == "the vendor returned the name of another export (0)"
    assert rows(told) == [[b'{"request":"a"}'], None]
