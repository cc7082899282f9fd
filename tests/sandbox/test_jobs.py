"""The life of an export job."""

from __future__ import annotations

import datetime as dt

import pytest

from tap_cometly.sandbox import Quirks

from .conftest import DAY, Client, parse


def test_a_job_is_queued_then_processing_then_completed(sandbox, clock):
    client = Client(sandbox(job_seconds=30))
    export_id = client.create().json()["export_id"]
    seen = []
    for _ in range(7):
        seen.append(client.status(export_id).json())
        clock.go(5)
    assert [body["status"] for body in seen] == ["queued"] * 2 + ["processing"] * 4 + ["completed"]
    assert set(seen[0]) == {"export_id", "status", "created_at", "message"}
    assert set(seen[-1]) == {"export_id", "status", "created_at", "completed_at", "download_url", "expires_at"}
    assert seen[-1]["created_at"] == "2025-03-10T12:00:00Z"
    assert seen[-1]["completed_at"] == "2025-03-10T12:00:30Z"


def test_a_job_takes_as_long_as_its_day_and_attempt_say(sandbox, clock):
    client = Client(sandbox(job_seconds=lambda day, attempt: 100 * attempt if day == DAY else 0))
    first, second = (client.create().json()["export_id"] for _ in range(2))
    other = client.create("2025-03-02").json()["export_id"]
    clock.go(100)
    assert [client.status(export_id).json()["status"] for export_id in (first, second, other)] == [
        "completed",
        "processing",
        "completed",
    ]


def test_every_status_request_signs_a_new_link_that_lives_from_then_on(sandbox, clock):
    client = Client(sandbox(link_seconds=900))
    export_id = client.create().json()["export_id"]
    first = client.status(export_id).json()
    clock.go(899)
    second = client.status(export_id).json()
    assert first["expires_at"] == "2025-03-10T12:15:00Z"
    assert second["expires_at"] == "2025-03-10T12:29:59Z"
    assert client.get(first["download_url"]).status_code == 200
    clock.go(1)
    expired = client.get(first["download_url"])
    assert (expired.status_code, "Request has expired" in expired.text) == (403, True)
    assert client.get(second["download_url"]).status_code == 200
    assert first["download_url"].partition("?")[0] == second["download_url"].partition("?")[0]


def test_two_links_of_the_same_second_differ(sandbox):
    client = Client(sandbox())
    export_id = client.create().json()["export_id"]
    assert len({client.status(export_id).json()["download_url"] for _ in range(3)}) == 3


def test_links_that_are_not_renewed_are_a_switch(sandbox, clock):
    client = Client(sandbox(quirks=Quirks(fresh_links=False)))
    export_id = client.create().json()["export_id"]
    client.status(export_id)
    clock.go(900)
    assert client.get(client.status(export_id).json()["download_url"]).status_code == 403


def test_jobs_can_be_forgotten(sandbox, clock):
    client = Client(sandbox(quirks=Quirks(job_lifetime=3600)))
    export_id = client.create().json()["export_id"]
    clock.go(3599)
    assert client.status(export_id).status_code == 200
    clock.go(1)
    assert client.status(export_id).status_code == 404


def test_the_content_is_fixed_when_the_job_ends(sandbox, clock):
    cometly = sandbox(job_seconds=60)
    client = Client(cometly)
    early, late = (client.create(fields=["amount"]).json()["export_id"] for _ in range(2))
    event_id = next(cometly.truth(DAY))["id"]
    clock.go(59)
    cometly.history.edit(event_id, amount="1234.56")
    clock.go(2)
    cometly.history.delete(event_id)
    for export_id in (early, late):
        rows = parse(client.get(client.status(export_id).json()["download_url"]).content)
        assert {row["id"]: str(row["amount"]) for row in rows}[event_id] == "1234.56"
        assert list(cometly.truth_of(export_id)) == rows
    assert event_id not in {row["id"] for row in cometly.truth(DAY)}


def test_a_change_in_the_same_instant_does_not_reach_an_export_seen_finished(sandbox):
    cometly = sandbox()
    client = Client(cometly)
    link = client.link()
    cometly.history.delete(next(cometly.truth(DAY))["id"])
    assert len(parse(client.get(link).content)) == len(list(cometly.truth(DAY))) + 1


def test_the_open_day_grows_with_the_clock(sandbox, clock):
    cometly = sandbox(job_seconds=10, events_per_day=1000)
    client = Client(cometly)
    today = dt.date(2025, 3, 10)
    export_id = client.create(today).json()["export_id"]
    clock.go(3 * 3600)
    at_noon = parse(client.get(client.status(export_id).json()["download_url"]).content)
    assert max(row["event_time_utc"] for row in at_noon) <= "2025-03-10T12:00:10Z"
    assert at_noon == list(cometly.truth_of(export_id))
    assert len(at_noon) < len(list(cometly.truth(today)))
    clock.go(86_400)
    assert 800 <= len(list(cometly.truth(today))) <= 1200


@pytest.mark.parametrize("quirk", ["empty_gzip", "zero_bytes", "no_link", "failed"])
def test_an_empty_day_takes_the_form_that_the_quirk_says(sandbox, quirk):
    client = Client(sandbox(first_day=dt.date(2025, 3, 2), quirks=Quirks(empty_day=quirk)))
    body = client.status(client.create().json()["export_id"]).json()
    if quirk in {"no_link", "failed"}:
        assert body["status"] == {"no_link": "completed", "failed": "failed"}[quirk]
        assert "download_url" not in body
    else:
        content = client.get(body["download_url"]).content
        assert content == b"" if quirk == "zero_bytes" else parse(content) == []


def test_the_status_of_a_running_job_may_come_with_a_202(sandbox, clock):
    client = Client(sandbox(job_seconds=10, quirks=Quirks(running_code=202)))
    export_id = client.create().json()["export_id"]
    assert client.status(export_id).status_code == 202
    clock.go(10)
    assert client.status(export_id).status_code == 200


def test_contacts_and_companies_are_exported_too(sandbox):
    cometly = sandbox()
    window = {"start_date": "2025-03-01 00:00:00", "end_date": "2025-03-02 23:59:59"}
    contacts, companies = Client(cometly, "contacts"), Client(cometly, "companies")
    people = contacts.rows(None, include_comet_tokens=1, **window)
    assert {"id", "email", "name", "phone", "location", "comet_tokens"} == set(people[0])
    assert "comet_tokens" not in contacts.rows(None, **window)[0]
    firms = companies.rows(None, **window)
    assert set(firms[0]) == {"id", "domain", "created_at"}
    first_half = {**window, "end_date": "2025-03-01 11:59:59"}
    second_half = {**window, "start_date": "2025-03-01 12:00:00"}
    assert contacts.rows(None, **first_half) + contacts.rows(None, **second_half) == contacts.rows(None, **window)
    events = cometly.truth(DAY, fields=["profile_id", "company_id"])
    assert {row["profile_id"] for row in events} & {row["id"] for row in people}
    assert {row["company_id"] for row in cometly.truth(DAY, fields=["company_id"])} & {row["id"] for row in firms}
