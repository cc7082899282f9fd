"""What the client sends where, what it takes out of the queue, and what a killed run leaves to the next one."""

from __future__ import annotations

import json
import re

import pytest

from bulk_exports.engine.errors import ExportError
from bulk_exports.run import UndeliveredDaysError
from tap_pardot_exports import codes, vocabulary
from tap_pardot_exports.client import PardotClient
from tap_pardot_exports.codes import CODES, code_of
from tap_pardot_exports.sandbox import Fault, Quirks

from .test_oauth import tokens_of
from .unit import utc

DAY = 86_400


def client_of(made, **changes):
    tokens = tokens_of(made, **changes)
    return PardotClient(tokens._settings, tokens._connection)


def answer(status, content):
    from bulk_exports.engine.answer import Answer  # noqa: PLC0415

    return Answer(status, {}, content if isinstance(content, bytes) else json.dumps(content).encode(), "Vendor")


@pytest.mark.parametrize(
    ("url", "trusted"),
    [
        ("https://pi.pardot.com/api/export/1", True),
        ("https://www.pardot.com/api/export/1", True),
        ("https://pardot.com/x", True),
        ("https://pi.demo.pardot.com:443/x", True),
        ("https://acme.my.salesforce.com/x", True),
        ("https://PI.PARDOT.COM/x", True),
        ("http://pi.pardot.com/x", False),
        ("https://pi.pardot.com:8443/x", False),
        ("https://evilpardot.com/x", False),
        ("https://pardot.com.evil.example/x", False),
        ("https://pi.pardot.com@evil.example/x", False),
        ("https://evil.example\\@pi.pardot.com/x", False),
        ("https://user@pi.pardot.com/x", False),
        ("https://s3.amazonaws.com/pardot.com/x", False),
        ("//pi.pardot.com/x", False),
        ("https:///x", False),
        ("https://[/x", False),
        ("https://pi.pardot.com:x/", False),
    ],
)
def test_token_and_unit_go_to_the_vendors_hosts_only(unit, url, trusted):
    with client_of(unit(), api_url="https://pi.pardot.com") as client:
        assert client.trusts(url) is trusted


def test_a_file_elsewhere_is_asked_for_without_token_and_one_of_the_vendors_with_it(unit):
    made = unit()
    with client_of(made) as client:
        own, elsewhere = (client._link(f"{url}/x") for url in (made.pardot.api_url, made.pardot.store_url))
        assert set(own.headers) == {"Authorization", "Pardot-Business-Unit-Id"}
        assert elsewhere.headers == {}
        assert made.pardot.login.tokens[0] not in repr(own)
        assert made.pardot.api_url not in repr(own)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ({"code": 183, "message": "again"}, 183),
        ({"@attributes": {"stat": "fail", "version": 1, "err_code": 89}, "err": "no"}, 89),
        ({"@attributes": {"err_code": "184"}, "err": "no"}, 184),
        ({"err": "no"}, 0),
        ({"@attributes": [], "err": "no"}, 0),
        ({"code": True, "message": "x"}, 0),
        ({"code": "9" * 5000, "message": "x"}, 0),
        (b'<?xml version="1.0"?>\n<rsp stat="fail" version="1.0">\n  <err code="122">Daily</err></rsp>', 122),
        ({"id": 5, "state": "Complete"}, None),
        ([1], None),
        (b"<html><body>504</body></html>", None),
        (b"", None),
    ],
)
def test_a_code_is_found_wherever_it_stands(content, code):
    found = code_of(answer(200, content))
    assert (found and found[0]) == code


def test_every_code_that_stops_says_what_to_do():
    for number, (act, advice) in CODES.items():
        assert bool(advice) is (act not in {codes.Act.RETRY, codes.Act.GONE, codes.Act.TIMED_OUT}), number


def test_an_export_that_takes_too_long_is_taken_out_before_another_one_is_put_in_behind_it(unit):
    made = unit(job_seconds=lambda _stream, attempt: 10 * DAY if attempt == 1 else 60)
    made.run("visitors")
    made.assert_true("visitors")
    assert [entry.status for entry in made.calls("cancel")] == [200]


def test_others_in_the_queue_are_waited_for(unit):
    made = unit()
    made.pardot.jobs.occupy(2 * 3600)
    began = made.clock.now()
    made.run("visitors")
    made.assert_true("visitors")
    assert len(made.calls("create")) == 1
    assert made.clock.now() - began < 2.2 * 3600
    assert len(made.calls("status")) < 90


@pytest.mark.long
def test_a_queue_that_does_not_move_is_left_for_the_next_run(unit):
    made = unit()
    made.pardot.jobs.occupy(3 * DAY)
    output = made.run("visitors", catch=UndeliveredDaysError)
    assert "has been 'Waiting' in the vendor's queue for 1440 minutes" in str(output.error)
    assert len(made.calls("create")) == 1
    assert [entry.status for entry in made.calls("cancel")] == [200]


def test_a_run_that_stops_takes_out_of_the_queue_what_waits_there_and_leaves_to_the_next_what_is_being_made(unit):
    made = unit(job_seconds=600)
    made.pardot.inject(Fault("status", "code", code=201, after=6))
    output = made.run("visitor_activities", catch=ExportError, window_days=20)
    assert "code 201" in str(output.error)
    assert [made.pardot.jobs.state(job) for job in made.pardot.jobs.all()] == ["Processing", "Canceled"]
    made.pardot.faults.clear()
    made.run("visitor_activities", window_days=20)
    made.assert_true("visitor_activities")
    assert len(made.calls("create")) == 3


@pytest.mark.parametrize(("days", "exports"), [(2, 2), (8, 4)])
def test_a_run_that_was_killed_leaves_its_exports_to_the_next_one_for_seven_days(unit, days, exports):
    made = unit()
    first = made.run("visitor_activities", window_days=20)
    assert len(made.calls("create")) == 2
    state = next(
        state for state in first.states if len(state["bookmarks"]["visitor_activities"].get("jobs") or ()) == 2
    )
    made.begin_again(state)
    made.clock.advance(days * DAY)
    made.run("visitor_activities", window_days=20, end_date=utc(made.clock.now() - days * DAY - DAY)[:10])
    assert len(made.calls("create")) == exports
    last_day = {row["updated_at"][:10] for row in made.tables["visitor_activities"].values()}
    assert max(last_day) <= utc(made.clock.now() - days * DAY)[:10]


def test_an_interrupted_run_asks_for_nothing_twice(unit):
    made = unit()
    made.pardot.inject(Fault("file", "status", status=500, times=None))
    made.run("prospects", catch=UndeliveredDaysError)
    created = len(made.calls("create"))
    made.pardot.faults.clear()
    made.run("prospects")
    made.assert_true("prospects")
    assert created <= 2 * 3


@pytest.mark.parametrize("quirks", [Quirks(refs="other_host"), Quirks(refs="redirect"), Quirks()])
def test_files_are_fetched_with_a_token_where_one_is_wanted_and_without_elsewhere(unit, quirks):
    made = unit(quirks=quirks)
    made.run("external_activities")
    made.assert_true("external_activities")
    for entry in made.pardot.requests:
        assert entry.had_authorization is (entry.origin == "api")


def test_a_request_says_what_the_vendors_page_says(unit, requests_mock):
    made = unit()
    requests_mock.post(f"{made.pardot.login_url}/services/oauth2/token", json={"access_token": "t"})
    sent = requests_mock.post(re.compile("/do/create"), json={"id": 7, "state": "Waiting"}, status_code=200)
    requests_mock.get(re.compile("/do/read/id/7"), json={"export": {"id": 7, "state": "Complete"}})
    made.run("list_memberships", start_date="2025-02-18", deleted_rows=False)
    assert sent.last_request.url.endswith("/api/export/version/4/do/create?format=json")
    assert sent.last_request.headers["Content-Type"] == "application/json"
    assert sent.last_request.headers["Pardot-Business-Unit-Id"] == made.config["business_unit_id"]
    assert sent.last_request.json() == {
        "object": "listMembership",
        "fields": ["id", "list_id", "prospect_id", "opted_out", "created_at", "updated_at"],
        "procedure": {
            "name": "filter_by_updated_at",
            "arguments": {"updated_after": "2025-02-17 23:59:59", "updated_before": "2025-02-19 00:00:00"},
        },
    }
    assert vocabulary.LIST_MEMBERSHIP.new_name == "ListMembership"
