"""What the client sends, and what it makes of Cometly's answers. The engine's view of both is in tests/engine."""

from __future__ import annotations

import logging
from datetime import date, datetime, timezone

import pytest

from bulk_exports.engine.errors import RateLimitedError, RequestRejectedError, UnavailableError, UnknownJobError
from bulk_exports.engine.vendor import JobState
from bulk_exports.environment import Environment
from bulk_exports.spec import ExportRequest
from bulk_exports.windows.windows import Window
from simulation.virtual_time import VirtualClock
from tap_cometly.client import CometlyClient
from tap_cometly.events import EventQuery
from tap_cometly.settings import Settings

API = "https://cometly.test/public-api/v1"
KEY = "recognisable-key"
NOW = datetime(2025, 3, 2, 12, tzinfo=timezone.utc)
EXPORT = ExportRequest(Window.single(date(2025, 3, 1)), EventQuery(requested=("amount",)), NOW)


@pytest.fixture
def client():
    settings = Settings.from_config({"api_key": KEY, "api_url": API, "user_agent": "test/1"}, now=NOW)
    environment = Environment(VirtualClock(1000.0))
    with CometlyClient(settings, environment.connection(logging.getLogger("test"), {}, stream="events")) as client:
        client.create_limit.spend()
        client.status_limit.spend()
        yield client


def test_create_sends_the_day_the_parameters_and_the_three_headers(client, requests_mock):
    requests_mock.post(f"{API}/events/exports", status_code=202, json={"export_id": 7, "status": "queued"})
    assert client.create(EXPORT) == 7
    sent = requests_mock.last_request
    assert sent.json() == {"date": "2025-03-01", "query_mode": "profile", "fields": ["amount"]}
    assert sent.headers["Authorization"] == f"Bearer {KEY}"
    assert sent.headers["Accept"] == sent.headers["Content-Type"] == "application/json"
    assert sent.headers["User-Agent"] == "test/1"


@pytest.mark.parametrize(
    ("body", "state"),
    [
        ({"status": "queued", "message": "in line"}, JobState.RUNNING),
        ({"status": "processing"}, JobState.RUNNING),
        ({"status": "reticulating"}, JobState.UNKNOWN),
        ({}, JobState.UNKNOWN),
        ({"status": "failed", "message": "out of memory"}, JobState.FAILED),
        ({"status": "completed", "download_url": "https://files.test/x?sig=1"}, JobState.READY),
    ],
)
def test_the_vendors_words_for_the_state_of_a_job(client, requests_mock, body, state):
    requests_mock.get(f"{API}/events/exports/7", json={"export_id": 7, **body})
    status = client.status(7)
    assert status.state is state
    assert status.word == str(body.get("status"))
    assert [link.url for link in status.links] == [url for url in [body.get("download_url")] if url]


def test_a_link_is_not_shown_when_a_status_is_printed(client, requests_mock):
    requests_mock.get(f"{API}/events/exports/7", json={"status": "completed", "download_url": "https://f.test/?sig=1"})
    assert "sig" not in repr(client.status(7))


@pytest.mark.parametrize("url", [None, "", 5])
def test_a_finished_export_without_a_link_is_not_yet_known_well_enough(client, requests_mock, url):
    requests_mock.get(f"{API}/events/exports/7", json={"status": "completed", "download_url": url})
    with pytest.raises(UnknownJobError, match="no download link"):
        client.status(7)


def test_404_on_a_status_means_that_the_export_is_unknown(client, requests_mock):
    requests_mock.get(f"{API}/events/exports/7", status_code=404, json={"message": "Not found"})
    with pytest.raises(UnknownJobError):
        client.status(7)


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (401, {"message": "Unauthenticated"}, ["401: Unauthenticated)", "api_key"]),
        (403, {"message": "Forbidden"}, ["403", "permission", "subscription"]),
        (404, {"message": "Nope"}, ["404", "api_url"]),
        (422, {"message": "Bad", "errors": {"fields": ["too many", "odd"]}}, ["Bad", "fields: too many odd"]),
        (422, {"message": "Bad", "errors": "odd"}, ["422", "Bad"]),
        (418, "teapot", ["418", "not a documented answer"]),
        (418, {"message": "\x1b\0 "}, ["HTTP 418: no explanation given"]),
        (302, "", ["302", "api_url", "api_key"]),
    ],
)
def test_a_refusal_says_what_the_server_said_and_what_to_check(client, requests_mock, status, body, told):
    requests_mock.post(f"{API}/events/exports", status_code=status, json=body, headers={"Location": "https://x.test/"})
    with pytest.raises(RequestRejectedError) as caught:
        client.create(EXPORT)
    for words in told:
        assert words in str(caught.value)
    assert KEY not in str(caught.value)
    assert requests_mock.call_count == 1


@pytest.mark.parametrize("answer", [{"text": "<html>"}, {"json": [1]}, {"json": {"status": "queued"}}])
def test_an_acceptance_that_makes_no_sense_is_worth_another_attempt(client, requests_mock, answer):
    requests_mock.post(f"{API}/events/exports", status_code=202, **answer)
    with pytest.raises(UnavailableError):
        client.create(EXPORT)


def test_the_budgets_learn_from_the_headers_each_from_its_own_endpoint(client, requests_mock):
    requests_mock.post(
        f"{API}/events/exports", status_code=202, json={"export_id": 1}, headers={"X-RateLimit-Limit": "60"}
    )
    client.create(EXPORT)
    assert client.create_limit.per_minute == 60
    assert client.status_limit.per_minute == 30


def test_429_pauses_its_own_endpoint_and_no_other(client, requests_mock):
    requests_mock.post(f"{API}/events/exports", status_code=429, headers={"Retry-After": "17"})
    requests_mock.get(f"{API}/events/exports/7", json={"status": "queued"})
    with pytest.raises(RateLimitedError):
        client.create(EXPORT)
    client.status(7)
    assert client.create_limit.ready_at(1000.0) == 1017.0
    assert client.status_limit.ready_at(1000.0) == 1000.0
