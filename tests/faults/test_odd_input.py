"""Whatever a file or a STATE holds: exit status 0, 1 or 2, a last line in words, no traceback, and little memory.

Bounded and seeded. The runs are made in a process of their own, whose memory is looked at in the end.
"""

from __future__ import annotations

import io
import json
import logging
import multiprocessing
import random
import resource
import sys
import traceback
from pathlib import Path

import click
import pytest

from bulk_exports.errors import TapError
from bulk_exports.singer.given import checked_file
from simulation.tapping import days_before, sync, tap_class
from simulation.virtual_time import VirtualClock
from tap_cometly.sandbox import Fault, Sandbox

MEGABYTES = 200
RUNS = 100
SECONDS = 60
"""For one run, on a machine that is busy."""

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


PLAYS = {"files": odd_file, "states": odd_state}


def told(play, config, tap) -> str:
    """Return how a run ended: "delivered", the words of an error that is meant for people, or a traceback."""
    try:
        state = None
        if isinstance(play, dict):
            file = io.StringIO(json.dumps(play))
            file.name = "state.json"
            state = json.load(checked_file("--state", file))
        output = sync(config, state=state, tap=tap, catch=TapError)
    except click.BadParameter as refused:
        return refused.format_message()
    except BaseException:  # noqa: BLE001 - whatever else it is, is what is looked for
        return traceback.format_exc()
    return str(output.error or "delivered")


def _play(kind: str, answer) -> None:
    logging.disable()
    clock = VirtualClock()
    day = str(days_before(clock, 1)[0])
    with Sandbox(clock=clock.time, events_per_day=40, job_seconds=0) as cometly:
        config = {"api_key": cometly.api_key, "api_url": cometly.api_url, "start_date": day}
        for seed in range(RUNS):
            clock.advance(60)
            play = PLAYS[kind](random.Random(seed))  # noqa: S311 - the same every time
            cometly.faults.clear()
            if isinstance(play, bytes):
                cometly.inject(Fault("file", "rows", rows=play.split(b"\n"), replace=True, times=None))
            answer.send(told(play, config, tap_class(clock)))
    answer.send(_peak())


def _peak() -> int:
    """Return the most memory that this process had, in units of the system; Linux counts what its parent had, too."""
    if sys.platform == "linux":
        status = Path("/proc/self/status").read_text(encoding="utf-8")
        return int(status.partition("VmHWM:")[2].split()[0])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@pytest.mark.slow
@pytest.mark.parametrize("kind", PLAYS)
def test_it_ends_in_words_and_in_little_memory(kind):
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_play, args=(kind, sender), daemon=True)
    process.start()
    sender.close()
    *outcomes, peak = [receiver.recv() if receiver.poll(SECONDS) else "no end" for _ in range(RUNS + 1)]
    process.kill()
    process.join()
    assert not [outcome for outcome in outcomes if "Traceback" in outcome or outcome == "no end"]
    assert "delivered" in outcomes
    assert len(set(outcomes)) > 3
    assert all(outcome.replace("\n", "").isprintable() and len(outcome) < 2000 for outcome in outcomes)
    assert peak < MEGABYTES * 1024 * (1024 if sys.platform == "darwin" else 1)
