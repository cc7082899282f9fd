"""Request budgets against a simulated vendor, in virtual time."""

from __future__ import annotations

import math
from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_exports.engine.rate_limit import MAX_PAUSE_SECONDS, WINDOW_SECONDS, RateLimit, seconds_to_wait, whole_number


class Vendor:
    """Counts requests like Laravel (a window from the first hit) or over the last minute."""

    def __init__(self, limit: int, *, sliding: bool) -> None:
        self.limit = limit
        self.sliding = sliding
        self.hits: list[float] = []
        self.refused = 0

    def _used(self, now: float) -> int:
        if self.sliding:
            self.hits = [hit for hit in self.hits if hit > now - WINDOW_SECONDS]
        elif self.hits and now >= self.hits[0] + WINDOW_SECONDS:
            self.hits = []
        return len(self.hits)

    def request(self, now: float) -> tuple[int, float | None]:
        """Return what is left, and the wait if there was nothing left."""
        if self._used(now) >= self.limit:
            self.refused += 1
            return 0, math.ceil(self.hits[0] + WINDOW_SECONDS - now)
        self.hits.append(now)
        return self.limit - len(self.hits), None


def ask(budget: RateLimit, vendor: Vendor, now: float) -> bool:
    """Send one request at ``now`` and let the budget learn; whether it was accepted."""
    budget.spend()
    remaining, wait = vendor.request(now)
    if wait is None:
        budget.answered(now, limit=vendor.limit, remaining=remaining)
    else:
        budget.refused(now, wait, limit=vendor.limit)
    return wait is None


def run(budget: RateLimit, vendor: Vendor, *, requests: int, now: float = 0.0) -> list[float]:
    """Send ``requests`` as soon as the budget allows each; return when they were accepted."""
    accepted: list[float] = []
    while len(accepted) < requests:
        ready = budget.ready_at(now)
        assert ready < math.inf
        now = max(now, ready)
        if ask(budget, vendor, now):
            accepted.append(now)
    return accepted


def test_the_documented_limit_holds_until_an_answer_names_another():
    budget = RateLimit(5)
    assert run(budget, Vendor(5, sliding=False), requests=6) == [0, 0, 0, 0, 0, pytest.approx(WINDOW_SECONDS, abs=0.1)]


def test_a_granted_higher_limit_is_used_at_once():
    budget = RateLimit(5)
    assert run(budget, Vendor(60, sliding=False), requests=60) == [0.0] * 60
    assert budget.per_minute == 60


def test_the_first_request_of_a_quiet_minute_goes_alone():
    budget = RateLimit(5)
    budget.spend()
    assert budget.ready_at(0.0) == math.inf
    budget.answered(1.0, limit=5, remaining=4)
    assert budget.ready_at(1.0) == 1.0


def test_a_request_counts_from_its_answer_because_the_vendor_may_have_counted_it_that_late():
    budget = RateLimit(1)
    budget.spend()
    assert budget.ready_at(30.0) == math.inf
    budget.answered(30.0)
    assert budget.ready_at(31.0) == pytest.approx(90.0, abs=0.1)


def test_a_refusal_stops_everything_for_as_long_as_the_vendor_asks():
    budget = RateLimit(5)
    budget.spend()
    assert budget.refused(10.0, 17.0) == 17.0
    assert budget.ready_at(10.0) == 27.0
    assert budget.ready_at(27.0) == 27.0


@pytest.mark.parametrize(
    ("retry_after", "pause"),
    [(None, WINDOW_SECONDS), (0.0, 1.0), (-5.0, 1.0), (1e9, MAX_PAUSE_SECONDS)],
)
def test_a_missing_or_absurd_pause_is_bounded(retry_after, pause):
    assert RateLimit(5).refused(0.0, retry_after) == pause


@given(limit=st.integers(1, 12), sliding=st.booleans(), start=st.floats(0, 1e6))
def test_alone_on_the_space_nothing_is_ever_refused_and_nothing_is_wasted(limit, sliding, start):
    vendor = Vendor(limit, sliding=sliding)
    accepted = run(RateLimit(5), vendor, requests=3 * limit, now=start)
    assert vendor.refused == 0
    assert accepted[-1] == pytest.approx(start + 2 * WINDOW_SECONDS, abs=0.2)


@given(limit=st.integers(1, 12), before=st.integers(0, 30), count=st.integers(1, 40), pause=st.floats(0, 60))
def test_what_many_requests_will_take_is_known_beforehand(limit, before, count, pause):
    vendor, budget = Vendor(limit, sliding=True), RateLimit(limit)
    now = run(budget, vendor, requests=before)[-1] if before else 0.0
    now += pause
    told = budget.seconds_for(count, now)
    assert run(budget, vendor, requests=count, now=now)[-1] - now == pytest.approx(told, abs=1e-6)


def test_a_pause_that_the_vendor_asks_for_is_part_of_what_requests_will_take():
    budget = RateLimit(5)
    budget.spend()
    budget.refused(0.0, 42.0)
    assert budget.seconds_for(1, 2.0) == 40.0
    assert budget.seconds_for(0, 2.0) == 0.0


@given(
    others=st.lists(st.floats(0, 600), max_size=60).map(sorted),
    limit=st.integers(2, 8),
    sliding=st.booleans(),
)
def test_with_a_rival_on_the_space_every_request_is_accepted_in_the_end(others, limit, sliding):
    vendor = Vendor(limit, sliding=sliding)
    budget = RateLimit(5)
    now, accepted, asked = 0.0, 0, 0
    while accepted < 20:
        now = max(now, budget.ready_at(now))
        while others and others[0] <= now:
            vendor.request(others.pop(0))
        accepted += ask(budget, vendor, now)
        asked += 1
        assert now < 3600 and asked < 200, "starved"  # noqa: PT018


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("17", 17.0),
        (" 17 ", 17.0),
        ("Sat, 01 Mar 2025 00:00:30 GMT", 30.0),
        ("soon", None),
        ("-3", None),
        ("", None),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(header, seconds):
    assert seconds_to_wait(header, datetime(2025, 3, 1, tzinfo=timezone.utc)) == seconds


@pytest.mark.parametrize(("header", "number"), [("5", 5), (" 30", 30), (None, None), ("many", None), ("-1", None)])
def test_counts_in_headers(header, number):
    assert whole_number(header) == number
