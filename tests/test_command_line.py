"""The installed program as a user types it: what it prints, what it asks for, how it ends."""

from __future__ import annotations

import functools
import importlib.util
import json
import signal
import subprocess
import sys
import sysconfig
from datetime import timedelta

import pytest

from simulation.patience import HANG_SECONDS
from simulation.tapping import parse
from tap_cometly.config_schema import CONFIG_JSONSCHEMA
from tap_cometly.sandbox import Fault, Sandbox
from tests import long_ago
from tests.documents import block
from tests.long_ago import LAST_DAY
from tests.programs import PROGRAM, run, start


@pytest.fixture(scope="module")
def space():
    with Sandbox(**long_ago.space(events_per_day=30)) as sandbox:
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
        path = tmp_path / "config.json"
        days = long_ago.asked_for(long_ago.last_days(3))
        settings = {"api_key": cometly.api_key, "api_url": cometly.api_url, **days, **changes}
        path.write_text(json.dumps({name: value for name, value in settings.items() if value is not None}))
        return path

    return write


def test_version():
    done = start("--version")
    assert done.returncode == 0
    assert done.stdout.startswith("tap-cometly v0")


def test_discovery_needs_no_configuration_and_no_network():
    done = run("--discover", HTTPS_PROXY="http://127.0.0.1:1", HTTP_PROXY="http://127.0.0.1:1")
    assert done.returncode == 0
    _ledger, stream, *_ = json.loads(done.stdout)["streams"]
    assert stream["key_properties"] == ["id"]
    assert stream["replication_key"] == "event_date"
    assert "WARNING" not in done.stderr


def test_discovery_follows_the_settings(config):
    attribution = {"sources": ["email"], "attribution_model": "linear", "attribution_window": 0}
    done = run("--config", config(api_key=None, **attribution), "--discover")
    _ledger, stream, *_ = json.loads(done.stdout)["streams"]
    assert stream["key_properties"] == ["id", "touchpoint_id"]
    assert "campaign_name" in stream["schema"]["properties"]


@pytest.mark.parametrize("form", ["json", "markdown"])
def test_about_needs_no_configuration(form):
    done = run("--about", "--format", form)
    assert done.returncode == 0
    assert "attribution_window" in done.stdout


def test_about_says_everything_about_every_setting_to_people_too():
    done = run("--about")
    assert done.returncode == 0
    told = " ".join(done.stdout.split())
    for name, schema in CONFIG_JSONSCHEMA["properties"].items():
        assert " ".join(schema["description"].split()) in told
        assert f"TAP_COMETLY_{name.upper()}" in told
    assert "One of: oldest_first, newest_first Default: oldest_first" in told


@functools.cache
def loaded_by(program):
    """The modules that a program loads."""
    listing = f"import atexit, sys; atexit.register(lambda: print(*sys.modules, file=sys.stderr)); {program}"
    done = subprocess.run(
        [sys.executable, "-c", listing], capture_output=True, check=True, text=True, timeout=HANG_SECONDS
    )
    return set(done.stderr.splitlines()[-1].split())


@pytest.mark.parametrize("option", ["--version", "--discover", "--about"])
def test_nothing_is_loaded_that_only_a_run_needs(option):
    program = f"from tap_cometly.__main__ import main; sys.argv = ['tap-cometly', '{option}']; main()"
    more = loaded_by(program) - loaded_by("import singer_sdk")
    rooms = (
        "engine",
        "files",
        "outputs.batch_files",
        "reconcile.reconciler",
        "records.verify",
        "run",
        "windows.plan",
    )
    of_a_run = {"tap_cometly.client", *(f"bulk_exports.{room}" for room in rooms)}
    of_a_run |= {"backoff", "isal", "pendulum", "requests", "tqdm", "upath", "urllib3", "xxhash"}
    assert all(importlib.util.find_spec(module) for module in of_a_run), "an old name would prove nothing"
    assert "bulk_exports.singer.streams" in more
    assert not of_a_run & more


def test_help_names_every_option():
    done = run("--help")
    for option in ("--config", "--catalog", "--state", "--discover", "--test", "--about", "--version", "--plan"):
        assert option in done.stdout


def test_a_run_writes_messages_only_to_stdout_and_ends_with_0(config):
    done = start("--config", config())
    assert done.returncode == 0, done.stderr
    messages = parse(done.stdout.encode().splitlines())
    assert {message["type"] for message in messages} == {"SCHEMA", "RECORD", "STATE"}
    assert "Traceback" not in done.stderr


@pytest.mark.long
def test_settings_come_from_the_environment_and_from_a_file_of_it(cometly, tmp_path):
    # The SDK prefers a .env in the folders above its own to the environment; from 0.55 on, in those above the current
    # one. This way it finds the one written here, and not that of the checkout, whose key is real.
    (tmp_path / "packages").symlink_to(sysconfig.get_path("purelib"))
    (tmp_path / ".env").write_text("""TAP_COMETLY_FIELDS='["event_name", "amount"]'\n""")
    done = start(
        "--config=ENV",
        folder=tmp_path,
        PYTHONPATH=str(tmp_path / "packages"),
        TAP_COMETLY_API_KEY=cometly.api_key,
        TAP_COMETLY_API_URL=cometly.api_url,
        TAP_COMETLY_START_DATE=LAST_DAY.isoformat(),
        TAP_COMETLY_END_DATE=LAST_DAY.isoformat(),
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


def test_a_connection_test_says_that_key_and_settings_work_and_nothing_of_days_or_failures(config):
    month = str(LAST_DAY - timedelta(days=29))
    done = run("--config", config(start_date=month), "--test")
    assert done.returncode == 0, done.stderr
    assert "Testing the key and the settings with one export" in done.stderr
    *_, last = [line for line in done.stderr.splitlines() if "METRIC" not in line]
    assert last.endswith("The key and the settings work")
    assert '"status":"succeeded"' in done.stderr
    assert done.stdout.count('"stream":"events","record"') == 1
    assert f"{LAST_DAY} verified (1 of 1): 30 rows" in done.stderr
    for word in ("Exporting", "failed", "left", "delivered", "Done: "):
        assert word not in done.stderr


def test_a_schema_test_spends_nothing(cometly, config):
    done = run("--config", config(), "--test=schema")
    assert done.returncode == 0
    assert '"SCHEMA"' in done.stdout
    assert cometly.requests == []


def test_a_plan_says_what_is_delivered_due_and_missing_and_asks_nothing(cometly, config, tmp_path):
    start = LAST_DAY - timedelta(days=9)
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
    (planned,) = json.loads(done.stdout)["streams"]
    assert planned == {
        "stream": "events",
        "wanted": [str(start), str(LAST_DAY)],
        "delivered": delivered,
        "due": {
            "new": [[str(start + timedelta(days=7)), str(LAST_DAY)]],
            "missing": [[str(start + timedelta(days=2))] * 2],
            "lookback": [[str(start + timedelta(days=5)), str(start + timedelta(days=6))]],
            "open": [],
        },
        "exports": 6,
        "under_way": [],
        "left_for_next_run": 0,
        "min_minutes": 1,
        "remarks": [],
    }
    text = run(*arguments, "--plan").stdout
    assert text.startswith("delivered ")
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


def test_a_mistake_in_the_environment_is_explained_like_every_other(cometly):
    done = run(
        "--config=ENV",
        TAP_COMETLY_API_KEY="none",
        TAP_COMETLY_API_URL=cometly.api_url,
        TAP_COMETLY_LOOKBACK_DAYS="seven",
        TAP_COMETLY_INCLUDE_OPEN_DAY="yse",
    )
    assert done.returncode == 2
    assert "lookback_days: must be a whole number from 0 to 365; found 'seven'" in done.stderr
    assert "include_open_day: must be true or false; found 'yse'" in done.stderr
    assert "Traceback" not in done.stderr
    assert cometly.requests == []


@pytest.mark.parametrize(
    ("form", "root", "told"),
    [
        ("jsonl", "s3://bucket/folder", "install the tap with its extra `s3`"),
        ("jsonl", "abfs://bucket/folder", "install what fsspec needs for abfs://"),
        ("jsonl", "/dev/null/folder", "cannot be written to: /dev/null/folder"),
        ("parquet", "folder", "set `encoding.format` to 'jsonl'"),
    ],
    ids=str,
)
def test_files_that_cannot_be_written_are_explained_before_anything_is_asked(cometly, config, form, root, told):
    storage = {"encoding": {"format": form, "compression": "gzip"}, "storage": {"root": root}}
    done = run("--config", config(batch_config=storage))
    assert done.returncode == 2
    assert told in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert cometly.requests == []


def test_the_documents_example_of_an_object_store_names_what_it_needs(cometly, config):
    done = run("--config", config(**json.loads(block("docs/batch.md", "json", '{"batch_config"'))))
    assert done.returncode == 2
    assert "install the tap with its extra `s3`" in done.stderr.splitlines()[-1]
    assert cometly.requests == []


def test_a_log_for_programs_is_made_as_the_document_says(config, tmp_path):
    logs = tmp_path / "logging.yaml"
    logs.write_text(block("docs/operations.md", "yaml", "version: 1"))
    done = run("--config", config(), SINGER_SDK_LOG_CONFIG=str(logs))
    assert done.returncode == 0, done.stderr
    told = [json.loads(line)["extra"] for line in done.stderr.splitlines()]
    days = [figures for figures in told if "event_date" in figures]
    assert [figures["event_date"] for figures in days] == [str(day) for day in long_ago.last_days(3)]
    for figures in days:
        assert {"rows", "bytes", "changed", "revision", "seconds", "export_id"} <= figures.keys()
    (done,) = [figures for figures in told if "days_left" in figures]
    assert (done["days"], done["changed_days"], done["days_left"]) == (3, 3, 0)
    assert done["rows"] == sum(figures["rows"] for figures in days)
    assert done["seconds"] > 0


def test_a_plan_without_a_state_says_so(config):
    told = run("--config", config(), "--plan").stdout
    assert "No STATE was given (`--state`): all days count as not delivered" in told


def test_a_run_that_is_stopped_says_how_far_it_got(cometly, config):
    cometly.inject(Fault("create", "never_finishes", times=None, after=1))
    command = [PROGRAM, "--config", str(config())]
    told = []
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as tap:
        for line in tap.stderr:
            told.append(line)
            if " delivered (1 of 3)" in line:
                tap.send_signal(signal.SIGINT)
    assert tap.returncode == 130
    (stopped,) = [line for line in told if "Stopped" in line]
    assert "Stopped: 1 of 3 days delivered. The next run goes on with the others" in stopped


def test_a_wrong_key_is_explained_without_being_shown(config):
    for arguments in ([], ["--test"]):
        done = run("--config", config(api_key="recognisable-key"), *arguments)
        assert done.returncode == 2
        assert "Unauthenticated" in done.stderr
        assert "Check the setting `api_key`" in done.stderr.splitlines()[-1]
        assert "Traceback" not in done.stderr
        assert "recognisable-key" not in done.stderr


def test_undelivered_days_end_the_run_with_1_and_are_named_in_the_last_line(cometly, config):
    cometly.inject(Fault("file", "rows", day=LAST_DAY - timedelta(days=1), rows=[b"not json"], times=None))
    done = run("--config", config())
    assert done.returncode == 1
    assert (LAST_DAY - timedelta(days=1)).isoformat() in done.stderr.splitlines()[-1]
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
    _, errors = tap.communicate(timeout=HANG_SECONDS)
    assert tap.returncode == 141, errors
    assert "Traceback" not in errors
