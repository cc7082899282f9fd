"""The installed program as a user types it: what it prints, what it asks for, how it ends."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from tap_cometly.sandbox import Fault, Sandbox
from tap_cometly.windows import dates
from tests.tapping import parse

PROGRAM = shutil.which("tap-cometly", path=str(Path(sys.executable).parent))
YESTERDAY = dates.last_closed_day(datetime.now(timezone.utc), None)


def run(*arguments, folder=None, **environment):
    return subprocess.run(
        [PROGRAM, *map(str, arguments)],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture(scope="module")
def space():
    with Sandbox(events_per_day=30, creates_per_minute=6000, polls_per_minute=6000, job_seconds=0) as sandbox:
        yield sandbox
        sandbox.faults.clear()


@pytest.fixture
def cometly(space):
    space.faults.clear()
    del space.requests[:]
    return space


@pytest.fixture
def config(cometly, tmp_path):
    """Write a configuration file for three days, changed as the caller says, and return its path."""

    def write(**changes):
        start = (YESTERDAY - timedelta(days=2)).isoformat()
        path = tmp_path / "config.json"
        settings = {"api_key": cometly.api_key, "api_url": cometly.api_url, "start_date": start, **changes}
        path.write_text(json.dumps({name: value for name, value in settings.items() if value is not None}))
        return path

    return write


def test_version():
    done = run("--version")
    assert done.returncode == 0
    assert done.stdout.startswith("tap-cometly v0")


def test_discovery_needs_no_configuration_and_no_network():
    done = run("--discover", HTTPS_PROXY="http://127.0.0.1:1", HTTP_PROXY="http://127.0.0.1:1")
    assert done.returncode == 0
    _ledger, stream = json.loads(done.stdout)["streams"]
    assert stream["key_properties"] == ["id"]
    assert stream["replication_key"] == "event_date"
    assert "WARNING" not in done.stderr


def test_discovery_follows_the_settings(config):
    attribution = {"sources": ["email"], "attribution_model": "linear", "attribution_window": 0}
    done = run("--config", config(api_key=None, **attribution), "--discover")
    _ledger, stream = json.loads(done.stdout)["streams"]
    assert stream["key_properties"] == ["id", "touchpoint_id"]
    assert "campaign_name" in stream["schema"]["properties"]


@pytest.mark.parametrize("form", ["json", "markdown"])
def test_about_needs_no_configuration(form):
    done = run("--about", "--format", form)
    assert done.returncode == 0
    assert "attribution_window" in done.stdout


def loaded_by(program):
    """The modules that a program loads."""
    listing = f"import atexit, sys; atexit.register(lambda: print(*sys.modules, file=sys.stderr)); {program}"
    done = subprocess.run([sys.executable, "-c", listing], capture_output=True, check=True, text=True, timeout=60)
    return set(done.stderr.splitlines()[-1].split())


@pytest.mark.parametrize("option", ["--version", "--discover", "--about"])
def test_nothing_is_loaded_that_only_a_run_needs(option):
    program = f"from tap_cometly.__main__ import main; sys.argv = ['tap-cometly', '{option}']; main()"
    more = loaded_by(program) - loaded_by("import singer_sdk")
    of_a_run = {f"tap_cometly.{room}" for room in ("sync", "client", "exports", "blocks", "batches", "planning")}
    of_a_run |= {"backoff", "isal", "pendulum", "requests", "tqdm", "upath", "urllib3", "xxhash"}
    assert "tap_cometly.singer.streams" in more
    assert not of_a_run & more


def test_help_names_every_option():
    done = run("--help")
    for option in ("--config", "--catalog", "--state", "--discover", "--test", "--about", "--version", "--plan"):
        assert option in done.stdout


def test_a_run_writes_messages_only_to_stdout_and_ends_with_0(config):
    done = run("--config", config())
    assert done.returncode == 0, done.stderr
    messages = parse(done.stdout.encode().splitlines())
    assert {message["type"] for message in messages} == {"SCHEMA", "RECORD", "STATE"}
    assert "Traceback" not in done.stderr


def test_settings_come_from_the_environment_and_from_a_file_of_it(cometly, tmp_path):
    # The SDK prefers a .env in the folders above its own to the environment; from 0.55 on, in those above the current
    # one. This way it finds the one written here, and not that of the checkout, whose key is real.
    (tmp_path / "packages").symlink_to(sysconfig.get_path("purelib"))
    (tmp_path / ".env").write_text("""TAP_COMETLY_FIELDS='["event_name", "amount"]'\n""")
    done = run(
        "--config=ENV",
        folder=tmp_path,
        PYTHONPATH=str(tmp_path / "packages"),
        TAP_COMETLY_API_KEY=cometly.api_key,
        TAP_COMETLY_API_URL=cometly.api_url,
        TAP_COMETLY_START_DATE=YESTERDAY.isoformat(),
        TAP_COMETLY_LOOKBACK_DAYS="0",
    )
    assert done.returncode == 0, done.stderr
    messages = parse(done.stdout.encode().splitlines())
    records = [message["record"] for message in messages if message.get("stream") == "events" and "record" in message]
    assert len(records) > 10
    assert set(records[0]) == {"id", "event_date", "event_time_utc", "event_name", "amount", "day_digest"}


def test_state_from_one_run_is_taken_by_the_next(config, tmp_path):
    first = run("--config", config(lookback_days=0))
    state = tmp_path / "state.json"
    state.write_text(json.dumps(parse(first.stdout.encode().splitlines())[-1]["value"]))
    second = run("--config", config(lookback_days=0), "--state", state)
    assert second.returncode == 0
    assert '"RECORD"' not in second.stdout


def test_a_connection_test_spends_one_export(cometly, config):
    done = run("--config", config(), "--test")
    assert done.returncode == 0, done.stderr
    assert [request.endpoint for request in cometly.requests].count("create") == 1


def test_a_schema_test_spends_nothing(cometly, config):
    done = run("--config", config(), "--test=schema")
    assert done.returncode == 0
    assert '"SCHEMA"' in done.stdout
    assert cometly.requests == []


def test_a_plan_says_what_is_delivered_due_and_missing_and_asks_nothing(cometly, config, tmp_path):
    start = YESTERDAY - timedelta(days=9)
    delivered = [
        [str(start), str(start + timedelta(days=1))],
        [str(start + timedelta(days=3)), str(start + timedelta(days=6))],
    ]
    bookmark = {"replication_key_value": delivered[-1][-1], "delivered": delivered}
    state = tmp_path / "state.json"
    state.write_text(json.dumps({"bookmarks": {"events": bookmark}}))
    arguments = ["--config", config(api_key=None, start_date=str(start), lookback_days=2), "--state", state]
    done = run(*arguments, "--plan=json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "wanted": [str(start), str(YESTERDAY)],
        "delivered": delivered,
        "due": {
            "new": [[str(start + timedelta(days=7)), str(YESTERDAY)]],
            "missing": [[str(start + timedelta(days=2))] * 2],
            "lookback": [[str(start + timedelta(days=5)), str(start + timedelta(days=6))]],
            "open": [],
        },
        "exports": 6,
        "min_minutes": 1,
        "remarks": [],
    }
    text = run(*arguments, "--plan").stdout
    assert f"missing     {start + timedelta(days=2)} (1 day)" in text
    assert "Exporting 6 days" in text
    assert cometly.requests == []


def test_a_plan_is_no_excuse_for_a_wrong_setting(config):
    done = run("--config", config(timezone="Mars/Olympus"), "--plan")
    assert done.returncode == 2
    assert "timezone" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "changes", "told"),
    [
        ([], {"api_key": None}, "api_key"),
        (["--test"], {"api_key": None}, "api_key"),
        (["--test"], {"api_key": "two words"}, "white space"),
        ([], {"start_date": "31/12/2026"}, "start_date"),
        ([], {"fields": ["ad_id"]}, "sources"),
        ([], {"timezone": "Europe/Berlni"}, "Europe/Berlin"),
        ([], {"lookback_days": "many"}, "lookback_days"),
        ([], {"api_url": "http://example.com/api"}, "https"),
    ],
    ids=str,
)
def test_a_mistake_in_the_settings_is_explained_before_anything_is_asked(cometly, config, arguments, changes, told):
    done = run("--config", config(**changes), *arguments)
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert "two words" not in done.stderr
    assert done.stdout == ""
    assert cometly.requests == []


def test_a_wrong_key_is_explained_without_being_shown(config):
    for arguments in ([], ["--test"]):
        done = run("--config", config(api_key="recognisable-key"), *arguments)
        assert done.returncode == 2
        assert "Unauthenticated" in done.stderr
        assert "Check the setting `api_key`" in done.stderr.splitlines()[-1]
        assert "Traceback" not in done.stderr
        assert "recognisable-key" not in done.stderr


def test_undelivered_days_end_the_run_with_1_and_are_named_in_the_last_line(cometly, config):
    cometly.inject(Fault("file", "rows", day=YESTERDAY - timedelta(days=1), rows=[b"not json"], times=None))
    done = run("--config", config())
    assert done.returncode == 1
    assert (YESTERDAY - timedelta(days=1)).isoformat() in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    delivered = parse(done.stdout.encode().splitlines())[-1]["value"]["bookmarks"]["events"]["delivered"]
    assert len(delivered) == 2


def test_a_malformed_state_is_explained(config, tmp_path):
    state = tmp_path / "state.json"
    state.write_text('{"bookmarks": {"events": {"delivered": 5}}}')
    done = run("--config", config(), "--state", state)
    assert done.returncode == 2
    assert "STATE of the stream cannot be used" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("option", ["--state", "--catalog", "--config"])
@pytest.mark.parametrize("text", ["{", "[1]", "", None], ids=["cut", "list", "empty", "no file"])
def test_a_file_that_cannot_be_used_is_named_and_never_passes_for_none(cometly, config, tmp_path, option, text):
    file = tmp_path / "file.json"
    if text is not None:
        file.write_text(text)
    configuration = [] if option == "--config" else ["--config", config()]
    done = run(*configuration, option, file)
    assert done.returncode == 2
    assert option in done.stderr
    assert "Traceback" not in done.stderr
    assert cometly.requests == []


def test_a_reader_that_goes_away_ends_the_run_with_the_status_of_a_broken_pipe(config):
    tap = subprocess.Popen(
        [PROGRAM, "--config", str(config())], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    tap.stdout.readline()
    tap.stdout.close()
    _, errors = tap.communicate(timeout=60)
    assert tap.returncode == 141, errors
    assert "Traceback" not in errors
