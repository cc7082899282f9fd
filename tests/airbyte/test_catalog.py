"""What can be read, as Airbyte lists it."""

from __future__ import annotations

import pytest


def test_all_streams_have_key_cursor_and_both_ways_to_be_read(source):
    streams = source.discover()
    assert list(streams) == ["events", "event_days", "contacts", "companies"]
    for name, stream in streams.items():
        assert stream["supported_sync_modes"] == ["full_refresh", "incremental"]
        assert stream["source_defined_cursor"]
        assert stream["is_resumable"]
        assert stream["default_cursor_field"] == ["event_date" if name.startswith("event") else "created_at"]
    assert streams["events"]["source_defined_primary_key"] == [["id"]]
    assert streams["event_days"]["source_defined_primary_key"] == [["event_date"]]


def test_moments_have_their_zone_and_columns_may_be_null(source):
    columns = source.discover()["events"]["json_schema"]["properties"]
    assert columns["event_time_utc"]["airbyte_type"] == "timestamp_with_timezone"
    assert columns["event_date"]["format"] == "date"
    assert set(columns["amount"]["type"]) == {"number", "null"}


def test_with_attribution_a_row_is_the_credit_of_a_touchpoint(source):
    asked = {"rows": "credit", "sources": ["email"], "attribution_model": "linear", "attribution_window": 30}
    events = source.discover(attribution=asked)["events"]
    assert events["source_defined_primary_key"] == [["id"], ["touchpoint_id"]]
    assert "campaign_name" in events["json_schema"]["properties"]


@pytest.mark.parametrize("key", [None, "whatever"])
def test_it_needs_no_key_and_asks_nobody(source, cometly, key):
    assert source.discover(api_key=key)
    assert not cometly.requests


def test_settings_that_cannot_be_used_are_a_config_error(source):
    said = source("discover", "--config", source.file("config", {"fields": ["ad_id"]}))
    assert said.status == 1
    assert said.error["failure_type"] == "config_error"
    assert "ad hierarchy fields need `sources`" in said.error["message"]
