"""Whatever happens at Cometly and to the runs: the view `events JOIN event_days` is what Cometly says now.

What each remedy is for; whatever else may happen is in `tests.reconcile.test_histories`.
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.reconcile.space import ORDERS, Space


@pytest.fixture
def space():
    with Space(lookback_days=3) as space:
        yield space


def test_deleted_events_fall_out_of_the_view_and_stay_in_the_plain_table(space):
    space.run()
    gone = space.event(space.days[-1], 0)
    space.cometly.history.delete(gone)
    space.run()
    assert space.view_is_true()
    assert (gone,) in space.warehouse.events


def test_a_touchpoint_that_lost_its_credit_falls_out_of_the_view():
    with Space("attributed", lookback_days=3) as space:
        space.run()
        before = set(space.warehouse.events)
        for number in range(6):
            space.cometly.history.reattribute(space.event(space.days[-1], number), seed=1)
        space.run()
        assert space.view_is_true()
        assert set(space.warehouse.events) > before
        assert len(space.warehouse.view()) < len(space.warehouse.events)


def test_a_lookback_that_finds_nothing_changed_writes_no_event_and_leaves_the_state_as_it_was(space):
    space.run()
    bookmark, written = space.warehouse.bookmark, space.warehouse.written
    output = space.run()
    assert space.warehouse.written == written
    assert all(state["bookmarks"]["events"] == bookmark for state in output.states)
    assert len(output.ledger) == 3


def test_an_event_that_moves_to_another_day_and_back_is_not_lost_when_its_own_day_could_not_be_looked_at(space):
    space.run()
    old, new = space.days[-2:]
    event = space.event(new, 0)
    space.move(event, old)
    space.run(failing=[new])
    space.put_back(event)
    space.run()
    assert space.view_is_true()


def test_a_day_that_changes_back_after_a_run_was_stopped_while_rewriting_it_is_whole_again(space):
    space.run()
    event = space.event(space.days[-1], 0)
    amount = space.cometly.history.find(event).amount
    space.cometly.history.edit(event, amount="77.70")
    output = space.run(taken=0)
    last_row = max(number for number, each in enumerate(output.messages) if each.get("stream") == "events")
    space.warehouse.take(output.messages[:last_row])
    space.cometly.history.edit(event, amount=amount)
    space.run()
    assert space.view_is_true()


def one_at_a_time(order, **config):
    """A Space whose days are exported one by one, and the two latest of them in the order in which they are."""
    space = Space(lookback_days=3, max_exports_in_flight=1, backfill_order=order, **config)
    return space, *(space.days[-2:] if order == "oldest_first" else space.days[:-3:-1])


def rows_of(output, day, event):
    return [row for row in output.records if row["event_date"] == day.isoformat() and row["id"] == event]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("changed", [True, False])
def test_a_day_that_loses_a_row_to_a_later_one_is_written_again_by_the_next_run(changed, order):
    space, earlier, later = one_at_a_time(order)
    with space:
        space.run()
        event, other = space.event(earlier, 0), space.event(earlier, 1)
        if changed:
            space.cometly.history.edit(other, amount="1.00")
        output = space.run(after={earlier: lambda: space.move(event, later)})
        assert bool(rows_of(output, earlier, event)) == changed
        assert rows_of(output, later, event)
        assert space.warehouse.bookmark["rewrite"] == [earlier.isoformat()]
        space.put_back(event)
        space.run()
        assert space.view_is_true()
        assert space.warehouse.bookmark["rewrite"] == []


@pytest.mark.parametrize("order", ORDERS)
def test_an_unchanged_day_that_lost_a_row_to_an_earlier_one_is_written_at_once(order, caplog):
    caplog.set_level("INFO")
    space, earlier, later = one_at_a_time(order)
    with space:
        space.run()
        event = space.event(later, 0)
        space.move(event, earlier)
        output = space.run(after={earlier: lambda: space.put_back(event)})
        assert output.days == [earlier.isoformat(), later.isoformat()]
        assert space.warehouse.days[later.isoformat()]["revision"] == 1
        assert f"{later} is rewritten: another day may have overwritten one of its events" in caplog.text
        space.run()
        assert space.view_is_true()
        assert space.warehouse.bookmark["rewrite"] == []


@pytest.mark.parametrize("order", ORDERS)
def test_a_row_that_was_taken_by_a_day_in_the_middle_of_which_the_run_was_stopped_is_not_lost(order):
    space, earlier, later = one_at_a_time(order)
    with space:
        space.run()
        event = space.event(earlier, 0)
        output = space.run(taken=0, after={earlier: lambda: space.move(event, later)})
        last_row = max(number for number, each in enumerate(output.messages) if each.get("stream") == "events")
        space.warehouse.take(output.messages[: last_row + 1])
        space.put_back(event)
        space.run()
        assert space.view_is_true()


@pytest.mark.parametrize("order", ORDERS)
def test_the_running_day_may_take_a_row_and_give_it_back(order):
    space, _, _ = one_at_a_time(order, include_open_day=True)
    with space:
        space.run()
        today, closed = space.yesterday + timedelta(days=1), space.yesterday
        event = space.event(closed, 0)
        take, give_back = lambda: space.move(event, today), lambda: space.put_back(event)
        if order == "oldest_first":
            space.run(after={closed: take})
            give_back()
        else:
            take()
            space.run(after={today: give_back})
        space.run()
        assert space.view_is_true()


def test_a_looked_back_day_that_lost_a_row_to_a_hole_far_behind_it_is_written_at_once():
    with Space(lookback_days=1, max_exports_in_flight=1) as space:
        hole, kept = space.days[0], space.days[-1]
        space.run(failing=[hole])
        event = space.event(kept, 0)
        space.move(event, hole)
        space.run(after={hole: lambda: space.put_back(event)})
        assert (event,) in space.warehouse.events
        assert space.warehouse.events[event,]["event_date"] == kept.isoformat()


def test_a_looked_back_day_that_fails_is_tried_again_though_the_lookback_has_moved_on(space):
    space.run()
    failing = space.days[-3]
    space.cometly.history.delete(space.event(failing, 0))
    space.sleep(1)
    space.run(failing=[failing])
    assert space.warehouse.bookmark["rewrite"] == [failing.isoformat()]
    space.sleep(1)
    space.run()
    assert space.view_is_true()
    assert space.warehouse.bookmark["rewrite"] == []


def test_a_looked_back_day_that_fails_while_nothing_is_written_is_tried_again_though_the_lookback_is_smaller(space):
    space.run()
    failing = space.days[-3]
    space.cometly.history.delete(space.event(failing, 0))
    failed = space.run(failing=[failing])
    assert not failed.records
    assert space.warehouse.bookmark["rewrite"] == [failing.isoformat()]
    space.run(lookback_days=1)
    assert space.view_is_true()


def test_a_run_that_is_stopped_after_the_newest_day_still_owes_the_oldest_looked_back_day(space):
    space.config["backfill_order"] = "newest_first"
    space.run()
    space.cometly.history.delete(space.event(space.days[-3], 0))
    space.sleep(1)
    output = space.run(taken=0)
    newest = {"stream": "event_days", "event_date": space.yesterday.isoformat()}
    end_of_newest = 1 + next(
        number
        for number, each in enumerate(output.messages)
        if newest.items() <= {**each, **each.get("record", {})}.items()
    )
    space.warehouse.take(output.messages[: end_of_newest + 1])
    assert space.delivered.last == space.yesterday
    space.run()
    assert space.view_is_true()


def test_the_revision_counts_changes_and_not_what_had_to_be_written_again(space, caplog):
    caplog.set_level("INFO")
    space.run()
    day = space.days[-1]
    space.run(failing=[day])
    space.run()
    row = space.warehouse.days[day.isoformat()]
    assert row["revision"] == 1
    assert f"{day} is rewritten" in caplog.text
    assert " changed since " not in caplog.text
    assert space.view_is_true()
