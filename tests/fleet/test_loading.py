"""One Space, loaded by one run at a time: whoever is killed, and wherever the second run is."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import re
import signal
import subprocess
import sys
import threading
import time

import psycopg
import pytest

from fleet.ledger import what_is_wrong
from fleet.loading import load
from fleet.lock import BusyError
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
    command = ["ps", "-A", "-ww", "-o", "pgid=,ppid=,stat=,args="]
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
    return bool(fleet.query("select pid from pg_locks where locktype = 'advisory' and granted"))


@pytest.mark.parametrize("files", [0, DAYS - 1], ids=["before the first day", "before the last day"])
def test_a_killed_worker_leaves_no_orphan_and_no_lock_and_the_next_run_goes_on(fleet, files):
    fleet.gate.passing = files
    with worker(fleet) as killed:
        assert fleet.gate.reached.wait(HANG_SECONDS)
        os.kill(killed.pid, signal.SIGKILL)
        killed.wait()

        # Tap and target live on: they may still write, so nobody else may.
        assert len(alive(group=killed.pid)) == 2
        assert is_locked(fleet)
        with pytest.raises(BusyError, match="acme"):
            load(fleet.space)
        with worker(fleet) as second:
            said, _ = second.communicate(timeout=HANG_SECONDS)
        assert "acme is being loaded by another run" in said
        assert second.returncode == 1

        fleet.gate.passing = None
        fleet.gate.opened.set()
        until(lambda: not alive(group=killed.pid))
    until(lambda: not is_locked(fleet))  # PostgreSQL needs a moment to see that the last of them has gone
    outcome = load(fleet.space)
    assert outcome.problem is None
    assert [day.event_date for day in outcome.days] == fleet.days  # those of the killed run are told of as well
    assert fleet.held() == fleet.ever_held() == fleet.truth()


def has_rows(fleet):
    (is_there,) = fleet.query("select to_regclass('cometly_acme.events') is not null")[0]
    return is_there and bool(fleet.query("select id from cometly_acme.events limit 1"))


@pytest.mark.parametrize("moment", [is_locked, has_rows])
def test_a_worker_killed_before_its_programs_start_or_while_they_write_harms_nothing(fleet, moment):
    with worker(fleet) as killed:
        until(lambda: moment(fleet))
        os.kill(killed.pid, signal.SIGKILL)
        killed.wait()
        until(lambda: not alive(group=killed.pid))
    until(lambda: not is_locked(fleet))
    assert load(fleet.space).problem is None
    assert fleet.held() == fleet.ever_held() == fleet.truth()


def test_a_run_that_ends_gives_the_lock_back_before_it_says_so(fleet):
    for _ in range(3):
        load(fleet.space)
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
    until(lambda: not is_locked(fleet))
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
    assert what_is_wrong(fleet.space, "no_day_is_missing") == fleet.days[2].isoformat()
    assert what_is_wrong(fleet.space, "rows_found_are_rows_told") is None

    fleet.cometly.faults.clear()
    assert load(fleet.space).problem is None
    assert what_is_wrong(fleet.space, "no_day_is_missing") is None
    assert fleet.held() == fleet.truth()


def test_a_wrong_key_is_told_without_being_shown_and_is_not_worth_another_attempt(fleet, monkeypatch, capfd):
    monkeypatch.setenv("ACME_KEY", "recognisable-key")
    outcome = load(fleet.space)
    assert "Check the setting `api_key`" in outcome.problem
    assert not outcome.is_passing
    assert outcome.days == []
    assert "recognisable-key" not in capfd.readouterr().err
    assert what_is_wrong(fleet.space, "no_day_is_missing")


def test_a_start_date_that_is_moved_back_brings_the_earlier_days(fleet):
    assert load(fleet.space).problem is None
    earlier = [fleet.days[0] - dt.timedelta(days=back) for back in (2, 1)]
    fleet.describe(acme={"secrets": {"api_key": "ACME_KEY"}, "settings": {"start_date": earlier[0].isoformat()}})
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
        assert str(programs).count("--config=") == 2  # the command lines are whole
        assert KEY not in str(programs)
        fleet.gate.passing = None
        fleet.gate.opened.set()
        said, _ = running.communicate(timeout=HANG_SECONDS)
    assert running.returncode == 0
    assert f"acme: ok ({DAYS} days touched" in said


def test_a_space_that_fails_holds_up_no_other_and_the_exit_status_tells_of_it(fleet):
    fleet.describe(bolt={"secrets": {"api_key": "BOLT_KEY"}})  # there is no such variable
    with worker(fleet, "--at-once=1", "bolt", "acme") as running:
        said, _ = running.communicate(timeout=HANG_SECONDS)
    assert running.returncode == 2
    assert re.search("bolt: .*api_key", said)
    assert "acme: ok" in said
    assert fleet.held() == fleet.truth()


def test_a_machine_has_its_own_spaces_and_one_without_any_is_told(fleet, monkeypatch):
    fleet.describe(bolt={"machine": "east"}, cord={"machine": "west"})
    assert list(spaces()) == ["acme", "bolt", "cord"]
    monkeypatch.setenv("FLEET_MACHINE", "east")
    assert list(spaces()) == ["bolt"]
    monkeypatch.setenv("FLEET_MACHINE", "north")
    with pytest.raises(ValueError, match="no Space of the machine 'north'"):
        spaces()


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
