"""Whatever servers, files or a STATE hold: exit status 0, 1 or 2, a last line in words, no traceback, little memory.

Bounded and seeded. The runs are made in a process of their own, whose memory is looked at in the end.
"""

from __future__ import annotations

import dataclasses
import json
import multiprocessing
import os
import random
import resource
import sys
import traceback
from pathlib import Path

import pytest

from bulk_exports.engine import Limits
from simulation.patience import HANG_SECONDS
from simulation.tapping import days_before, parse
from simulation.virtual_time import VirtualClock
from tap_cometly.sandbox import Fault, Sandbox
from tests import long_ago
from tests.endings import ended, tap_in
from tests.faults.any_server import KEY, SECRETS, AnyServer
from tests.faults.world import FIELDS

pytestmark = pytest.mark.deep

MEGABYTES = 200
RUNS = 100
MAX_HOURS = 4
"""In virtual time."""
A_FEW_DAYS_LATER = 1_742_000_000.0
"""Than the last day long ago."""
STATUSES = {"files": {0, 1}, "states": {0, 2}, "answers": {0, 1, 2}}
"""What the runs of a kind end with, among them."""

PIECES = [
    b"{", b"}", b"[", b"]", b'"', b":", b",", b"\\", b"\r", b"\n", b"\xff", b"\x00", b"\xef\xbb\xbf", b"\xe2\x80\xa8",
    b"null", b"true", b"1e999", b"1e9999999", b"-0.0", b"9" * 5000, b"NaN", b'"id":', b'"amount":', b'"\\ud800"',
    b"[" * 2000,
    b"]" * 2000, b'{"id":1}', b'"event_time_utc":"2025-02-17T12:00:00Z"', b'"' + b"x" * 100_000 + b'"',
]  # fmt: skip
VALUES = [
    None, True, 0, -1, 1.5, 10**30, "", "2025-02-18", "2025-02-30", "9999-12-31", "0001-01-01", "NaN", "1e9999999",
    "\u2028\x1b[31m", "x" * 100_000, [], [[]], [["2025-02-18", "2025-02-19"]], [["2025-02-19", "2025-02-18"]], {},
    {"a": {}},
    {"2025-02-18": {"export_id": 1, "digest": "a", "lines_digest": "b", "row_count": 1, "amount_total": "1e28",
                    "exported_at": "2025-02-19T00:00:00Z", "revision": 1}},
]  # fmt: skip
KEYS = [
    "replication_key", "replication_key_value", "delivered", "since", "request", "snapshots", "rewrite", "deliverd",
    "x", "partitions", "event_date", "\u2028",
]  # fmt: skip


def odd_file(dice: random.Random) -> bytes:
    """Return a file that is nearly an export, or hardly."""
    rows = [b'{"id":%d,"event_time_utc":"2025-02-17T12:00:00Z","amount":1.5}' % number for number in range(30)]
    content = bytearray(b"\n".join(rows) + b"\n")
    for _ in range(dice.randrange(5)):
        place = dice.randrange(len(content))
        content[place : place + dice.randrange(3)] = dice.choice(PIECES)
    return bytes(content)


def odd_state(dice: random.Random) -> dict:
    """Return a STATE that is nearly one, or hardly."""
    bookmark = {dice.choice(KEYS): dice.choice(VALUES) for _ in range(dice.randrange(4))}
    return {"bookmarks": {"events": {"replication_key_value": "2025-02-18", **bookmark}}}


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of a run.

    Attributes:
        status: With which it ended.
        told: All that was told.
        last_line: What was told last.
        delivered: Whether STATE says that the day was.
        hours: How long it took, in virtual time.
    """

    status: int
    told: str
    last_line: str
    delivered: bool
    hours: float


def outcome_of(clock, config, folder, *arguments) -> Outcome:
    """Run the command."""
    file = folder / "config.json"
    file.write_text(json.dumps(config), encoding="utf-8")
    began = clock.now()
    try:
        end = ended(tap_in(clock, Limits(read_seconds=HANG_SECONDS)), "--config", file, *arguments)
    except Exception:  # noqa: BLE001 - whatever else it is, is what is looked for
        return Outcome(-1, traceback.format_exc(), "", delivered=False, hours=0)
    states = [message["value"] for message in parse(end.written.splitlines()) if message["type"] == "STATE"]
    days = states[-1]["bookmarks"]["events"].get("delivered", []) if states else []
    told = "\n".join(end.told) + end.written.decode()
    last_line = end.told[-1] if end.told else ""
    return Outcome(end.status, told, last_line, delivered=bool(days), hours=(clock.now() - began) / 3600)


def play_files(folder):
    """Yield what becomes of runs that get odd files."""
    clock = VirtualClock()
    day = str(days_before(clock, 1)[0])
    with Sandbox(clock=clock.time, events_per_day=40, job_seconds=0) as cometly:
        config = {"api_key": cometly.api_key, "api_url": cometly.api_url, "start_date": day, "end_date": day}
        for seed in range(RUNS):
            clock.advance(60)
            cometly.faults.clear()
            rows = odd_file(random.Random(seed)).split(b"\n")  # noqa: S311 - the same every time
            cometly.inject(Fault("file", "rows", rows=rows, replace=True, times=None))
            yield outcome_of(clock, config, folder)


def play_states(folder):
    """Yield what becomes of runs that get odd STATEs."""
    clock = VirtualClock()
    day = str(days_before(clock, 1)[0])
    with Sandbox(clock=clock.time, events_per_day=40, job_seconds=0) as cometly:
        config = {"api_key": cometly.api_key, "api_url": cometly.api_url, "start_date": day, "end_date": day}
        for seed in range(RUNS):
            clock.advance(60)
            state = folder / "state.json"
            state.write_text(json.dumps(odd_state(random.Random(seed))), encoding="utf-8")  # noqa: S311 - see above
            yield outcome_of(clock, config, folder, "--state", state)


def play_answers(folder):
    """Yield what becomes of runs whose API and store say anything."""
    with Sandbox(**long_ago.space(events_per_day=1)) as sandbox:
        row = next(iter(sandbox.truth(long_ago.LAST_DAY, fields=FIELDS)))
    rows = json.dumps(row, default=float).encode() + b"\n"
    day = str(long_ago.LAST_DAY)
    for seed in range(RUNS):
        clock = VirtualClock(A_FEW_DAYS_LATER)
        with AnyServer(seed, rows) as server:
            config = {"api_key": KEY, "api_url": server.address, "start_date": day, "end_date": day}
            outcome = outcome_of(clock, config, folder)
        to_store = [head for head in server.asked if b"/events/exports" not in head.split(b"\r\n")[0]]
        if any(b"authorization" in head.lower() for head in to_store):
            outcome = dataclasses.replace(outcome, told=f"the key went to the store\n{KEY}")
        yield outcome


PLAYS = {"files": play_files, "states": play_states, "answers": play_answers}


def _play(kind: str, folder: Path, answer) -> None:
    os.environ["TAP_COMETLY_LOGLEVEL"] = "DEBUG"
    for outcome in PLAYS[kind](folder):
        answer.send(outcome)
    answer.send(_peak())


def _peak() -> int:
    """Return the most memory that this process had, in units of the system; Linux counts what its parent had, too."""
    if sys.platform == "linux":
        status = Path("/proc/self/status").read_text(encoding="utf-8")
        return int(status.partition("VmHWM:")[2].split()[0])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@pytest.mark.slow
@pytest.mark.parametrize("kind", PLAYS)
def test_it_ends_in_words_and_in_little_memory(kind, tmp_path):
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_play, args=(kind, tmp_path, sender), daemon=True)
    process.start()
    sender.close()
    outcomes = []
    for seed in range(RUNS):
        assert receiver.poll(HANG_SECONDS), f"run {seed} has no end"
        outcomes.append(receiver.recv())
    peak = receiver.recv()
    process.join()
    for seed, outcome in enumerate(outcomes):
        assert outcome.status in {0, 1, 2}, f"run {seed}: {outcome.told}"
        assert "Traceback" not in outcome.told, f"run {seed}: {outcome.told}"
        assert not [secret for secret in SECRETS if secret in outcome.told], f"run {seed}: {outcome.told}"
        assert outcome.last_line.isprintable(), f"run {seed}: {outcome.last_line}"
        assert len(outcome.last_line) < 2000, f"run {seed}: {outcome.last_line}"
        assert outcome.hours < MAX_HOURS, f"run {seed}: {outcome.told}"
        if kind != "states":
            assert (outcome.status == 0) == outcome.delivered, f"run {seed}: {outcome.told}"
    assert {outcome.status for outcome in outcomes} == STATUSES[kind]
    assert len({outcome.last_line for outcome in outcomes}) > 3
    assert peak < MEGABYTES * 1024 * (1024 if sys.platform == "darwin" else 1)
