"""What a sync writes: records, STATE of both streams, statuses, and what went wrong in words."""

from __future__ import annotations

import threading

import pytest

from simulation.tapping import sync
from tap_cometly.sandbox import Fault
from tests.warehouses import sorted_rows, truth

FIELDS = ["profile_id", "company_id", "space_id", "event_name", "configured_name", "amount", "is_upsell"]
FIELDS += ["order_id", "order_name", "event_url"]


def test_the_rows_are_those_that_singer_gets(source, config, days, tap):
    said = source.read()
    assert said.status == 0
    assert said.records() == sync(config | {"start_date": days[0].isoformat()}, tap=tap).records
    assert [row["event_date"] for row in said.records("event_days")] == [day.isoformat() for day in days]
    rows = [{name: value for name, value in row.items() if name != "day_digest"} for row in said.records()]
    assert sorted_rows(rows)[0].keys() == {"id", "event_date", "event_time_utc", *FIELDS}


def test_each_day_ends_with_the_same_bookmark_for_both_streams(source, days):
    said = source.read()
    states = said.of("STATE")
    names = [state["stream"]["stream_descriptor"]["name"] for state in states]
    assert names == ["events", "event_days"] * (1 + len(days))
    for rows, ledger in zip(states[::2], states[1::2], strict=True):
        assert rows["stream"]["stream_state"] == ledger["stream"]["stream_state"]
    # The first is told before any row, and marks no day.
    told = [state["stream"]["stream_state"].get("event_date") for state in states[::2]]
    assert told == [None, *map(str, days)]


def test_streams_start_run_and_are_complete(source):
    assert source.read().statuses == {key: ["STARTED", "RUNNING", "COMPLETE"] for key in ("events", "event_days")}


def test_a_second_sync_writes_only_what_changed(source, cometly, clock, days):
    first = source.read()
    clock.advance(86_400)
    cometly.history.edit(first.records()[-1]["id"], amount="7.25")
    second = source.read(state=first.state)
    assert second.days == [days[-1].isoformat(), first_after(days)]
    assert len(second.records("event_days")) == 4
    assert [row["revision"] for row in second.records("event_days")] == [1, 1, 2, 1]


def first_after(days):
    return days[-1].replace(day=days[-1].day + 1).isoformat()


def test_a_sync_with_nothing_to_do_says_so_and_is_complete(source):
    state = source.read(lookback_days=0).state
    said = source.read(state=state, lookback_days=0)
    assert said.status == 0
    assert said.statuses == {key: ["STARTED", "COMPLETE"] for key in ("events", "event_days")}
    assert "Nothing to export" in said.log
    assert not said.of("STATE")


def test_a_column_that_is_not_chosen_is_not_asked_of_cometly(source):
    said = source.read(source.choose(columns=["amount"]))
    assert {*said.records()[0]} == {"id", "event_date", "day_digest", "amount"}
    assert {row["fields"] for row in said.records("event_days")} == {"amount,id"}
    assert "unexpected columns" not in said.log


def test_a_schema_that_names_no_column_deselects_none(source):
    catalog = source.choose()
    for entry in catalog["streams"]:
        entry["stream"]["json_schema"] = {}
    assert set(source.read(catalog).records()[0]) > {"amount", "event_name"}


def test_events_alone_have_a_state_of_their_own(source):
    said = source.read(source.choose("events"))
    assert said.statuses.keys() == {"events"}
    assert [state["stream"]["stream_descriptor"]["name"] for state in said.state] == ["events"]
    assert not said.records("event_days")


def test_the_ledger_alone_tells_of_days_whose_rows_are_not_written(source, cometly, days):
    said = source.read(source.choose("event_days"))
    assert not said.records()
    counts = {row["event_date"]: row["row_count"] for row in said.records("event_days")}
    assert counts == {str(day): len(list(cometly.truth(day))) for day in days}
    assert [state["stream"]["stream_descriptor"]["name"] for state in said.state] == ["event_days"]


def test_attribution_comes_from_the_choice_in_the_form(source, cometly, days):
    asked = {"sources": ["email", "direct"], "attribution_model": "linear", "attribution_window": 30}
    said = source.read(attribution={"rows": "credit", **asked}, fields=["amount"])
    rows = [{name: value for name, value in row.items() if name != "day_digest"} for row in said.records()]
    assert rows
    assert sorted_rows(rows) == truth(cometly, days, fields=["amount"], **asked)


def test_a_day_that_fails_is_named_and_the_others_are_delivered(source, cometly, days):
    cometly.inject(Fault("create", "failed", day=days[1], times=None))
    said = source.read()
    assert said.status == 1
    assert said.days == [str(day) for day in days if day != days[1]]
    assert said.error["failure_type"] == "transient_error"
    assert str(days[1]) in said.error["message"]
    assert "stack_trace" not in said.error
    assert {statuses[-1] for statuses in said.statuses.values()} == {"INCOMPLETE"}
    cometly.faults.clear()
    assert source.read(state=said.state, lookback_days=0).days == [str(days[1])]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"api_key": "recognisable"}, "Check the setting `api_key`"),
        ({"api_key": None}, "api_key: is required"),
        ({"end_date": "2100-01-01"}, "end_date: must not lie in the future"),
        ({"timezone": "Pacific/Kiritimati"}, "timezone"),
        ({"attribution": {"rows": "both"}}, "attribution: must be an object whose `rows` is one of events, credit"),
        ({"batch_config": {"encoding": {"format": "jsonl"}}}, "batch_config: is a setting of the Singer tap"),
        ({"stream_maps": {"events": {"amount": None}}}, "stream_maps: is a setting of the Singer tap"),
    ],
    ids=str,
)
def test_what_the_user_can_mend_is_a_config_error_without_a_stack(source, changes, told):
    said = source.read(source.choose(), **changes)
    assert said.status == 1
    assert said.error["failure_type"] == "config_error"
    assert told in said.error["message"]
    assert "stack_trace" not in said.error
    assert "recognisable" not in str(said.messages)


@pytest.mark.parametrize(
    ("catalog", "told"),
    [
        ({"streams": [{"stream": {"name": "orders"}}]}, "names streams that there are not: orders"),
        ({"streams": "all"}, "is no configured catalog"),
        ([], "is no configured catalog"),
        ("{", "cannot be read as JSON"),
    ],
)
def test_a_catalog_that_makes_no_sense_is_a_config_error(source, cometly, catalog, told):
    said = source.read(catalog)
    assert (said.status, said.error["failure_type"]) == (1, "config_error")
    assert told in said.error["message"]
    assert not cometly.requests


def test_what_nobody_expected_is_a_system_error_with_a_stack(source, monkeypatch):
    monkeypatch.setattr("bulk_exports.airbyte.read.chosen_columns", lambda *_: 1 / 0)
    said = source.read()
    assert said.status == 1
    assert said.error["failure_type"] == "system_error"
    assert "ZeroDivisionError" in said.error["stack_trace"]
    assert {statuses[-1] for statuses in said.statuses.values()} == {"INCOMPLETE"}


def test_an_outage_is_a_transient_error(source, cometly):
    cometly.inject(Fault("create", "status", status=503, times=None))
    assert source.read().error["failure_type"] == "transient_error"


def test_what_the_run_says_is_logged(source):
    said = source.read()
    assert "Exporting 4 days" in said.log
    assert {record["level"] for record in said.of("LOG")} == {"INFO"}


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("can't start new thread")], ids=["memory", "threads"])
def test_memory_or_threads_that_are_used_up_are_told_without_a_stack(source, monkeypatch, error):
    def start(_):
        raise error

    catalog = source.choose()
    monkeypatch.setattr(threading.Thread, "start", start)
    said = source.read(catalog)
    assert said.status == 1
    assert "The memory that this process may have is used up, or the number of its threads" in said.error["message"]
    assert said.error["failure_type"] == "transient_error"
    assert "stack_trace" not in said.error


@pytest.mark.parametrize("place", ["config", "catalog", "state"])
def test_a_file_that_is_nested_deeper_than_python_goes_is_told_in_words(source, place):
    deep = '{"a":' * 20_000 + "1" + "}" * 20_000
    files = {"config": source.config, "catalog": source.choose()} | {place: deep}
    arguments = [text for name, content in files.items() for text in (f"--{name}", source.file(name, content))]
    said = source("read", *arguments)
    assert said.status == 1
    assert f"--{place} cannot be read as JSON: it is nested deeper than 100 levels" in said.error["message"]
    assert "stack_trace" not in said.error
