"""The same rows through Airbyte's door."""

from __future__ import annotations

import collections
import contextlib
import io
import json
from datetime import date

import pytest

from bulk_exports.airbyte.command import run_command
from tap_apsis_one.sandbox import Fault, Limits, Quirks, Sandbox
from tap_apsis_one.source import SOURCE
from tests.airbyte.speaking import Said, check_order, parsed, state_after
from tests.apsis.account import told

FIRST, LAST = date(2026, 1, 5), date(2026, 1, 8)


@pytest.fixture
def account():
    """In real time, and in no hurry: the streams of a source are declared before a run has its clock."""
    limits, quirks = Limits(creates=6000, polls=60_000), Quirks(limit_headers=True)
    small = {"profiles": 10, "events_per_day": 30, "emails_per_day": 30, "first_day": FIRST, "job_seconds": 0.0}
    with Sandbox(**small, limits=limits, quirks=quirks) as sandbox:
        yield sandbox


@pytest.fixture
def source(account, tmp_path):
    config = {
        **account.credentials,
        "start_date": FIRST.isoformat(),
        "end_date": LAST.isoformat(),
        "window_days": 2,
        "lookback_days": 0,
    }

    def file(name, content):
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(content, default=float))
        return str(path)

    def say(command, *, catalog=None, state=None, **changes):
        arguments = [command]
        if command != "spec":
            arguments += ["--config", file("config", {**config, **changes})]
        if catalog is not None:
            arguments += ["--catalog", file("catalog", catalog)]
        if state is not None:
            arguments += ["--state", file("state", state)]
        stdout = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
        with contextlib.redirect_stdout(stdout):
            status = run_command(SOURCE, arguments)
        messages = parsed(stdout.buffer.getvalue().splitlines())
        check_order(messages)
        return Said(status, messages)

    return say


def configured(said, *streams):
    (catalog,) = said.of("CATALOG")
    chosen = [stream for stream in catalog["streams"] if not streams or stream["name"] in streams]
    return {
        "streams": [
            {"stream": stream, "sync_mode": stream["supported_sync_modes"][-1], "destination_sync_mode": "append_dedup"}
            for stream in chosen
        ]
    }


def test_the_form_asks_for_the_secret_as_one(source):
    (spec,) = source("spec").of("SPEC")
    properties = spec["connectionSpecification"]["properties"]
    assert properties["client_secret"]["airbyte_secret"] is True
    assert spec["connectionSpecification"]["required"] == ["client_id", "client_secret"]


def test_check_creates_one_export(source, account):
    (status,) = source("check").of("CONNECTION_STATUS")
    assert status == {"status": "SUCCEEDED"}
    assert [entry.endpoint for entry in account.requests if entry.endpoint.endswith("create")] == ["emails_create"]


def test_check_with_the_budget_used_up(source, account):
    account.inject(Fault("emails_create", "status", status=429))
    (status,) = source("check").of("CONNECTION_STATUS")
    assert status == {"status": "SUCCEEDED"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"client_secret": "recognisable"}, "`client_id`, `client_secret`"),
        ({"sections": ["Webshp"]}, "Did you mean 'Webshop'?"),
        ({"window_days": 0}, "window_days: must be a whole number"),
    ],
    ids=str,
)
def test_what_the_user_can_mend_is_told(source, changes, words):
    (status,) = source("check", **changes).of("CONNECTION_STATUS")
    assert status["status"] == "FAILED"
    assert words in status["message"]
    assert "recognisable" not in str(status)


@pytest.mark.long
def test_a_sync_brings_every_stream_and_the_next_one_nothing_but_lists_and_profiles(source, account):
    catalog = configured(source("discover"))
    first = source("read", catalog=catalog)
    assert first.status == 0, first.log
    count = collections.Counter(record["stream"] for record in first.of("RECORD"))
    assert count["email_events"] == count["profile_events"] == 120
    assert count["profiles"] == len(list(account.profiles()))
    assert count["sections"] == 2
    rows = [told(row) for row in first.records("profile_events")]
    assert len(set(rows)) == 120
    state = state_after(first.messages, ("email_events", "profile_events"))
    second = source("read", catalog=catalog, state=state)
    assert second.status == 0
    assert not second.records("email_events")
    assert not second.records("profile_events")
    assert len(second.records("profiles")) == count["profiles"]


def test_wrong_names_end_a_sync_in_words(source):
    catalog = configured(source("discover"), "profiles")
    said = source("read", catalog=catalog, tags=["VIPP"])
    assert said.status == 1
    assert "Did you mean 'VIP'?" in said.error["message"]
