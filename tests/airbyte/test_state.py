"""What is taken for STATE, and what is refused rather than taken for a first sync."""

from __future__ import annotations

import json

import pytest

from bulk_exports.airbyte.state import StateError, states_by_stream


def message(name="events", state=None):
    return {"type": "STREAM", "stream": {"stream_descriptor": {"name": name}, "stream_state": state}}


@pytest.mark.parametrize("found", [None, [], {}], ids=json.dumps)
def test_nothing_is_remembered_before_the_first_sync(found):
    assert states_by_stream(found) == {}


def test_a_stream_without_state_remembers_nothing():
    remembered = states_by_stream([message(), message("event_days", {"delivered": []})])
    assert remembered == {"events": {}, "event_days": {"delivered": []}}


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ({"bookmarks": {"events": {}}}, "an object"),
        ("2025-03-10", "'2025-03-10'"),
        (7, "found 7"),
        (False, "False"),
        ([{"type": "LEGACY", "data": {"events": {}}}], "something else in place 1, of the type 'LEGACY'"),
        ([message(), {"type": "GLOBAL", "global": {}}], "something else in place 2, of the type 'GLOBAL'"),
        ([{"type": "STREAM", "stream": {}}], "place 1"),
        ([[]], "place 1"),
        ([message(state="2025-03-10")], "a `stream_state` of 'events' that is no object"),
    ],
    ids=json.dumps,
)
def test_whatever_else_is_no_state(found, told):
    with pytest.raises(StateError, match="must be a list of STATE messages of the type STREAM") as caught:
        states_by_stream(found)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ([message(state={"delivered": 5})], "`delivered` must be a list"),
        ([message(state={"delivered": [["2025-02-15", "2025-02-16"]], "touched": [["x", "y"]]})], "must be a day"),
        ([message(state={"delivered": [], "run": "first"})], "`run` must be a number"),
        ([message(state={"delivred": []})], "`delivred` is not a key of this stream"),
        ({"bookmarks": {}}, "found an object"),
        ("]", "cannot be read as JSON"),
    ],
    ids=str,
)
def test_a_state_that_makes_no_sense_is_a_config_error(source, cometly, state, told):
    said = source.read(state=state)
    assert (said.status, said.error["failure_type"]) == (1, "config_error")
    assert told in said.error["message"]
    assert not cometly.requests


def test_a_state_of_singer_may_be_brought_along(source, days):
    """Only the words around it differ: the bookmark of a stream is its `stream_state`."""
    bookmark = {"replication_key": "event_date", "replication_key_value": str(days[2])}
    said = source.read(state=[message(state=bookmark), message("event_days", bookmark)], lookback_days=0)
    assert said.days == [str(days[3])]


def test_equal_states_are_used_as_they_are(source, days):
    state = source.read().state
    second = source.read(state=state)
    assert not second.records()
    assert [row["event_date"] for row in second.records("event_days")] == [str(day) for day in days[-3:]]


def test_runs_are_counted(source):
    first = source.read()
    second = source.read(state=first.state)
    assert {each["stream"]["stream_state"]["run"] for each in first.state} == {1}
    assert {each["stream"]["stream_state"]["run"] for each in second.state} == {2}


def test_only_the_state_of_streams_that_were_chosen_counts(source, days):
    state = source.read(source.choose("events"), lookback_days=0).state
    assert not source.read(source.choose("events"), [*state, message("orders", {"x": 1})], lookback_days=0).days
    both = source.read(state=state, lookback_days=0)
    assert both.days == [str(day) for day in days]
    assert "selected again" not in both.log
