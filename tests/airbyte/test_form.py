"""The form that Airbyte shows, and the settings that come back from it."""

from __future__ import annotations

import json

import jsonschema
import pytest

from bulk_exports.airbyte.form import form, settings_of
from bulk_exports.reading import SettingsError
from tap_cometly.config_schema import CONFIG_JSONSCHEMA
from tap_cometly.source import SOURCE
from tests.documents import block

ATTRIBUTION = {"sources": ["email"], "attribution_model": "linear", "attribution_window": 0}


@pytest.fixture(scope="module")
def shown():
    return SOURCE.specification["connectionSpecification"]


def parts(schema):
    """Every schema within a schema."""
    yield schema
    for child in (*schema.get("properties", {}).values(), *schema.get("oneOf", ())):
        yield from parts(child)


def test_every_setting_is_asked_for_once(shown):
    asked = [name for part in parts(shown) for name in part.get("properties", {})]
    assert sorted(asked) == sorted([*CONFIG_JSONSCHEMA["properties"], "attribution", "rows", "rows"])


def test_fields_are_of_one_type_in_the_order_of_the_settings(shown):
    assert [each["order"] for each in shown["properties"].values()] == list(range(len(shown["properties"])))
    for part in parts(shown):
        assert isinstance(part["type"], str)
        assert None not in part.get("enum", ())
        assert part is shown or part.get("title") or "const" in part


def test_the_key_is_a_secret_and_nothing_else(shown):
    assert [name for name, field in shown["properties"].items() if field.get("airbyte_secret")] == ["api_key"]
    assert shown["required"] == ["api_key"]


def test_a_vendor_may_require_nothing():
    assert form({"properties": {"pace": {"type": ["integer", "null"]}}}, [])["required"] == []


def test_names_of_sources_are_offered(shown):
    _events, credit = shown["properties"]["attribution"]["oneOf"]
    sources = credit["properties"]["sources"]
    assert "google_ads" in sources["items"]["enum"]
    assert sources["uniqueItems"]
    assert "enum" not in shown["properties"]["event_names"]["items"]


def test_each_option_has_exactly_one_constant_and_no_default(shown):
    for option in shown["properties"]["attribution"]["oneOf"]:
        assert sum("const" in field for field in option["properties"].values()) == 1
        assert not any("default" in field for field in option["properties"].values())
        assert option["required"] == list(option["properties"])


@pytest.mark.parametrize(
    "filled_in",
    [
        {},
        {"attribution": {"rows": "events"}},
        {"attribution": {"rows": "credit", **ATTRIBUTION}},
        {"start_date": "2026-01-31", "fields": ["amount"], "lookback_days": 0, "resync": True},
    ],
    ids=json.dumps,
)
def test_a_form_that_is_filled_in_well_is_valid(shown, filled_in):
    jsonschema.validate({"api_key": "k", **filled_in}, shown)


@pytest.mark.parametrize(
    "filled_in",
    [
        {"attribution": {"rows": "credit", "sources": ["email"]}},
        {"attribution": {"rows": "credit", **ATTRIBUTION, "sources": ["carrier_pigeon"]}},
        {"start_date": "31/12/2026"},
        {"lookback_days": -1},
        {"attribution": {"rows": "both"}},
    ],
    ids=json.dumps,
)
def test_a_form_that_contradicts_itself_is_not(shown, filled_in):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"api_key": "k", **filled_in}, shown)


def test_the_form_in_the_document_is_valid_and_asks_for_credit(shown):
    filled_in = json.loads(block("docs/airbyte.md", "json", '{"api_key"'))
    jsonschema.validate(filled_in, shown)
    settings = settings_of(filled_in, SOURCE.choices)
    assert settings.keys() == {"api_key", "sources", "attribution_model", "attribution_window"}


@pytest.mark.parametrize(
    ("filled_in", "settings"),
    [
        ({"attribution": {"rows": "credit", **ATTRIBUTION}}, ATTRIBUTION),
        ({"attribution": {"rows": "events"}}, {}),
        ({"attribution": None, "fields": ["amount"]}, {"fields": ["amount"]}),
        (ATTRIBUTION, ATTRIBUTION),
    ],
    ids=json.dumps,
)
def test_a_choice_becomes_the_settings_that_it_asks_for(filled_in, settings):
    assert settings_of(filled_in, SOURCE.choices) == settings


@pytest.mark.parametrize(
    ("filled_in", "told"),
    [
        ({"attribution": "credit"}, "attribution: must be an object whose `rows` is one of events, credit"),
        ({"attribution": {"rows": ["credit"]}}, "found ['credit']"),
        ({"attribution": {"rows": "events", "sources": ["email"]}}, "`sources` does not belong to `rows`: 'events'"),
        (
            {"attribution": {"rows": "credit", **ATTRIBUTION}, "sources": ["sms"]},
            "sources: must not be set beside `attribution`",
        ),
        ({"attribution": {"rows": "events"}, "sources": ["sms"]}, "sources: must not be set beside `attribution`"),
        ({"flattening_enabled": True}, "flattening_enabled: is a setting of the Singer tap"),
    ],
    ids=json.dumps,
)
def test_what_contradicts_itself_is_explained(filled_in, told):
    with pytest.raises(SettingsError) as caught:
        settings_of(filled_in, SOURCE.choices, SOURCE.foreign_settings)
    (problem,) = caught.value.problems
    assert told in problem
