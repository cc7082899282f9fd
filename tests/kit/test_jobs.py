"""Exports of a run that was stopped: the next run goes on with those that still hold what it wants, and no others."""

from __future__ import annotations

import dataclasses
from datetime import date, datetime, timedelta, timezone

import pytest

from bulk_exports.environment import Environment
from bulk_exports.run import UndeliveredDaysError
from bulk_exports.windows.bookmark import Bookmark, StartedJob
from bulk_exports.windows.delivered import MalformedStateError
from bulk_exports.windows.plan import Plan
from simulation.tapping import days_before, sync
from tap_cometly.connector import CONNECTOR
from tap_cometly.people import CONTACTS, CreationQuery
from tap_cometly.sandbox import Fault
from tap_cometly.settings import Settings
from tap_cometly.tap import TapCometly

STREAM = dataclasses.replace(CONTACTS, jobs_last=timedelta(days=7), selected_by_default=True)
NOW = datetime(2025, 3, 11, 6, tzinfo=timezone.utc)


class Tap(TapCometly):
    """A tap whose vendor keeps exports for a week."""

    connector = dataclasses.replace(CONNECTOR, export_streams=lambda _settings, _connection: [STREAM])


@pytest.fixture
def tap(clock):
    def now():
        return datetime.fromtimestamp(clock.now(), timezone.utc)

    return lambda **given: Tap(environment=Environment(clock, None, now), **given)


@pytest.fixture
def space(cometly, clock):
    return {
        "api_key": cometly.api_key,
        "api_url": cometly.api_url,
        "timezone": "UTC",
        "start_date": str(days_before(clock, 3)[0]),
        "lookback_days": 0,
    }


def jobs(state):
    return state["bookmarks"]["contacts"]["jobs"]


def creates(cometly):
    return [request.date for request in cometly.requests if request.endpoint == "contacts_create"]


def test_a_run_that_was_killed_before_its_first_row_is_gone_on_with(cometly, space, tap):
    first = sync(space, tap=tap)
    started = next(state for state in first.states if jobs(state))
    again = sync(space, state=started, tap=tap)
    assert len(creates(cometly)) == 1
    assert again.of("contacts") == first.of("contacts")
    assert jobs(again.state) == []


def test_an_export_of_the_open_day_is_none_of_the_whole_day(cometly, space, tap, clock):
    config = {**space, "include_open_day": True}
    states = sync(config, tap=tap).states
    today = str(days_before(clock, 1)[0] + timedelta(days=1))
    killed = next(state for state in states if any(job["first"] == today for job in jobs(state)))
    clock.advance(86_400)
    asked = len(creates(cometly))
    sync(config, state=killed, tap=tap)
    assert today in map(str, creates(cometly)[asked:])


def test_an_export_that_failed_is_not_gone_on_with(cometly, space, tap):
    cometly.inject(Fault("contacts_create", "failed", times=None))
    failed = sync(space, tap=tap, catch=UndeliveredDaysError)
    assert failed.error
    assert jobs(failed.state) == []


def state_with(*started):
    return {"delivered": [], "request": None, "jobs": [job.to_state() for job in started]}


def job(first, last, number=7, created_at="2025-03-11T05:00:00Z"):
    return StartedJob(date(2025, 3, first), date(2025, 3, last), None, number, created_at)


def planned(state, stream=STREAM):
    config = {"api_key": "k", "timezone": "UTC", "start_date": "2025-03-01", "lookback_days": 0}
    settings = Settings.from_config(config, now=NOW)
    return Plan.make(stream, settings, CreationQuery(columns=("id",)), state, NOW)


@pytest.mark.parametrize(
    ("started", "taken"),
    [
        (job(1, 5), True),
        (job(1, 5, created_at="2025-03-01T05:00:00Z"), False),
        (job(9, 10, created_at="2025-03-10T23:59:59Z"), False),
        (job(10, 11), False),
    ],
    ids=["whole", "too old", "before its end", "beyond what is due"],
)
def test_only_an_export_of_days_that_had_ended_is_gone_on_with(started, taken):
    asked = planned({}).bookmark.request
    plan = planned({**state_with(started), "request": asked})
    assert (plan.bookmark.jobs == (started,)) is taken


def test_an_export_that_is_under_way_need_not_be_created():
    slow = dataclasses.replace(STREAM, creates_per_minute=1)
    begun = state_with(job(1, 5))
    two = planned({**begun, "request": planned({}).bookmark.request}, slow)
    assert (two.exports, two.under_way, two.min_minutes) == (2, (job(1, 5),), 0)
    assert two.summary() == (
        "Exporting 10 days of 2025-03-01 to 2025-03-10 in 2 exports (10 new); "
        "1 export of an earlier run is under way and will be gone on with"
    )
    left = planned({**begun, "request": {**two.bookmark.request, "fields": ["id", "email"]}}, slow)
    assert (left.exports, left.under_way) == (1, ()), "it holds something else than is wanted"


def test_a_window_longer_than_any_is_none_of_ours():
    asked = planned({}).bookmark.request
    long = StartedJob(date(2025, 3, 1), date(2025, 12, 1), None, 7, "2025-03-11T05:00:00Z")
    plan = planned({**state_with(long), "request": asked})
    assert plan.bookmark.jobs == ()
    assert [str(window) for window in plan.windows] == ["2025-03-01 to 2025-03-10"]


def test_an_export_of_a_part_takes_the_place_of_that_of_the_whole():
    whole, first, second = job(1, 10), job(1, 5, 8), job(6, 10, 9)
    bookmark = Bookmark("created_at", jobs=()).with_job(whole).with_job(first).with_job(second)
    assert bookmark.jobs == (first, second)


def test_a_time_without_its_offset_makes_no_sense():
    state = state_with(job(1, 5, created_at="2025-03-11T05:00:00"))
    with pytest.raises(MalformedStateError, match=r"jobs\[0\]"):
        Bookmark.from_state(state, start=date(2025, 3, 1), replication_key="created_at")
