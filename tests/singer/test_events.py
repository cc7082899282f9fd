"""The events stream against the sandbox over real sockets: what is asked for, what comes out, what STATE says."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from bulk_exports.engine.errors import RequestRejectedError
from bulk_exports.run import UndeliveredDaysError
from bulk_exports.windows.delivered import MalformedStateError
from simulation.tapping import catalog_of, days_before, sync
from tap_cometly import vocabulary as cometly_words
from tap_cometly.sandbox import Fault, Quirks, Sandbox

ATTRIBUTED = {
    "sources": ["google_ads", "facebook_ads", "email"],
    "attribution_model": "linear",
    "attribution_window": 30,
}


def truth(cometly, days, **asked):
    """What the table should hold: every row of the days, with nothing of the export that brought it."""
    rows = [{"event_date": day.isoformat(), **row} for day in days for row in cometly.truth(day, **asked)]
    return sorted(rows, key=lambda row: (row["id"], row.get("touchpoint_id", "")))


def table(*outputs):
    """What a target that upserts on the key holds after these runs."""
    rows = {}
    for output in outputs:
        keys = output.schema["key_properties"]
        for record in output.records:
            rows[tuple(record[key] for key in keys)] = {k: v for k, v in record.items() if k != "day_digest"}
    return [rows[key] for key in sorted(rows)]


def test_thirty_days_arrive_in_order_row_for_row_and_nothing_twice(clock, cometly, config, tap):
    output = sync(config, tap=tap)
    days = days_before(clock, 30)
    fields = [name for name in cometly_words.REQUESTABLE_NAMES if name not in cometly_words.HIERARCHY_NAMES]
    assert output.days == [day.isoformat() for day in days]
    assert table(output) == truth(cometly, days, fields=fields)
    assert len(output.records) == len(table(output))
    assert output.bookmark["replication_key"] == "event_date"
    assert output.bookmark["replication_key_value"] == days[-1].isoformat()
    assert output.bookmark["delivered"] == [[days[0].isoformat(), days[-1].isoformat()]]


@pytest.mark.parametrize("model", cometly_words.ATTRIBUTION_MODELS)
def test_attributed_rows_come_by_event_and_touchpoint(clock, cometly, config, tap, model):
    days = days_before(clock, 3)
    asked = {**ATTRIBUTED, "attribution_model": model}
    output = sync({**config, **asked, "start_date": days[0].isoformat()}, tap=tap)
    assert output.schema["key_properties"] == ["id", "touchpoint_id"]
    expected = truth(cometly, days, fields=cometly_words.REQUESTABLE_NAMES, **asked)
    assert expected
    for row in expected:  # the ad platform's and the touchpoint's identifiers are text, whatever Cometly sends
        row["touchpoint_id"] = str(row["touchpoint_id"])
    assert table(output) == sorted(expected, key=lambda row: (row["id"], row["touchpoint_id"]))


def test_state_follows_each_whole_day_and_nothing_else_moves_it(clock, config, tap):
    days = days_before(clock, 5)
    output = sync({**config, "start_date": days[0].isoformat()}, tap=tap)
    written, told = set(), []
    for message in output.messages:
        if message["type"] == "RECORD":
            written.add((message["stream"], message["record"]["event_date"]))
        elif message["type"] == "STATE" and "events" in message["value"]["bookmarks"]:
            last = message["value"]["bookmarks"]["events"].get("replication_key_value")
            told.append(last)
            if not written:  # a STATE is told before the first row, and marks no day
                continue
            assert max(written) == ("events", last)
            assert ("event_days", last) in written
    assert told == [None, *(day.isoformat() for day in days)]


def test_a_day_without_events_is_delivered_too(clock, tap):
    with Sandbox(clock=clock.time, events_per_day=lambda _day: 0) as empty:
        config = {"api_key": empty.api_key, "api_url": empty.api_url, "timezone": "UTC"}
        output = sync(config, tap=tap)
    assert output.records == []
    assert output.bookmark["replication_key_value"] == days_before(clock, 1)[0].isoformat()


def created(cometly):
    """The days whose exports were created, in order, and forget them."""
    days = [request.date for request in cometly.requests if request.endpoint == "create" and request.status == 202]
    del cometly.requests[:]
    return sorted(days)


def test_the_next_run_looks_back_and_writes_nothing_while_nothing_changed(clock, cometly, config, tap):
    first = sync(config, tap=tap)
    created(cometly)
    again = sync(config, state=first.state, tap=tap)
    assert created(cometly) == days_before(clock, 3)
    assert again.records == []
    assert again.state == first.state


def test_a_run_on_the_next_day_brings_exactly_the_new_day(clock, cometly, config, tap):
    first = sync(config, tap=tap)
    created(cometly)
    clock.advance(86_400)
    later = sync(config, state=first.state, tap=tap)
    assert created(cometly) == days_before(clock, 4)
    assert later.days == [days_before(clock, 1)[0].isoformat()]


def test_lookback_can_be_turned_off(clock, config, tap):
    config = {**config, "lookback_days": 0}
    first = sync(config, tap=tap)
    again = sync(config, state=first.state, tap=tap)
    assert again.records == []
    assert again.bookmark == first.bookmark


@pytest.mark.long
def test_a_tap_that_slept_for_months_leaves_no_gap_behind_the_moving_default_start(clock, config, tap):
    first = sync({**config, "lookback_days": 0}, tap=tap)
    clock.advance(60 * 86_400)
    later = sync({**config, "lookback_days": 0}, state=first.state, tap=tap)
    assert len(later.days) == 60


def test_moving_the_start_back_exports_the_earlier_days(clock, config, tap):
    days = days_before(clock, 6)
    first = sync({**config, "start_date": days[3].isoformat(), "lookback_days": 0}, tap=tap)
    second = sync({**config, "start_date": days[0].isoformat(), "lookback_days": 0}, state=first.state, tap=tap)
    assert second.days == [day.isoformat() for day in days[:3]]
    assert second.bookmark["delivered"] == [[days[0].isoformat(), days[-1].isoformat()]]


def test_a_bookmark_alone_means_that_everything_through_it_is_there(clock, config, tap):
    days = days_before(clock, 10)
    bookmark = {"replication_key": "event_date", "replication_key_value": days[7].isoformat()}
    state = {"bookmarks": {"events": bookmark}}
    output = sync({**config, "start_date": days[0].isoformat(), "lookback_days": 1}, state=state, tap=tap)
    assert output.days == [day.isoformat() for day in days[7:]]


@pytest.mark.parametrize(
    "bookmark",
    [
        {"replication_key_value": "yesterday"},
        {"replication_key_value": "2999-01-01"},
        {"replication_key": "id", "replication_key_value": "2025-01-01"},
        {"delivered": "all of them"},
        {"delivered": [["2025-01-02", "2025-01-01"]]},
        {"replication_key_value": "2025-01-09", "delivered": [["2025-01-01", "2025-01-05"]]},
    ],
)
def test_a_state_that_makes_no_sense_is_an_error_and_no_full_reload(cometly, config, tap, bookmark):
    output = sync(config, state={"bookmarks": {"events": bookmark}}, tap=tap, catch=MalformedStateError)
    assert "STATE of the stream cannot be used" in str(output.error)
    assert output.records == []
    assert not cometly.requests


def test_a_failed_day_is_left_out_named_and_tried_again_first(clock, cometly, config, tap):
    days = days_before(clock, 6)
    config = {**config, "start_date": days[0].isoformat(), "lookback_days": 0}
    cometly.inject(Fault("file", "rows", day=days[2], times=None, rows=[b"not json"]))
    first = sync(config, tap=tap, catch=UndeliveredDaysError)
    assert days[2].isoformat() in str(first.error)
    assert "line" in str(first.error)
    assert first.days == [day.isoformat() for day in days if day != days[2]]
    assert first.bookmark["delivered"] == [
        [days[0].isoformat(), days[1].isoformat()],
        [days[3].isoformat(), days[5].isoformat()],
    ]
    cometly.faults.clear()
    second = sync(config, state=first.state, tap=tap)
    assert second.days == [days[2].isoformat()]
    assert second.bookmark["delivered"] == [[days[0].isoformat(), days[5].isoformat()]]


def test_end_date_ends_a_backfill_with_that_day(clock, config, tap):
    days = days_before(clock, 10)
    output = sync({**config, "start_date": days[0].isoformat(), "end_date": days[4].isoformat()}, tap=tap)
    assert output.days == [day.isoformat() for day in days[:5]]


def test_a_start_in_the_future_exports_nothing_and_says_so(clock, config, tap, caplog):
    tomorrow = days_before(clock, 1)[0] + timedelta(days=2)
    output = sync({**config, "start_date": tomorrow.isoformat()}, tap=tap)
    assert output.records == []
    assert "lies in the future" in caplog.text


@pytest.mark.long
def test_without_a_timezone_a_day_is_exported_when_it_has_ended_everywhere(clock, config, tap):
    del config["timezone"]
    newest = days_before(clock, 1)[0]
    midnight = (-clock.now()) % 86_400
    clock.advance(midnight + 11 * 3600)
    assert sync(config, tap=tap).days[-1] == newest.isoformat()
    clock.advance(2 * 3600)
    assert sync(config, tap=tap).days[-1] == (newest + timedelta(days=1)).isoformat()


def selecting(config, tap, **selected):
    catalog, events = catalog_of(config, tap=tap)
    for entry in events["metadata"]:
        if len(entry["breadcrumb"]) == 2:
            entry["metadata"]["selected"] = selected.get(
                entry["breadcrumb"][1], entry["metadata"].get("selected", True)
            )
    return catalog


def test_a_deselected_column_is_neither_asked_for_nor_sent(clock, cometly, config, tap):
    config = {**config, "start_date": days_before(clock, 1)[0].isoformat()}
    catalog = selecting(config, tap, amount=False, event_url=False)
    output = sync(config, catalog=catalog, tap=tap)
    assert output.records
    assert not {"amount", "event_url"} & set(output.schema["schema"]["properties"])
    assert all(not {"amount", "event_url"} & set(record) for record in output.records)
    for export in {row["export_id"] for row in output.ledger}:
        assert all(not {"amount", "event_url"} & set(row) for row in cometly.truth_of(export))


def test_source_alone_is_had_by_asking_for_the_cheapest_field_that_brings_it(clock, cometly, config, tap):
    config = {**config, **ATTRIBUTED, "start_date": days_before(clock, 1)[0].isoformat(), "fields": ["ad_id", "amount"]}
    output = sync(config, catalog=selecting(config, tap, ad_id=False), tap=tap)
    assert all("ad_id" not in record for record in output.records)
    assert {record["source"] for record in output.records} <= set(ATTRIBUTED["sources"])


def test_with_everything_deselected_the_key_still_arrives(clock, config, tap):
    config = {**config, "start_date": days_before(clock, 1)[0].isoformat()}
    names = catalog_of(config, tap=tap)[1]["schema"]["properties"]
    output = sync(config, catalog=selecting(config, tap, **dict.fromkeys(names, False)), tap=tap)
    assert output.records
    assert all({"id", "event_date"} <= set(record) for record in output.records)


def test_a_column_may_be_given_another_type_in_the_catalog(clock, config, tap):
    config = {**config, "start_date": days_before(clock, 1)[0].isoformat()}
    catalog, events = catalog_of(config, tap=tap)
    properties = events["schema"]["properties"]
    properties["profile_id"] = {"type": ["string", "null"]}
    output = sync(config, catalog=catalog, tap=tap)
    assert {type(record["profile_id"]) for record in output.records} == {str}
    assert output.schema["schema"]["properties"]["profile_id"] == {"type": ["string", "null"]}


def test_columns_that_nobody_asked_for_are_dropped_and_reported_once(clock, cometly, config, tap, caplog):
    days = days_before(clock, 2)
    for day in days:
        row = {"id": 1, "event_time_utc": f"{day}T12:00:00Z", "weather": "fine"}
        cometly.inject(Fault("file", "rows", day=day, times=None, rows=[json.dumps(row).encode()]))
    output = sync({**config, "start_date": days[0].isoformat()}, tap=tap)
    assert all("weather" not in record for record in output.records)
    assert sum("weather" in record.getMessage() for record in caplog.records) == 1


def test_the_key_goes_to_the_api_only_and_neither_key_nor_link_is_logged(cometly, config, tap, caplog):
    caplog.set_level("DEBUG")
    sync(config, tap=tap)
    assert all(request.had_authorization == (request.origin == "api") for request in cometly.requests)
    assert {request.origin for request in cometly.requests} == {"api", "files"}
    assert cometly.api_key not in caplog.text
    assert "X-Amz" not in caplog.text


@pytest.mark.parametrize(("status", "told"), [(401, "api_key"), (403, "subscription"), (422, "settings of the export")])
def test_a_refusal_stops_at_once_and_says_what_to_check(clock, cometly, config, tap, status, told):
    cometly.inject(Fault("create", "status", status=status, message="no.", times=None, after=2))
    output = sync(config, tap=tap, catch=RequestRejectedError)
    assert told in str(output.error)
    assert len([request for request in cometly.requests if request.status == status]) <= 4


def test_a_connection_test_spends_one_export_and_moves_no_state(clock, cometly, config, tap):
    assert tap(config=config).run_connection_test()
    assert [request.endpoint for request in cometly.requests].count("create") == 1


@pytest.mark.parametrize(
    "quirks",
    [
        {"amounts": "string"},
        {"amounts": "cents"},
        {"integers": "string"},
        {"booleans": "integer"},
        {"booleans": "string"},
        {"nulls": "missing"},
        {"times": "offset"},
        {"times": "naive"},
        {"key_order": "shuffled"},
        {"content_encoding": True},
        {"member_rows": 7},
        {"final_newline": False},
        {"running_code": 202},
        {"range_requests": "ignore"},
        {"fresh_links": False},
        {"too_many_body": "html"},
    ],
    ids=str,
)
def test_the_same_rows_arrive_whatever_cometly_does_where_its_documentation_is_silent(clock, tap, quirks):
    days = days_before(clock, 2)
    with Sandbox(clock=clock.time, events_per_day=40, quirks=Quirks(**quirks)) as cometly:
        config = {"api_key": cometly.api_key, "api_url": cometly.api_url, "timezone": "UTC"}
        output = sync({**config, **ATTRIBUTED, "start_date": days[0].isoformat()}, tap=tap)
        expected = truth(cometly, days, fields=cometly_words.REQUESTABLE_NAMES, **ATTRIBUTED)
    for row in expected:
        row["touchpoint_id"] = str(row["touchpoint_id"])
    assert table(output) == sorted(expected, key=lambda row: (row["id"], row["touchpoint_id"]))
