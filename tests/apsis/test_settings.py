"""Settings: what is refused before anybody is asked, and in which words."""

from __future__ import annotations

from datetime import date, datetime, timezone

import pytest

from bulk_exports.reading import SettingsError
from tap_apsis_one.config_schema import CONFIG_JSONSCHEMA
from tap_apsis_one.settings import Settings

NOW = datetime(2026, 2, 10, 6, tzinfo=timezone.utc)


def read(now=NOW, **given):
    return Settings.from_config({"client_id": "c", "client_secret": "recognisable", **given}, now=now)


def test_defaults():
    settings = read()
    assert (settings.window_days, settings.lookback_days, settings.api_url) == (30, 1, "https://api.apsis.one")
    assert settings.request_body == {}
    assert settings.warnings == ()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"client_secret": ""}, "client_secret: must not be blank"),
        ({"client_secret": None}, "client_secret: is required"),
        ({"client_id": "a b"}, "client_id: must hold no white space"),
        ({"window_days": 90}, "window_days: must be a whole number from 1 to 89"),
        ({"window_days": 0}, "window_days: must be a whole number from 1 to 89"),
        ({"attributes": []}, "attributes: must hold from 1 to 75 different names"),
        ({"tags": ["a"] * 2}, "tags: must hold from 1 to 25 different names"),
        ({"request_shape": "lists"}, "request_shape: must be one of"),
        ({"request_body": {"profile_event": {}}}, "did you mean 'profile_events'?"),
        ({"request_body": {"attributes": ["1"]}}, "request_body: must be an object with a body for each stream"),
        ({"start_date": "2026-02-01", "end_date": "2026-01-01"}, "start_date: must not lie after `end_date`"),
        ({"end_date": "2026-02-11"}, "end_date: must not lie in the future"),
        ({"api_url": "http://api.apsis.one"}, "api_url: must begin with https://"),
        ({"api_url": "https://me:pw@api.apsis.one"}, "api_url: must have no user"),
    ],
)
def test_a_mistake_is_told_by_the_name_of_the_setting(given, told):
    with pytest.raises(SettingsError) as caught:
        read(**given)
    assert told in str(caught.value)
    assert "recognisable" not in str(caught.value)


def test_the_secret_is_not_shown():
    assert "recognisable" not in repr(read())


def test_an_unknown_setting_is_warned_of():
    assert read(start_dat="2026-01-01").warnings == (
        "start_dat: unknown setting (did you mean 'start_date'?); it has no effect",
    )


@pytest.mark.parametrize(("hour", "minute", "last"), [(0, 59, date(2026, 2, 8)), (1, 0, date(2026, 2, 9))])
def test_a_day_is_wanted_an_hour_after_it_has_ended(hour, minute, last):
    now = datetime(2026, 2, 10, hour, minute, tzinfo=timezone.utc)
    assert read(now).wanted(now)[1] == last


def test_every_setting_is_described():
    for name, schema in CONFIG_JSONSCHEMA["properties"].items():
        assert schema["title"], name
        assert schema["description"].endswith("."), name
