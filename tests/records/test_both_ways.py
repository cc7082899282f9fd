"""Whole runs: what the tap writes by the block is what the SDK would have written record by record."""

from __future__ import annotations

import json
import logging

import pytest

from bulk_exports.singer.streams import SingerExportStream
from simulation.tapping import catalog_of, days_before, sync
from tap_cometly.sandbox import Fault, Quirks, Sandbox

ATTRIBUTED = {"sources": ["google_ads", "email"], "attribution_model": "linear", "attribution_window": 30}
QUIRKS = {
    "as documented": Quirks(),
    "identifiers as text": Quirks(integers="string", amounts="string", booleans="string", times="offset"),
    "another order in each row": Quirks(key_order="shuffled", nulls="missing", booleans="integer", times="naive"),
    "new columns": Quirks(new_columns=("weather", "mood"), amounts="cents", times="fraction", final_newline=False),
    "several members": Quirks(member_rows=7),
}


def by_the_sdk(tap, monkeypatch, *arguments, **options):
    """Run with every record going through the SDK."""
    with monkeypatch.context() as patch:
        patch.setattr(SingerExportStream, "_block_writer", None)
        return sync(*arguments, tap=tap, **options)


def comparable(output):
    """The messages without what differs from run to run."""
    messages = json.loads(json.dumps(output.messages, default=str))
    for message in messages:
        message.pop("time_extracted", None)
        for name in ("checked_at", "exported_at", "export_id"):
            message.get("record", {}).pop(name, None)
    return [message for message in messages if message["type"] != "STATE"], [
        message["value"]["bookmarks"]["events"].get("delivered") for message in messages if message["type"] == "STATE"
    ]


@pytest.mark.parametrize("quirks", QUIRKS.values(), ids=QUIRKS)
@pytest.mark.parametrize("asked", [{}, ATTRIBUTED], ids=["plain", "attributed"])
def test_messages_are_the_same_however_cometly_writes_its_rows(clock, tap, monkeypatch, quirks, asked):
    with Sandbox(clock=clock.time, events_per_day=60, job_seconds=5, quirks=quirks) as cometly:
        config = {"api_key": cometly.api_key, "api_url": cometly.api_url, "timezone": "UTC", **asked}
        config["start_date"] = days_before(clock, 3)[0].isoformat()
        ours, theirs = sync(config, tap=tap), by_the_sdk(tap, monkeypatch, config)
    assert ours.records
    assert comparable(ours) == comparable(theirs)


@pytest.mark.parametrize("kind", ["plain", "crlf", "blank_lines", "no_newline", "members"])
def test_messages_are_the_same_whatever_the_form_of_the_file(clock, cometly, config, tap, monkeypatch, kind):
    config = {**config, "start_date": days_before(clock, 2)[0].isoformat()}
    cometly.inject(Fault("file", kind, times=None))
    ours, theirs = sync(config, tap=tap), by_the_sdk(tap, monkeypatch, config)
    assert ours.records
    assert comparable(ours) == comparable(theirs)


@pytest.mark.parametrize(
    "deselected", [["amount"], ["event_time_utc", "event_url"], ["profile_id", "is_upsell", "order_id"]]
)
def test_messages_are_the_same_for_any_selection(clock, config, tap, monkeypatch, deselected):
    config = {**config, "start_date": days_before(clock, 2)[0].isoformat()}
    catalog, events = catalog_of(config, tap=tap)
    for entry in events["metadata"]:
        if entry["breadcrumb"][1:] and entry["breadcrumb"][1] in deselected:
            entry["metadata"] = {"inclusion": "available", "selected": False}
    ours = sync(config, catalog=catalog, tap=tap)
    assert not any(set(deselected) & record.keys() for record in ours.records if "event_name" in record)
    assert comparable(ours) == comparable(by_the_sdk(tap, monkeypatch, config, catalog=catalog))


@pytest.mark.parametrize(
    "settings",
    [
        {"stream_maps": {"events": {"event_name": "event_name.upper()"}}},
        {"stream_maps": {"events": {"__filter__": "is_upsell"}}},
        {"stream_maps": {"events": {"__alias__": "other"}}},
        {"stream_maps": {"events": None}},
        {"flattening_enabled": True, "flattening_max_depth": 1},
    ],
)
def test_what_concerns_each_record_is_left_to_the_sdk(clock, config, tap, monkeypatch, settings):
    config = {**config, **settings, "start_date": days_before(clock, 2)[0].isoformat()}
    assert comparable(sync(config, tap=tap)) == comparable(by_the_sdk(tap, monkeypatch, config))


def test_records_are_counted_all_the_same(clock, config, tap, caplog):
    caplog.set_level(logging.INFO)
    output = sync({**config, "start_date": days_before(clock, 3)[0].isoformat()}, tap=tap)
    points = [record.args[0] for record in caplog.records if record.getMessage().startswith("METRIC")]
    counts = [
        point.value
        for point in points
        if point.to_dict()["metric"] == "record_count" and point.tags.get("stream") == "events"
    ]
    assert sum(counts) == len([each for each in output.messages if each.get("stream") == "events" and "record" in each])
