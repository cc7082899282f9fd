"""One Space, loaded by one run at a time: whoever is killed, and wherever the second run is."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time

import psycopg
import pytest

from fleet import ledger
from fleet.loading import BusyError, load
from fleet.spaces import Space, spaces
from simulation.patience import HANG_SECONDS
from tap_cometly.sandbox import Fault
from tests.fleet.conftest import DAYS, EXAMPLES, KEY


@contextlib.contextmanager
def worker(fleet, *arguments):
    """Start the command of the example in a process group of its own, and leave none of it behind."""
    with subprocess.Popen(
        [sys.executable, "-m", "fleet", *arguments],
        env=fleet.environment,
        cwd=fleet.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def alive(*, group=None, parent=None):
    """Return the processes of a group, or of a parent, that have not ended, whoever is to collect them."""
    command = ["ps", "-A", "-o", "pgid=,ppid=,stat=,args="]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = [line.split(maxsplit=3) for line in listed.splitlines()]
    return [
        args
        for its_group, its_parent, status, *args in found
        if (int(its_group) == group or int(its_parent) == parent) and not status.startswith("Z")
    ]


def until(is_so, seconds=HANG_SECONDS):
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, "it takes too long"
        time.sleep(0.02)  # between two looks at processes of the system, which tell nobody of their end


def is_locked(fleet):
    return bool(fleet.query("select from pg_locks where locktype = 'advisory' and granted"))


def come_again(space):
    """Load as an orchestrator does, which comes again where it is told that somebody else is at it."""
    outcomes = []

    def is_loaded():
        with contextlib.suppress(BusyError):
            outcomes.append(load(space))
        return outcomes

    until(is_loaded)
    return outcomes[0]


@pytest.mark.parametrize("files", [0, DAYS - 1], ids=["before the first day", "before the last day"])
def test_a_killed_worker_leaves_no_orphan_and_no_lock_and_the_next_run_goes_on(fleet, files):
    fleet.gate.passing = files
    with worker(fleet) as killed:
        assert fleet.gate.reached.wait(HANG_SECONDS)
        os.kill(killed.pid, signal.SIGKILL)
        killed.wait()

        # Tap and target live on: they may still write, so nobody else may.
        assert len(alive(group=killed.pid)) == 2
        with pytest.raises(BusyError, match="acme"):
            load(fleet.space)
        with worker(fleet) as second:
            said, _ = second.communicate(timeout=HANG_SECONDS)
        assert "acme is being loaded by another run" in said
        assert second.returncode == 1

        fleet.gate.passing = None
        fleet.gate.opened.set()
        until(lambda: not alive(group=killed.pid))
    until(lambda: not is_locked(fleet))
    outcome = come_again(fleet.space)
    assert outcome.problem is None
    assert [day.event_date for day in outcome.days] == fleet.days  # those of the killed run are told of as well
    assert fleet.held() == fleet.ever_held() == fleet.truth()
    assert not is_locked(fleet)


def test_a_run_that_loses_its_lock_ends_its_programs_before_anybody_else_can_be_harmed(fleet):
    fleet.gate.passing = 0
    errors = []

    def run():
        try:
            load(fleet.space)
        except psycopg.OperationalError as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    assert fleet.gate.reached.wait(HANG_SECONDS)
    fleet.query("select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and granted")
    thread.join(HANG_SECONDS)
    assert len(errors) == 1
    assert not re.search("tap-cometly|target-postgres", str(alive(parent=os.getpid())))
    fleet.gate.passing = None
    fleet.gate.opened.set()
    assert load(fleet.space).problem is None
    assert fleet.held() == fleet.truth()


def test_a_day_that_fails_leaves_the_others_told_of_and_another_attempt_worth_while(fleet):
    fleet.cometly.inject(Fault("file", "rows", day=fleet.days[2], rows=[b"not an event"], times=None))
    outcome = load(fleet.space)
    assert fleet.days[2].isoformat() in outcome.problem
    assert outcome.is_passing
    assert [day.event_date for day in outcome.days] == fleet.days[:2] + fleet.days[3:]
    assert ledger.what_is_wrong(fleet.space, ledger.MISSING_DAYS) == fleet.days[2].isoformat()
    assert ledger.what_is_wrong(fleet.space, ledger.WRONG_DAYS) is None

    fleet.cometly.faults.clear()
    assert load(fleet.space).problem is None
    assert ledger.what_is_wrong(fleet.space, ledger.MISSING_DAYS) is None
    assert fleet.held() == fleet.truth()


def test_a_wrong_key_is_told_without_being_shown_and_is_not_worth_another_attempt(fleet, monkeypatch, capfd):
    monkeypatch.setenv("ACME_KEY", "recognisable-key")
    outcome = load(fleet.space)
    assert "Check the setting `api_key`" in outcome.problem
    assert not outcome.is_passing
    assert outcome.days == []
    assert "recognisable-key" not in capfd.readouterr().err
    assert ledger.what_is_wrong(fleet.space, ledger.MISSING_DAYS)


def test_a_start_date_that_is_moved_back_brings_the_earlier_days(fleet):
    assert load(fleet.space).problem is None
    described = fleet.folder / "spaces.yaml"
    content = json.loads(described.read_text())
    earlier = [fleet.days[0] - dt.timedelta(days=back) for back in (2, 1)]
    content["settings"]["start_date"] = earlier[0].isoformat()
    described.write_text(json.dumps(content))
    outcome = load(spaces()["acme"])
    assert {day.event_date for day in outcome.days} >= set(earlier)
    fleet.days[:0] = earlier
    assert fleet.held() == fleet.truth()


def test_no_key_is_on_a_command_line_and_a_run_that_ends_well_says_so(fleet):
    fleet.gate.passing = 0
    with worker(fleet, "acme") as running:
        assert fleet.gate.reached.wait(HANG_SECONDS)
        programs = alive(group=running.pid)
        assert len(programs) == 3
        assert KEY not in str(programs)
        fleet.gate.passing = None
        fleet.gate.opened.set()
        said, _ = running.communicate(timeout=HANG_SECONDS)
    assert running.returncode == 0
    assert f"acme: ok ({DAYS} days touched" in said


@pytest.mark.parametrize("name", ["Acme", "a-b", "1a", "", "a" * 41, 'x"; drop schema public; --'])
def test_a_name_that_cannot_be_a_schema_is_refused(fleet, name):
    with pytest.raises(ValueError, match="schema"):
        Space(name)


def test_the_spaces_of_the_example_can_be_read(monkeypatch):
    monkeypatch.setenv("ACME_COMETLY_KEY", KEY)
    acme, bolt = spaces(EXAMPLES / "fleet" / "spaces.yaml").values()
    assert acme.first_day == "2026-01-01"
    assert acme.config()["api_key"] == KEY
    assert "api_key" not in bolt.config()  # no such variable: the tap says what is missing
    assert {acme.machine, bolt.machine} == {"east", "west"}
