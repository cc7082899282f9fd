"""Any history and any runs end in the truth: the view `events JOIN event_days` is what Cometly says now."""

from __future__ import annotations

import dataclasses
import functools
from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from tests.reconcile.histories import LONGEST, OF_ALL_DAYS, OF_ONE_DAY, Change, change, races
from tests.reconcile.space import ORDERS, WAYS, Space


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
        for each in episode.changes:
            days = space.days
            if reach is not None:
                latest = space.delivered.latest(reach)
                days = [day for day in days if day in latest or day not in space.delivered]
            each.happen(space, days)
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
    again = space.warehouse.bookmark.get("rewrite", [])
    return day not in space.delivered or day in space.delivered.latest(lookback) or day.isoformat() in again


@pytest.mark.parametrize("way", WAYS)
@examples(8)
@given(
    history=episodes(OF_ALL_DAYS),
    order=st.sampled_from(ORDERS),
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


@examples(15)
@given(runs=st.lists(journeys, min_size=1, max_size=3), order=st.sampled_from(ORDERS), open_day=st.booleans())
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


@examples(8)
@given(
    history=episodes(OF_ONE_DAY),
    order=st.sampled_from(ORDERS),
    lookback=st.integers(1, 3),
    in_flight=st.sampled_from([1, 2, 30]),
)
def test_a_short_lookback_sees_every_change_of_the_days_that_it_reaches(history, order, lookback, in_flight):
    with Space(lookback_days=lookback, backfill_order=order, max_exports_in_flight=in_flight) as space:
        play(space, history, reach=lookback)
