"""The vendor's requests of a day are used up: the run ends in good order with what it has, and not hours later."""

from __future__ import annotations

from datetime import datetime, time, timedelta, timezone

import pytest

from bulk_exports.engine import Delivery, Left, Limits, Pipeline
from bulk_exports.engine.budgets import MAX_WAIT_SECONDS, AllOf, DailyQuota
from bulk_exports.engine.errors import QuotaUsedUpError, RateLimitedError
from bulk_exports.engine.rate_limit import RateLimit
from tests.engine.scripted import LOG, FreeBudget, ScriptedVendor, read

HOUR = 3600.0


class CountedVendor(ScriptedVendor):
    """Allows so many requests a day; it says so only when it refuses, unless the client knows."""

    def __init__(self, clock, *, per_day, is_known=True, counts=("create", "status"), reset=time.min, **how):
        super().__init__(clock, **how)
        self.per_day = per_day
        self.answered = self.refused = 0
        self.cancelled = []

        def wall_clock():
            return datetime.fromtimestamp(clock.now(), timezone.utc)

        self.quota = DailyQuota(per_day if is_known else None, reset=reset, wall_clock=wall_clock)
        both = AllOf(RateLimit(1000), self.quota)
        self.create_limit = both if "create" in counts else FreeBudget()
        self.status_limit = both if "status" in counts else FreeBudget()

    def _next(self, step, request):
        limit = self.create_limit if step == "create" else self.status_limit
        if not isinstance(limit, AllOf):
            return super()._next(step, request)
        with self.lock:
            refused = self.answered >= self.per_day
            self.answered += not refused
            self.refused += refused
        if refused:
            limit.refused(self.clock.now(), None, by=self.quota)
            raise RateLimitedError("no requests left", by=self.quota)
        answer = super()._next(step, request)
        limit.answered(self.clock.now())
        return answer

    def cancel(self, job):
        self.cancelled.append(job)


def follow(vendor, clock, *, in_flight=30, tells_starts=False):
    limits = Limits(in_flight=in_flight)
    with Pipeline(
        vendor,
        list("abcdef"),
        verify=read,
        log=LOG,
        clock=clock,
        jitter=float,
        limits=limits,
        tells_starts=tells_starts,
    ) as results:
        return list(results)


@pytest.mark.parametrize("is_known", [True, False], ids=["known", "told"])
@pytest.mark.parametrize("in_flight", [1, 2, 30])
def test_what_cannot_be_asked_for_today_is_left_in_order_and_at_once(clock, files, is_known, in_flight):
    vendor = CountedVendor(clock, per_day=3, is_known=is_known, counts=["create"])
    began = clock.now()
    results = follow(vendor, clock, in_flight=in_flight)
    assert [(type(each), each.request) for each in results] == [
        *((Delivery, request) for request in "abc"),
        *((Left, request) for request in "def"),
    ]
    assert all("count anew at 2025-02-20 00:00 UTC" in str(each.error) for each in results[3:])
    assert [each.job for each in results[3:]] == [None] * 3
    assert clock.now() - began < HOUR
    assert vendor.refused <= (0 if is_known else 4)


def test_exports_that_cannot_be_asked_about_are_named_for_the_next_run(clock, files):
    vendor = CountedVendor(clock, per_day=9, seconds=600.0)
    results = follow(vendor, clock, tells_starts=True)
    left = [each for each in results if isinstance(each, Left)]
    assert [(each.request, each.job) for each in left if each.job is not None]
    assert {each.job for each in left} <= {None, *range(len(vendor.jobs))}
    assert vendor.answered == 9


def test_whoever_leaves_a_run_for_the_want_of_requests_cancels_nothing_that_is_written_down(clock, files):
    vendor = CountedVendor(clock, per_day=6, seconds=600.0)
    with pytest.raises(QuotaUsedUpError):
        raise_when_left(vendor, clock, tells_starts=True)
    assert vendor.cancelled == []


def test_what_no_later_run_goes_on_with_is_cancelled(clock, files):
    vendor = CountedVendor(clock, per_day=6, seconds=600.0)
    with pytest.raises(QuotaUsedUpError):
        raise_when_left(vendor, clock, tells_starts=False)
    assert vendor.cancelled == list(range(6))


def raise_when_left(vendor, clock, *, tells_starts):
    with Pipeline(
        vendor, list("abcdef"), verify=read, log=LOG, clock=clock, jitter=float, tells_starts=tells_starts
    ) as results:
        left = [each for each in results if isinstance(each, Left)]
        raise left[0].error


def test_what_is_left_of_a_vendor_that_says_so_itself_is_left_too_and_the_rest_is_delivered(clock, files):
    vendor = ScriptedVendor(clock)
    vendor.script["create", "c"] = [QuotaUsedUpError("no calls left until tomorrow")]
    results = follow(vendor, clock, in_flight=2)
    assert [type(each) for each in results] == [Delivery, Delivery, Left, Left, Left, Left]
    assert {str(each.error) for each in results[2:]} == {"no calls left until tomorrow"}
    assert len(vendor.jobs) == 2


@pytest.mark.parametrize(("seconds", "waits"), [(MAX_WAIT_SECONDS - 60, True), (MAX_WAIT_SECONDS + 60, False)])
def test_a_new_day_that_begins_soon_is_waited_for(clock, files, seconds, waits):
    soon = datetime.fromtimestamp(clock.now(), timezone.utc) + timedelta(seconds=seconds)
    vendor = CountedVendor(clock, per_day=3, counts=["create"], reset=soon.time())
    vendor.per_day = 6  # as it counts, over the two days
    results = follow(vendor, clock)
    assert [type(each) is Delivery for each in results] == [True] * 3 + [waits] * 3
