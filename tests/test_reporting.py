"""What a run tells: enough to know what it does, what it waits for, and when it will be done."""

from __future__ import annotations

import json
import logging
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from fcntl import ioctl

import pytest

from bulk_exports.run import UndeliveredDaysError
from simulation.backfill import SharedTime, backfill
from simulation.patience import HANG_SECONDS
from simulation.tapping import days_before, sync
from tap_cometly.sandbox import Fault, Sandbox
from tests import long_ago


def lines(caplog, words):
    return [record.getMessage() for record in caplog.records if words in record.getMessage()]


def metrics(caplog, name):
    points = [json.loads(line.partition("METRIC: ")[2]) for line in lines(caplog, "METRIC: ")]
    return [point for point in points if point["metric"] == name]


@pytest.fixture
def two_weeks(clock, config):
    return {**config, "start_date": days_before(clock, 14)[0].isoformat()}


def test_the_plan_comes_before_the_first_request(cometly, two_weeks, tap, caplog):
    caplog.set_level("DEBUG")
    sync(two_weeks, tap=tap)
    messages = [record.getMessage() for record in caplog.records]
    plan = next(number for number, line in enumerate(messages) if "Exporting 14 days" in line)
    first = next(number for number, line in enumerate(messages) if "POST /events/exports" in line)
    assert plan < first
    assert "(14 new); at 5 new exports a minute this takes at least 2 minutes" in messages[plan]


def test_every_day_has_a_line_with_its_rows_its_wait_and_what_is_left(clock, two_weeks, tap, caplog):
    caplog.set_level("INFO")
    sync(two_weeks, tap=tap)
    told = lines(caplog, " delivered (")
    assert len(told) == 14
    assert told[0].startswith(f"{days_before(clock, 14)[0]} delivered (1 of 14): ")
    assert "waited 2" in told[0]  # some twenty seconds of virtual time, as long as a job takes
    assert "for Cometly to make the export" in told[0]
    assert any("for the rate limit on new exports" in line for line in told)
    assert all("left" in line for line in told[:-1])
    assert "left" not in told[-1]


def test_the_line_of_a_day_has_its_figures_as_fields(clock, cometly, config, tap, caplog):
    caplog.set_level("INFO")
    days = days_before(clock, 2)
    config = {**config, "start_date": days[0].isoformat()}
    first = sync(config, tap=tap)
    caplog.clear()
    cometly.history.delete(next(iter(cometly.truth(days[0])))["id"])
    second = sync(config, tap=tap, state=first.state)
    figures = [record for record in caplog.records if hasattr(record, "event_date")]
    assert [record.event_date for record in figures] == [str(day) for day in days]
    assert [record.changed for record in figures] == [True, False]
    assert [record.revision for record in figures] == [2, 1]
    assert [record.rows for record in figures] == [len(list(cometly.truth(day))) for day in days]
    assert all(record.bytes > 500 for record in figures)
    assert all(20 <= record.seconds < 120 for record in figures)
    ledger = {row["event_date"]: row["export_id"] for row in second.ledger}
    assert figures[0].export_id == ledger[str(days[0])]
    assert figures[1].export_id > ledger[str(days[1])], "an unchanged day names the export that was looked at"


def test_the_last_line_of_a_good_run_counts_what_was_done(clock, cometly, config, tap, caplog):
    caplog.set_level("INFO")
    days = days_before(clock, 2)
    config = {**config, "start_date": days[0].isoformat()}
    first = sync(config, tap=tap)
    cometly.history.delete(next(iter(cometly.truth(days[0])))["id"])
    caplog.clear()
    sync(config, tap=tap, state=first.state)
    (done,) = [record for record in caplog.records if record.getMessage().startswith("Done: ")]
    rows = len(list(cometly.truth(days[0])))
    assert done.getMessage().startswith(f"Done: 2 days delivered, 1 of them new or changed, {rows} rows written, in ")
    assert (done.days, done.changed_days, done.rows) == (2, 1, rows)


class Left(logging.Handler):
    """Notes when, in virtual time, a run says how long it will still take, and in seconds what it says."""

    def __init__(self, clock):
        super().__init__()
        self.clock = clock
        self.told = []

    def emit(self, record):
        if words := re.search(
            r"about (?:(\d+) hours? ?)?(?:(\d+) minutes? ?)?(?:(\d+) seconds? )?left", record.getMessage()
        ):
            hours, minutes, seconds = (int(number or 0) for number in words.groups())
            self.told.append((self.clock.now(), 3600 * hours + 60 * minutes + seconds))


def what_is_left(days, *, job_seconds):
    """Run a backfill; return for each line that says what is left: that, what was left in truth, both in seconds."""
    clock = SharedTime()
    left = Left(clock)
    log = logging.getLogger("tap-cometly.events")
    log.addHandler(left)
    try:
        done = backfill(days, job_seconds=job_seconds, clock=clock)
    finally:
        log.removeHandler(left)
    assert len(left.told) == days - 1
    return [(told, done.ended_at - at) for at, told in left.told]


@pytest.mark.long
def test_what_is_left_of_a_year_is_told_right_from_the_first_day_on(caplog):
    caplog.set_level("INFO")
    for told, true in what_is_left(365, job_seconds=20):
        assert 0.85 * true - 1 <= told <= 1.15 * true + 60  # it is told in whole minutes, rounded up


@pytest.mark.long
def test_what_is_left_is_told_right_where_the_vendor_is_slower_than_the_rate_limit(caplog):
    caplog.set_level("INFO")
    told, true = what_is_left(90, job_seconds=1200)[0]
    assert told == pytest.approx(true, rel=0.25)


def test_every_export_has_a_metric_with_its_day_and_outcome(clock, cometly, config, tap, caplog, monkeypatch):
    monkeypatch.setenv("TAP_COMETLY_LOGLEVEL", "DEBUG")
    days = days_before(clock, 2)
    cometly.inject(Fault("create", "failed", day=days[0], message="out of memory"))
    sync({**config, "start_date": days[0].isoformat()}, tap=tap)
    outcomes = {(point["tags"]["event_date"], point["tags"]["status"]) for point in metrics(caplog, "job_duration")}
    assert outcomes == {(str(days[0]), "failed"), (str(days[0]), "succeeded"), (str(days[1]), "succeeded")}
    assert all(point["value"] > 15 for point in metrics(caplog, "job_duration"))
    levels = {record.levelname for record in caplog.records if "job_duration" in record.getMessage()}
    assert levels == {"DEBUG"}, "the line of the day says what people want to know"


def test_the_rows_of_both_streams_are_counted(two_weeks, tap, caplog):
    caplog.set_level("INFO")
    output = sync(two_weeks, tap=tap)
    counts = {point["tags"]["stream"]: point["value"] for point in metrics(caplog, "record_count")}
    assert counts == {"events": len(output.records), "event_days": 14}
    assert len(metrics(caplog, "record_count")) == 2


def test_what_went_wrong_is_told_when_it_happens_and_again_at_the_end(clock, cometly, config, tap, caplog):
    days = days_before(clock, 2)
    cometly.inject(Fault("create", "failed", day=days[0], message="out of memory", times=None))
    output = sync({**config, "start_date": days[0].isoformat()}, tap=tap, catch=UndeliveredDaysError)
    assert len(lines(caplog, "creating another export")) == 2
    assert len(lines(caplog, "is not delivered: the export ended as 'failed': out of memory")) == 1
    assert str(output.error).startswith("1 day was not delivered and will be tried again by the next run. ")
    assert "unhandled" not in caplog.text


def test_a_reason_that_many_days_have_is_told_once(clock, cometly, config, tap):
    days = days_before(clock, 4)
    for day in days[:3]:
        cometly.inject(Fault("create", "failed", day=day, message="out of memory", times=None))
    output = sync({**config, "start_date": days[0].isoformat()}, tap=tap, catch=UndeliveredDaysError)
    assert (
        f"3 days were not delivered and will be tried again by the next run. {days[0]} to {days[2]}: the export"
        in str(output.error)
    )
    assert str(output.error).count("out of memory") == 1


@pytest.mark.long
def test_on_a_terminal_there_is_a_bar_instead_of_lines(tmp_path):
    with Sandbox(**long_ago.space(events_per_day=5)) as cometly:
        settings = {"api_key": cometly.api_key, "api_url": cometly.api_url}
        config = tmp_path / "config.json"
        config.write_text(json.dumps({**settings, **long_ago.asked_for(long_ago.last_days(30))}))
        ours, terminal = pty.openpty()
        ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        tap = subprocess.Popen(
            [sys.executable, "-m", "tap_cometly", "--config", config], stdout=subprocess.DEVNULL, stderr=terminal
        )
        os.close(terminal)
        shown = b""
        while chunk := _read(ours):
            shown += chunk
        assert tap.wait(timeout=HANG_SECONDS) == 0
        os.close(ours)
    text = shown.decode(errors="replace")
    assert "30/30" in text
    assert "100%" in text
    assert " delivered (" not in text
    assert "Exporting 30 days" in text


def _read(terminal):
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux's way to say that the other side is closed
        return b""
