"""What Airbyte is given: whole lines, counted, and no line within another one."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import threading

import msgspec
import pytest

from bulk_exports.airbyte.messages import LogHandler, logging_to
from bulk_exports.outputs.airbyte import AirbyteWriter
from bulk_exports.records.encode import Records
from tests.airbyte.speaking import parsed

ROW = {"id": 1, "name": "Müller ☕", "missing": None}


@contextlib.contextmanager
def written():
    """Yield a writer, and the messages that it has written afterwards."""
    stdout = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    messages = []
    with contextlib.redirect_stdout(stdout):
        yield AirbyteWriter(lambda: 1_740_000_000_123), messages
    messages += parsed(stdout.buffer.getvalue().splitlines())


def test_records_by_the_block_have_the_form_of_single_ones():
    with written() as (writer, messages):
        writer.write_record("events", ROW)
        writer.write_records("events", Records((msgspec.json.encode(ROW) + b"\n") * 2, 2))
    assert messages[0]["record"] == {"stream": "events", "data": ROW, "emitted_at": 1_740_000_000_123}
    assert messages == messages[:1] * 3


def test_a_state_says_of_how_many_records_of_its_stream_it_speaks():
    with written() as (writer, messages):
        for stream in ("events", "events", "event_days"):
            writer.write_record(stream, ROW)
        for stream in ("events", "event_days", "events"):
            writer.write_state(stream, {})
    states = [message["state"] for message in messages if message["type"] == "STATE"]
    assert [str(state["sourceStats"]["recordCount"]) for state in states] == ["2.0", "1.0", "0.0"]


def test_log_lines_of_other_threads_never_land_within_a_block():
    reading, writing = os.pipe()
    block = Records((msgspec.json.encode({"id": 1, "text": "x" * 3000}) + b"\n") * 400, 400)
    log = logging.getLogger("a room")
    with open(writing, "w", encoding="utf-8") as stdout:  # noqa: PTH123 - a pipe has no path
        with contextlib.redirect_stdout(stdout):
            writer = AirbyteWriter(lambda: 0)

        def talk():
            for number in range(300):
                log.warning("number %d", number)

        def write():
            with logging_to(writer, logging.INFO):
                talkers = [threading.Thread(target=talk) for _ in range(2)]
                for each in talkers:
                    each.start()
                for _ in range(3):
                    writer.write_records("events", block)
                for each in talkers:
                    each.join()
            stdout.close()

        thread = threading.Thread(target=write)
        thread.start()
        with open(reading, "rb") as pipe:  # noqa: PTH123 - as above
            kinds = [json.loads(line)["type"] for line in pipe]
        thread.join()
    assert kinds.count("RECORD") == 1200
    assert kinds.count("LOG") == 600


@pytest.mark.parametrize(
    ("level", "told"),
    [
        (5, "DEBUG"),
        (logging.DEBUG, "DEBUG"),
        (logging.INFO, "INFO"),
        (logging.WARNING, "WARN"),
        (logging.ERROR, "ERROR"),
        (60, "FATAL"),
    ],
)
def test_levels_have_airbytes_names(level, told):
    with written() as (writer, messages), logging_to(writer, 0):
        logging.getLogger("a room").log(level, "%s\nand more", "words")
    assert [message["log"] for message in messages] == [{"level": told, "message": "words\nand more"}]


def test_an_exception_that_is_logged_has_its_stack():
    with written() as (writer, messages), logging_to(writer, 0):
        try:
            _ = 1 / 0
        except ZeroDivisionError:
            logging.getLogger("a room").exception("oh")
    assert "ZeroDivisionError" in messages[0]["log"]["stack_trace"]


def test_a_log_record_that_cannot_be_written_is_no_reason_to_end(capsys):
    with written() as (writer, messages):
        record = logging.LogRecord("a room", logging.WARNING, __file__, 1, "%d", ("text",), None)
        LogHandler(writer).handle(record)
    assert messages == []
    assert "Logging error" in capsys.readouterr().err


def test_a_reader_that_has_gone_is_noticed_by_who_logs():
    reading, writing = os.pipe()
    with open(writing, "w", encoding="utf-8") as stdout, contextlib.redirect_stdout(stdout):  # noqa: PTH123 - as above
        writer = AirbyteWriter(lambda: 0)
        os.close(reading)
        with logging_to(writer, 0), pytest.raises(BrokenPipeError):
            logging.getLogger("a room").warning("hello")
