"""Budgets of a day, of jobs under way, and of several at once, against simulated vendors in virtual time."""

from __future__ import annotations

import math
import zoneinfo
from datetime import datetime, time, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bulk_exports.engine.budgets import MARGIN_SECONDS, MAX_HOLD_SECONDS, MIN_HOLD_SECONDS, AllOf, DailyQuota, JobCap
from bulk_exports.engine.rate_limit import WINDOW_SECONDS, RateLimit

EPOCH = datetime(2026, 3, 27, 22, 0, tzinfo=timezone.utc)
DAY = 86_400.0


class Clock:
    """Seconds since some evening, and the time on the wall."""

    def __init__(self) -> None:
        self.now = 0.0

    def on_the_wall(self):
        return EPOCH + timedelta(seconds=self.now)


@pytest.fixture
def clock():
    return Clock()


def send(budget, clock):
    budget.spend()
    budget.answered(clock.now)


class TestDailyQuota:
    def test_when_all_are_used_the_next_one_waits_for_the_reset(self, clock):
        quota = DailyQuota(3, wall_clock=clock.on_the_wall)
        for _ in range(3):
            assert quota.ready_at(clock.now) == clock.now
            send(quota, clock)
        assert quota.used_up
        assert quota.ready_at(clock.now) == 2 * 3600 + MARGIN_SECONDS
        clock.now = quota.ready_at(clock.now)
        assert not quota.used_up
        assert quota.ready_at(clock.now) == clock.now

    def test_requests_on_their_way_are_waited_for(self, clock):
        quota = DailyQuota(1, wall_clock=clock.on_the_wall)
        quota.spend()
        assert quota.used_up
        assert quota.ready_at(clock.now) == math.inf
        quota.returned()
        assert quota.ready_at(clock.now) == clock.now

    def test_others_who_use_the_same_quota_are_seen_in_the_answers(self, clock):
        quota = DailyQuota(100, wall_clock=clock.on_the_wall)
        quota.spend()
        quota.answered(clock.now, limit=50, remaining=0)
        assert quota.used_up

    def test_an_answer_that_was_overtaken_gives_nothing_back(self, clock):
        quota = DailyQuota(10, wall_clock=clock.on_the_wall)
        for remaining in (0, 1):
            quota.spend()
            quota.answered(clock.now, remaining=remaining)
        assert quota.used_up

    def test_a_refusal_ends_the_day_even_where_the_quota_is_not_known(self, clock):
        quota = DailyQuota(None, reset=time(6), zone=zoneinfo.ZoneInfo("Europe/Berlin"), wall_clock=clock.on_the_wall)
        quota.spend()
        assert quota.refused(clock.now, None) == 7 * 3600 + MARGIN_SECONDS  # it is 23:00 there
        assert quota.used_up
        assert quota.resets_at.isoformat() == "2026-03-28T06:00:30+01:00"

    def test_what_the_vendor_says_goes_before_what_is_reckoned(self, clock):
        quota = DailyQuota(None, wall_clock=clock.on_the_wall)
        quota.spend()
        assert quota.refused(clock.now, 600.0) == 600.0
        clock.now = 600.0
        assert quota.ready_at(clock.now) == 600.0

    def test_a_day_on_which_clocks_are_put_forward_has_its_reset_too(self, clock):
        zone = zoneinfo.ZoneInfo("Europe/Berlin")
        quota = DailyQuota(1, reset=time(2, 30), zone=zone, wall_clock=clock.on_the_wall)
        resets = []
        for _ in range(3):
            send(quota, clock)
            clock.now = quota.ready_at(clock.now)
            resets.append(clock.on_the_wall().astimezone(timezone.utc).isoformat()[5:16])
        assert resets == ["03-28T01:30", "03-29T01:30", "03-30T00:30"]

    @given(
        per_day=st.integers(1, 30),
        reset=st.times(),
        zone=st.sampled_from(["UTC", "Europe/Berlin", "America/St_Johns", "Pacific/Apia"]),
        gaps=st.lists(st.floats(0, 20_000), min_size=1, max_size=80),
    )
    @example(per_day=2, reset=time(3, 45), zone="UTC", gaps=[700.0, 20_000.0, 0.0, 0.0])
    def test_alone_nothing_is_ever_refused_and_everything_is_sent_in_the_end(self, per_day, reset, zone, gaps):
        clock, tz = Clock(), zoneinfo.ZoneInfo(zone)
        quota = DailyQuota(per_day, reset=reset, zone=tz, wall_clock=clock.on_the_wall)
        sent = []
        for gap in gaps:
            clock.now += gap
            ready = quota.ready_at(clock.now)
            assert clock.now <= ready <= clock.now + DAY + 2 * 3600 + MARGIN_SECONDS
            clock.now = ready
            send(quota, clock)
            sent.append(clock.on_the_wall())
        # The vendor counts from reset to reset.
        day, count = None, 0
        for moment in sent:
            local = moment.astimezone(tz)
            this = local.date() if local.time() >= reset else local.date() - timedelta(days=1)
            day, count = this, count + 1 if this == day else 1
            assert count <= per_day


class TestJobCap:
    def test_creates_are_held_while_all_places_are_taken(self):
        cap = JobCap(2)
        for job in ("a", "b"):
            assert cap.ready_at(0.0) == 0.0
            cap.spend()
            cap.started(job, 0.0)
            cap.answered(0.0)
        assert cap.ready_at(0.0) > 3600
        cap.ended("a")
        cap.ended("a")
        assert cap.ready_at(0.0) == 0.0

    def test_a_create_on_its_way_has_a_place(self):
        cap = JobCap(1)
        cap.spend()
        assert cap.ready_at(0.0) == math.inf
        cap.returned()
        assert cap.ready_at(0.0) == 0.0

    def test_a_job_that_nobody_hears_of_any_more_is_forgotten(self):
        cap = JobCap(1, forget_seconds=100.0)
        cap.spend()
        cap.started("a", 5.0)
        cap.answered(5.0)
        assert cap.ready_at(6.0) == 105.0
        assert cap.ready_at(105.0) == 105.0

    def test_where_the_number_is_not_known_a_refusal_holds_creates_until_a_job_ends(self):
        cap = JobCap()
        for job in "abc":
            cap.spend()
            cap.started(job, 0.0)
            cap.answered(0.0)
        cap.spend()
        assert cap.refused(10.0, None) == MIN_HOLD_SECONDS
        assert cap.ready_at(10.0) == 10.0 + MIN_HOLD_SECONDS
        cap.ended("b")
        assert cap.ready_at(10.0) == 10.0

    def test_refusals_in_a_row_are_asked_about_ever_less_often(self):
        cap, now, pauses = JobCap(), 0.0, []
        for _ in range(8):
            cap.spend()
            pauses.append(cap.refused(now, None))
            now = cap.ready_at(now)
        assert pauses[:3] == [MIN_HOLD_SECONDS, 2 * MIN_HOLD_SECONDS, 4 * MIN_HOLD_SECONDS]
        assert pauses[-1] == MAX_HOLD_SECONDS

    @given(
        places=st.integers(1, 5),
        known=st.booleans(),
        lengths=st.lists(st.floats(1, 2000), min_size=1, max_size=30),
        others=st.lists(st.tuples(st.floats(0, 3000), st.floats(1, 500)), max_size=5),
    )
    def test_every_job_runs_in_the_end_and_with_a_known_number_none_is_refused(self, places, known, lengths, others):
        others = [] if known else others
        cap, now, refused = JobCap(places if known else None), 0.0, 0
        ends: dict[int, float] = {}
        waiting = list(enumerate(lengths))
        while waiting:
            for job in [job for job, end in ends.items() if end <= now]:
                del ends[job]
                cap.ended(job)
            ready = cap.ready_at(now)
            if ready > now:
                now = min(ready, *ends.values()) if ends else ready
                assert now < math.inf
                continue
            job, length = waiting[0]
            cap.spend()
            if len(ends) + sum(begin <= now < begin + length for begin, length in others) >= places:
                refused += 1
                cap.refused(now, None)
                continue
            waiting.pop(0)
            ends[job] = now + length
            cap.started(job, now)
            cap.answered(now)
        assert not (known and refused)

    def test_how_long_many_requests_take_at_least(self, clock):
        quota = DailyQuota(10, wall_clock=clock.on_the_wall)
        reset = 2 * 3600 + MARGIN_SECONDS
        assert quota.seconds_for(0, clock.now) == quota.seconds_for(10, clock.now) == 0.0
        assert quota.seconds_for(11, clock.now) == quota.seconds_for(20, clock.now) == reset
        assert quota.seconds_for(21, clock.now) == reset + DAY
        send(quota, clock)
        assert quota.seconds_for(10, clock.now) == reset
        unknown = DailyQuota(None, wall_clock=clock.on_the_wall)
        assert unknown.seconds_for(1000, clock.now) == 0.0
        unknown.spend()
        unknown.refused(clock.now, None)
        assert unknown.seconds_for(1, clock.now) == reset


class TestAllOf:
    def test_many_requests_take_as_long_as_the_slowest_says(self, clock):
        minute, jobs = RateLimit(2), JobCap()
        budget = AllOf(minute, jobs)
        assert budget.seconds_for(4, clock.now) == minute.seconds_for(4, clock.now) > 0
        budget.spend()
        budget.refused(clock.now, 300.0, by=jobs)
        assert budget.seconds_for(1, clock.now) == 300.0

    def test_the_slowest_says_when(self, clock):
        minute, day, jobs = RateLimit(2), DailyQuota(3, wall_clock=clock.on_the_wall), JobCap(10)
        budget = AllOf(minute, day, jobs)
        times = []
        for _ in range(4):
            clock.now = max(clock.now, budget.ready_at(clock.now))
            times.append(clock.now)
            send(budget, clock)
        assert times[:2] == [0.0, 0.0]
        assert times[2] == pytest.approx(WINDOW_SECONDS, abs=0.1)
        assert times[3] == pytest.approx(2 * 3600 + MARGIN_SECONDS)

    def test_limits_in_an_answer_are_about_the_first_one(self, clock):
        minute, day = RateLimit(5), DailyQuota(100, wall_clock=clock.on_the_wall)
        budget = AllOf(minute, day)
        budget.spend()
        budget.answered(clock.now, limit=7, remaining=0)
        assert minute.per_minute == 7
        assert not day.used_up

    def test_only_the_one_that_refused_is_used_up_and_the_others_lose_nothing(self, clock):
        minute, day, jobs = RateLimit(5), DailyQuota(1, wall_clock=clock.on_the_wall), JobCap()
        budget = AllOf(minute, day, jobs)
        budget.spend()
        pause = budget.refused(clock.now, None, by=jobs)
        assert pause == MIN_HOLD_SECONDS
        assert budget.ready_at(clock.now) == clock.now + pause
        assert minute.ready_at(clock.now) == day.ready_at(clock.now) == clock.now
        assert not day.used_up

    def test_a_request_that_was_not_counted_leaves_no_trace(self, clock):
        minute, day, jobs = RateLimit(1), DailyQuota(1, wall_clock=clock.on_the_wall), JobCap(1)
        budget = AllOf(minute, day, jobs)
        budget.spend()
        assert budget.ready_at(clock.now) == math.inf
        budget.returned()
        assert budget.ready_at(clock.now) == clock.now
