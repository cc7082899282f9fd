"""The installed tap-apsis-one: killed at any moment it loses nothing, and one large object takes little memory."""

from __future__ import annotations

import collections
import itertools
import json
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from simulation.patience import HANG_SECONDS
from tap_apsis_one.sandbox import Fault, Limits, Quirks, Sandbox
from tests.apsis.account import selecting, told

pytestmark = pytest.mark.siblings
PROGRAM = str(Path(sys.executable).with_name("tap-apsis-one"))
FIRST, LAST = date(2026, 1, 1), date(2026, 1, 29)
GENEROUS = {"limits": Limits(creates=6000, polls=60_000), "quirks": Quirks(limit_headers=True), "job_seconds": 0.0}

MAX_MEGABYTES = 150
EVENTS, PROFILES, OF_THE_LARGEST = 1_000_000, 100_000, 200_000


class Program:
    """The program for one stream of an account."""

    def __init__(self, folder, account, **settings):
        self._config, self._catalog, self._state = (folder / f"{name}.json" for name in ("config", "catalog", "state"))
        dates = {"start_date": FIRST.isoformat(), "end_date": LAST.isoformat()}
        self._config.write_text(json.dumps({**account.credentials, **dates, "lookback_days": 0, **settings}))
        told = subprocess.run(
            [PROGRAM, "--config", self._config, "--discover"], capture_output=True, check=True, timeout=HANG_SECONDS
        )
        self._catalog.write_text(json.dumps(selecting(json.loads(told.stdout), ["profile_events"])))

    def start(self, state=None):
        self._state.write_text(json.dumps(state or {}))
        return subprocess.Popen(
            [PROGRAM, "--config", self._config, "--catalog", self._catalog, "--state", self._state],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )


@pytest.mark.parametrize("lines", [1, 150, 700, 1100])
def test_a_run_that_is_killed_is_made_good_by_the_next_one(tmp_path, lines):
    """Killed when the target has so many lines; what it has not seen whole, it does not know."""
    with Sandbox(profiles=20, events_per_day=40, emails_per_day=1, first_day=FIRST, **GENEROUS) as account:
        program = Program(tmp_path, account, window_days=5)
        table, state = {}, {}

        def take(messages):
            nonlocal state
            for message in messages:
                if message["type"] == "RECORD":
                    table[message["record"]["event_key"]] = message["record"]
                elif message["type"] == "STATE":
                    state = message["value"]

        with program.start() as killed:
            seen = list(map(json.loads, itertools.islice(killed.stdout, lines)))
            killed.kill()
        take(seen)
        assert len(seen) == lines
        with program.start(state) as whole:
            take(map(json.loads, whole.stdout))
        assert whole.returncode == 0
        true = collections.Counter(
            (row["export_key"], row["type_id"], row["correlation_id"]) for row in account.profile_events(FIRST, LAST)
        )
    found = collections.Counter((row["export_key"], row["type_id"], row["correlation_id"]) for row in table.values())
    assert found == true
    assert len({told(row) for row in table.values()}) == len(table) == 29 * 40


def pieces_of_a_large_file(_lines):
    """Yield a million events of a hundred thousand profiles, a fifth of them in one."""
    rest, others = EVENTS - OF_THE_LARGEST, PROFILES - 1
    number = 0
    yield b'{"profiles": {'
    for profile in range(PROFILES):
        count = OF_THE_LARGEST if profile == 500 else rest // others + (profile < 500 and profile < rest % others)
        count = EVENTS - number if profile == PROFILES - 1 else count
        attributes = b'{"490000": {"value": "person%d@example.com"}}' % profile
        name = b'%s"%08x-aaaa"' % (b"," if profile else b"", profile)
        yield name + b': {"sections": {"4100": {"attributes": ' + attributes + b', "events": ['
        for place in range(count):
            number += 1
            yield (
                b'%s{"correlationId": "c-%d-0123456789abcdef", "sourceEventTime": 1769756356865, "typeId": "530010", '
                b'"createdAt": %d, "data": {"activityId": "d9dd", "device": "MOBILE", "total": 12.50}}'
            ) % (b"," if place else b"", number, 1_767_225_600_000 + number * 100)
        yield b"]}}}"
    yield b"}}"


def test_a_million_events_in_one_object_take_little_memory(tmp_path):
    with Sandbox(profiles=3, events_per_day=1, emails_per_day=1, first_day=FIRST, **GENEROUS) as account:
        program = Program(tmp_path, account)
        account.inject(Fault("file", "rows", rows=pieces_of_a_large_file, times=None))
        running = program.start()
        rows = peak = 0
        for line in running.stdout:
            rows += line.startswith(b'{"type":"RECORD"')
            if rows % 50_000 == 1:
                peak = max(peak, peak_megabytes(running.pid))
        running.stdout.close()
        assert (running.wait(HANG_SECONDS), rows) == (0, EVENTS)
    assert 0 < peak < MAX_MEGABYTES


def peak_megabytes(pid):
    """What a process has needed so far. (What the system tells at its end begins with what its parent has needed.)"""
    return int(Path(f"/proc/{pid}/status").read_text().partition("VmHWM:")[2].split()[0]) / 1024
