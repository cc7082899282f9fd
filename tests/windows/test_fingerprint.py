"""What was asked of Cometly is remembered: a change of meaning stops, and there are two ways out."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from bulk_exports.windows.fingerprint import ChangedRequestError, breaking_changes, harmless_changes
from simulation.tapping import days_before, sync
from tap_cometly.events import EventQuery
from tap_cometly.settings import Settings

ATTRIBUTED = {"sources": ["google_ads", "email"], "attribution_model": "linear", "attribution_window": 30}
CHANGES = {
    "attribution on": ({}, ATTRIBUTED, ["sources", "attribution_model", "attribution_window"]),
    "attribution off": (ATTRIBUTED, {}, ["sources", "attribution_model", "attribution_window"]),
    "model": (ATTRIBUTED, {**ATTRIBUTED, "attribution_model": "last_touch"}, ["attribution_model"]),
    "window": (ATTRIBUTED, {**ATTRIBUTED, "attribution_window": 7}, ["attribution_window"]),
    "sources": (ATTRIBUTED, {**ATTRIBUTED, "sources": ["google_ads"]}, ["sources"]),
    "query mode": ({}, {"query_mode": "company"}, ["query_mode"]),
    "event filter": ({}, {"event_names": ["purchase"]}, ["event_names"]),
    "no event filter": ({"event_names": ["purchase"]}, {}, ["event_names"]),
}


def settings(**config):
    return Settings.from_config({"api_key": "k", **config}, now=datetime(2025, 3, 11, tzinfo=timezone.utc))


def created(cometly):
    return [request.date for request in cometly.requests if request.endpoint == "create"]


@pytest.fixture
def two_days(clock, config):
    return {**config, "start_date": days_before(clock, 2)[0].isoformat()}


@pytest.mark.parametrize(("before", "after", "named"), CHANGES.values(), ids=CHANGES)
def test_a_change_of_meaning_stops_before_anything_is_asked_and_names_both_ways_out(
    cometly, two_days, tap, before, after, named
):
    first = sync({**two_days, **before}, tap=tap)
    del cometly.requests[:]
    second = sync({**two_days, **after}, state=first.state, tap=tap, catch=ChangedRequestError)
    said = str(second.error)
    assert all(f"`{name}` was " in said for name in named)
    assert all(way in said for way in ("--state-id-suffix", "`resync: true`", "--full-refresh"))
    assert not cometly.requests
    assert not second.records
    assert all(state["bookmarks"]["events"] == first.bookmark for state in second.states)


@pytest.mark.parametrize(("before", "after", "named"), CHANGES.values(), ids=CHANGES)
def test_resync_loads_every_day_again_once_and_never_again(clock, cometly, two_days, tap, before, after, named):
    first = sync({**two_days, **before}, tap=tap)
    again = {**two_days, **after, "resync": True, "lookback_days": 0}
    second = sync(again, state=first.state, tap=tap)
    assert second.days == [day.isoformat() for day in days_before(clock, 2)]
    del cometly.requests[:]
    assert not sync(again, state=second.state, tap=tap).records
    assert not created(cometly)
    del again["resync"]
    assert not sync(again, state=second.state, tap=tap).records


def test_a_resync_that_is_stopped_goes_on_where_it_was(clock, cometly, two_days, tap):
    first = sync({**two_days, "lookback_days": 0}, tap=tap)
    again = {**two_days, **ATTRIBUTED, "resync": True, "lookback_days": 0}
    states = sync(again, state=first.state, tap=tap).states
    attributed = [each for each in states if each["bookmarks"]["events"]["request"]["attribution_model"] == "linear"]
    after_the_first_day = next(each for each in attributed if each["bookmarks"]["events"]["delivered"])
    third = sync(again, state=after_the_first_day, tap=tap)
    assert third.days == [days_before(clock, 1)[0].isoformat()]


@pytest.mark.long
def test_a_resync_without_start_date_reaches_back_to_where_the_stream_began(clock, config, tap):
    first = sync(config, tap=tap)
    clock.advance(20 * 86_400)
    second = sync(config, state=first.state, tap=tap)
    third = sync({**config, "event_names": ["purchase"], "resync": True}, state=second.state, tap=tap)
    assert third.bookmark["since"] == first.days[0]
    assert third.bookmark["delivered"] == [[first.days[0], days_before(clock, 1)[0].isoformat()]]
    assert {record["event_name"] for record in third.records} == {"purchase"}


def test_full_refresh_has_no_state_and_needs_no_permission(clock, two_days, tap):
    sync(two_days, tap=tap)
    output = sync({**two_days, **ATTRIBUTED}, tap=tap)
    assert output.days == [day.isoformat() for day in days_before(clock, 2)]


def test_an_added_column_is_said_once_and_looked_back_days_get_it(clock, two_days, tap, caplog):
    caplog.set_level("INFO")
    days = [day.isoformat() for day in days_before(clock, 2)]
    first = sync({**two_days, "fields": ["event_name"], "lookback_days": 1}, tap=tap)
    more = {**two_days, "fields": ["event_name", "amount", "order_id"], "lookback_days": 1}
    second = sync(more, state=first.state, tap=tap)
    assert "new columns (amount, order_id)" in caplog.text
    assert second.days == days[1:]
    assert all("amount" in record for record in second.records)
    caplog.clear()
    third = sync(more, state=second.state, tap=tap)
    assert "new columns" not in caplog.text
    assert not third.records


def test_a_removed_column_is_harmless(two_days, tap, caplog):
    caplog.set_level("INFO")
    first = sync(two_days, tap=tap)
    second = sync({**two_days, "fields": ["event_name"]}, state=first.state, tap=tap)
    assert "columns that are no longer requested (" in caplog.text
    assert "older days keep them" in caplog.text
    assert set(second.records[0]) == {"id", "event_date", "event_time_utc", "event_name", "day_digest"}


def test_the_order_of_names_means_nothing():
    one = EventQuery.of(settings(event_names=["purchase", "upsell_purchase"]), ["amount", "event_name"])
    other = EventQuery.of(settings(event_names=["upsell_purchase", "purchase"]), ["event_name", "amount"])
    assert one.fingerprint() == other.fingerprint()


def test_a_state_that_does_not_say_what_was_asked_stops_nothing(clock, two_days, tap):
    bookmark = {"replication_key_value": days_before(clock, 1)[0].isoformat()}
    output = sync({**two_days, **ATTRIBUTED}, state={"bookmarks": {"events": bookmark}}, tap=tap)
    assert output.bookmark["request"]["attribution_model"] == "linear"


def test_another_time_zone_is_told_and_stops_nothing():
    before, now = ({"fields": [], "ledger": True, "timezone": zone} for zone in (None, "Europe/Berlin"))
    assert not breaking_changes(before, now, EventQuery.breaking)
    assert harmless_changes(before, now, ledger="event_days") == ["`timezone` was not set and is Europe/Berlin"]
    assert not harmless_changes(now, now, ledger="event_days")
