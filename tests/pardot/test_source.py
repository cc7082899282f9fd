"""The same rows through Airbyte's door."""

from __future__ import annotations

import contextlib
import io
import json
from datetime import datetime, timedelta, timezone

import pytest

from bulk_exports.airbyte.command import run_command
from tap_pardot_exports import vocabulary as pardot
from tap_pardot_exports.sandbox import Fault, Sandbox
from tap_pardot_exports.source import SOURCE
from tests.airbyte.speaking import Said, check_order, parsed, state_after


@pytest.fixture
def today():
    return datetime.now(timezone.utc).date()


@pytest.fixture
def unit(today):
    """In real time, and in no hurry."""
    with Sandbox(first_day=today - timedelta(days=8), per_day=3, job_seconds=0.0) as sandbox:
        yield sandbox


@pytest.fixture
def source(unit, today, tmp_path):
    config = {
        **unit.config,
        "start_date": (today - timedelta(days=8)).isoformat(),
        "end_date": (today - timedelta(days=2)).isoformat(),
        "lookback_days": 0,
        "poll_seconds": 1,
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
    return {
        "streams": [
            {"stream": stream, "sync_mode": "incremental", "destination_sync_mode": "append_dedup"}
            for stream in catalog["streams"]
            if stream["name"] in streams
        ]
    }


def test_the_form_asks_for_secrets_as_such(source):
    (spec,) = source("spec").of("SPEC")
    properties = spec["connectionSpecification"]["properties"]
    secrets = {name for name, schema in properties.items() if schema.get("airbyte_secret")}
    assert secrets == {"client_secret", "refresh_token", "private_key"}


def test_check_creates_one_export(source, unit):
    (status,) = source("check").of("CONNECTION_STATUS")
    assert status == {"status": "SUCCEEDED"}
    assert [entry.endpoint for entry in unit.requests if entry.endpoint == "create"] == ["create"]


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault("create", "code", code=122), "API calls of the day are used up"),
        (Fault("create", "code", code=201), "business_unit_id"),
        (Fault("create", "code", code=49), "Prospects > Visitors > View"),
    ],
)
def test_what_the_user_can_mend_is_told(source, unit, fault, words):
    unit.inject(fault)
    (status,) = source("check").of("CONNECTION_STATUS")
    assert status["status"] == "FAILED"
    assert words in status["message"]


@pytest.mark.long
def test_a_sync_brings_every_record_and_the_next_one_none(source, unit, today):
    catalog = configured(source("discover"), "prospects", "visitors")
    assert len(catalog["streams"]) == 2
    first = source("read", catalog=catalog)
    assert first.status == 0, first.log
    end = f"{today - timedelta(days=1)}T00:00:00Z"
    for stream in ("prospects", "visitors"):
        cursor = pardot.BY_STREAM[stream].cursors[0]
        true = {row["id"] for row in unit.truth(stream) if row[cursor] < end}
        assert {row["id"] for row in first.records(stream)} >= true
        assert len(first.records(stream)) == len({row["id"] for row in first.records(stream)})
    state = state_after(first.messages, ("prospects", "visitors"))
    second = source("read", catalog=catalog, state=state)
    assert second.status == 0
    assert not second.of("RECORD")
