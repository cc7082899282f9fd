"""The Singer tools that define what valid output is, each in an environment of its own, and the simplest target."""

from __future__ import annotations

import datetime as dt
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from simulation.patience import HANG_SECONDS
from tests.e2e.conftest import KEY, TIMEZONE

pytestmark = pytest.mark.integrations


@pytest.fixture
def output(cometly, program, tmp_path, last_day):
    """What the installed tap writes for three days."""
    config = tmp_path / "config.json"
    first = last_day - dt.timedelta(days=2)
    settings = {"api_url": cometly.api_url, "api_key": KEY, "timezone": TIMEZONE}
    config.write_text(json.dumps({**settings, "start_date": str(first), "end_date": str(last_day)}))
    done = program("tap-cometly", "--config", config)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def tool(tmp_path):
    """Run a tool of an old package, which shares no environment with anything."""

    def run(package, *command, text):
        uv = [str(Path(sys.executable).with_name("uv")), "tool", "run", "--quiet", "--isolated", "--from", package]
        return subprocess.run(
            [*uv, *command], cwd=tmp_path, input=text, capture_output=True, text=True, check=False, timeout=HANG_SECONDS
        )

    return run


def test_singer_check_tap_finds_it_valid(tool, output):
    done = tool("singer-tools==0.4.1", "singer-check-tap", text=output)
    assert done.returncode == 0, done.stderr
    assert re.search(rf"\| events +\| {len(events_in(output))} ", done.stdout + done.stderr)


def test_singer_check_tap_would_say_so_otherwise(tool, output):
    broken = output.replace('"event_name":"purchase"', '"event_name":7', 1)
    assert broken != output
    assert tool("singer-tools==0.4.1", "singer-check-tap", text=broken).returncode != 0


def test_target_stitch_accepts_it(tool, output):
    done = tool("target-stitch==4.0.3", "target-stitch", "--dry-run", text=output)
    assert done.returncode == 0, done.stderr
    assert "Batch is valid" in done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == json.loads(output.splitlines()[-1])["value"]


def test_target_jsonl_gets_the_rows_through_meltano(output, meltano, tmp_path, last_day):
    run = meltano(
        TAP_COMETLY_START_DATE=str(last_day - dt.timedelta(days=2)),
        TAP_COMETLY_END_DATE=str(last_day),
        TARGET_JSONL_DESTINATION_PATH=str(tmp_path / "lines"),
    )
    run("run", "tap-cometly", "target-jsonl")
    written = [json.loads(line) for line in (tmp_path / "lines" / "events.jsonl").read_text().splitlines()]
    assert [without_export(row) for row in written] == [without_export(row) for row in events_in(output)]


def events_in(output):
    messages = map(json.loads, output.splitlines())
    return [each["record"] for each in messages if each["type"] == "RECORD" and each["stream"] == "events"]


def without_export(row):
    return {name: value for name, value in row.items() if name != "day_digest"}
