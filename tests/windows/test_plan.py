"""Which days a run exports, in which order, and why."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_exports.reading import SettingsError
from bulk_exports.windows.bookmark import DaySnapshot
from bulk_exports.windows.dates import days
from bulk_exports.windows.plan import Plan
from simulation.tapping import days_before, sync
from tap_cometly.events import EventQuery, events
from tap_cometly.settings import Settings
from tests.examples import examples

NOW = datetime(2025, 3, 11, 6, tzinfo=timezone.utc)
YESTERDAY = date(2025, 3, 10)
ANY_SNAPSHOT = DaySnapshot(
    export_id=1,
    digest="",
    lines_digest="",
    row_count=0,
    amount_total=None,
    exported_at="2025-03-11T06:00:00Z",
    revision=1,
)


def plan(state=None, *, now=NOW, **config):
    config = {"api_key": "k", "timezone": "UTC", **config}
    settings = Settings.from_config(config, now=now)
    return Plan.make(events(settings), settings, EventQuery.of(settings, ["amount"]), state or {}, now)


def march(day):
    return date(2025, 3, day)


def state(*intervals, **more):
    return {"delivered": [[march(first).isoformat(), march(last).isoformat()] for first, last in intervals], **more}


def reasons(made):
    return [(day.day.day, day.reason) for day in made.due]


def test_holes_new_days_and_looked_back_ones_come_in_the_order_of_days():
    made = plan(state((1, 2), (4, 7)), start_date="2025-03-01", lookback_days=2)
    assert reasons(made) == [
        (3, "missing"), (6, "lookback"), (7, "lookback"), (8, "new"), (9, "new"), (10, "new"),
    ]  # fmt: skip


def test_newest_first_is_the_other_way_round():
    oldest = plan(state((4, 7)), start_date="2025-03-01")
    newest = plan(state((4, 7)), start_date="2025-03-01", backfill_order="newest_first")
    assert newest.due == oldest.due[::-1]


@pytest.mark.parametrize(
    ("order", "days"),
    [("oldest_first", [1, 2, 5, 9, 10]), ("newest_first", [5, 10, 9, 2, 1])],
)
def test_a_hole_that_a_failed_day_left_is_filled_before_anything_newer(order, days):
    settings = {"start_date": "2025-03-01", "end_date": "2025-03-10", "lookback_days": 0}
    made = plan(state((3, 4), (6, 8)), backfill_order=order, **settings)
    assert [due.day.day for due in made.due] == days


def test_a_start_that_is_moved_back_makes_the_earlier_days_due():
    made = plan(state((5, 10)), start_date="2025-03-02", lookback_days=0)
    assert reasons(made) == [(2, "missing"), (3, "missing"), (4, "missing")]


def test_an_end_in_the_past_ends_there_and_is_looked_back_from():
    made = plan(state((1, 3)), start_date="2025-03-01", end_date="2025-03-05", lookback_days=1)
    assert reasons(made) == [(3, "lookback"), (4, "new"), (5, "new")]
    assert not plan(state((1, 5)), start_date="2025-03-01", end_date="2025-03-05", lookback_days=0).due


def test_days_in_doubt_are_due_however_old_they_are_if_they_are_wanted():
    again = {"rewrite": ["2025-03-02", "2025-03-05"]}
    made = plan(state((1, 10), **again), start_date="2025-03-03", lookback_days=1)
    assert reasons(made) == [(5, "lookback"), (10, "lookback")]


def test_the_open_day_is_due_in_any_case():
    made = plan(state((1, 10)), start_date="2025-03-01", lookback_days=0, include_open_day=True)
    assert reasons(made) == [(11, "open")]
    assert made.summary() == "Exporting 1 day of 2025-03-01 to 2025-03-11 (1 still open)"


def test_the_open_day_is_in_the_range_that_is_told_where_it_is_the_only_wanted_one_too():
    made = plan({}, start_date="2025-03-10", lookback_days=0, include_open_day=True)
    assert made.summary() == "Exporting 2 days of 2025-03-10 to 2025-03-11 (1 new, 1 still open)"
    first = plan({}, start_date="2025-03-11", lookback_days=0, include_open_day=True)
    assert first.summary() == "Exporting 1 day of 2025-03-11 to 2025-03-11 (1 still open)"


@pytest.mark.parametrize("bounds", [{"end_date": "2025-03-10"}, {"start_date": "2025-03-12"}], ids=str)
def test_an_open_day_outside_of_the_wanted_range_is_not(bounds):
    made = plan(state((1, 10)), lookback_days=0, include_open_day=True, **bounds)
    assert "open" not in [reason for _, reason in reasons(made)]


def test_without_a_start_the_range_that_was_begun_is_finished_later():
    begun = state((10, 10), since="2025-02-09", asked={})
    later = plan(begun, now=NOW + timedelta(days=40), lookback_days=0, backfill_order="newest_first")
    assert later.wanted == (date(2025, 2, 9), YESTERDAY + timedelta(days=40))
    assert later.due[-1].day == date(2025, 2, 9)


@examples(40)
@given(
    stops=st.lists(st.integers(0, 9), max_size=6),
    sleeps=st.lists(st.integers(0, 4), min_size=6, max_size=6),
    order=st.sampled_from(["oldest_first", "newest_first"]),
    start=st.sampled_from([None, "2025-03-01"]),
)
def test_runs_that_are_stopped_anywhere_leave_no_day_out(stops, sleeps, order, start):
    config = {"backfill_order": order, "lookback_days": 0} | ({"start_date": start} if start else {})
    now, known = NOW, {}
    first = plan({}, **config).wanted[0]
    for stop, sleep in zip(stops, sleeps, strict=False):
        made = plan(known, now=now, **config)
        bookmark = made.bookmark
        for window in made.windows[:stop]:
            bookmark = bookmark.with_delivered(window, ANY_SNAPSHOT, lookback_days=0)
            known = bookmark.to_state()
        if known:
            now += timedelta(days=sleep)
    made = plan(known, now=now, **config)
    bookmark = made.bookmark
    for window in made.windows:
        assert window.first not in bookmark.delivered
        bookmark = bookmark.with_delivered(window, ANY_SNAPSHOT, lookback_days=0)
    assert all(day in bookmark.delivered for day in days(first, made.wanted[1]))


def taken(made):
    return [day.day.day for day in made.due]


def test_a_bounded_run_looks_back_first_and_takes_of_the_other_days_those_whose_turn_it_is():
    known = state((1, 4))
    settings = {"start_date": "2025-02-27", "lookback_days": 2, "max_exports_per_run": 5}
    oldest = plan(known, **settings)
    assert [day.day for day in oldest.due] == [date(2025, 2, 27), date(2025, 2, 28), march(3), march(4), march(5)]
    assert oldest.left == 5
    assert oldest.summary().endswith("; 5 more days left for the next run (`max_exports_per_run`)")
    newest = plan(known, backfill_order="newest_first", **settings)
    assert taken(newest) == [10, 9, 8, 4, 3]
    assert newest.left == 5
    assert newest.as_json()["left_for_next_run"] == 5


def test_a_bounded_run_takes_days_in_doubt_before_all_others():
    made = plan(state((1, 8), rewrite=["2025-03-02"]), start_date="2025-03-01", lookback_days=1, max_exports_per_run=2)
    assert reasons(made) == [(2, "lookback"), (8, "lookback")]
    assert made.left == 2


def test_a_bound_that_is_not_reached_changes_nothing():
    settings = {"start_date": "2025-03-01", "backfill_order": "newest_first"}
    assert plan(state((1, 4)), max_exports_per_run=9, **settings) == plan(state((1, 4)), **settings)


@pytest.mark.parametrize(("lookback", "open_day"), [(5, False), (4, True)])
def test_a_bound_that_would_let_no_new_day_come_is_refused(lookback, open_day):
    with pytest.raises(SettingsError, match="max_exports_per_run: must be greater than what `lookback_days`"):
        plan(lookback_days=lookback, include_open_day=open_day, max_exports_per_run=5)


@pytest.mark.parametrize("order", ["oldest_first", "newest_first"])
def test_bounded_runs_bring_a_backfill_in_piece_by_piece(clock, cometly, config, tap, order, caplog):
    caplog.set_level("INFO")
    days = days_before(clock, 20)
    config = {**config, "start_date": days[0].isoformat(), "backfill_order": order, "max_exports_per_run": 7}
    rows, ledger, known, left = {}, {}, None, []
    for number in range(5):
        begun = len([each for each in cometly.requests if each.endpoint == "create" and each.status == 202])
        caplog.clear()
        output = sync(config, state=known, tap=tap)
        known = output.state
        rows |= {row["id"]: row for row in output.records}
        ledger |= {row["event_date"]: row["day_digest"] for row in output.ledger}
        created = len([each for each in cometly.requests if each.endpoint == "create" and each.status == 202]) - begun
        assert created <= 7
        (done,) = [record for record in caplog.records if record.getMessage().startswith("Done: ")]
        assert ("left for the next run" in done.getMessage()) == bool(done.days_left)
        left.append(done.days_left)
        if number < 2:  # while the backfill is under way, a day changes that is looked back at
            looked_back = date.fromisoformat(output.bookmark["replication_key_value"])
            cometly.history.delete(next(iter(cometly.truth(looked_back)))["id"])
    assert left == [13, 9, 5, 1, 0]
    assert known["bookmarks"]["events"]["delivered"] == [[str(days[0]), str(days[-1])]]
    shown = {row["id"] for row in rows.values() if row["day_digest"] == ledger[row["event_date"]]}
    assert shown == {row["id"] for day in days for row in cometly.truth(day)}


@pytest.mark.parametrize("order", ["oldest_first", "newest_first"])
def test_a_backfill_that_is_stopped_after_any_day_is_finished_by_the_next_run(clock, config, tap, order):
    config = {**config, "start_date": days_before(clock, 6)[0].isoformat(), "backfill_order": order}
    whole = sync(config, tap=tap)
    expected = [day.isoformat() for day in days_before(clock, 6)]
    assert whole.days == (expected if order == "oldest_first" else expected[::-1])
    for count, stopped in enumerate(whole.states[-6:], 1):
        rest = sync({**config, "lookback_days": 0}, state=stopped, tap=tap)
        assert rest.days == whole.days[count:]
        assert rest.bookmark["delivered"] == [[expected[0], expected[-1]]]
