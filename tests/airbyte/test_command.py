"""The installed program as Airbyte starts it: what it prints, how it ends, what it does when it is stopped."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from simulation.patience import HANG_SECONDS
from tap_cometly.sandbox import Sandbox
from tests import long_ago
from tests.airbyte.speaking import PAIR, check_order, parsed, state_after

PROGRAM = shutil.which("source-cometly", path=str(Path(sys.executable).parent))
DAYS = long_ago.last_days(4)


@pytest.fixture(scope="module")
def cometly():
    """A Space whose last day takes longer than any test."""
    endless = {"job_seconds": lambda day, _attempt: 3600 if day == long_ago.LAST_DAY else 0}
    with Sandbox(**long_ago.space(events_per_day=30, **endless)) as sandbox:
        yield sandbox


@pytest.fixture
def arguments(cometly, tmp_path):
    """Return the arguments of a sync of these days."""
    (tmp_path / "catalog.json").write_text(json.dumps({"streams": [{"stream": {"name": name}} for name in PAIR]}))

    def write(first=DAYS[0], last=DAYS[-2], **changes):
        settings = {
            "api_key": cometly.api_key,
            "api_url": cometly.api_url,
            "start_date": str(first),
            "end_date": str(last),
        }
        config, catalog = tmp_path / "config.json", tmp_path / "catalog.json"
        config.write_text(json.dumps(settings | changes))
        return ["--config", config, "--catalog", catalog]

    return write


def run(*arguments):
    return subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, timeout=HANG_SECONDS, check=False)


def started(*arguments):
    return subprocess.Popen([PROGRAM, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_spec_needs_nothing():
    done = run("spec")
    assert (done.returncode, done.stderr) == (0, b"")
    (message,) = parsed(done.stdout.splitlines())
    assert message["spec"]["connectionSpecification"]["required"] == ["api_key"]


def loaded_by(program):
    """The modules that a program loads."""
    listing = f"import atexit, sys; atexit.register(lambda: print(*sys.modules, file=sys.stderr)); {program}"
    done = subprocess.run(
        [sys.executable, "-c", listing], capture_output=True, check=True, text=True, timeout=HANG_SECONDS
    )
    return set(done.stderr.splitlines()[-1].split())


@pytest.mark.long
def test_spec_loads_nothing_that_only_a_run_needs():
    program = "from tap_cometly.source import main; sys.argv = ['source-cometly', 'spec']; main()"
    more = loaded_by(program) - loaded_by("import singer_sdk")
    assert "bulk_exports.airbyte.form" in more
    assert not more & {"bulk_exports.run", "tap_cometly.client", "tap_cometly.tap", "pendulum", "requests", "xxhash"}


def test_a_sync_ends_with_0_and_says_nothing_on_stderr(arguments):
    done = run("read", *arguments())
    assert (done.returncode, done.stderr) == (0, b"")
    check_order(messages := parsed(done.stdout.splitlines()))
    assert len(state_after(messages)) == 2


@pytest.mark.slow
def test_state_from_one_sync_is_taken_by_the_next(arguments, tmp_path):
    first = run("read", *arguments())
    (state := tmp_path / "state.json").write_text(
        json.dumps(state_after(parsed(first.stdout.splitlines())), default=float)
    )
    second = run("read", *arguments(), "--state", state)
    assert second.returncode == 0
    assert b'"stream":"events","data"' not in second.stdout


@pytest.mark.slow
def test_a_wrong_key_ends_a_sync_with_1_and_a_check_with_0(arguments):
    done = run("read", *arguments(api_key="recognisable"))
    assert done.returncode == 1
    assert b"Check the setting `api_key`" in done.stdout
    assert b"recognisable" not in done.stdout + done.stderr
    config = arguments(api_key="recognisable")[1]
    done = run("check", "--config", config)
    assert done.returncode == 0
    assert b'"FAILED"' in done.stdout


def test_without_a_command_the_usage_is_told():
    done = run()
    assert done.returncode == 2
    assert b"usage: source-cometly" in done.stderr
    assert done.stdout == b""


def read_until_it_waits(process):
    """Return the lines up to the last STATE before the day that is not ready; the first STATE marks no day."""
    lines = []
    while sum(b'"STATE"' in line for line in lines) < 2 * len(DAYS):
        lines.append(process.stdout.readline())
    return lines


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
def test_a_signal_ends_a_sync_at_once_and_nothing_is_written_after_it(arguments, number):
    with started("read", *arguments(last=DAYS[-1])) as process:
        lines = read_until_it_waits(process)
        process.send_signal(number)
        rest = process.stdout.readlines()
        assert process.wait(timeout=HANG_SECONDS) == -number
    check_order(parsed(lines + rest))
    assert b"COMPLETE" not in b"".join(rest)
    assert b'"ERROR"' not in b"".join(rest)


@pytest.mark.slow
def test_a_sync_that_is_killed_leaves_whole_lines_and_is_made_good_by_the_next(arguments, tmp_path):
    with started("read", *arguments(last=DAYS[-1])) as process:
        lines = read_until_it_waits(process)
        process.kill()
        lines += process.stdout.readlines()
    (state := tmp_path / "state.json").write_text(json.dumps(state_after(parsed(lines)), default=float))
    done = run("read", *arguments(last=DAYS[-2], lookback_days=0), "--state", state)
    assert done.returncode == 0
    assert b'"RECORD"' not in done.stdout


@pytest.mark.slow
def test_a_reader_that_goes_away_ends_a_sync_with_141(arguments):
    with started("read", *arguments()) as process:
        process.stdout.close()
        assert process.wait(timeout=HANG_SECONDS) == 141
        assert b"Traceback" not in process.stderr.read()


@pytest.mark.slow
def test_a_debug_log_tells_of_requests_and_of_no_key(cometly, arguments):
    done = run("read", *arguments(), "--debug")
    assert b"POST /events/exports: HTTP" in done.stdout
    assert cometly.api_key.encode() not in done.stdout + done.stderr
    assert b"download" not in done.stdout or os.fsencode("http") not in done.stdout
