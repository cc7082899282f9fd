"""Bodies of requests: one builder, three shapes, and a body that the user has copied."""

from __future__ import annotations

import dataclasses
from datetime import date, datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_apsis_one import bodies
from tap_apsis_one.definitions import Definition, Version
from tap_apsis_one.selection import Selection
from tap_apsis_one.settings import Settings

NOW = datetime(2026, 2, 10, 6, tzinfo=timezone.utc)
WINDOW = bodies.bounds(date(2026, 1, 1), date(2026, 1, 30), NOW)


def settings(**given):
    return Settings.from_config({"client_id": "c", "client_secret": "s", **given}, now=NOW)


def defined(own, section, *versions):
    found = tuple(Version(number, "2025" if age else None) for age, number in enumerate(versions))
    return Definition(section=section, discriminator=own, name=own, versions=found)


EMAIL = defined("com.apsis1.attributes.email", "s.web", "1")
CLUB_EMAIL = defined("com.apsis1.attributes.email", "s.club", "2")
CITY = defined("a.city", "s.web", "5", "4", "3")
VIP = defined("t.vip", "s.web", "6")
ORDER = defined("e.order", "s.web", "9", "8")
SELECTION = Selection(
    attributes=(EMAIL, CITY),
    tags=(VIP,),
    identities=(EMAIL, CLUB_EMAIL),
    event_types=(ORDER,),
    email_attributes=(CITY,),
    email_tags=(VIP,),
)


def test_events_ask_for_identities_only_and_for_every_version_of_a_type():
    assert bodies.profile_events(settings(), SELECTION, WINDOW) == {
        "attributes": ["1", "2"],
        "events": ["9", "8"],
        "start_at": "2026-01-01T00:00:00Z",
        "end_at": "2026-01-31T00:00:00Z",
    }


@pytest.mark.parametrize(
    ("shape", "events"),
    [
        ("version_ids", ["9", "8"]),
        (
            "objects",
            [
                {"section_discriminator": "s.web", "version_id": "9"},
                {"section_discriminator": "s.web", "version_id": "8"},
            ],
        ),
        ("by_section", {"s.web": ["9", "8"]}),
    ],
)
def test_each_shape_names_the_same_things(shape, events):
    assert bodies.profile_events(settings(request_shape=shape), SELECTION, WINDOW)["events"] == events


def test_profiles_ask_for_the_columns_that_are_wanted_older_versions_last_and_for_identities():
    body = bodies.profiles(settings(), SELECTION, [CITY, VIP], NOW)
    assert body["attributes"] == ["5", "1", "2", "4", "3"]
    assert body["tags"] == ["6"]
    assert "events" not in body
    assert bodies.profiles(settings(), SELECTION, [], NOW)["attributes"] == ["1", "2"]


def test_older_versions_are_asked_for_as_long_as_there_is_room():
    many = tuple(defined(f"a{number}", "s.web", f"{number}-new", f"{number}-old") for number in range(60))
    asked = bodies.profiles(settings(), Selection(attributes=many), many, NOW)["attributes"]
    assert len(asked) == 75
    assert asked[:60] == [f"{number}-new" for number in range(60)]


def test_email_events_carry_what_was_chosen():
    body = bodies.email_events(settings(), SELECTION, [CITY, VIP], WINDOW)
    assert body["additional_attribute_mappings"] == ["5", "4", "3"]
    assert body["additional_tag_mappings"] == ["6"]
    assert bodies.email_events(settings(), SELECTION, [], WINDOW).keys() == {"start_at", "end_at"}


def test_a_segment_narrows_all_of_them():
    selection = dataclasses.replace(SELECTION, segment="usercreated.segments.w-1")
    for body in (
        bodies.profiles(settings(), selection, [], NOW),
        bodies.profile_events(settings(), selection, WINDOW),
        bodies.email_events(settings(), selection, [], WINDOW),
    ):
        assert body["segment_filter"] == {"segment_discriminator": "usercreated.segments.w-1"}


def test_in_a_copied_body_only_the_window_is_written():
    copied = {"attributes": [{"any": "thing"}], "start_at": "2020-01-01", "more": 1}
    chosen = settings(request_body={"profile_events": copied})
    selection = dataclasses.replace(SELECTION, segment="s")
    assert bodies.profile_events(chosen, selection, WINDOW) == {
        "attributes": [{"any": "thing"}],
        "more": 1,
        "start_at": "2026-01-01T00:00:00Z",
        "end_at": "2026-01-31T00:00:00Z",
    }
    assert copied["start_at"] == "2020-01-01"
    assert "more" not in bodies.email_events(chosen, SELECTION, [], WINDOW)


days = st.dates(date(2001, 1, 1), date(2030, 1, 1))


@given(days, days, st.datetimes(datetime(2001, 1, 1), datetime(2030, 1, 2), timezones=st.just(timezone.utc)))  # noqa: DTZ001
def test_windows_touch_and_none_is_empty_or_reaches_beyond_now(one, other, now):
    first, last = sorted((one, other))
    begin, end = bodies.bounds(first, last, now)
    assert begin < end
    assert end <= max(now, begin.replace(second=1))
    if end < now:
        following, _ = bodies.bounds(date.fromordinal(last.toordinal() + 1), date(2031, 1, 1), now)
        assert end == following
