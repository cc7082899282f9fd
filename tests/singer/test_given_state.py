"""STATE as it is handed over: what is ours is unwrapped, what is not is refused, and nothing passes for none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_exports.singer.given_state import UnusableStateError, unwrapped
from simulation.tapping import days_before, sync
from tap_cometly.tap import TapCometly

BOOKMARK = {"replication_key": "event_date", "replication_key_value": "2025-03-10"}
OURS = {"bookmarks": {"events": BOOKMARK, "event_days": {}}}


def taken(state):
    return unwrapped(state, exports=["events"], others=["event_days"])


@pytest.mark.parametrize(
    "state",
    [OURS, {"singer_state": OURS}, {"type": "STATE", "value": OURS}],
    ids=["plain", "as Meltano prints it", "a message"],
)
def test_the_known_forms_are_unwrapped(state):
    assert taken(state) == OURS


@pytest.mark.parametrize("empty", [{}, {"bookmarks": {}}, {"bookmarks": {"event_days": {}}}], ids=str)
@pytest.mark.parametrize("wrap", [dict, lambda state: {"singer_state": state}], ids=["plain", "as Meltano prints it"])
def test_an_empty_state_begins_anew(empty, wrap):
    assert taken(wrap(empty)).get("bookmarks", {}).get("events") is None


def test_bookmarks_of_others_beside_ours_do_no_harm():
    state = {"bookmarks": {"events": BOOKMARK, "users": {"replication_key_value": 5}}}
    assert taken(state) == state


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ({"foo": 1}, "it has no `bookmarks`; found `foo`"),
        ({"bookmark": OURS["bookmarks"]}, "it has no `bookmarks`; found `bookmark`"),
        (OURS["bookmarks"], "it has no `bookmarks`; found `event_days`, `events`"),
        ({"bookmarks": {"event": BOOKMARK}}, "it has no bookmark of `events`; found `event`, which this tap does not"),
        ({"bookmarks": {"event_days": {}, "evnets": BOOKMARK}}, "found `evnets`"),
        ({"singer_state": {"bookmarks": {"users": {}}}}, "found `users`"),
        ({"singer_state": 5}, "it holds 5 where an object with `bookmarks` is expected"),
        ({"type": "STATE", "value": [1]}, "it holds [1] where an object"),
        ({"bookmarks": 5}, "it has 5 as `bookmarks`"),
        ({"bookmarks": {"events": "2025-03-10"}}, "the bookmark of `events` must be an object"),
    ],
    ids=str,
)
def test_what_holds_nothing_of_ours_is_refused_and_not_taken_for_nothing_delivered(state, told):
    with pytest.raises(UnusableStateError) as error:
        taken(state)
    assert told in str(error.value)
    assert "Hand over the last STATE that the target printed" in str(error.value)


json_values = st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9) | st.just("bookmarks"), inner),
)


@given(st.dictionaries(st.sampled_from(["bookmarks", "singer_state", "type", "value", "events", "x"]), json_values))
def test_whatever_is_handed_over_is_taken_or_refused_in_words(state):
    try:
        found = taken(state)
    except UnusableStateError:
        return
    assert found.keys() <= {"bookmarks"}


def test_a_run_takes_the_state_as_meltano_prints_it(clock, config, tap):
    days = days_before(clock, 3)
    config = {**config, "start_date": days[0].isoformat(), "lookback_days": 0}
    state = {"singer_state": {"bookmarks": {"events": {**BOOKMARK, "replication_key_value": days[1].isoformat()}}}}
    assert sync(config, state=state, tap=tap).days == [days[2].isoformat()]


def test_a_run_with_a_state_of_somebody_else_does_not_begin(config):
    with pytest.raises(UnusableStateError):
        TapCometly(config=config, state={"bookmarks": {"users": {}}})
