"""Days, time zones, and which days are over."""

from __future__ import annotations

import zoneinfo
from datetime import date, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bulk_exports.windows.dates import (
    day_bounds,
    days,
    last_closed_day,
    parse_day,
    shown_offset,
    signed,
    today,
    zone,
)

ZONES = sorted(zoneinfo.available_timezones() - {"Factory", "localtime"})
UTC = timezone.utc

zones = st.sampled_from(ZONES).map(zoneinfo.ZoneInfo)
dates = st.dates(date(1850, 1, 1), date(2100, 1, 1))
instants = st.datetimes(datetime(1850, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
recent = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


class TestADayAsWritten:
    @pytest.mark.parametrize(
        "text",
        [
            "2026-01-31",
            "2026-01-31T00:00:00Z",
            "2026-01-31T00:00:00+00:00",
            "2026-01-31T00:00:00",
            "2026-01-31 00:00:00",
            "2026-01-31T23:59:59.999999-11:00",
            "2026-01-31T14:03:22.123456+05:45",
            "2026-01-31t09:30z",
            "2026-01-31T09:30:00+0200",
        ],
    )
    def test_is_the_calendar_date_as_it_stands(self, text):
        assert parse_day(text) == date(2026, 1, 31)

    @pytest.mark.parametrize(
        "text",
        [
            "banana",
            "",
            "31/12/2026",
            "2026-02-30",
            "2026-13-01",
            "2026-1-1",
            "20260131",
            "2026-W05-6",
            "2026-01-31T",
            "2026-01-31T25:00:00Z",
            "2026-01-31T00:60:00Z",
            "2026-01-31T00:00:00Z and more",
            " 2026-01-31",
            "2026-01-31\n",
            "٢٠٢٦-01-31",
            "0000-01-01",
            20_260_131.0,
            0,
            True,
            None,
            ["2026-01-31"],
        ],
    )
    def test_is_refused_when_it_is_anything_else(self, text):
        with pytest.raises(ValueError, match=r"is not a day such as 2026-01-31|is not a valid date"):
            parse_day(text)

    @given(dates)
    def test_is_read_back_as_it_was_written(self, day):
        assert parse_day(day.isoformat()) == day


class TestATimeZone:
    @pytest.mark.parametrize("name", ["Europe/Berlin", "UTC", "Asia/Kathmandu", "America/Argentina/Buenos_Aires"])
    def test_is_found_by_its_name(self, name):
        assert zone(name).key == name

    @pytest.mark.parametrize(
        ("name", "meant"),
        [
            ("Europe/Berln", "Europe/Berlin"),
            ("europe/berlin", "Europe/Berlin"),
            ("Berlin", "Europe/Berlin"),
            ("America/New York", "America/New_York"),
            ("new york", "America/New_York"),
        ],
    )
    def test_with_a_slip_gets_the_nearest_name(self, name, meant):
        with pytest.raises(ValueError, match=f"did you mean '{meant}'"):
            zone(name)

    @pytest.mark.parametrize(
        "name",
        [
            *("", ".", "../x", "/etc/passwd", "Europe", "right/UTC", "localtime", "\0", "é", "PST"),
            *("UTC+2", "GMT+5:30"),  # a proposal of Etc/GMT+2 would be wrong by four hours
        ],
    )
    def test_that_resembles_none_is_refused_without_a_guess(self, name):
        with pytest.raises(ValueError, match="not a known time zone; IANA names look like 'Europe/Berlin'"):
            zone(name)


class TestTheBoundsOfADay:
    @pytest.mark.parametrize(
        ("name", "day", "begin", "end"),
        [
            ("UTC", date(2026, 1, 1), "2026-01-01T00:00", "2026-01-02T00:00"),
            ("America/New_York", date(2025, 3, 1), "2025-03-01T05:00", "2025-03-02T05:00"),
            # 23 and 25 hours
            ("America/New_York", date(2026, 3, 8), "2026-03-08T05:00", "2026-03-09T04:00"),
            ("America/New_York", date(2026, 11, 1), "2026-11-01T04:00", "2026-11-02T05:00"),
            # 30 and 45 minutes, and half an hour of summer time
            ("Asia/Kolkata", date(2026, 1, 1), "2025-12-31T18:30", "2026-01-01T18:30"),
            ("Asia/Kathmandu", date(2026, 1, 1), "2025-12-31T18:15", "2026-01-01T18:15"),
            ("Australia/Lord_Howe", date(2026, 4, 5), "2026-04-04T13:00", "2026-04-05T13:30"),
            # midnight does not exist
            ("America/Sao_Paulo", date(2018, 11, 4), "2018-11-04T03:00", "2018-11-05T02:00"),
            ("Asia/Beirut", date(2026, 3, 29), "2026-03-28T22:00", "2026-03-29T21:00"),
            # clocks jumped from 23:30 to 00:30
            ("America/Toronto", date(1919, 3, 31), "1919-03-31T04:30", "1919-04-01T04:00"),
            # midnight happens twice
            ("America/Havana", date(2026, 11, 1), "2026-11-01T04:00", "2026-11-02T05:00"),
            # the day does not exist
            ("Pacific/Apia", date(2011, 12, 29), "2011-12-29T10:00", "2011-12-30T10:00"),
            ("Pacific/Apia", date(2011, 12, 30), "2011-12-30T10:00", "2011-12-30T10:00"),
            ("Pacific/Apia", date(2011, 12, 31), "2011-12-30T10:00", "2011-12-31T10:00"),
        ],
    )
    def test_follow_the_clocks_of_the_place(self, name, day, begin, end):
        assert day_bounds(day, zone(name)) == (utc(begin), utc(end))

    @given(dates, zones)
    @example(date(2011, 12, 30), zoneinfo.ZoneInfo("Pacific/Apia"))
    @example(date(1919, 3, 30), zoneinfo.ZoneInfo("America/Toronto"))
    @example(date(1867, 10, 18), zoneinfo.ZoneInfo("America/Juneau"))
    def test_tile_time_without_gap_or_overlap(self, day, tz):
        begin, end = day_bounds(day, tz)
        following, _ = day_bounds(day + timedelta(days=1), tz)
        assert begin <= end == following

    @given(dates, zones)
    def test_begin_when_the_clock_first_shows_the_day(self, day, tz):
        begin, end = day_bounds(day, tz)
        just_before = begin - timedelta(microseconds=1)
        assert just_before.astimezone(tz).date() < day
        assert begin.astimezone(tz).date() == day or begin == end


class TestTheLastClosedDay:
    @pytest.mark.parametrize(
        ("now", "name", "day"),
        [
            ("2026-06-10T12:00", "UTC", date(2026, 6, 9)),
            ("2026-06-10T00:00", "UTC", date(2026, 6, 9)),
            ("2026-06-09T23:59:59", "UTC", date(2026, 6, 8)),
            ("2026-06-10T03:59", "America/New_York", date(2026, 6, 8)),
            ("2026-06-10T04:00", "America/New_York", date(2026, 6, 9)),
            ("2026-06-09T10:00", "Pacific/Kiritimati", date(2026, 6, 9)),
        ],
    )
    def test_is_the_day_before_the_running_one(self, now, name, day):
        assert last_closed_day(utc(now), zone(name)) == day

    def test_without_a_zone_has_ended_everywhere_on_earth(self):
        assert last_closed_day(utc("2026-06-10T11:59"), None) == date(2026, 6, 8)
        assert last_closed_day(utc("2026-06-10T12:00"), None) == date(2026, 6, 9)

    @given(instants, zones)
    def test_has_ended_and_the_next_has_not_been_left(self, now, tz):
        last = last_closed_day(now, tz)
        assert day_bounds(last, tz)[1] <= now
        assert today(now, tz) == last + timedelta(days=1)

    @given(instants, zones)
    def test_without_a_zone_is_never_later_than_with_one(self, now, tz):
        recent = now.replace(year=2000 + now.year % 100, day=min(now.day, 28))  # offsets were odder long ago
        assert last_closed_day(recent, None) <= last_closed_day(recent, tz)
        assert today(recent, None) >= today(recent, tz)

    def test_is_not_guessed_from_a_moment_without_a_zone(self):
        with pytest.raises(ValueError, match="needs a time zone"):
            last_closed_day(datetime(2026, 6, 10), None)  # noqa: DTZ001


class TestARangeOfDays:
    def test_holds_both_ends(self):
        assert list(days(date(2024, 2, 28), date(2024, 3, 1))) == [
            date(2024, 2, 28),
            date(2024, 2, 29),
            date(2024, 3, 1),
        ]

    def test_is_empty_when_the_end_lies_before_the_start(self):
        assert list(days(date(2024, 3, 1), date(2024, 2, 28))) == []

    def test_reaches_the_last_day_of_the_calendar(self):
        assert list(days(date.max, date.max)) == [date.max]


class TestWhatAClockShows:
    @given(zones, recent, st.integers(-300, 300))
    def test_tells_its_offset_though_it_is_some_minutes_wrong(self, tz, now, seconds):
        shown = (now.astimezone(tz) + timedelta(seconds=seconds)).replace(tzinfo=None)
        assert shown_offset(f" {shown:%Y-%m-%d %H:%M:%S}", now) == now.astimezone(tz).utcoffset()

    @pytest.mark.parametrize("written", ["2026-06-10T12:00:00Z", "2026-06-10T12:00:00+02:00", "noon", ""])
    def test_needs_no_comparison_or_is_none(self, written):
        assert shown_offset(written, utc("2026-06-10T12:00:00")) is None

    @pytest.mark.parametrize(("minutes", "text"), [(0, "+00:00"), (330, "+05:30"), (-210, "-03:30"), (840, "+14:00")])
    def test_is_written_as_people_write_it(self, minutes, text):
        assert signed(timedelta(minutes=minutes)) == text
