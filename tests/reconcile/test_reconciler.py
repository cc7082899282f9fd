"""Days as they pass by: the time zone is checked before a row is written, or suggested where it is not set."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone

import pytest

from bulk_exports.reconcile.timezone_check import WrongTimezoneError
from simulation.tapping import sync, tap_class
from simulation.virtual_time import VirtualClock
from tap_cometly.sandbox import Quirks, Sandbox
from tests.warehouses import Warehouse, truth

ODD_ZONES = {
    "Asia/Kolkata": date(2025, 3, 1),
    "Asia/Kathmandu": date(2025, 3, 1),
    "Pacific/Chatham": date(2025, 4, 6),
    "Australia/Lord_Howe": date(2025, 10, 5),
    "Pacific/Apia": date(2011, 12, 30),
    "America/Sao_Paulo": date(2018, 11, 4),
    "Asia/Beirut": date(2025, 3, 30),
    "America/New_York": date(2025, 11, 2),
    "Europe/Berlin": date(2025, 3, 30),
}


def space(zone, odd_day, **options):
    """A Space of that zone three days after an odd day, its clock, and the settings of a tap for it."""
    clock = VirtualClock(datetime(*odd_day.timetuple()[:3], 12, tzinfo=timezone.utc).timestamp() + 3 * 86_400)
    cometly = Sandbox(clock=clock.time, timezone=zone, events_per_day=200, job_seconds=1, **options)
    config = {"api_key": cometly.api_key, "api_url": cometly.api_url, "start_date": str(odd_day - timedelta(days=1))}
    return cometly, {**config, "lookback_days": 9}, tap_class(clock)


def lines(caplog, words):
    return [record.getMessage() for record in caplog.records if words in record.getMessage()]


@pytest.mark.parametrize(("zone", "day"), ODD_ZONES.items())
def test_with_the_right_time_zone_every_day_arrives_whatever_clocks_do(zone, day):
    cometly, config, tap = space(zone, day, quirks=Quirks(times="fraction"))
    warehouse = Warehouse()
    with cometly:
        output = sync({**config, "timezone": zone, "fields": ["amount"]}, tap=tap)
        warehouse.take(output.messages)
        days = [date.fromisoformat(each) for each in warehouse.days]
        assert day in days
        expected = {row["id"] for row in truth(cometly, days, fields=["amount"])}
    assert {row["id"] for row in warehouse.view()} == expected


@pytest.mark.parametrize("setting", ["UTC", "America/Chicago", "Europe/London", "Pacific/Auckland"])
def test_a_wrong_time_zone_stops_before_a_row_is_written_and_names_the_offset(setting):
    cometly, config, tap = space("America/New_York", date(2025, 2, 10))
    with cometly:
        output = sync({**config, "timezone": setting}, tap=tap, catch=WrongTimezoneError)
    said = str(output.error)
    assert f"`timezone` ({setting})" in said
    assert "UTC-05:00" in said
    assert "Nothing of that day was written" in said
    assert output.records == output.ledger == []


def test_a_space_whose_zone_moved_keeps_the_days_that_were_delivered():
    day = date(2025, 3, 9)  # New York's clocks go forward, those of a zone without summer time do not
    cometly, config, tap = space("America/New_York", day)
    with cometly:
        output = sync({**config, "timezone": "America/Panama"}, tap=tap, catch=WrongTimezoneError)
    assert output.days == ["2025-03-08", "2025-03-09"]
    assert output.bookmark["replication_key_value"] == "2025-03-09"
    assert "its events of 2025-03-10 happened" in str(output.error)


def test_without_a_time_zone_the_data_suggest_one_after_a_few_days(caplog):
    caplog.set_level("INFO")
    cometly, config, tap = space("Asia/Kathmandu", date(2025, 3, 5))
    del config["start_date"]
    with cometly:
        output = sync({**config, "event_names": ["view_content"]}, tap=tap)
    assert len(output.days) == 30
    (said,) = lines(caplog, "The events show")
    assert "+05:4" in said
    assert "hours earlier" in said


def test_a_run_of_a_single_day_suggests_too(caplog):
    caplog.set_level("INFO")
    cometly, config, tap = space("Asia/Kolkata", date(2025, 3, 5))
    with cometly:
        sync({**config, "end_date": config["start_date"]}, tap=tap)
    (said,) = lines(caplog, "The events show")
    assert "to UTC" in said or "UTC+05:30" in said


def test_with_the_time_zone_set_nothing_is_suggested(caplog):
    caplog.set_level("INFO")
    cometly, config, tap = space("Asia/Kolkata", date(2025, 3, 5))
    with cometly:
        sync({**config, "timezone": "Asia/Kolkata"}, tap=tap)
    assert not lines(caplog, "The events show")


@pytest.mark.long
def test_days_without_events_say_nothing_about_the_zone(clock, caplog):
    caplog.set_level("INFO")
    with Sandbox(clock=clock.time, events_per_day=lambda _day: 0, timezone="Asia/Kolkata") as cometly:
        config = {"api_key": cometly.api_key, "api_url": cometly.api_url}
        assert len(sync(config, tap=tap_class(clock)).ledger) == 30
        assert len(sync({**config, "timezone": "UTC"}, tap=tap_class(clock)).ledger) == 30
    assert not lines(caplog, "The events show")
