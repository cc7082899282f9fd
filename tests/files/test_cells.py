"""Cells of text to values: whatever is done here, the value is the one that its column would have made of the text."""

from __future__ import annotations

import json
import re
import zoneinfo
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bulk_exports.engine.errors import InvalidRowsError
from bulk_exports.files import cells
from bulk_exports.files.cells import converter
from bulk_exports.records.columns import Columns

SCHEMAS = {
    "integer": {"type": ["integer", "null"]},
    "number": {"type": ["number", "null"]},
    "boolean": {"type": ["boolean", "null"]},
    "string": {"type": ["string", "null"]},
    "date": {"type": ["string", "null"], "format": "date"},
    "timestamp": {"type": ["string", "null"], "format": "date-time"},
}
TYPES = {
    "integer": [int],
    "number": [int, Decimal],
    "boolean": [bool],
    "string": [str],
    "date": [str],
    "timestamp": [str],
}
ODD = re.split(
    r"\s+",
    """0 1 -1 +5 007 -0 1.50 1e5 .5 5. 1_000 ٣ 999999999999999999 9999999999999999999 11111111111111111111 - true TRUE
False yes a 2025-01-31 2025-02-30 2025-01-31T10:00:00Z 2025-01-31T10:00:00+02:00 2025-01-31_10:00:00 2025-01-31_10:00:01
2025-01-31_10:00:00.5 2025-01-31_10:00+02 2025-01-31_10:00:60 2025-01-31_10:00:xx 9999-12-31_23:59:59
0001-01-01_00:00:00""",
)
LIKELY = st.one_of(
    st.sampled_from(["", " ", " 1", *ODD, *(text.replace("_", " ") for text in ODD)]),
    st.text(st.sampled_from("0123456789.-:T Z+"), max_size=20),
    st.integers().map(str),
    st.decimals(allow_nan=False, allow_infinity=False).map(str),
)


def fitted(columns, value):
    try:
        return columns.fit({"a": value})
    except InvalidRowsError:
        return "refused"


def as_read(value):
    """Return the value as it is after having been written as JSON."""
    line = msgspec.json.Encoder(decimal_format="number").encode(value)
    return json.loads(line, parse_float=str, parse_int=lambda digits: str(int(digits)))  # minus zero is zero


@given(st.sampled_from(list(SCHEMAS)), st.lists(LIKELY, min_size=1, max_size=6))
@example("timestamp", ["2025-01-31 10:00:00", "2025-01-31 10:00+02"])
@example("timestamp", ["2025-01-31 10:00:00", "2025-01-31 10:00:xx"])
@example("integer", ["1", "-2", ""])
def test_the_value_is_what_its_column_makes_of_the_text(kind, texts):
    columns = Columns({"a": SCHEMAS[kind]})
    values, exact = converter(kind, empty_is_null=True, zone=timezone.utc)(texts)
    assert len(values) == len(texts)
    if exact:
        assert {type(value) for value in values} <= {type(None), *TYPES[kind]}
    for text, value in zip(texts, values, strict=True):
        expected = fitted(columns, text or None)
        found = fitted(columns, value)
        if "refused" in (found, expected):
            assert found == expected
        else:
            assert as_read(found) == as_read(expected)


@pytest.mark.parametrize(
    ("text", "in_utc"),
    [
        ("2025-01-31 10:00:00", "2025-01-31T09:00:00Z"),
        ("2025-07-31T10:00:00", "2025-07-31T08:00:00Z"),
        ("2025-01-31 10:00:00.25", "2025-01-31T09:00:00.25Z"),
        ("2025-01-31 10:00:00Z", "2025-01-31 10:00:00Z"),
        ("2025-01-31 10:00:00+05:00", "2025-01-31 10:00:00+05:00"),
        ("2025-10-26 02:30:00", "2025-10-26T00:30:00Z"),
        ("1890-01-01 12:00:00", "1890-01-01T11:06:32Z"),
        ("", None),
    ],
    ids=["winter", "summer", "fraction", "in UTC", "with offset", "the hour that comes twice", "old offsets", "empty"],
)
def test_a_time_without_offset_is_one_of_its_zone(text, in_utc):
    convert = converter("timestamp", empty_is_null=True, zone=zoneinfo.ZoneInfo("Europe/Berlin"))
    assert [*convert([text]).values, *convert([text]).values] == [in_utc, in_utc]


def test_a_time_that_no_calendar_has_in_utc_is_refused_rather_than_taken_for_utc():
    convert = converter("timestamp", empty_is_null=True, zone=zoneinfo.ZoneInfo("America/New_York"))
    [value] = convert(["9999-12-31 23:59:59"]).values
    assert fitted(Columns({"a": SCHEMAS["timestamp"]}), value) == "refused"


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Asia/Kolkata"])
def test_what_is_remembered_has_an_end(monkeypatch, zone):
    monkeypatch.setattr(cells, "MAX_KNOWN", 2)
    known = zoneinfo.ZoneInfo(zone)
    convert = converter("timestamp", empty_is_null=True, zone=known)
    texts = [f"2025-01-31 1{hour}:0{minute}:0{minute}" for _ in range(2) for hour in range(5) for minute in range(2)]
    assert list(convert(texts).values) == [in_utc(text, known) for text in texts]
    assert len(convert._hours) + len(convert._minutes) <= 2


def in_utc(text, zone):
    moment = datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(timezone.utc)
    return moment.replace(tzinfo=None).isoformat() + "Z"


ZONES = {
    "UTC": "2025-03-30 02",
    "Europe/Berlin": "2025-03-30 02",
    "America/New_York": "2025-11-02 01",
    "Asia/Kolkata": "2025-03-30 02",
    "Australia/Lord_Howe": "2025-10-05 02",
    "Asia/Gaza": "2015-03-28 00",
    "Africa/Monrovia": "1972-01-07 00",
    "Europe/Amsterdam": "1937-07-01 00",
}
"""Zones, and an hour in which clocks were changed if they ever are: one by 44 minutes and 30 seconds, one at 00:01."""


@given(st.sampled_from(sorted(ZONES)), st.lists(st.integers(-2 * 3600, 3 * 3600), min_size=1, max_size=20))
def test_whatever_is_remembered_each_time_is_that_of_its_zone(name, seconds):
    zone = zoneinfo.ZoneInfo(name)
    begin = datetime.fromisoformat(f"{ZONES[name]}:00:00")
    texts = [str(begin + timedelta(seconds=second)) for second in seconds]
    convert = converter("timestamp", empty_is_null=True, zone=zone)
    assert list(convert(texts + texts).values) == [in_utc(text, zone) for text in texts + texts]
