"""Whatever happens at Cometly and to the runs: the view `events JOIN event_days` is what Cometly says now.

Real runs against the sandbox over sockets, in virtual time, into a warehouse in memory.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from datetime import date, datetime, time, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_cometly import calendar, vocabulary
from tap_cometly.progress import Progress
from tap_cometly.sandbox import Fault, Sandbox
from tap_cometly.sync import UndeliveredDaysError
from tests.examples import examples
from tests.tapping import sync, tap_class
from tests.virtual_time import VirtualClock
from tests.warehouses import Warehouse, truth

ATTRIBUTED = {
    "sources": ["google_ads", "facebook_ads", "email", "direct"],
    "attribution_model": "linear",
    "attribution_window": 30,
}
WAYS = {
    "plain": ({}, [name for name in vocabulary.REQUESTABLE_NAMES if name not in vocabulary.HIERARCHY_NAMES]),
    "attributed": (ATTRIBUTED, list(vocabulary.REQUESTABLE_NAMES)),
}
FIRST_DAYS = 4
LONGEST = 12
"""More days than any of these histories has: with this lookback every day is looked at by every run."""


class Space:
    """A Space, its warehouse, and the runs between them."""

    def __init__(self, way="plain", *, events_per_day=6, job_seconds=5, **config):
        asked, fields = WAYS[way]
        self.clock = VirtualClock()
        self.cometly = Sandbox(
            clock=self.clock.time,
            events_per_day=events_per_day,
            job_seconds=job_seconds,
            creates_per_minute=60,
            polls_per_minute=600,
            on_request=self._on_request,
        )
        self.start = self.yesterday - timedelta(days=FIRST_DAYS - 1)
        self.config = {
            "api_key": self.cometly.api_key,
            "api_url": self.cometly.api_url,
            "timezone": "UTC",
            "start_date": self.start.isoformat(),
            **asked,
            **config,
        }
        self.asked = {**asked, "fields": fields}
        self.warehouse = Warehouse()
        self.tap = tap_class(self.clock)
        self.moved: dict[int, int] = {}
        self._while_running = []
        self._after_file = {}

    def __enter__(self):
        self.cometly.start()
        return self

    def __exit__(self, *_):
        self.cometly.stop()

    @property
    def yesterday(self):
        return datetime.fromtimestamp(self.clock.now(), timezone.utc).date() - timedelta(days=1)

    @property
    def days(self):
        return list(calendar.days(self.start, self.yesterday))

    @property
    def delivered(self):
        return Progress.from_state(self.warehouse.bookmark, start=self.start)

    def run(self, *, taken=1.0, failing=(), racing=(), after=None, **config):
        """Run the tap; the target takes this share of its messages in, and then the machine goes down.

        Args:
            taken: That share.
            failing: Days whose exports fail.
            racing: Pairs of a number and what is done at Cometly after so many requests of the run.
            after: What is done at Cometly when the file of a day is downloaded, and so can no longer change.
        """
        for day in failing:
            self.cometly.inject(Fault("create", "failed", day=day, times=None))
        self._while_running = sorted(((len(self.cometly.requests) + after, act) for after, act in racing), key=_first)
        self._after_file = dict(after or {})
        output = sync({**self.config, **config}, state=self.warehouse.state, tap=self.tap, catch=UndeliveredDaysError)
        assert bool(output.error) == bool(set(failing))
        self.cometly.faults.clear()
        self._while_running = []
        assert not self._after_file
        self.warehouse.take(output.messages[: round(taken * len(output.messages))])
        return output

    def _on_request(self, request):
        if request.endpoint == "file" and (act := self._after_file.pop(request.date, None)):
            act()
        while self._while_running and len(self.cometly.requests) > self._while_running[0][0]:
            self._while_running.pop(0)[1]()

    def sleep(self, days):
        self.clock.advance(days * 86_400)

    def view_is_true(self):
        """Whether every day that can be delivered is, and the view shows exactly what Cometly says now."""
        assert self.delivered == Progress(((self.start, self.yesterday),))
        shown = [row for row in self.warehouse.view() if row["event_date"] <= self.yesterday.isoformat()]
        assert shown == truth(self.cometly, self.days, **self.asked)
        closed = {day: row for day, row in self.warehouse.days.items() if day <= self.yesterday.isoformat()}
        assert sorted(closed) == [day.isoformat() for day in self.days]
        for day, row in closed.items():
            rows = [each for each in shown if each["event_date"] == day]
            assert row["rows"] == len(rows)
            assert row["amount_total"] == sum(each["amount"] or 0 for each in rows)
            times = [each["event_time_utc"] for each in rows] or [None]
            assert (row["first_event_time_utc"], row["last_event_time_utc"]) == (min(times), max(times))
            assert not row["is_open"]
        return True

    # What happens at Cometly

    def event(self, day, number):
        """Return an event of a day; None if it has none."""
        events = sorted({row["id"] for row in self.cometly.truth(day)})
        return events[number % len(events)] if events else None

    def moment(self, day, number):
        return datetime.combine(day, time(1), timezone.utc) + timedelta(minutes=number)

    def move(self, event, day, number=0):
        self.moved.setdefault(event, self.cometly.history.find(event).time)
        self.cometly.history.back_date(event, self.moment(day, number))

    def moved_within(self, days):
        """Return the moved events that are now in one of these days and were in one."""
        found = []
        for event, before in sorted(self.moved.items()):
            with contextlib.suppress(LookupError):  # it was deleted meanwhile
                times = before, self.cometly.history.find(event).time
                if all(datetime.fromtimestamp(moment, timezone.utc).date() in days for moment in times):
                    found.append(event)
        return found

    def put_back(self, event):
        self.cometly.history.back_date(event, self.moved.pop(event))


def _first(pair):
    return pair[0]


# What each remedy is for


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


orders = ["oldest_first", "newest_first"]


def one_at_a_time(order, **config):
    """A Space whose days are exported one by one, and the two latest of them in the order in which they are."""
    space = Space(lookback_days=3, max_exports_in_flight=1, backfill_order=order, **config)
    return space, *(space.days[-2:] if order == "oldest_first" else space.days[:-3:-1])


def rows_of(output, day, event):
    return [row for row in output.records if row["event_date"] == day.isoformat() and row["id"] == event]


@pytest.mark.parametrize("order", orders)
def test_a_changed_day_that_loses_a_row_to_a_later_one_is_written_again_by_the_next_run(order):
    space, earlier, later = one_at_a_time(order)
    with space:
        space.run()
        event, other = space.event(earlier, 0), space.event(earlier, 1)
        space.cometly.history.edit(other, amount="1.00")
        output = space.run(after={earlier: lambda: space.move(event, later)})
        assert rows_of(output, earlier, event)
        assert rows_of(output, later, event)
        assert space.warehouse.bookmark["again"] == [earlier.isoformat()]
        space.put_back(event)
        space.run()
        assert space.view_is_true()
        assert "again" not in space.warehouse.bookmark


@pytest.mark.parametrize("order", orders)
def test_an_unchanged_day_that_loses_a_row_to_a_later_one_is_written_again_by_the_next_run(order):
    space, earlier, later = one_at_a_time(order)
    with space:
        space.run()
        event = space.event(earlier, 0)
        output = space.run(after={earlier: lambda: space.move(event, later)})
        assert output.days == [later.isoformat()]
        assert space.warehouse.bookmark["again"] == [earlier.isoformat()]
        space.put_back(event)
        space.run()
        assert space.view_is_true()
        assert "again" not in space.warehouse.bookmark


@pytest.mark.parametrize("order", orders)
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
        assert f"{later} is written again: a day written before it may have taken the row of an event" in caplog.text
        space.run()
        assert space.view_is_true()
        assert "again" not in space.warehouse.bookmark


@pytest.mark.parametrize("order", orders)
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


@pytest.mark.parametrize("order", orders)
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
    assert space.warehouse.bookmark["again"] == [failing.isoformat()]
    space.sleep(1)
    space.run()
    assert space.view_is_true()
    assert "again" not in space.warehouse.bookmark


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
    assert f"{day} is written again" in caplog.text
    assert " changed since " not in caplog.text
    assert space.view_is_true()


# Any history


@dataclasses.dataclass(frozen=True)
class Change:
    """Something that happens at Cometly; days and events are counted among those that there are."""

    kind: str
    day: int
    event: int
    other: int

    def happen(self, space: Space, days: list[date]) -> None:
        day, other = days[self.day % len(days)], days[self.other % len(days)]
        history = space.cometly.history
        if self.kind == "late":
            history.add(space.moment(day, self.other), amount=f"{self.event}.{self.other:02}", profile_id=self.event)
        elif self.kind == "rename":
            history.rename_custom_event(1, f"label {self.other % 2}")
        elif self.kind == "put back":
            if moved := space.moved_within(days):
                space.put_back(moved[self.event % len(moved)])
        elif (event := space.event(day, self.event)) is not None:
            self._happen_to(event, space, other)

    def _happen_to(self, event: int, space: Space, other: date) -> None:
        history = space.cometly.history
        if self.kind == "edit":
            history.edit(event, amount=f"{self.other % 3}.50")
        elif self.kind == "delete":
            history.delete(event)
        elif self.kind == "move":
            space.move(event, other, self.other % 2)
        elif self.kind == "reattribute":
            history.reattribute(event, seed=1 + self.other % 2)
        elif self.kind == "merge" and (profile := history.find(event).profile_id):
            history.merge_contacts(profile, profile + 1)


OF_ONE_DAY = ("late", "edit", "delete", "move", "put back", "reattribute")
OF_ALL_DAYS = (*OF_ONE_DAY, "rename", "merge")


def change(kinds):
    numbers = st.integers(0, 20)
    return st.builds(Change, st.sampled_from(kinds), numbers, numbers, numbers)


def races(kinds):
    """What happens at Cometly while the tap runs, and after how many of its requests: often a move away and back."""
    moments = st.integers(0, 40)
    ways = st.one_of(change(kinds), change(("move",)), change(("put back",)))
    return st.lists(st.tuples(moments, ways), max_size=6)


@dataclasses.dataclass(frozen=True)
class Episode:
    """What happens, and the run after it."""

    changes: list[Change]
    sleep: int
    taken: float
    failing: list[int]
    racing: list[tuple[int, Change]]


def episodes(kinds):
    return st.lists(
        st.builds(
            Episode,
            st.lists(change(kinds), max_size=4),
            sleep=st.sampled_from([0, 0, 1, 2]),
            taken=st.one_of(st.just(1.0), st.floats(0, 1)),
            failing=st.lists(st.integers(0, 6), max_size=2),
            racing=races(kinds),
        ),
        min_size=1,
        max_size=4,
    )


def play(space: Space, history: list[Episode], *, reach=None):
    """Let a history happen, then run once more undisturbed.

    Args:
        space: Where.
        history: What.
        reach: How many of the latest delivered days change at most; None: all days do. Others are out of any lookback.
    """
    space.run()
    for episode in history:
        for change in episode.changes:
            days = space.days
            if reach is not None:
                latest = space.delivered.latest(reach)
                days = [day for day in days if day in latest or day not in space.delivered]
            change.happen(space, days)
        space.sleep(episode.sleep)
        days = space.days
        seen_again = days if reach is None else days[-reach:]
        space.run(
            taken=episode.taken,
            failing={days[number] for number in episode.failing if number < len(days) and _due(space, days[number])},
            racing=[(moment, functools.partial(each.happen, space, seen_again)) for moment, each in episode.racing],
        )
    space.run()
    assert space.view_is_true()


def _due(space, day):
    lookback = space.config["lookback_days"]
    again = space.warehouse.bookmark.get("again", [])
    return day not in space.delivered or day in space.delivered.latest(lookback) or day.isoformat() in again


@pytest.mark.parametrize("way", WAYS)
@examples(15)
@given(
    history=episodes(OF_ALL_DAYS),
    order=st.sampled_from(orders),
    open_day=st.booleans(),
    in_flight=st.sampled_from([1, 2, 30]),
    seconds=st.lists(st.integers(1, 60), min_size=1, max_size=5),
)
def test_any_history_and_any_runs_end_in_the_truth(way, history, order, open_day, in_flight, seconds):
    with Space(
        way,
        lookback_days=LONGEST,
        backfill_order=order,
        include_open_day=open_day,
        max_exports_in_flight=in_flight,
        job_seconds=lambda day, attempt: seconds[(day.toordinal() + attempt) % len(seconds)],
    ) as space:
        play(space, history)


@dataclasses.dataclass(frozen=True)
class Journey:
    """An event travels: after so many requests of a run it is on that day, counted from the first; 0 is its own."""

    after: int
    event: int
    day: int

    def happen(self, space: Space, events: list[tuple[int, int]]) -> None:
        event, home = events[self.event]
        days = [datetime.fromtimestamp(home, timezone.utc).date(), *space.days]
        when = home if self.day == 0 else space.moment(days[self.day], self.event).timestamp()
        space.cometly.history.back_date(event, when)


journeys = st.lists(st.builds(Journey, st.integers(0, 14), st.integers(0, 1), st.integers(0, 3)), max_size=5)


@examples(30)
@given(runs=st.lists(journeys, min_size=1, max_size=3), order=st.sampled_from(orders), open_day=st.booleans())
def test_events_that_travel_between_any_two_requests_are_not_lost(runs, order, open_day):
    with Space(
        events_per_day=lambda _day: 2,
        max_exports_in_flight=1,
        job_seconds=1,
        lookback_days=LONGEST,
        backfill_order=order,
        include_open_day=open_day,
    ) as space:
        space.run()
        events = [space.event(day, 0) for day in space.days[:2]]
        homes = [(event, space.cometly.history.find(event).time) for event in events]
        for travels in runs:
            space.run(racing=[(each.after, functools.partial(each.happen, space, homes)) for each in travels])
        space.run()
        assert space.view_is_true()


@examples(15)
@given(
    history=episodes(OF_ONE_DAY),
    order=st.sampled_from(orders),
    lookback=st.integers(1, 3),
    in_flight=st.sampled_from([1, 2, 30]),
)
def test_a_short_lookback_sees_every_change_of_the_days_that_it_reaches(history, order, lookback, in_flight):
    with Space(lookback_days=lookback, backfill_order=order, max_exports_in_flight=in_flight) as space:
        play(space, history, reach=lookback)
