"""What the sandbox says is true is what its exports hold."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_cometly import vocabulary
from tap_cometly.sandbox import Sandbox
from tests.examples import examples

from .conftest import DAY, Client, Clock

PLAIN = [name for name in vocabulary.REQUESTABLE_NAMES if name not in vocabulary.HIERARCHY_NAMES]


@st.composite
def queries(draw):
    query = {}
    if draw(st.booleans()):
        query["sources"] = draw(st.lists(st.sampled_from(vocabulary.SOURCES), min_size=1, max_size=15, unique=True))
        query["attribution_model"] = draw(st.sampled_from(vocabulary.ATTRIBUTION_MODELS))
        query["attribution_window"] = draw(st.sampled_from(vocabulary.ATTRIBUTION_WINDOWS))
    names = vocabulary.REQUESTABLE_NAMES if "sources" in query else PLAIN
    if fields := draw(st.lists(st.sampled_from(names), max_size=18, unique=True)):
        query["fields"] = fields
    if event_names := draw(st.lists(st.sampled_from(vocabulary.EVENT_NAMES), max_size=10, unique=True)):
        query["event_names"] = event_names
    query["query_mode"] = draw(st.sampled_from(vocabulary.QUERY_MODES))
    return query


def test_an_export_holds_the_truth_whatever_is_asked():
    unlimited = {"creates_per_minute": 10**6, "polls_per_minute": 10**6, "job_seconds": 0}
    with Sandbox(timezone="Asia/Kathmandu", clock=Clock(), events_per_day=60, **unlimited) as cometly:
        client = Client(cometly)

        @examples(60)
        @given(query=queries(), day=st.dates(dt.date(2025, 2, 20), dt.date(2025, 3, 10)))
        def check(query, day):
            rows = client.rows(day, **query)
            truth = list(cometly.truth(day, **query))
            assert rows == truth
            assert [list(row) for row in rows] == [list(row) for row in truth]
            key = ("id", "touchpoint_id") if "sources" in query else ("id",)
            assert len({tuple(row[name] for name in key) for row in rows}) == len(rows)

        check()


def test_columns_are_those_that_were_asked_for_and_those_that_come_by_themselves(sandbox):
    cometly = sandbox()
    attribution = {"sources": ["google_ads"], "attribution_model": "last_touch", "attribution_window": 0}

    def columns(**query):
        return list(next(cometly.truth(DAY, **query)))

    assert columns() == ["id", "event_time_utc"]
    assert columns(fields=["amount", "id"]) == ["id", "event_time_utc", "amount"]
    assert columns(**attribution) == ["id", "event_time_utc", "touchpoint_id"]
    assert columns(fields=["amount"], **attribution) == ["id", "event_time_utc", "touchpoint_id", "amount"]
    assert columns(fields=["ad_name"], **attribution) == ["id", "event_time_utc", "touchpoint_id", "source", "ad_name"]


def test_a_million_rows_are_not_held_in_memory(sandbox):
    truth = sandbox(events_per_day=lambda _: 2_000_000).truth(DAY)
    assert len({next(truth)["id"] for _ in range(5)}) == 5


@pytest.mark.parametrize(
    "query", [{"fields": ["amout"]}, {"sources": ["email"]}, {"event_names": ["buy"]}, {"query_mode": "person"}]
)
def test_a_truth_that_no_export_could_hold_is_refused(sandbox, query):
    with pytest.raises(ValueError, match="is none of"):
        sandbox().truth(DAY, **query)
