"""Who is let in, and what may be asked."""

from __future__ import annotations

import pytest
import requests

from simulation.patience import HANG_SECONDS
from tap_cometly import vocabulary
from tap_cometly.sandbox import Quirks

from .conftest import DAY, Client

ATTRIBUTION = {"sources": ["email"], "attribution_model": "linear", "attribution_window": 30}


@pytest.fixture
def client(sandbox):
    return Client(sandbox())


@pytest.mark.parametrize(
    ("body", "field", "message"),
    [
        ({"date": None}, "date", "The date field is required."),
        ({"date": "01.03.2025"}, "date", "The date field must match the format Y-m-d."),
        ({"date": "2025-02-30"}, "date", "The date field must match the format Y-m-d."),
        ({"date": "20250301"}, "date", "The date field must match the format Y-m-d."),
        ({"date": 20250301}, "date", "The date field must match the format Y-m-d."),
        ({"date": "2025-03-11"}, "date", "The date field must be a date before or equal to today."),
        ({"query_mode": "person"}, "query_mode", "The selected query mode is invalid."),
        ({"event_names": "purchase"}, "event_names", "The event names field must be an array."),
        ({"event_names": []}, "event_names", "The event names field must have at least 1 items."),
        (
            {"event_names": list(vocabulary.EVENT_NAMES[:11])},
            "event_names",
            "The event names field must not have more than 10 items.",
        ),
        ({"event_names": ["purchase"] * 2}, "event_names.0", "The event names.0 field has a duplicate value."),
        ({"event_names": ["buy"]}, "event_names.0", "The selected event names.0 is invalid."),
        ({"event_names": [7]}, "event_names.0", "The event names.0 field must be a string."),
        ({**ATTRIBUTION, "sources": []}, "sources", "The sources field must have at least 1 items."),
        (
            {**ATTRIBUTION, "sources": list(vocabulary.SOURCES[:16])},
            "sources",
            "The sources field must not have more than 15 items.",
        ),
        ({**ATTRIBUTION, "sources": ["myspace"]}, "sources.0", "The selected sources.0 is invalid."),
        (
            {**ATTRIBUTION, "attribution_model": None},
            "attribution_model",
            "The attribution model field is required when sources is present.",
        ),
        (
            {**ATTRIBUTION, "attribution_window": None},
            "attribution_window",
            "The attribution window field is required when sources is present.",
        ),
        (
            {**ATTRIBUTION, "attribution_model": "linear_paid_ads"},
            "attribution_model",
            "The selected attribution model is invalid.",
        ),
        (
            {**ATTRIBUTION, "attribution_window": 31},
            "attribution_window",
            "The selected attribution window is invalid.",
        ),
        (
            {**ATTRIBUTION, "attribution_window": True},
            "attribution_window",
            "The selected attribution window is invalid.",
        ),
        ({"fields": []}, "fields", "The fields field must have at least 1 items."),
        ({"fields": ["amount", "amount"]}, "fields.0", "The fields.0 field has a duplicate value."),
        ({"fields": ["touchpoint_id"]}, "fields.0", "The selected fields.0 is invalid."),
        ({"fields": ["amount", "ad_name"]}, "fields.1", "The ad_name field requires sources."),
    ],
)
def test_a_body_that_breaks_a_rule_is_a_422_that_names_it(client, body, field, message):
    reply = client.session.post(
        client.url, json={"date": str(DAY), **body}, headers=client.headers, timeout=HANG_SECONDS
    )
    assert reply.status_code == 422
    assert message in reply.json()["errors"][field]
    assert reply.json()["message"].startswith(next(iter(reply.json()["errors"].values()))[0])


def test_the_message_counts_the_other_errors(client):
    assert client.create("never", query_mode="x").json()["message"].endswith("Y-m-d. (and 1 more error)")
    assert client.create("never", query_mode="x", fields=[]).json()["message"].endswith("(and 2 more errors)")


def test_a_body_that_is_not_json_is_an_empty_one(client):
    reply = client.session.post(client.url, data=b"{", headers=client.headers, timeout=HANG_SECONDS)
    assert reply.json()["message"] == "The date field is required."


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"query_mode": "company"},
        {"event_names": list(vocabulary.EVENT_NAMES[:10])},
        {"fields": list(vocabulary.REQUESTABLE_NAMES), **ATTRIBUTION},
        {"fields": ["id", "event_time_utc", "amount"]},
        {**ATTRIBUTION, "sources": list(vocabulary.SOURCES[-15:]), "attribution_window": 0},
        {"attribution_model": "linear"},
        {"something": "else"},
    ],
)
def test_what_the_rules_allow_starts_a_job(client, body):
    reply = client.create(**body)
    assert reply.status_code == 202
    assert reply.json() == {"export_id": 40001, "status": "queued"}


@pytest.mark.parametrize(
    ("quirk", "body", "status"),
    [
        ({"unknown_names": "ignore"}, {"event_names": ["buy"]}, 202),
        ({"unknown_names": "ignore"}, {**ATTRIBUTION, "sources": ["myspace"], "fields": ["ad_id"]}, 202),
        ({"attribution_without_sources": "reject"}, {"attribution_window": 7}, 422),
        ({"future_day": "empty"}, {"date": "2025-03-11"}, 202),
        ({"open_day": "reject"}, {"date": "2025-03-10"}, 422),
    ],
)
def test_undocumented_rules_are_switches(sandbox, quirk, body, status):
    client = Client(sandbox(quirks=Quirks(**quirk)))
    assert client.create(body.pop("date", DAY), **body).status_code == status


def test_an_unknown_key_is_a_401_and_an_inactive_subscription_a_403(sandbox):
    client = Client(sandbox(keys={"good": "active", "lapsed": "forbidden"}))
    for header, status in [("Bearer good", 202), ("Bearer bad", 401), ("Basic good", 401), ("Bearer lapsed", 403)]:
        client.headers["Authorization"] = header
        reply = client.create()
        assert reply.status_code == status
        assert header == "Bearer good" or isinstance(reply.json()["message"], str)


def test_a_stranger_who_does_not_ask_for_json_is_sent_to_the_login_page(client):
    reply = requests.get(f"{client.url}/1", timeout=HANG_SECONDS, allow_redirects=False)
    assert (reply.status_code, reply.headers["Location"]) == (302, "/login")
    assert "<html>" in requests.get(f"{client.url}/1", timeout=HANG_SECONDS).text


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/events", 404),
        ("GET", "/events/exports", 405),
        ("DELETE", "/events/exports/1", 405),
        ("GET", "/events/exports/x", 404),
        ("GET", "/events/exports/1", 404),
        ("GET", "/events/exports/0", 404),
        ("GET", "/contacts/exports/40001", 404),
    ],
)
def test_everything_else_is_an_error_in_json(client, method, path, status):
    client.create()
    reply = requests.request(method, client.cometly.api_url + path, headers=client.headers, timeout=HANG_SECONDS)
    assert reply.status_code == status
    assert "message" in reply.json()


def test_contacts_and_companies_want_local_times(sandbox):
    client = Client(sandbox(), "contacts")
    assert client.create(None, start_date="2025-03-01", end_date="2025-03-02 00:00:00").status_code == 422
    assert client.create(None, end_date="2025-03-02 00:00:00").json()["errors"] == {
        "start_date": ["The start date field is required."]
    }
    assert client.create(None, start_date="2025-03-02 00:00:00", end_date="2025-03-01 00:00:00").status_code == 422
    good = {"start_date": "2025-03-01 00:00:00", "end_date": "2025-03-01 23:59:59"}
    assert client.create(None, include_comet_tokens=2, **good).status_code == 422
    assert client.create(None, include_comet_tokens=1, **good).status_code == 202
