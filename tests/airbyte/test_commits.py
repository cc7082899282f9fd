"""However far a destination has stored and committed the two streams, the view is the truth after the next sync."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.airbyte.space import AirbyteSpace
from tests.examples import examples
from tests.reconcile.histories import LONGEST, OF_ALL_DAYS, OF_ONE_DAY, Change, change
from tests.reconcile.space import ORDERS


@dataclasses.dataclass(frozen=True)
class Episode:
    """What happens at Cometly, and a sync after it, of which each stream is stored and committed so far."""

    changes: list[Change]
    sleep: int
    stored: tuple[float, float]
    committed: tuple[float, float]


shares = st.one_of(st.just(1.0), st.floats(0, 1))
pairs = st.tuples(shares, shares)


def histories(kinds):
    changes = st.lists(change(kinds), max_size=4)
    episodes = st.builds(Episode, changes, st.sampled_from([0, 0, 1, 2]), stored=pairs, committed=pairs)
    return st.lists(episodes, min_size=1, max_size=4)


def play(space, history, *, reach=None):
    """Let a history happen, in which so many of the latest delivered days change, then sync once more undisturbed."""
    space.sync()
    for episode in history:
        for each in episode.changes:
            latest = space.delivered.latest(reach or LONGEST)
            each.happen(space, [day for day in space.days if day in latest or day not in space.delivered])
        space.sleep(episode.sleep)
        space.sync(stored=episode.stored, committed=episode.committed)
    space.sync()
    assert space.view_is_true()


@examples(5)
@given(history=histories(OF_ALL_DAYS), order=st.sampled_from(ORDERS), open_day=st.booleans())
def test_any_commits_of_the_two_streams_end_in_the_truth(history, order, open_day):
    with AirbyteSpace(lookback_days=LONGEST, backfill_order=order, include_open_day=open_day) as space:
        play(space, history)


@examples(5)
@given(history=histories(OF_ONE_DAY), order=st.sampled_from(ORDERS), lookback=st.integers(1, 3))
def test_a_short_lookback_sees_every_change_of_the_days_that_it_reaches(history, order, lookback):
    with AirbyteSpace(lookback_days=lookback, backfill_order=order) as space:
        play(space, history, reach=lookback)


@pytest.mark.parametrize(("events", "ledger"), [(0.3, 0.7), (0.7, 0.3), (0.0, 0.9), (0.9, 0.8), (1.0, 0.0)])
def test_unequal_commits_of_a_first_sync_lose_no_day_and_read_none_twice_that_both_have(events, ledger):
    with AirbyteSpace(lookback_days=0) as space:
        space.sync(committed=(events, ledger))
        both = min((_delivered(state) for state in space.state), key=len) if len(space.state) == 2 else []
        second = space.sync()
        assert second.days == [day.isoformat() for day in space.days if day.isoformat() not in both]
        assert space.view_is_true()


def _delivered(state):
    found = []
    for first, last in state["stream"]["stream_state"].get("delivered", []):
        assert first == "2025-02-15"
        found += [f"2025-02-{day}" for day in range(15, int(last[-2:]) + 1)]
    return found


@pytest.mark.parametrize("kept", [(1.0, 0.0), (0.0, 1.0)], ids=["events only", "ledger only"])
@pytest.mark.parametrize("sleep", [0, 2], ids=["within the lookback", "out of it by now"])
def test_a_looked_back_day_of_which_one_stream_was_lost_is_written_again(kept, sleep):
    with AirbyteSpace(lookback_days=1) as space:
        space.sync()
        space.cometly.history.edit(space.event(space.yesterday, 0), amount="1.25")
        space.sleep(sleep)
        space.sync(stored=kept)
        space.sync()
        assert space.view_is_true()


def test_a_stream_that_was_cleared_makes_all_days_due():
    with AirbyteSpace(lookback_days=0) as space:
        space.sync()
        space.state = space.state[:1]
        assert space.sync().days == [day.isoformat() for day in space.days]


@pytest.mark.parametrize("generation", [None, 4])
def test_a_full_refresh_reads_everything_whatever_an_older_state_says(generation):
    with AirbyteSpace(lookback_days=0) as space:
        space.sync()
        space._catalog = space.source.choose(entry={"sync_mode": "full_refresh", "generation_id": generation})
        assert space.sync().days == [day.isoformat() for day in space.days]


def test_a_full_refresh_that_was_cut_short_goes_on_where_it_was():
    with AirbyteSpace(lookback_days=0) as space:
        space._catalog = space.source.choose(entry={"sync_mode": "full_refresh", "generation_id": 4})
        space.sync(stored=(0.6, 0.6))
        first = _delivered(space.state[0])
        assert 0 < len(first) < len(space.days)
        assert space.sync().days == [day.isoformat() for day in space.days][len(first) :]
        assert not space.sync().days
        space._catalog = space.source.choose(entry={"sync_mode": "full_refresh", "generation_id": 5})
        assert len(space.sync().days) == len(space.days)


@pytest.mark.long
def test_a_client_that_kills_at_any_message_and_keeps_state_gets_the_union_exactly():
    with AirbyteSpace(lookback_days=0) as space:
        space.sleep(4)
        whole = len(space.source.read().messages)
        assert whole > 50
        for kept in range(0, whole, 19):
            space.state, space.warehouse.events, space.warehouse.days = [], {}, {}
            share = kept / whole
            space.sync(stored=(share, share))
            space.sync()
            assert space.view_is_true()
