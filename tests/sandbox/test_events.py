"""The Space's events: deterministic, plausible, each on one day."""

from __future__ import annotations

import datetime as dt
import zoneinfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_exports.sandbox.days import ONE_DAY, Days
from tap_cometly import vocabulary
from tap_cometly.sandbox.events import MAX_EVENTS_PER_DAY, Events

from .conftest import DAY

ZONES = st.sampled_from(sorted(zoneinfo.available_timezones()))
DATES = st.dates(dt.date(1960, 1, 1), dt.date(2037, 12, 31))
HOUR = 3600


@given(zone=ZONES, day=DATES)
def test_days_follow_each_other_without_gap_or_overlap_in_any_zone(zone, day):
    days = Days(zone)
    start, end = days.bounds(day)
    assert start <= end
    assert end == days.bounds(day + ONE_DAY)[0]
    if start < end:
        assert days.of(start) == days.of(end - 1) == day
    assert days.of(end) != day
    assert days.of(start - 1) < day


@given(zone=ZONES, day=DATES, count=st.integers(0, 300))
def test_every_event_belongs_to_exactly_one_day_of_the_space(zone, day, count):
    days = Days(zone)
    events = Events(1, days, dt.date(1950, 1, 1), lambda _: count)
    found = list(events.of_day(day))
    assert {days.of(event.time) for event in found} <= {day}
    assert len({event.id for event in found}) == len(found) == events.count(day)
    start, end = days.bounds(day)
    assert len(found) == (count if start < end else 0)


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", dt.date(2025, 3, 30), 23),
        ("Europe/Berlin", dt.date(2025, 10, 26), 25),
        ("Australia/Lord_Howe", dt.date(2025, 4, 6), 24.5),
        ("America/Havana", dt.date(2025, 3, 9), 23),
        ("Pacific/Apia", dt.date(2011, 12, 30), 0),
        ("Asia/Kathmandu", dt.date(2025, 3, 1), 24),
    ],
)
def test_days_are_as_long_as_the_clocks_say(zone, day, hours):
    start, end = Days(zone).bounds(day)
    assert end - start == hours * HOUR


def test_the_same_seed_makes_the_same_events(sandbox):
    one, same, other = sandbox(), sandbox(), sandbox(seed=2)
    assert list(one.truth(DAY, fields=["amount"])) == list(same.truth(DAY, fields=["amount"]))
    assert list(one.truth(DAY, fields=["amount"])) != list(other.truth(DAY, fields=["amount"]))


def test_identifiers_grow_with_time_but_rows_are_not_sorted(sandbox):
    cometly = sandbox()
    rows = [row for day in range(3) for row in cometly.truth(DAY + day * ONE_DAY)]
    in_time = sorted(rows, key=lambda row: (row["event_time_utc"], row["id"]))
    assert [row["id"] for row in in_time] == sorted(row["id"] for row in rows)
    assert rows != in_time


@given(index=st.integers(0, 4999))
def test_any_event_can_be_found_alone(index):
    events = Events(1, Days("UTC"), dt.date(2024, 1, 1), lambda _: 5000)
    event = events.find(DAY.toordinal() * 10_000_000 + index)
    assert event is not None
    assert events.find(event.id) == event
    assert events.find(event.id + 5000) is None


def test_all_events_are_found_where_the_day_lists_them():
    events = Events(1, Days("Asia/Tehran"), dt.date(2024, 1, 1), 700)
    assert all(events.find(event.id) == event for event in events.of_day(DAY))
    assert events.find(-1) is None
    assert events.find(10**30) is None


def test_another_order_has_the_same_events():
    events = Events(1, Days("UTC"), dt.date(2024, 1, 1), 3000)
    first, second = list(events.of_day(DAY)), list(events.of_day(DAY, order=1))
    assert first != second
    assert set(first) == set(second)


def test_a_mean_has_some_play_and_a_function_none():
    mean = Events(1, Days("UTC"), dt.date(2024, 1, 1), 100)
    counts = [mean.count(DAY + day * ONE_DAY) for day in range(200)]
    assert len(set(counts)) > 10
    assert 80 <= min(counts) <= max(counts) <= 120
    assert 95 <= sum(counts) / len(counts) <= 105
    assert mean.count(dt.date(2023, 12, 31)) == 0
    assert Events(1, Days("UTC"), dt.date(2024, 1, 1), lambda _: 10**9).count(DAY) == MAX_EVENTS_PER_DAY
    assert Events(1, Days("UTC"), dt.date(2024, 1, 1), 0).count(DAY) == 0


def test_events_are_plausible(sandbox):
    cometly = sandbox(events_per_day=3000)
    fields = [name for name in vocabulary.REQUESTABLE_NAMES if name not in vocabulary.HIERARCHY_NAMES]
    rows = list(cometly.truth(DAY, fields=fields))
    by_name = {row["event_name"]: row for row in rows}
    assert set(by_name) <= set(vocabulary.EVENT_NAMES)
    assert by_name["purchase"]["configured_name"] == "purchase"
    assert by_name["custom_event_7"]["configured_name"] == "ショールーム予約"
    assert by_name["custom_event_50"]["configured_name"] is None
    profiles = [row["profile_id"] for row in rows]
    assert len(set(profiles)) < len(profiles)
    companies = [row["company_id"] for row in rows]
    assert len(rows) / 2 < companies.count(None) < len(rows)
    amounts = [row["amount"] for row in rows if row["event_name"] == "purchase"]
    assert all(amount >= 0 and amount == round(amount, 2) for amount in amounts)
    assert 0 in amounts
    assert any(row["is_upsell"] for row in rows)
    assert all((row["order_id"] is None) == (row["order_name"] is None) for row in rows)


def test_touchpoints_and_ads_are_plausible(sandbox):
    cometly = sandbox(events_per_day=2000)
    seen, nulls = set(), set()
    for start in range(0, len(vocabulary.SOURCES), 15):
        rows = cometly.truth(
            DAY,
            fields=vocabulary.HIERARCHY_NAMES,
            sources=vocabulary.SOURCES[start : start + 15],
            attribution_model="linear",
            attribution_window=0,
        )
        for row in rows:
            seen.add(row["source"])
            ad = [row[name] for name in vocabulary.HIERARCHY_NAMES]
            assert all(isinstance(value, str) for value in ad) or ad == [None] * 8
            nulls.add((row["source"] in vocabulary.PAID_SOURCES, ad[0] is None))
            assert row["ad_id"] is None or int(row["ad_id"]) > 2**53
            assert row["source"] != "facebook_ads" or row["account_id"].startswith("act_")
    assert seen == set(vocabulary.SOURCES)
    assert nulls == {(True, False), (False, True)}
