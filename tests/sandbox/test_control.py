"""The control endpoint: for those who do not speak Python."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
import requests

from simulation.patience import HANG_SECONDS

from .conftest import DAY, Client

if TYPE_CHECKING:
    from tap_cometly.sandbox import Sandbox


class Remote:
    def __init__(self, cometly: Sandbox) -> None:
        self.url = cometly.control_url

    def __call__(self, method: str, path: str, body: object = None, status: int = 204) -> requests.Response:
        reply = requests.request(method, f"{self.url}/{path}", json=body, timeout=HANG_SECONDS)
        assert reply.status_code == status, reply.text
        return reply

    def lines(self, path: str) -> list[dict]:
        return [json.loads(line, parse_float=Decimal) for line in self("GET", path, status=200).text.splitlines()]


@pytest.fixture
def cometly(sandbox):
    return sandbox()


@pytest.fixture
def remote(cometly):
    return Remote(cometly)


def test_the_truth_can_be_read(cometly, remote):
    path = f"truth?date={DAY}&fields=amount,ad_name&sources=google_ads,email"
    query = {"sources": ["google_ads", "email"], "attribution_model": "linear", "attribution_window": 30}
    expected = list(cometly.truth(DAY, fields=["amount", "ad_name"], **query))
    assert remote.lines(f"{path}&attribution_model=linear&attribution_window=30") == expected
    client = Client(cometly)
    export_id = client.create(fields=["amount"]).json()["export_id"]
    assert remote.lines(f"truth?export_id={export_id}") == list(cometly.truth(DAY, fields=["amount"]))
    remote("GET", "truth?export_id=1", status=404)
    remote("GET", "truth?date=today", status=422)
    remote("GET", f"truth?date={DAY}&colour=red", status=422)


def test_the_request_log_can_be_read_and_emptied(cometly, remote):
    client = Client(cometly)
    client.get(client.link(), Range="bytes=3-")
    log = remote.lines("requests")
    assert [(entry["origin"], entry["endpoint"], entry["status"]) for entry in log] == [
        ("api", "create", 202),
        ("api", "status", 200),
        ("files", "file", 206),
    ]
    assert log[0]["at"] == "2025-03-10T12:00:00Z"
    assert (log[0]["date"], log[0]["had_authorization"], log[2]["range"]) == ("2025-03-01", True, "bytes=3-")
    assert cometly.api_key not in str(log)
    assert "X-Amz" not in str(log)
    remote("DELETE", "requests")
    assert cometly.requests == []


def test_faults_can_be_injected_listed_and_cleared(cometly, remote):
    client = Client(cometly)
    remote("POST", "faults", {"step": "create", "kind": "status", "status": 503, "times": 2, "day": "2025-03-01"})
    assert client.create().status_code == 503
    assert remote("GET", "faults", status=200).json()[0]["status"] == 503
    remote("DELETE", "faults")
    assert client.create().status_code == 202
    assert "did you mean 'create'" in remote("POST", "faults", {"step": "crate", "kind": "cut"}, 422).text


def test_the_past_can_be_changed(cometly, remote):
    body = {"time": "2025-03-01T12:00:00Z", "amount": 9.99, "profile_id": 8}
    event_id = remote("POST", "events", body, 201).json()["id"]
    remote("PATCH", f"events/{event_id}", {"amount": 0.1, "order_id": "A-1"})
    event = remote("GET", f"events/{event_id}", status=200).json()
    assert (event["amount"], event["order_id"], event["event_time_utc"]) == ("0.1", "A-1", "2025-03-01T12:00:00Z")
    remote("PATCH", f"events/{event_id}", {"time": 1740916800})
    assert remote("GET", f"events/{event_id}", status=200).json()["event_time_utc"] == "2025-03-02T12:00:00Z"
    remote("POST", f"events/{event_id}/reattribute", {"touchpoints": [{"source": "email"}]})
    remote("POST", "contacts/merge", {"contact": 8, "into": 9})
    remote("PUT", "custom-events/1", {"label": "Termin"})
    rows = {row["id"]: row for row in remote.lines("truth?date=2025-03-02&fields=profile_id,amount,configured_name")}
    assert (rows[event_id]["profile_id"], rows[event_id]["amount"]) == (9, Decimal("0.1"))
    assert "Termin" in {row["configured_name"] for row in rows.values()}
    remote("DELETE", f"events/{event_id}")
    remote("GET", f"events/{event_id}", status=404)


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("PATCH", "events/5", {"amount": 1}, 404),
        ("POST", "events", {"time": "noon"}, 422),
        ("POST", "events", {}, 422),
        ("POST", "events", [], 422),
        ("PUT", "custom-events/77", {"label": "x"}, 422),
        ("POST", "contacts/merge", {"contact": 1}, 422),
        ("GET", "nothing", None, 404),
    ],
)
def test_what_cannot_be_done_is_said(remote, method, path, body, status):
    assert remote(method, path, body, status).json()["message"]
