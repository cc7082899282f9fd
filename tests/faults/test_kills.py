"""The installed program, stopped at any moment in any way: the next run completes what the first began.

What a target got from both runs is the truth, each row once; the first run says by its exit status that it was cut
short; what it wrote ends with a whole line, unless it was killed or its reader stood still; no file stays behind.
"""

from __future__ import annotations

import contextlib
import email.utils
import fcntl
import json
import logging
import os
import random
import signal
import subprocess
import sys
import termios
import threading
import time
from pathlib import Path

import pytest

from bulk_exports.sandbox import server
from simulation.patience import HANG_SECONDS
from simulation.tapping import parse
from simulation.virtual_time import VirtualClock
from tests import programs
from tests.faults.world import World, by_id
from tests.programs import PROGRAM

KILL, TERM, INT = signal.SIGKILL, signal.SIGTERM, signal.SIGINT
ROWS_A_DAY = 2500
"""More than a pipe holds, which may be a megabyte."""
MAX_ROWS = 4500
"""When so many rows are read, the last ones cannot all be in the pipe: the program is still at work."""
slow = pytest.mark.slow


@pytest.fixture
def rows_a_day():
    """More than a pipe holds, where the pipe plays a part."""
    return ROWS_A_DAY


@pytest.fixture
def world(monkeypatch, caplog, rows_a_day):
    """Three days in real time."""
    caplog.set_level(logging.DEBUG)
    world = World(None, monkeypatch, events_per_day=lambda _day: rows_a_day)
    with world.cometly:
        yield world
        world.assert_secrets_are_kept(caplog.text)


class Run:
    """The program at work; ``written`` is what its target has been given."""

    def __init__(self, world, folder, begin, **environment):
        self.spool = folder / "spool"
        self.spool.mkdir(exist_ok=True)
        config = folder / "config.json"
        config.write_text(json.dumps(world.config))
        self.errors = (folder / "stderr").open("w+")
        environment = {"TMPDIR": str(self.spool), "TAP_COMETLY_LOGLEVEL": "DEBUG"} | environment
        self.process, self.stdout = begin(["--config", str(config)], self.errors, environment)
        self.written = b""

    def read_lines(self, count):
        for _ in range(count):
            self.written += self.stdout.readline()

    def read_to_the_end(self):
        self.written += self.stdout.read()
        self.stdout.close()
        return self.process.wait(timeout=HANG_SECONDS)

    def wait_until_the_pipe_is_full(self):
        """Wait until nothing more comes into the pipe: the program stands in the middle of a write."""
        held, before, end = 1, 0, time.monotonic() + HANG_SECONDS
        while held > before or held < 32_000:
            assert time.monotonic() < end, self.told
            before = held
            threading.Event().wait(0.05)
            held = int.from_bytes(fcntl.ioctl(self.stdout, termios.FIONREAD, b"\0" * 4), sys.byteorder)

    @property
    def told(self):
        self.errors.seek(0)
        return self.errors.read()

    @property
    def whole_lines(self):
        return self.written[: self.written.rfind(b"\n") + 1].splitlines()

    @property
    def records(self):
        messages = parse(self.whole_lines)
        return [each["record"] for each in messages if each["type"] == "RECORD" and each["stream"] == "events"]

    @property
    def state(self):
        states = [message["value"] for message in parse(self.whole_lines) if message["type"] == "STATE"]
        return states[-1] if states else None


def started(arguments, errors, environment):
    """Start the program; return it with the pipe out of which its reader takes what it writes."""
    process = subprocess.Popen(
        [PROGRAM, *arguments], env=os.environ | environment, stdout=subprocess.PIPE, stderr=errors
    )
    return process, process.stdout


def forked(arguments, errors, environment):
    """Fork the program: a process of its own, too, without the start, which all have in common."""
    pipe = Path(errors.name).with_name("stdout")
    pipe.unlink(missing_ok=True)
    os.mkfifo(pipe)
    process = programs.Forked(arguments, stdout=str(pipe), stderr=errors.name, **environment)
    return process, pipe.open("rb")


@pytest.fixture
def run(request, world, tmp_path):
    """Begin a run; of each kind of test one starts the program, the many that vary it fork."""
    begin = forked if request.node.get_closest_marker("slow") else started
    return lambda: running(Run(world, tmp_path, begin))


@contextlib.contextmanager
def running(run):
    try:
        yield run
    finally:
        run.process.kill()
        run.process.wait()
        run.stdout.close()
        run.errors.close()


def assert_resumed(world, cut):
    """The next run completes the table, from the last STATE that arrived whole."""
    told = cut.told
    assert "Fatal Python error" not in told
    assert "Traceback" not in told
    assert not any(secret in told + cut.written.decode(errors="replace") for secret in world.secrets)
    assert list(cut.spool.iterdir()) == []
    rows = {record["id"]: record for record in cut.records}
    rest = world.run(state=cut.state)
    assert rest.error is None
    rows |= {record["id"]: record for record in rest.records}
    assert by_id(rows.values()) == world.truth()
    assert len(rest.records) == len({record["id"] for record in rest.records})
    if cut.state:  # and nothing that STATE called delivered came again
        delivered = {day for first, last in cut.state["bookmarks"]["events"]["delivered"] for day in (first, last)}
        assert not delivered & set(rest.days)


def expected(signals):
    """Return the exit statuses that say so; a second signal may come when Python has already begun to leave."""
    died = {-number for number in signals} if KILL in signals or len(signals) > 1 else set()
    return died | {128 + number for number in signals}


@pytest.mark.long
@pytest.mark.parametrize("rows_a_day", [50])  # the day that is asked for is not written yet, however few rows it has
@pytest.mark.parametrize(
    ("signals", "endpoint", "number"),
    [
        pytest.param([KILL], "file", 2),
        pytest.param([TERM], "status", 1),
        *(
            pytest.param(signals, endpoint, number, marks=slow)
            for signals in ([KILL], [TERM], [INT], [INT, TERM], [TERM, INT])
            for endpoint in ("create", "status", "file")
            for number in (1, 3)
        ),
    ],
)
def test_stopped_at_a_step_of_the_protocol(run, world, monkeypatch, signals, endpoint, number):
    asked = []
    ready = threading.Event()

    def stop(entry):
        asked.extend([entry] if entry.endpoint == endpoint else [])
        if len(asked) == number and entry is asked[-1]:
            ready.wait(HANG_SECONDS)
            for each in signals:
                stopped.process.send_signal(each)

    monkeypatch.setattr(world.cometly, "_on_request", stop)
    with run() as stopped:
        ready.set()
        assert stopped.read_to_the_end() in expected(signals)
        if KILL not in signals:
            assert stopped.written == b"" or stopped.written.endswith(b"\n")
        monkeypatch.undo()
        assert_resumed(world, stopped)


@pytest.mark.long
@pytest.mark.parametrize(
    ("signals", "lines"),
    [
        pytest.param([KILL], ROWS_A_DAY + 10),
        pytest.param([INT, TERM], ROWS_A_DAY + 10),
        pytest.param([INT, TERM], MAX_ROWS, marks=slow),
        *(pytest.param([KILL], lines, marks=slow) for lines in random.Random(1).sample(range(MAX_ROWS), 5)),  # noqa: S311
        *(
            pytest.param(signals, lines, marks=slow)
            for signals in ([INT], [TERM], [TERM, INT])
            for lines in (1, ROWS_A_DAY - 10, ROWS_A_DAY + 10, MAX_ROWS)
        ),
    ],
)
def test_stopped_while_rows_are_written(run, world, signals, lines):
    with run() as stopped:
        stopped.read_lines(lines)
        for each in signals:
            stopped.process.send_signal(each)
        assert stopped.read_to_the_end() in expected(signals)
        if KILL not in signals:
            assert stopped.written.endswith(b"\n")
        assert_resumed(world, stopped)


@pytest.mark.long
@pytest.mark.parametrize(
    "signals",
    [[INT, TERM], *(pytest.param(signals, marks=slow) for signals in ([KILL], [TERM], [INT], [TERM, INT]))],
    ids=str,
)
def test_stopped_while_the_reader_stands_still(run, world, signals):
    with run() as stopped:
        stopped.wait_until_the_pipe_is_full()
        for each in signals:
            stopped.process.send_signal(each)
        assert stopped.process.wait(timeout=HANG_SECONDS) in expected(signals)
        stopped.read_to_the_end()
        assert_resumed(world, stopped)


@pytest.mark.long
def test_a_reader_that_goes_on_in_time_gets_the_line_that_was_being_written(run, world):
    with run() as stopped:
        stopped.wait_until_the_pipe_is_full()
        stopped.process.send_signal(TERM)
        assert stopped.read_to_the_end() == 128 + TERM
        assert stopped.written.endswith(b"\n")
        assert_resumed(world, stopped)


@pytest.mark.long
@pytest.mark.parametrize("lines", [pytest.param(0, marks=slow), 1, pytest.param(MAX_ROWS, marks=slow)])
def test_the_reader_goes_away(run, world, lines):
    with run() as stopped:
        stopped.read_lines(lines)
        stopped.stdout.close()
        assert stopped.process.wait(timeout=HANG_SECONDS) == 128 + signal.SIGPIPE
        assert_resumed(world, stopped)


def test_a_spool_file_larger_than_the_system_allows_stops_the_run(world, tmp_path):
    config = tmp_path / "config.json"
    config.write_text(json.dumps(world.config))
    done = subprocess.run(
        ["/bin/sh", "-c", 'ulimit -f 4; exec "$0" --config "$1"', PROGRAM, str(config)],
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},  # it would be cut short, and break the next start
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
        check=False,
    )
    assert done.returncode == 1
    assert "cannot write an export to the folder for temporary files" in done.stderr.splitlines()[-1]
    assert "File too large" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert '"RECORD"' not in done.stdout


@slow
def test_two_runs_on_one_space_at_once_share_its_budget_and_both_finish(monkeypatch, tmp_path):
    clock = VirtualClock()  # of the Space: a run waits for as long as its answers say
    nearly_a_minute = iter([58])

    def move_on(entry):
        """Let the minute be nearly over once it has begun, and over once somebody has to wait for its end."""
        clock.advance(2 if entry.status == 429 else next(nearly_a_minute, 0))

    # The programs hold the server's clock against that of this machine.
    monkeypatch.setattr(server._Handler, "date_time_string", lambda *_: email.utils.formatdate(usegmt=True))
    quick = {"job_seconds": 0, "creates_per_minute": 4, "polls_per_minute": 6000}
    world = World(clock, monkeypatch, events_per_day=50, on_request=move_on, **quick)
    world.config["end_date"] = world.days[-1].isoformat()  # the programs live in real time
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    with world.cometly, contextlib.ExitStack() as stack:
        one, two = (stack.enter_context(running(Run(world, folder, started))) for folder in folders)
        for each in (one, two):
            assert each.read_to_the_end() == 0, each.told
            assert by_id(each.records) == world.truth()
            assert len(each.state["bookmarks"]["events"]["delivered"]) == 1
    assert any(entry.status == 429 for entry in world.cometly.requests)
