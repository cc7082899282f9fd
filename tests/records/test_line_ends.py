"""One record, one line, whoever reads it: text mode, splitlines, files of BATCH messages."""

from __future__ import annotations

import gzip
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from singer_sdk.helpers._batch import BatchConfig
from singer_sdk.singerlib import StateMessage

from bulk_exports.fields import Measures
from bulk_exports.outputs.batch_files import BatchFolder
from bulk_exports.outputs.singer import MessageWriter
from bulk_exports.records.columns import Columns
from bulk_exports.records.encode import record_blocks
from bulk_exports.records.line_ends import unbroken
from bulk_exports.records.verify import verify

LINE_ENDS = ["\n", "\r", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"]
"""What some reader or other takes for the end of a line; `str.splitlines` takes all of them."""

TYPES = {
    "id": {"type": "integer"},
    "name": {"type": ["string", "null"]},
    "more": {},
}
NUMBERED = {**TYPES, "id": {"type": "string"}}


def columns(types=TYPES):
    return Columns(types, keys=["id"], measures=Measures(key="id"))


def encoded(content, types=TYPES, own=None):
    """Return the records of a file, in one text."""
    known = columns(types)
    verification = verify([io.BytesIO(content)], known)
    return list(record_blocks([io.BytesIO(content)], verification, known, own or {}))


def rows(blocks):
    """Return what every reader must read."""
    text = b"".join(block.text for block in blocks)
    assert text.decode().splitlines() == [line.decode() for line in text.split(b"\n")[:-1]]
    assert io.TextIOWrapper(io.BytesIO(text), encoding="utf-8").readlines() == text.decode().splitlines(keepends=True)
    return [json.loads(line) for line in text.split(b"\n")[:-1]]


SPELT = {
    "in order": '{"id":%d,"name":"a","more":1}\n',
    "a bare CR after a comma": '{"id":%d,\r"name":"a","more":1}\n',
    "a bare CR in an object": '{"id":%d,"name":"a","more":{\r"a"\r:[\r1\r]}}\n',
    "a bare CR before the brace": '{"id":%d,"name":"a","more":1\r}\n',
    "Windows line ends": '{"id":%d,"name":"a","more":1}\r\n',
    "every line end as text": '{"id":%d,"name":"a\x85b\u2028c\u2029d","more":{"\u2028":"\x85"}}\n',
    "every line end escaped": '{"id":%d,"name":"\\n\\r\\u000b\\f\\u001c\\u0085\\u2028\\u2029","more":1}\n',
    "nothing declared in between": '{"other":"\u2028",\r"id":%d,"name":"a","more":1}\n',
}


@pytest.mark.parametrize("spelt", SPELT)
@pytest.mark.parametrize("types", [TYPES, NUMBERED], ids=["integers", "integers as text"])
@pytest.mark.parametrize("own", [{}, {"event_date": "2025-03-01"}], ids=["bare", "with own columns"])
def test_a_record_is_a_line_whoever_reads_it(spelt, types, own):
    lines = [SPELT[spelt] % number for number in range(2000)]
    expected = [{name: json.loads(line)[name] for name in TYPES} | own for line in lines]
    if types is NUMBERED:
        expected = [row | {"id": str(row["id"])} for row in expected]
    assert rows(encoded("".join(lines).encode(), types, own)) == expected


@pytest.mark.parametrize("spelt", SPELT)
def test_files_are_cut_between_records(spelt, tmp_path):
    lines = [SPELT[spelt] % number for number in range(56)]
    config = BatchConfig.from_dict(
        {
            "encoding": {"format": "jsonl", "compression": "gzip"},
            "storage": {"root": str(tmp_path), "prefix": ""},
            "batch_size": 5,
        }
    )
    parts = list(BatchFolder(config).parts("events", encoded("".join(lines).encode())))
    assert [count for _, count in parts] == [5] * 11 + [1]
    read = [
        json.loads(line)
        for path in sorted(tmp_path.iterdir())
        for line in gzip.decompress(path.read_bytes()).decode().splitlines()
    ]
    assert [row["id"] for row in read] == list(range(56))


@given(st.text(st.sampled_from([*LINE_ENDS, "\u2026", "«", "é", "a", "\\"])))
def test_what_is_meant_stays_the_same(text):
    line = json.dumps({text: text}, ensure_ascii=False).encode()
    assert json.loads(unbroken(line)) == {text: text}
    assert len(unbroken(line).decode().splitlines()) == 1


def test_plain_lines_are_not_even_copied():
    lines = '{"a":"…«»é"}\n'.encode() * 100
    assert unbroken(lines) is lines


@pytest.mark.parametrize("character", LINE_ENDS)
def test_messages_of_the_sdk_are_lines_too(character):
    message = MessageWriter().format_message(StateMessage({"a": character}))
    assert len(message.decode().splitlines()) == 1
    assert json.loads(message)["value"] == {"a": character}
