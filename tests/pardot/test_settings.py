"""Settings: every rule, in words that say what to do, and none that shows a secret."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from bulk_exports.reading import SettingsError
from tap_pardot_exports import vocabulary as pardot
from tap_pardot_exports.settings import Settings
from tap_pardot_exports.streams import export_streams

NOW = datetime(2026, 3, 10, 0, 5, tzinfo=timezone.utc)
LEAST = {
    "business_unit_id": "0Uv000000000001CAA",
    "client_id": "app",
    "client_secret": "recognisable-secret",
    "refresh_token": "recognisable-token",
}


def read(**changes):
    return Settings.from_config({**LEAST, **changes}, now=NOW)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"business_unit_id": None}, "business_unit_id: is required; found none. It is in Salesforce Setup"),
        ({"business_unit_id": "00D000000000001CAA"}, "begin with 0Uv; found '00D000000000001CAA'"),
        ({"client_id": None}, "client_id: is required"),
        ({"refresh_token": None}, "refresh_token: is required with `auth_flow` refresh_token"),
        (
            {"auth_flow": "client_credentials", "client_secret": None},
            "client_secret: is required with `auth_flow`",
        ),
        ({"auth_flow": "jwt"}, "username: is required with `auth_flow` jwt"),
        ({"auth_flow": "password"}, "auth_flow: must be one of refresh_token, client_credentials, jwt"),
        ({"client_secret": "a recognisable secret"}, "client_secret: must hold no white space"),
        ({"api_version": 5}, 'api_version: must be text; found the number 5. Put it in quotes: "5".'),
        ({"api_version": "6"}, "api_version: must be one of auto, 3, 4, 5"),
        ({"api_url": "http://pi.pardot.com"}, "api_url: must begin with https://"),
        ({"login_url": "https://user:recognisable@login.example"}, "login_url: must have no user"),
        ({"file_hosts": ["https://pardot.com/"]}, "file_hosts: must hold domains; found 'https://pardot.com/'"),
        ({"file_hosts": ["com"]}, "file_hosts: must hold domains; found 'com'"),
        ({"timezone": "Mars/Olympus"}, "timezone: "),
        ({"window_days": 365}, "window_days: must be a whole number from 1 to 364"),
        ({"start_date": "2026-03-01", "end_date": "2026-02-01"}, "start_date: must not lie after `end_date`"),
        ({"end_date": "2026-03-11"}, "end_date: must not lie in the future"),
        ({"custom_fields": {"prospect": ["Region"]}}, "found 'prospect' .did you mean 'prospects'"),
        ({"custom_fields": {"prospects": "Region"}}, "custom_fields: must hold lists of field names"),
        ({"custom_fields": {"prospects": ["id; drop"]}}, "custom_fields: must hold lists of field names"),
        ({"safety_minutes": 0}, "safety_minutes: must be a whole number from 2 to 120"),
    ],
)
def test_a_mistake_is_explained(changes, words):
    with pytest.raises(SettingsError, match=words) as error:
        read(**changes)
    assert "recognisable" not in str(error.value)


@pytest.mark.parametrize(
    ("changes", "least"),
    [
        ({}, 4),  # the days of the lookback, and new ones, each with and without deleted rows
        ({"lookback_days": 31}, 6),
        ({"lookback_days": 31, "window_days": 90}, 4),
        ({"deleted_rows": False}, 2),
        ({"api_version": "5"}, 2),
        ({"lookback_days": 0}, 1),
    ],
    ids=str,
)
def test_a_run_must_have_exports_left_for_new_days(changes, least):
    assert read(**changes, max_exports_per_run=least).max_exports_per_run == least
    if least > 1:
        with pytest.raises(SettingsError, match=f"max_exports_per_run: .* Set it to {least} at least"):
            read(**changes, max_exports_per_run=least - 1)


def test_an_unknown_setting_is_told():
    assert "did you mean 'window_days'" in " ".join(read(windows_days=3).warnings)


def test_a_day_is_wanted_once_the_vendor_knows_all_of_it():
    settings = read(start_date="2026-03-01", safety_minutes=10)
    assert settings.wanted(NOW)[1].isoformat() == "2026-03-08"
    assert settings.wanted(NOW + timedelta(minutes=5))[1].isoformat() == "2026-03-09"


def columns(stream, **changes):
    return {field.name for one in export_streams(read(**changes)) if one.name == stream for field in one.fields}


def test_the_columns_are_those_that_the_version_has_and_the_settings_add():
    old, new = columns("prospects"), columns("prospects", api_version="5")
    assert old < new
    assert {"salesforce_lead_id", "is_deleted", "updated_at"} <= old
    assert {"converted_at", "utm"} & new == {"converted_at"}
    assert columns("prospects", custom_fields={"prospects": ["Favourite_Colour", "email"]}) - old == {
        "favourite_colour"
    }
    assert "is_deleted" not in columns("prospects", deleted_rows=False)
    assert columns("external_activities") == columns("external_activities", api_version="5")


def test_more_fields_than_an_export_can_have_are_refused():
    names = [f"Field_{number}" for number in range(pardot.MAX_FIELDS)]
    with pytest.raises(SettingsError, match=r"`prospects` must have at most 150 columns; found 19\d. Name fewer"):
        export_streams(read(custom_fields={"prospects": names}))


def test_two_fields_of_one_column_are_refused():
    with pytest.raises(SettingsError, match="two fields that become 'region'"):
        export_streams(read(custom_fields={"prospects": ["Region", "region"]}))


@pytest.mark.parametrize("version", [3, 4, 5])
def test_key_and_cursor_are_asked_for_whatever_is_selected(version):
    for stream in export_streams(read()):
        asked = {pardot.snake(name) for name in stream.query([]).fields(version)}
        assert asked == {"id", stream.cursor}


def test_the_spellings_of_a_name_lead_to_one_another():
    names = {field.new for thing in pardot.OBJECTS for field in thing.fields}
    assert {pardot.camel(pardot.snake(name)) for name in names} == names
