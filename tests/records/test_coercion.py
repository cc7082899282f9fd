"""Values fitted to the types of the catalog in use: converted where nothing is lost, refused otherwise."""

from __future__ import annotations

import io
import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_exports.engine.errors import InvalidRowsError
from bulk_exports.records.columns import Column, Columns
from bulk_exports.records.rows import read_rows
from tests.examples import examples

INTEGER = {"type": ["integer", "null"]}
NUMBER = {"type": ["number", "null"]}
BOOLEAN = {"type": ["boolean", "null"]}
STRING = {"type": ["string", "null"]}
TIMESTAMP = {"type": ["string", "null"], "format": "date-time"}
DATE = {"type": "string", "format": "date"}


@pytest.mark.parametrize(
    ("schema", "value", "fitted"),
    [
        (INTEGER, 7, 7),
        (INTEGER, "7", 7),
        (INTEGER, Decimal("7.0"), 7),
        (INTEGER, 2**70, 2**70),
        (INTEGER, None, None),
        (NUMBER, 42, 42),
        (NUMBER, Decimal("42.50"), Decimal("42.50")),
        (NUMBER, "33.333333333333333333", Decimal("33.333333333333333333")),
        (NUMBER, "1e3", Decimal("1e3")),
        (BOOLEAN, True, True),
        (BOOLEAN, 1, True),
        (BOOLEAN, "0", False),
        (BOOLEAN, "TRUE", True),
        (STRING, "Müller ☕", "Müller ☕"),
        (STRING, 9007199254740993, "9007199254740993"),
        (STRING, Decimal("42.50"), "42.50"),
        (STRING, True, "true"),
        (STRING, {"a": [1, None]}, '{"a":[1,null]}'),
        (TIMESTAMP, "2025-03-01T09:15:02Z", "2025-03-01T09:15:02Z"),
        (TIMESTAMP, "2025-03-01 09:15:02", "2025-03-01T09:15:02Z"),
        (TIMESTAMP, "2025-03-01T09:15:02.123456789Z", "2025-03-01T09:15:02.123456789Z"),
        (TIMESTAMP, "2025-03-01T00:15:02+05:45", "2025-02-28T18:30:02Z"),
        (TIMESTAMP, "2025-02-28T23:15:02-0500", "2025-03-01T04:15:02Z"),
        (TIMESTAMP, "0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
        (DATE, "2025-03-01", "2025-03-01"),
        ({}, [1, {"x": None}], [1, {"x": None}]),
        ({"type": "object"}, {"a": 1}, {"a": 1}),
        ({"type": "array"}, [1], [1]),
        ({"type": ["integer", "string"]}, "abc", "abc"),
    ],
)
def test_a_value_that_means_the_same_in_the_declared_type_is_taken(schema, value, fitted):
    result = Column.declared("x", schema).fit(value)
    assert result == fitted
    assert type(result) is type(fitted)


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (INTEGER, "12a"),
        (INTEGER, Decimal("7.5")),
        (INTEGER, True),
        (INTEGER, ""),
        (NUMBER, "NaN"),
        (NUMBER, "Infinity"),
        (NUMBER, False),
        (NUMBER, "1,5"),
        (BOOLEAN, 2),
        (BOOLEAN, "yes"),
        (BOOLEAN, Decimal(1)),
        (TIMESTAMP, "yesterday"),
        (TIMESTAMP, 1740820502),
        (TIMESTAMP, "2025-02-30T00:00:00Z"),
        (TIMESTAMP, "2025-03-01T25:00:00Z"),
        (DATE, "01.03.2025"),
        ({"type": "integer"}, None),
        ({"type": "object"}, [1]),
        ({"type": "array"}, "text"),
    ],
)
def test_a_value_that_would_change_its_meaning_is_refused(schema, value):
    with pytest.raises(ValueError, match=r"declare"):
        Column.declared("x", schema).fit(value)


def test_a_timestamp_beyond_the_calendar_is_a_misfit_and_no_crash():
    with pytest.raises(InvalidRowsError, match="column `t` holds text that does not fit"):
        Columns({"t": TIMESTAMP}).fit({"t": "0001-01-01T00:00:00+14:00"})


def test_a_key_may_not_be_null_even_where_its_type_allows_it():
    with pytest.raises(InvalidRowsError, match="column `touchpoint_id` is missing"):
        Columns({"touchpoint_id": STRING}, keys=["touchpoint_id"]).fit({})


def test_an_absent_column_is_null_and_an_unknown_one_is_dropped_and_remembered():
    columns = Columns({"id": INTEGER, "amount": NUMBER}, keys=["id"])
    assert columns.fit({"id": 1, "weather": "fine"}) == {"id": 1, "amount": None}
    assert columns.unknown == {"weather"}


def test_a_misfit_names_line_column_and_type_but_never_the_value():
    file = io.BytesIO(b'{"id": 1, "amount": 5}\n\n{"id": 2, "amount": "secret"}\n')
    with pytest.raises(InvalidRowsError) as caught:
        list(read_rows([file], Columns({"id": INTEGER, "amount": NUMBER}, keys=["id"])))
    text = str(caught.value)
    assert "line 3" in text
    assert "`amount`" in text
    assert "number" in text
    assert "secret" not in text


@pytest.mark.parametrize("line", [b"[1]", b"7", b'"text"', b"null"])
def test_a_line_that_is_no_object_is_refused_by_number(line):
    with pytest.raises(InvalidRowsError, match="line 2 is not a JSON object"):
        list(read_rows([io.BytesIO(b'{"id": 1}\n' + line)], Columns({"id": INTEGER})))


@pytest.mark.parametrize("line", [b'{"id": 1', b"{'id': 1}", b'{"id": NaN}', b'{"id": 1}{"id": 2}', b'{"a": "\xff"}'])
def test_a_line_that_is_not_json_is_refused_by_number(line):
    with pytest.raises(InvalidRowsError, match=r"line 1 is not (JSON|UTF-8)"):
        list(read_rows([io.BytesIO(line + b"\n")], Columns({"id": INTEGER})))


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_decimals_stay_exact_to_the_digit(amount):
    line = b'{"amount": %s}' % str(amount).encode()
    (row,) = read_rows([io.BytesIO(line)], Columns({"amount": NUMBER}))
    assert Decimal(row["amount"]) == amount


@examples(40)
@given(
    st.dictionaries(
        st.text(max_size=100), st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists)
    )
)
def test_any_object_becomes_a_row_with_exactly_the_declared_columns(row):
    columns = Columns(dict.fromkeys(["id", "name"], STRING))
    (fitted,) = read_rows([io.BytesIO(json.dumps(row).encode())], columns)
    assert set(fitted) == {"id", "name"}
    assert columns.unknown == row.keys() - {"id", "name"}
