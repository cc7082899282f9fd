"""Odd configurations, catalogs and STATE: told in words, before anything is asked or written."""

from __future__ import annotations

import io
import json
from pathlib import Path

import click
import pytest

from bulk_exports.json_files import MAX_LEVELS, levels
from bulk_exports.singer.given import checked_file

pytestmark = pytest.mark.deep

DEEP = "[" * 100_000 + "]" * 100_000
NESTED = "[" * (MAX_LEVELS + 1) + "]" * (MAX_LEVELS + 1)


def file(content: str | bytes) -> io.TextIOWrapper:
    content = content.encode() if isinstance(content, str) else content
    raw = io.BytesIO(content)
    raw.name = "file.json"
    return io.TextIOWrapper(raw, encoding="utf-8")


def catalog(column=None, **entry):
    properties = {"id": {"type": "integer"}, "amount": {"type": ["number", "null"]} if column is None else column}
    return {"streams": [{"tap_stream_id": "events", "schema": {"properties": properties}, **entry}]}


SOUND = [
    ("--state", "{}"),
    ("--state", '{"bookmarks": {}}'),
    ("--state", '{"bookmarks": {"events": {"partitions": []}}}'),
    ("--state", '{"singer_state": {}}'),
    ("--state", b'\xef\xbb\xbf{"bookmarks": {}}'),
    ("--catalog", json.dumps(catalog())),
    ("--catalog", b"\xef\xbb\xbf" + json.dumps(catalog()).encode()),
    ("--catalog", json.dumps(catalog({}))),
    ("--catalog", json.dumps(catalog({"anyOf": [{"type": "number"}, {"type": "null"}]}))),
    ("--catalog", json.dumps(catalog({"type": ["string", "null"], "format": "date-time", "properties": {}}))),
    ("--catalog", '{"streams": []}'),
]


@pytest.mark.parametrize(("option", "content"), SOUND)
def test_what_is_sound_is_taken_as_it_is(option, content):
    taken = json.loads(checked_file(option, file(content)).read())
    assert taken == json.loads(content)


ODD = [
    ("--state", "", "must hold a JSON object"),
    ("--state", "[]", "must hold a JSON object"),
    ("--state", "null", "must hold a JSON object"),
    ("--state", '{"bookmarks": ' + "9" * 5000 + "}", "$.bookmarks|more digits than any has"),
    ("--state", '{"bookmarks": null}', "$.bookmarks: None is not of type 'object'"),
    ("--state", '{"bookmarks": []}', "$.bookmarks: [] is not of type 'object'"),
    ("--state", '{"bookmarks": "none"}', "$.bookmarks: 'none' is not of type 'object'"),
    ("--state", '{"bookmarks": {"events": null}}', "$.bookmarks.events: None is not of type 'object'"),
    ("--state", '{"bookmarks": {"events": [1]}}', "$.bookmarks.events: [1] is not of type 'object'"),
    ("--state", '{"bookmarks": {"events": "2025-01-01"}}', "'2025-01-01' is not of type 'object'"),
    ("--state", '{"bookmarks": {"events": {"partitions": 5}}}', "$.bookmarks.events.partitions"),
    ("--state", '{"bookmarks": {"events": {"partitions": [5]}}}', "$.bookmarks.events.partitions"),
    ("--state", '{"bookmarks": {"a\\nb\\u001b[31m": 5}}', "5 is not of type 'object'"),
    ("--state", f'{{"bookmarks": {DEEP}}}', "nested deeper than 100 levels"),
    ("--state", f'{{"bookmarks": {NESTED}}}', "nested deeper than 100 levels"),
    ("--state", '{"bookmarks": {}}'.encode("utf-16"), "is not UTF-8"),
    ("--state", b'{"bookmarks": {"\xe9": {}}}', "is not UTF-8"),
    ("--catalog", "{}", "$: 'streams' is a required property"),
    ("--catalog", '{"streams": null}', "$.streams: None is not of type 'array'"),
    ("--catalog", '{"streams": [null]}', "$.streams[0]: None is not of type 'object'"),
    ("--catalog", '{"streams": [{"schema": {"properties": {}}}]}', "'tap_stream_id' is a required property"),
    *(
        ("--catalog", json.dumps(catalog(**entry)), words)
        for entry, words in [
            ({"schema": None}, "schema: None is not of type 'object'"),
            ({"schema": []}, "schema: [] is not of type 'object'"),
            ({"schema": {}}, "'properties' is a required property"),
            ({"schema": {"properties": None}}, "properties: None is not of type 'object'"),
            ({"metadata": None}, "metadata: None is not of type 'array'"),
            ({"metadata": ["x"]}, "metadata[0]: 'x' is not of type 'object'"),
            ({"metadata": [{"breadcrumb": 5, "metadata": {}}]}, "breadcrumb: 5 is not of type 'array'"),
            ({"metadata": [{"breadcrumb": [5], "metadata": {}}]}, "breadcrumb[0]: 5 is not of type 'string'"),
            ({"metadata": [{"breadcrumb": [], "metadata": None}]}, "metadata: None is not of type 'object'"),
            ({"key_properties": 5}, "key_properties: 5 is not of type"),
            ({"replication_method": "SOMETIMES"}, "'SOMETIMES' is not one of"),
            ({"column": "text"}, "amount: 'text' is not of type 'object'"),
            ({"column": True}, "amount: True is not of type 'object'"),
            ({"column": {"type": 5}}, "amount.type: 5 is not one of"),
            ({"column": {"type": {}}}, "amount.type: {} is not one of"),
            ({"column": {"type": [["null"]]}}, "amount.type[0]: ['null'] is not one of"),
            ({"column": {"type": "decimal"}}, "amount.type: 'decimal' is not one of"),
            ({"column": {"type": "string", "format": []}}, "amount.format: [] is not of type"),
            ({"column": {"type": "object", "properties": {"a": {"type": "x"}}}}, "amount.properties.a.type: 'x'"),
            ({"tap_stream_id": 5}, "tap_stream_id: 5 is not of type 'string'"),
            ({"tap_stream_id": ["x" * 10_000_000]}, "is not of type|xxx"),
        ]
    ),
    ("--catalog", f'{{"streams": {DEEP}}}', "nested deeper than 100 levels"),
    ("--catalog", json.dumps(catalog()).encode("utf-16"), "is not UTF-8"),
]


@pytest.mark.parametrize(("option", "content", "words"), ODD, ids=range(len(ODD)))
def test_what_is_odd_is_told_in_one_short_line(option, content, words):
    with pytest.raises(click.BadParameter) as caught:
        checked_file(option, file(content))
    message = caught.value.format_message()
    assert any(each in message for each in words.split("|"))
    assert message.startswith(f"Invalid value for {option}: file.json")
    assert message.isprintable()
    assert len(message) < 1000


@pytest.mark.parametrize(
    ("value", "depth"),
    [(5, 0), ({}, 1), ([[]], 2), ({"a": [{"b": 1}], "c": 2}, 3), (json.loads(NESTED), MAX_LEVELS + 1)],
)
def test_levels_are_counted(value, depth):
    assert levels(value) == depth


def test_a_file_without_an_end_is_read_no_further_than_any_state_reaches():
    with Path("/dev/zero").open(encoding="utf-8") as endless, pytest.raises(click.BadParameter, match="longer than 64"):
        checked_file("--state", endless)
