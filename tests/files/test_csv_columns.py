"""Columns of a piece of CSV, against what Python's own `csv` makes of it."""

from __future__ import annotations

import csv as model
import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bulk_exports.files import csv_columns
from bulk_exports.files.csv_columns import columns_of

ALPHABET = 'ab",;\n\r \\é李🔥\x1c\x1d\x1e\x1f0'
cells = st.text(st.sampled_from(ALPHABET), max_size=5)


def rows_of(text, delimiter=","):
    return list(model.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))


def columns(text, width=2, delimiter=","):
    found = columns_of(text.encode(), delimiter, width)
    return None if found is None else [list(column) for column in found]


def transposed(rows):
    """Return the columns of rows; None if they are not all of the same length."""
    return [list(column) for column in zip(*rows, strict=True)] if len(set(map(len, rows))) == 1 else None


@pytest.fixture(autouse=True)
def however_many_are_quoted(monkeypatch):
    monkeypatch.setattr(csv_columns, "MAX_QUOTED", 1)


@given(st.text(st.sampled_from(ALPHABET), max_size=40), st.integers(1, 4), st.sampled_from(",;"))
@example('"a","\n","b"\n', 3, ",")
@example('"a","b\n"\n"c","d"\n', 2, ",")
@example('"a",",","b"\n', 3, ",")
@example('5" a,b\n6" c,d\n', 2, ",")
@example('x"y,"z\nu",v\n', 2, ",")
@example('a,b\n"c\rd",e\nf\rg,h\n', 2, ",")
@example('a,b\n"c\r\nd",e\r\n', 2, ",")
@example("a,b\n\nc,d\n", 2, ",")
@example('"a"\n"b"\n', 2, ",")
def test_columns_are_those_of_csv_or_none(text, width, delimiter):
    found = columns(text + "\n", width, delimiter)
    if found is not None:
        rows = rows_of(text + "\n", delimiter)
        assert {len(row) for row in rows} == {width}
        assert found == transposed(rows)


@given(
    st.lists(st.lists(cells, min_size=3, max_size=3), min_size=1, max_size=8),
    st.sampled_from([model.QUOTE_MINIMAL, model.QUOTE_ALL]),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(",;"),
)
def test_whatever_csv_writes_is_the_same_again_or_left_to_it(rows, quoting, end, delimiter):
    text = io.StringIO(newline="")
    model.writer(text, quoting=quoting, lineterminator=end, delimiter=delimiter).writerows(rows)
    # Some versions write a carriage return without quotes, and do not read it back.
    expected = [row for row in rows_of(text.getvalue(), delimiter) if row]
    assert columns(text.getvalue(), 3, delimiter) in (None, transposed(expected))


@pytest.mark.parametrize(
    "text",
    [
        "1,a\n2,b\n",
        "1,a\r\n2,b\r\n",
        "1,\n,\n",
        "1,é\n2,李\n",
        '"1","a"\n"2",""\n',
        '"1","a,b"\r\n"2","c\r\nd"\r\n',
        '1,a\n2,"b,\nc"\n' + 9 * "3,d\n",
        9 * "1,a\r\n" + '2,"say ""é"""\r\n' + 9 * "3,b\r\n" + '4,"\r"\r\n',
    ],
    ids=["plain", "Windows", "empty", "UTF-8", "quoted", "line ends in quotes", "one quoted", "quotes in quotes"],
)
def test_what_files_are_made_of_needs_no_rows(text):
    assert columns(text) == transposed(rows_of(text))


@pytest.mark.parametrize(
    "text",
    [
        "1,a\n2,b",
        "1,a\n\n2,b\n",
        9 * "1,a\n" + '2,"b\n',
        9 * "1,a\n" + '2,"b"c\n',
        "1\n2,a,b\n",
        "1,a\r2,b\n",
        "1,\x1f\n",
        "1,\0\n",
        '1,"a\n',
        '1,"a"b\n',
        "1,2,3\n",
    ],
)
def test_what_only_csv_can_tell_is_left_to_it(text):
    assert columns(text) is None


def test_what_is_not_utf8_is_left_to_it():
    assert columns_of(b"1,\xff\n", ",", 2) is None
    assert columns_of(b'1,"\xff"\n' + 9 * b"2,b\n", ",", 2) is None


def test_a_cell_of_many_lines_is_put_together_once():
    lines = "\n" * 100_000
    assert columns(f'1,"{lines}"\n' + 9 * "2,a\n") == [["1", *(9 * "2")], [lines, *(9 * "a")]]
