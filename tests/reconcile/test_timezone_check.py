"""Which time zone the data show."""

from __future__ import annotations

import contextlib
import logging
import zoneinfo
from datetime import date, datetime, timedelta, timezone

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from bulk_exports.engine.errors import InvalidRowsError
from bulk_exports.reconcile import timezone_check
from bulk_exports.sandbox.days import Days
from bulk_exports.windows import dates
from bulk_exports.windows.windows import Window
from tap_cometly.sandbox.events import Events

UTC = timezone.utc
ZONES = sorted(name for name in zoneinfo.available_timezones() if name not in {"Factory", "localtime"})
zones = st.sampled_from(ZONES)
days = st.dates(date(2010, 1, 1), date(2037, 12, 30))

DAYS_TO_TRIP_OVER = [
    ("Europe/Berlin", date(2025, 3, 30)),  # 23 hours
    ("Europe/Berlin", date(2025, 10, 26)),  # 25 hours
    ("Asia/Kolkata", date(2025, 3, 1)),  # +05:30
    ("Asia/Kathmandu", date(2025, 3, 1)),  # +05:45
    ("Pacific/Chatham", date(2025, 4, 6)),  # +13:45 to +12:45
    ("Pacific/Chatham", date(2025, 9, 28)),
    ("Australia/Lord_Howe", date(2025, 4, 6)),  # clocks change by half an hour
    ("Australia/Lord_Howe", date(2025, 10, 5)),
    ("Pacific/Apia", date(2011, 12, 29)),
    ("Pacific/Apia", date(2011, 12, 31)),
    ("America/Sao_Paulo", date(2018, 11, 4)),  # no midnight
    ("America/Sao_Paulo", date(2018, 2, 17)),  # the last hour twice
    ("Asia/Beirut", date(2025, 3, 30)),
    ("Asia/Beirut", date(2025, 10, 25)),
    ("America/Havana", date(2025, 11, 2)),
    ("Pacific/Kiritimati", date(2025, 3, 1)),
    ("Etc/GMT+12", date(2025, 3, 1)),
]


def check(day, zone, first, last):
    """Hold a day against a setting."""
    setting = timezone_check.TimezoneCheck(zoneinfo.ZoneInfo(zone), vendor="Cometly", log=logging.getLogger("test"))
    setting.check(Window.single(day), first, last)


@pytest.mark.parametrize(
    ("first", "last", "belongs"),
    [
        ("2025-02-28T10:00:00", "2025-03-02T11:59:59", True),  # UTC+14 to UTC-12
        ("2025-03-01T00:00:00", "2025-03-01T23:59:59", True),
        ("2025-02-28T09:59:59", "2025-03-01T12:00:00", False),
        ("2025-03-01T12:00:00", "2025-03-02T12:00:00", False),
        ("2024-07-01T12:00:00", "2024-07-01T13:00:00", False),
        ("0001-01-01T00:00:00", "9999-12-31T23:59:59", False),
    ],
)
def test_what_is_that_day_nowhere_on_earth_is_another_days_file(first, last, belongs):
    moments = [datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (first, last)]
    refused = contextlib.nullcontext() if belongs else pytest.raises(InvalidRowsError, match="not that day in any time")
    with refused:
        timezone_check.check_anywhere(Window.single(date(2025, 3, 1)), *moments)


def instant(seconds):
    return datetime.fromtimestamp(seconds, UTC)


def has_day(zone, day):
    """Whether there is such a day in a zone."""
    begin, end = Days(zone).bounds(day)
    return begin < end


def span(zone, day, count):
    """The first and the last of so many events that the sandbox has on a day of a zone."""
    space = Days(zone)
    times = [event.time for event in Events(1, space, day, lambda _day: count).of_day(day)]
    return instant(min(times)), instant(max(times))


def whole(zone, day):
    """The first and the last second of a day."""
    begin, end = Days(zone).bounds(day)
    return instant(begin), instant(end - 1)


@pytest.mark.parametrize(("zone", "day"), DAYS_TO_TRIP_OVER)
def test_the_right_setting_does_not_complain_on_odd_days(zone, day):
    for count in (1, 50, 5000):
        check(day, zone, *span(zone, day, count))
    check(day, zone, *whole(zone, day))


@given(zone=zones, day=days, count=st.integers(1, 40))
def test_the_right_setting_never_complains(zone, day, count):
    assume(has_day(zone, day))
    check(day, zone, *span(zone, day, count))
    check(day, zone, *whole(zone, day))


@given(zone=zones, setting=zones, day=days)
@example(zone="Asia/Kathmandu", setting="Asia/Kolkata", day=date(2025, 3, 1))
@example(zone="Australia/Lord_Howe", setting="Australia/Sydney", day=date(2025, 3, 1))
def test_a_wrong_setting_is_noticed_once_there_are_events_near_midnight(zone, setting, day):
    assume(has_day(zone, day))
    bounds = dates.day_bounds(day, zoneinfo.ZoneInfo(setting))
    first, last = whole(zone, day)
    assume(not (bounds[0] <= first and last < bounds[1]))
    with pytest.raises(timezone_check.WrongTimezoneError) as caught:
        check(day, setting, first, last)
    assert f"`timezone` ({setting})" in str(caught.value)
    assert str(day) in str(caught.value)


@given(zone=zones, day=days, count=st.integers(1, 2000))
def test_the_offset_that_the_data_show_is_the_true_one_or_a_range_around_it(zone, day, count):
    begin, end = dates.day_bounds(day, zoneinfo.ZoneInfo(zone))
    assume(end - begin == timedelta(days=1))
    offset = begin.astimezone(zoneinfo.ZoneInfo(zone)).utcoffset()
    shown = timezone_check.UtcOffsetRange.of_window(Window.single(day), *span(zone, day, count))
    assert offset in shown.candidates
    assert timezone_check.UtcOffsetRange.of_window(Window.single(day), *whole(zone, day)).candidates == [offset]


@pytest.mark.parametrize(
    ("zone", "named"),
    [
        ("America/New_York", "UTC-05:00"),
        ("Asia/Kolkata", "UTC+05:30"),
        ("Asia/Kathmandu", "UTC+05:45"),
        ("UTC", "UTC+00:00"),
        ("Pacific/Kiritimati", "UTC+14:00"),
        ("Etc/GMT+12", "UTC-12:00"),
    ],
)
def test_an_error_names_the_setting_the_offset_and_what_to_do(zone, named):
    day = date(2025, 2, 1)
    wrong = "Europe/Berlin"
    with pytest.raises(timezone_check.WrongTimezoneError) as caught:
        check(day, wrong, *whole(zone, day))
    assert f"The data show {named}. Set `timezone` to what the Cometly app shows" in str(caught.value)


def test_sparse_days_give_a_range_that_more_days_narrow():
    noon = datetime(2025, 2, 1, 12, tzinfo=UTC)
    one = timezone_check.UtcOffsetRange.of_window(Window.single(date(2025, 2, 1)), noon, noon)
    assert str(one) == "an offset from UTC-12:00 to UTC+11:45"
    late = datetime(2025, 2, 3, 4, 50, tzinfo=UTC)
    both = one.narrowed(timezone_check.UtcOffsetRange.of_window(Window.single(date(2025, 2, 2)), late, late))
    assert str(both) == "an offset from UTC-12:00 to UTC-05:00"
    assert timezone_check.suggestion(both).endswith("each day would arrive 0 to 7 hours earlier")


def test_after_clocks_changed_the_newer_days_count():
    before = timezone_check.UtcOffsetRange(timedelta(hours=1), timedelta(hours=1, minutes=15))
    after = timezone_check.UtcOffsetRange(timedelta(hours=2), timedelta(hours=2, minutes=15))
    assert before.narrowed(after) == after


def test_the_suggestion_says_how_much_earlier_days_would_come():
    eastern = timezone_check.UtcOffsetRange(timedelta(hours=-5), timedelta(hours=-4, minutes=-45))
    assert timezone_check.suggestion(eastern) == (
        "The events show UTC-05:00. With the setting `timezone` each day would arrive 7 hours earlier"
    )
    india = timezone_check.UtcOffsetRange(timedelta(hours=5, minutes=30), timedelta(hours=5, minutes=45))
    assert "UTC+05:30" in timezone_check.suggestion(india)
    assert "17.5 hours earlier" in timezone_check.suggestion(india)
