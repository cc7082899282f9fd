"""Requests that the vendor finds too large: whatever is split, limits hold, and every day has one result, in order."""

from __future__ import annotations

import contextlib
import gzip

import requests_mock
from hypothesis import given
from hypothesis import strategies as st

from bulk_exports.engine import Delivery, Failure, Limits, Pipeline
from bulk_exports.engine.errors import InvalidRowsError, WindowTooLargeError
from bulk_exports.engine.lifecycle import MAX_SPLITS_FOR_ROWS
from bulk_exports.engine.vendor import JobState, JobStatus, Link
from simulation.virtual_time import VirtualClock
from tests.engine.scripted import LOG, FreeBudget, ScriptedVendor, read
from tests.examples import examples


class Halves:
    """Splits a stretch of days in two. What is as large as one that was too large is split before it is asked for."""

    def __init__(self):
        self._too_large = None

    def parts(self, request):
        first, last = request
        middle = (first + last) // 2
        return [(first, middle), (middle + 1, last)] if first < last else []

    def is_too_large(self, request):
        return self._too_large is not None and request[1] - request[0] >= self._too_large

    def was_too_large(self, request):
        self._too_large = request[1] - request[0]

    failed = was_too_large

    def fitted(self, request):
        """Nothing: what fits once need not fit again."""


class Choosy:
    """Takes a minute for an export; refuses, or fails, what has a bad day in it or is too large.

    Attributes:
        at_once: How many exports were under way, or not taken yet, at once, at most.
    """

    def __init__(self, clock, *, largest, refuses, bad):
        self._clock = clock
        self._largest, self._refuses, self._bad = largest, refuses, bad
        self.create_limit, self.status_limit = FreeBudget(), FreeBudget()
        self._jobs = []
        self._under_way = set()
        self.at_once = 0

    def create(self, request):
        if self._refuses and request[1] - request[0] >= self._largest:
            raise WindowTooLargeError("too large")
        self._jobs.append((request, self._clock.now()))
        self._under_way.add(len(self._jobs) - 1)
        self.at_once = max(self.at_once, len(self._under_way))
        return len(self._jobs) - 1

    def taken(self, result):
        self._under_way.discard(getattr(result, "job", None))

    def status(self, job):
        request, created_at = self._jobs[job]
        first, last = request
        if self._clock.now() < created_at + 60 + 7 * first:  # some later than others, so that orders differ
            return JobStatus(JobState.RUNNING, "processing")
        if last - first >= self._largest or self._bad & set(range(first, last + 1)):
            self._under_way.discard(job)
            return JobStatus(JobState.FAILED, "failed")
        return JobStatus(JobState.READY, "completed", links=(Link(f"https://files.test/{first}-{last}"),))


@examples(40)
@given(
    windows=st.lists(st.integers(1, 8), min_size=1, max_size=5),
    in_flight=st.integers(1, 4),
    largest=st.integers(1, 8),
    refuses=st.booleans(),
    bad=st.sets(st.integers(0, 39), max_size=3),
)
def test_whatever_is_split_limits_hold_and_every_day_has_one_result_in_order(windows, in_flight, largest, refuses, bad):
    clock = VirtualClock()
    vendor = Choosy(clock, largest=largest, refuses=refuses, bad=bad)
    ends = [sum(windows[: each + 1]) for each in range(len(windows))]
    wanted = [(end - days, end - 1) for end, days in zip(ends, windows, strict=True)]
    with contextlib.ExitStack() as stack:
        files = stack.enter_context(requests_mock.Mocker())
        files.get(requests_mock.ANY, content=gzip.compress(b"{}\n"))
        limits = Limits(in_flight=in_flight)
        pipeline = Pipeline(
            vendor, wanted, verify=read, log=LOG, limits=limits, clock=clock, jitter=float, sizing=Halves()
        )
        results = []
        for result in stack.enter_context(pipeline):
            results.append(result)
            vendor.taken(result)
    days = [day for result in results for day in range(result.request[0], result.request[1] + 1)]
    assert days == list(range(ends[-1]))
    assert vendor.at_once <= in_flight
    lost = {result.request for result in results if isinstance(result, Failure)}
    assert lost == {(day, day) for day in bad if day < ends[-1]}
    assert all(isinstance(result, Delivery) for result in results if result.request not in lost)


class Letters(Halves):
    """Days are letters."""

    def parts(self, request):
        middle = (len(request) + 1) // 2
        return [request[:middle], request[middle:]] if len(request) > 1 else []

    def is_too_large(self, _request):
        return False


def verified(vendor, clock, windows, verify):
    how = {"verify": verify, "log": LOG, "clock": clock, "jitter": float, "sizing": Letters()}
    with Pipeline(vendor, windows, **how) as results:
        return list(results)


def test_only_the_days_whose_rows_cannot_be_taken_fail(clock, files):
    def verify(request, opened):
        if "c" in request:
            raise InvalidRowsError("a row that cannot be taken")
        return read(request, opened)

    results = verified(ScriptedVendor(clock), clock, ["abcd", "ef"], verify)
    assert [result.request for result in results] == ["ab", "c", "d", "ef"]
    assert [isinstance(result, Failure) for result in results] == [False, True, False, False]


def test_what_is_wrong_with_the_rows_of_all_days_is_not_looked_for_in_each(clock, files):
    def verify(_request, _opened):
        raise InvalidRowsError("a row that cannot be taken")

    vendor = ScriptedVendor(clock)
    results = verified(vendor, clock, ["abcdefgh", "ijklmnop"], verify)
    assert {type(result) for result in results} == {Failure}
    assert "".join(result.request for result in results) == "abcdefghijklmnop"
    assert len(vendor.jobs) == 2 + 2 * MAX_SPLITS_FOR_ROWS
