"""What the target is given: whole lines, at once, in the SDK's form."""

from __future__ import annotations

import contextlib
import fcntl
import io
import os
import select
import subprocess
import sys
import termios
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from singer_sdk.contrib.msgspec import MsgSpecWriter
from singer_sdk.singerlib import RecordMessage, StateMessage

from bulk_exports.outputs.pipe import PIPE_BYTES, _Pipe
from bulk_exports.outputs.singer import MessageWriter
from bulk_exports.records.encode import Records
from simulation.tapping import parse

RECORD = {"id": 1, "amount": Decimal("1.50"), "name": "Müller ☕", "missing": None}


class Pipe:
    """A pipe in the place of stdout."""

    def __init__(self, reading, writing):
        self.reading = reading
        self.stdout = open(writing, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - `piped` closes it

    def waiting(self):
        return int.from_bytes(fcntl.ioctl(self.reading, termios.FIONREAD, b"\0" * 4), sys.byteorder)

    def stop_reading(self):
        if self.reading is not None:
            os.close(self.reading)
            self.reading = None

    def read_to_the_end(self):
        chunks = []
        while chunk := os.read(self.reading, 65536):
            chunks.append(chunk)
        return b"".join(chunks)


@contextlib.contextmanager
def piped():
    pipe = Pipe(*os.pipe())
    with contextlib.redirect_stdout(pipe.stdout):
        yield pipe
    with contextlib.suppress(OSError):
        pipe.stdout.close()
    pipe.stop_reading()


def written(write):
    stdout = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with contextlib.redirect_stdout(stdout):
        write()
    return stdout.buffer.getvalue()


@pytest.mark.parametrize(
    "message",
    [
        RecordMessage(stream="events", record=RECORD, time_extracted=datetime(2025, 3, 1, 9, tzinfo=timezone.utc)),
        StateMessage(value={"bookmarks": {"events": {"delivered": [["2025-01-01", "2025-02-11"]]}}}),
    ],
)
def test_messages_have_the_form_that_the_sdk_gives_them(message):
    assert written(lambda: MessageWriter().write_message(message)) == bytes(MsgSpecWriter().format_message(message))


def test_records_by_the_block_have_the_form_of_single_ones():
    record = MessageWriter().serialize_message(RecordMessage("events", RECORD)).partition(b'"record":')[2]
    records = Records((record.rpartition(b"}")[0] + b"\n") * 2, 2)
    by_block = parse(written(lambda: MessageWriter().write_records("events", records)).splitlines())
    message = RecordMessage(stream="events", record=RECORD, time_extracted=datetime.now(timezone.utc))
    (single,) = parse(written(lambda: MessageWriter().write_message(message)).splitlines())
    assert [list(message) for message in by_block] == [list(single)] * 2
    for message in by_block:
        assert datetime.fromisoformat(message["time_extracted"][:-1])
        assert {**message, "time_extracted": single["time_extracted"]} == single


def test_each_message_has_left_the_process_when_the_call_returns():
    with piped() as pipe:
        MessageWriter().write_message(StateMessage(value={}))
        assert pipe.waiting() == len('{"type":"STATE","value":{}}\n')


def test_what_others_have_printed_stays_before_it():
    with piped() as pipe:
        sys.stdout.write("first\n")
        MessageWriter().write_lines(b"second\n")
        assert os.read(pipe.reading, 100) == b"first\nsecond\n"


def test_a_stdout_that_is_put_in_its_place_later_is_used():
    writer = MessageWriter()
    assert written(lambda: writer.write_lines(b"a\n")) == b"a\n"
    assert written(lambda: writer.write_lines(b"b\n")) == b"b\n"


@given(st.lists(st.integers(1, 3 * select.PIPE_BUF), min_size=1, max_size=400))
def test_everything_arrives_in_order_through_a_slow_pipe(lengths):
    lines = b"".join(b"%d" % (number % 10) * length + b"\n" for number, length in enumerate(lengths))
    with piped() as pipe, ThreadPoolExecutor() as reader:
        arrived = reader.submit(pipe.read_to_the_end)
        MessageWriter().write_lines(lines)
        pipe.stdout.close()
        assert arrived.result() == lines


@given(st.lists(st.tuples(st.integers(1, 2 * PIPE_BYTES), st.integers(0, PIPE_BYTES)), max_size=60))
def test_a_pipe_has_the_room_that_is_promised(turns):
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    pipe = _Pipe(writing)
    with open(reading, "rb", buffering=0), open(writing, "wb", buffering=0):  # noqa: PTH123 - closes them
        for wanted, read in turns:
            count = min(wanted, room := pipe.room())
            # With no room for sure, less than PIPE_BUF still goes in one piece, maybe later.
            with contextlib.suppress(BlockingIOError) if room == select.PIPE_BUF else contextlib.nullcontext():
                assert pipe.write(b"x" * count) == count
            if read:
                with contextlib.suppress(BlockingIOError):
                    os.set_blocking(reading, False)
                    os.read(reading, read)


def test_a_pipe_that_others_write_to_as_well_is_not_trusted():
    with piped() as pipe:
        room = (ours := _Pipe(pipe.stdout.fileno())).room()
        os.write(pipe.stdout.fileno(), b"from somebody else")
        assert ours.room() == select.PIPE_BUF
        os.read(pipe.reading, 100)
        assert ours.room() == room


def test_where_pages_are_not_known_writes_are_not_remembered_for_ever(monkeypatch):
    monkeypatch.setattr("bulk_exports.outputs.singer.sys.platform", "darwin")
    with piped() as pipe:
        ours = _Pipe(pipe.stdout.fileno())
        for _ in range(3):
            assert ours.write(b"x" * ours.room()) == select.PIPE_BUF
        assert not ours._written


def test_a_process_killed_in_a_blocked_write_leaves_whole_lines():
    program = """if True:
        from bulk_exports.outputs.singer import MessageWriter
        writer = MessageWriter()
        while True:
            writer.write_lines(b"".join(b"x" * (number % 700) + b"\\n" for number in range(3000)))
    """
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as process:
        fd = process.stdout.fileno()
        held = -1
        # Full when nothing is added any more although nobody reads.
        while (now := int.from_bytes(fcntl.ioctl(fd, termios.FIONREAD, b"\0" * 4), sys.byteorder)) != held or not now:
            held = now
            assert process.poll() is None
            threading.Event().wait(0.2)
        process.kill()
        process.wait()
        got = process.stdout.read()
    assert len(got) >= held
    assert got.endswith(b"\n")
    assert {len(line) for line in got.splitlines()} <= set(range(700))


def test_a_reader_that_has_gone_is_noticed():
    with piped() as pipe:
        pipe.stop_reading()
        with pytest.raises(BrokenPipeError):
            MessageWriter().write_lines(b"x\n" * 100_000)


def test_a_file_takes_everything(tmp_path):
    lines = b"".join(b"%d\n" % number for number in range(100_000))
    with (tmp_path / "out").open("w") as file, contextlib.redirect_stdout(file):
        MessageWriter().write_lines(lines)
        assert (tmp_path / "out").read_bytes() == lines
