"""What a vendor's client may do wrong, and what it need not do because the engine does it."""

from __future__ import annotations

import logging

import pytest

from bulk_exports.engine import Limits, Pipeline
from bulk_exports.engine.budgets import JobCap
from bulk_exports.engine.errors import RateLimitedError, StuckError, WindowTooLargeError
from bulk_exports.engine.pipeline import MAX_STUCK_SECONDS
from bulk_exports.engine.polling import MAX_GAP_SECONDS
from bulk_exports.engine.rate_limit import RateLimit
from bulk_exports.engine.vendor import JobStatus
from tests.engine.scripted import FAILED, LOG, ScriptedVendor, read, reason, rows, run


class CountsTwice(ScriptedVendor):
    """Counts every create, though the engine has done so: one of two is never answered."""

    def __init__(self, clock):
        super().__init__(clock, seconds=1.0)
        self.create_limit = RateLimit(3)

    def create(self, request):
        self.create_limit.spend()
        job = super().create(request)
        self.create_limit.answered(self.clock.now())
        return job


def test_a_budget_that_waits_for_an_answer_to_what_was_never_sent_ends_the_run_in_words(clock, files):
    vendor = CountsTwice(clock)
    with pytest.raises(StuckError, match="counted and never sent"):
        run(vendor, clock, list("abcdefg"))
    *_, (_, _, last) = vendor.log
    assert MAX_STUCK_SECONDS <= clock.now() - last < 2 * MAX_STUCK_SECONDS


@pytest.mark.parametrize("step", ["create", "status"])
def test_a_mistake_in_a_client_is_named_with_its_place_and_without_its_words(clock, files, caplog, step):
    caplog.set_level(logging.DEBUG)
    vendor = ScriptedVendor(clock)
    vendor.script[step, "a"] = [KeyError("recognisable")]
    what = {"create": "created", "status": "asked for"}[step]
    told = reason(run(vendor, clock, ["a"]))
    assert told == f"the export cannot be {what} (KeyError). This is a fault of the tap: please report it"
    (record,) = [each for each in caplog.records if each.levelno == logging.DEBUG and "where it" in each.message]
    assert "scripted.py" in record.message
    assert "recognisable" not in caplog.text


@pytest.mark.parametrize("failures", [1, 2])
def test_when_the_first_export_fails_another_finds_out_how_long_they_take(clock, files, failures):
    vendor = ScriptedVendor(clock, seconds=2.0)
    for request in "abcd"[:failures]:
        vendor.script["status", request] = [JobStatus(FAILED, "failed", "no reason")]
    began = clock.now()
    assert None not in rows(run(vendor, clock, list("abcd")))
    assert clock.now() - began < 15


class Capped(ScriptedVendor):
    """Makes so many exports at a time, and refuses one more."""

    def __init__(self, clock, *, places, seconds=60.0):
        super().__init__(clock, seconds=seconds)
        self.places = places
        self.job_cap = self.create_limit = JobCap(places)
        self.over = set()
        self.refused = 0

    def under_way(self):
        running = {job for job, (of, at) in enumerate(self.jobs) if self.clock.now() < at + self.seconds(of)}
        return len(running - self.over)

    def create(self, request):
        if self.under_way() >= self.places:
            self.refused += 1
            self.job_cap.refused(self.clock.now(), None)
            raise RateLimitedError("too many are under way", by=self.job_cap)
        job = super().create(request)
        self.job_cap.answered(self.clock.now())
        return job

    def status(self, job):
        try:
            return super().status(job)
        except WindowTooLargeError:
            self.over.add(job)
            raise

    def cancel(self, job):
        self.over.add(job)


def test_the_engine_counts_which_exports_are_under_way(clock, files):
    vendor = Capped(clock, places=2)
    assert None not in rows(run(vendor, clock, list("abcdef")))
    assert vendor.refused == 0


def test_it_counts_those_of_an_earlier_run_too(clock, files):
    vendor = Capped(clock, places=2)
    for request in "ab":
        ScriptedVendor.create(vendor, request)
    clock.advance(50)
    jobs, began = {"a": (0, 50.0), "b": (1, 50.0)}, clock.now()
    with Pipeline(vendor, list("abc"), verify=read, log=LOG, clock=clock, jitter=float, jobs=jobs) as results:
        assert None not in rows(results)
    assert vendor.refused == 0
    (created,) = vendor.times("create", "c")
    assert created - began < MAX_GAP_SECONDS


def test_it_counts_no_more_what_was_cancelled_or_was_too_large(clock, files):
    vendor = Capped(clock, places=1, seconds=lambda request: 1e9 if request == "b" else 60.0)
    vendor.script["status", "a"] = [WindowTooLargeError("too large")]
    began = clock.now()
    results = run(vendor, clock, list("abc"), limits=Limits(export_seconds=600))
    assert [row is None for row in rows(results)] == [True, True, False]
    assert clock.now() - began < 4 * 600
    assert vendor.refused == 0
