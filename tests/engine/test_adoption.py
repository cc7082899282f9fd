"""Exports of an earlier run: how long they are waited for, what comes of them, which a stop leaves to the next run."""

from __future__ import annotations

import logging
import threading

import pytest

from bulk_exports.engine import Limits, Pipeline
from bulk_exports.engine.errors import CorruptFileError
from bulk_exports.engine.vendor import JobStatus
from simulation.patience import HANG_SECONDS
from tests.engine.scripted import (
    FAILED,
    LOG,
    WAITING,
    CancellingVendor,
    QueuedVendor,
    ScriptedVendor,
    read,
    reason,
    rows,
)

DAY = 86_400.0
LIMITS = Limits(export_seconds=1800, queue_seconds=3 * 3600)


def run(vendor, clock, jobs, requests="a", *, limits=LIMITS, verify=read):
    """Go on with these exports, each asked for so many seconds ago."""
    with Pipeline(
        vendor, list(requests), verify=verify, log=LOG, limits=limits, clock=clock, jitter=float, jobs=jobs
    ) as results:
        return list(results)


def test_how_long_an_export_of_an_earlier_run_took_is_not_known_once_it_is_finished(clock, files):
    vendor = ScriptedVendor(clock)
    vendor.create("a")
    clock.advance(3 * 86_400)
    jobs = {"a": (0, 3 * 86_400.0)}
    with Pipeline(vendor, list("ab"), verify=read, log=LOG, clock=clock, jitter=float, jobs=jobs) as results:
        assert rows(results) == [[b'{"request":"a"}'], [b'{"request":"b"}']]
    (_, (_, created_at)) = vendor.jobs
    assert vendor.times("status", "b")[0] - created_at < 60


def test_an_export_is_waited_for_as_long_as_if_it_were_new(clock, files):
    vendor = ScriptedVendor(clock, seconds=DAY + 1000)
    vendor.create("a")
    clock.advance(DAY)
    assert rows(run(vendor, clock, {"a": (0, DAY)})) == [[b'{"request":"a"}']]
    assert len(vendor.jobs) == 1


def test_one_that_is_still_not_finished_then_makes_room_for_another(clock, files):
    vendor = ScriptedVendor(clock, seconds=lambda _: 3 * DAY if len(vendor.jobs) == 1 else 60.0)
    vendor.create("a")
    clock.advance(DAY)
    began = clock.now()
    vendor.script["status", "a"] = [JobStatus(vendor.status(0).state, "processing")] * 100
    run(vendor, clock, {"a": (0, DAY)})
    (_, _), (_, created_at) = vendor.jobs
    assert created_at - began == LIMITS.export_seconds


def test_one_that_waits_in_the_queue_may_wait_as_long_as_if_it_were_new(clock, files):
    vendor = QueuedVendor(clock, seconds=600, others=DAY + 2 * 3600)
    vendor.create("a")
    clock.advance(DAY)
    assert rows(run(vendor, clock, {"a": (0, DAY)})) == [[b'{"request":"a"}']]
    assert len(vendor.jobs) == 1


def test_one_that_waits_for_longer_fails_and_says_for_how_long_this_run_has_waited(clock, files):
    vendor = QueuedVendor(clock, seconds=600, others=2 * DAY)
    vendor.create("a")
    clock.advance(DAY)
    assert "in the vendor's queue for 180 minutes" in reason(run(vendor, clock, {"a": (0, DAY)}))


@pytest.mark.parametrize("of_no_use", ["cancelled", "damaged"])
def test_one_that_is_of_no_use_costs_none_of_the_attempts_of_this_run(clock, files, caplog, of_no_use):
    """Somebody took it out of the queue, perhaps the run itself that was stopped."""
    vendor = ScriptedVendor(clock)
    vendor.create("a")
    caplog.set_level(logging.INFO)
    damaged = iter([of_no_use == "damaged"] * 2)
    if of_no_use == "cancelled":
        vendor.script["status", "a"] = [JobStatus(FAILED, "cancelled")]

    def verify(request, files):
        if next(damaged, False):
            raise CorruptFileError("cut short")
        return read(request, files)

    results = run(vendor, clock, {"a": (0, 60.0)}, verify=verify)
    assert rows(results) == [[b'{"request":"a"}']]
    assert len(vendor.jobs) == 2
    assert "the export of an earlier run is of no use: " in caplog.text
    assert not [record for record in caplog.records if record.levelname == "WARNING" and "another" in record.message]


# A stop


class StoppedError(Exception):
    """Somebody stops the run."""


def follow(vendor, clock, told, *, stop, tells_starts=True):
    """Follow three exports, one made at a time, noting which are told of; ``stop`` gets each result and the engine."""
    with Pipeline(
        vendor, list("abc"), verify=read, log=LOG, clock=clock, jitter=float, tells_starts=tells_starts
    ) as results:
        stop(None, results)
        for result in results:
            stop(result, results)
            told.append(result.job)


class SeenWaiting:
    """Stops once two exports were seen in the queue, as soon as there is an engine that can be told."""

    def __init__(self, vendor):
        self._engine_known = threading.Event()
        self._seen = set()
        self._status = vendor.status
        vendor.status = self.status

    def __call__(self, _result, engine):
        self._engine = engine
        self._engine_known.set()

    def status(self, job):
        answer = self._status(job)
        self._seen |= {job} if answer.state is WAITING else set()
        if len(self._seen) == 2:
            assert self._engine_known.wait(HANG_SECONDS)
            self._engine.interrupt(StoppedError())
        return answer


def test_a_stop_leaves_what_is_being_made_to_the_next_run_and_takes_the_rest_out_of_the_queue(clock, files):
    vendor, told = CancellingVendor(clock, seconds=600, others=0), []
    with pytest.raises(StoppedError):
        follow(vendor, clock, told, stop=SeenWaiting(vendor))
    assert told == [0, 1, 2]
    assert vendor.cancelled == [1, 2]


def test_a_stop_takes_everything_back_that_no_later_run_goes_on_with(clock, files):
    vendor, told = CancellingVendor(clock, seconds=600, others=0), []
    with pytest.raises(StoppedError):
        follow(vendor, clock, told, stop=SeenWaiting(vendor), tells_starts=False)
    assert told == []
    assert vendor.cancelled == [0, 1, 2]


def test_a_stop_takes_back_what_was_asked_for_but_is_written_down_nowhere(clock, files):
    """The consumer fails while it writes the name of the first down, and hears of no other."""
    vendor, told = CancellingVendor(clock, seconds=600, others=0), []

    def stop(result, _engine):
        if result is not None:
            raise StoppedError

    with pytest.raises(StoppedError):
        follow(vendor, clock, told, stop=stop)
    assert told == []
    assert sorted(vendor.cancelled) == list(range(len(vendor.jobs)))


def test_a_stop_waits_a_little_for_an_export_that_is_just_being_created_and_takes_it_back(clock, files):
    vendor, told = CancellingVendor(clock, seconds=600, others=0), []
    asked, answers = threading.Event(), threading.Event()
    create = vendor.create

    def slow(request):
        asked.set()
        assert answers.wait(HANG_SECONDS)
        return create(request)

    def stop(_result, engine):
        assert asked.wait(HANG_SECONDS)
        engine.interrupt(StoppedError())
        threading.Timer(0.05, answers.set).start()

    vendor.create = slow
    with pytest.raises(StoppedError):
        follow(vendor, clock, told, stop=stop)
    assert sorted(vendor.cancelled) == list(range(len(vendor.jobs)))
    assert vendor.jobs
