"""Versions of a day: exact whoever wrote it and whatever was killed; what has not changed is not written again."""

from __future__ import annotations

import copy
import json
from datetime import datetime, timedelta, timezone

import pytest

from bulk_exports.run import DeselectedColumnError
from simulation.tapping import catalog_of, days_before, sync
from simulation.virtual_time import VirtualClock
from tap_cometly.sandbox import Quirks, Sandbox
from tests.reconcile.space import ATTRIBUTED, ORDERS, Space
from tests.warehouses import merged


@pytest.fixture
def space():
    with Space(lookback_days=3, max_exports_in_flight=1) as space:
        yield space


def upto(output, wanted):
    """Return the messages up to the first that is wanted, that one included."""
    return output.messages[: 1 + next(number for number, each in enumerate(output.messages) if wanted(each))]


def delivers(day):
    return lambda each: (
        each["type"] == "STATE"
        and each["value"]["bookmarks"].get("events", {}).get("replication_key_value") == day.isoformat()
    )


def rows_of(day):
    return lambda each: each["type"] == "RECORD" and each["record"]["event_date"] == day.isoformat()


# What killed runs leave behind


def test_an_event_that_moves_during_a_backfill_and_back_after_it_was_killed_is_not_lost(space):
    first, second = space.days[:2]
    event = space.event(first, 0)
    output = space.run(taken=0, after={first: lambda: space.move(event, second)})
    space.warehouse.take(upto(output, delivers(second)))
    space.put_back(event)
    space.run()
    assert space.view_is_true()


def test_an_event_that_moves_during_a_backfill_of_which_the_last_days_fail_is_not_lost(space):
    first, second, *last = space.days
    event = space.event(first, 0)
    space.run(failing=last, after={first: lambda: space.move(event, second)})
    space.put_back(event)
    space.run()
    assert space.view_is_true()


@pytest.mark.parametrize("wide", [{"lookback_days": 12}, {"end_date": "the first day"}])
def test_a_run_that_looks_further_back_and_is_killed_while_it_writes_owes_that_day_to_the_next_run(wide):
    with Space(lookback_days=1, max_exports_in_flight=1) as space:
        space.run()
        old = space.days[0]
        wide = {name: old.isoformat() if name == "end_date" else value for name, value in wide.items()}
        space.cometly.history.edit(space.event(old, 0), amount="77.70")
        output = space.run(taken=0, **wide)
        space.warehouse.take(upto(output, rows_of(old)))
        space.run()
        assert space.view_is_true()


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.9])
def test_a_full_refresh_that_is_killed_before_its_state_leaves_every_day_in_the_view(space, kept):
    space.run()
    old = space.warehouse.state
    output = space.run(taken=0, state=None)
    records = [each for each in output.messages if each["type"] != "STATE"]
    space.warehouse.take(records[: round(kept * len(records))])
    assert space.warehouse.state is old
    space.run(lookback_days=1)
    assert space.view_is_true()


@pytest.mark.parametrize("merges", [False, True], ids=["", "merged into the old one"])
@pytest.mark.parametrize(
    "anew", [{"state": None}, {"resync": True, "event_names": ["purchase", "view_content"]}], ids=["refresh", "resync"]
)
def test_a_run_that_begins_anew_tells_a_state_before_its_first_row_lest_the_old_one_be_believed(space, anew, merges):
    space.config["lookback_days"] = 12
    space.run()
    first = space.days[0]
    event = space.event(first, 0)
    amount = space.cometly.history.find(event).amount
    space.cometly.history.edit(event, amount="77.70")
    output, before = space.run(taken=0, **anew), space.warehouse.state
    space.warehouse.take(upto(output, rows_of(first)))
    if merges:
        space.warehouse.state = merged(space.warehouse.state, before)
    space.cometly.history.edit(event, amount=amount)
    space.run(resync=True)
    assert space.view_is_true()


def test_a_run_that_looks_further_back_and_is_killed_after_it_found_a_day_empty_owes_that_day_to_the_next_run():
    with Space(lookback_days=1, max_exports_in_flight=1, events_per_day=1) as space:
        space.run()
        old, new = space.days[0], space.days[-1]
        event = space.event(old, 0)
        space.move(event, new + timedelta(days=1))
        output = space.run(taken=0, lookback_days=12)
        space.warehouse.take(upto(output, rows_of(old)))
        assert space.warehouse.days[old.isoformat()]["row_count"] == 0
        space.put_back(event)
        space.run()
        assert space.view_is_true()


def test_a_backfill_with_a_state_of_its_own_may_overlap_the_daily_loads(space):
    space.run()
    daily = space.warehouse.state
    space.run(state=None)
    backfill = space.warehouse.state
    assert space.view_is_true()
    for state in (daily, backfill, daily):
        space.run(state=state)
        assert space.view_is_true()


def test_rows_of_a_run_of_which_no_state_tells_are_the_same_rows(space):
    space.config |= {"backfill_order": "newest_first", "include_open_day": True}
    space.run(failing=[space.days[-2]])
    space.run(failing=[space.days[-1]])
    state = copy.deepcopy(space.warehouse.state)
    output = space.run(taken=0)
    space.warehouse.take([each for each in output.messages if each["type"] == "RECORD" and each["stream"] == "events"])
    assert space.warehouse.state == state
    space.run()
    assert space.view_is_true()


# What is not written again


def count(space, *days):
    return sum(1 for day in days for _ in space.cometly.truth(day))


def written_by(space, **config):
    before = space.warehouse.written
    space.run(**config)
    return space.warehouse.written - before


@pytest.mark.parametrize("events", [6, 0])
@pytest.mark.parametrize("order", ORDERS)
def test_with_the_open_day_included_only_the_open_day_is_written_again(order, events):
    today = datetime.fromtimestamp(VirtualClock().now(), timezone.utc).date()
    counts = lambda day: events if day == today else 6  # noqa: E731
    with Space(lookback_days=3, backfill_order=order, include_open_day=True, events_per_day=counts) as space:
        space.run()
        rows_today = count(space, today)
        assert [written_by(space) for _ in range(3)] == [rows_today] * 3
        assert space.warehouse.bookmark["rewrite"] == []


@pytest.mark.parametrize("order", ORDERS)
def test_a_hole_that_heals_makes_no_looked_back_day_be_written_again(order):
    with Space(lookback_days=1, backfill_order=order) as space:
        hole = space.days[0]
        space.run(failing=[hole])
        assert written_by(space) == count(space, hole)
        assert space.warehouse.bookmark["rewrite"] == []


@pytest.mark.parametrize("order", ORDERS)
def test_new_days_make_no_looked_back_day_be_written_again(order):
    with Space(lookback_days=3, backfill_order=order) as space:
        space.run()
        space.sleep(2)
        assert written_by(space) == count(space, *space.days[-2:])
        assert space.warehouse.bookmark["rewrite"] == []


def test_looked_back_days_before_an_earlier_end_date_are_remembered_like_any_others(space):
    space.run()
    end = {"end_date": space.days[1].isoformat()}
    assert written_by(space, **end) <= count(space, space.days[0])  # it was not remembered
    assert [written_by(space, **end) for _ in range(3)] == [0, 0, 0]
    space.cometly.history.edit(space.event(space.days[0], 0), amount="77.70")
    space.run(**end)
    assert space.warehouse.days[space.days[0].isoformat()]["revision"] == 2
    space.run(lookback_days=12)
    assert space.view_is_true()


def test_a_smaller_lookback_puts_no_day_in_doubt(space):
    space.run()
    space.sleep(1)
    space.run(lookback_days=0)
    assert space.warehouse.bookmark["rewrite"] == []
    assert space.warehouse.bookmark["snapshots"] == []


SPELLINGS = {
    "numbers with needless zeros": {"amounts": "cents"},
    "numbers as text": {"amounts": "string"},
    "identifiers as text": {"integers": "string"},
    "truth values as numbers": {"booleans": "integer"},
    "no key instead of null": {"nulls": "missing"},
    "times with an offset": {"times": "offset"},
    "times without a zone": {"times": "naive"},
    "times with a fraction of nothing": {"times": "fraction"},
    "text in escapes": {"texts": "ascii"},
    "keys in any order": {"key_order": "shuffled"},
    "columns that nobody asked for": {"new_columns": ("extra", "more")},
}


@pytest.mark.parametrize("quirks", SPELLINGS.values(), ids=SPELLINGS)
@pytest.mark.parametrize("attributed", [False, True])
def test_equal_content_that_is_written_differently_is_not_written_again(clock, tap, quirks, attributed):
    usual = Sandbox(clock=clock.time, events_per_day=30, job_seconds=5)
    other = Sandbox(clock=clock.time, events_per_day=30, job_seconds=5, quirks=Quirks(**quirks))
    config = {
        "timezone": "UTC",
        "start_date": days_before(clock, 2)[0].isoformat(),
        **(ATTRIBUTED if attributed else {}),
    }
    with usual, other:
        ways = [{**config, "api_key": each.api_key, "api_url": each.api_url} for each in (usual, other, usual)]
        outputs = [sync(ways[0], tap=tap)]
        for way in ways[1:]:
            outputs.append(sync(way, tap=tap, state=outputs[-1].state))
        assert outputs[0].records
        assert [len(each.records) for each in outputs[1:]] == [0, 0]
        assert len({json.dumps([row["day_digest"] for row in each.ledger]) for each in outputs}) == 1
        refreshed = sync(ways[1], tap=tap)
        assert {row["day_digest"] for row in refreshed.records} == {row["day_digest"] for row in outputs[0].records}


# What the view needs


@pytest.mark.parametrize("deselected", [["day_digest"], ["event_date", "day_digest"]])
def test_the_columns_of_the_view_cannot_be_deselected_while_the_ledger_is_selected(config, tap, deselected):
    catalog, events = catalog_of(config, tap=tap)
    for entry in events["metadata"]:
        if entry["breadcrumb"][1:] and entry["breadcrumb"][1] in deselected:
            entry["metadata"] = {"inclusion": "available", "selected": False}
    with pytest.raises(DeselectedColumnError) as refused:
        sync(config, catalog=catalog, tap=tap)
    problem = str(refused.value)
    assert all(f"`events.{name}`" in problem for name in deselected)
    assert "deselect the stream `event_days`" in problem
    ledger = next(each for each in catalog["streams"] if each["tap_stream_id"] == "event_days")
    next(each for each in ledger["metadata"] if not each["breadcrumb"])["metadata"]["selected"] = False
    assert not set(deselected) & set(sync(config, catalog=catalog, tap=tap).records[0])


def test_no_selection_rule_may_drop_what_the_ledger_is_joined_with(config, tap):
    _, events = catalog_of(config, tap=tap)
    inclusion = {tuple(entry["breadcrumb"]): entry["metadata"].get("inclusion") for entry in events["metadata"]}
    assert inclusion["properties", "day_digest"] == inclusion["properties", "event_date"] == "automatic"
