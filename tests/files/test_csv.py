"""CSV files as they may come, against Python's own `csv` as the model."""

from __future__ import annotations

import contextlib
import csv as model
import gzip
import io
import json
from unittest import mock

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bulk_exports.engine.errors import CorruptFileError, InvalidRowsError
from bulk_exports.files import content as archives
from bulk_exports.files import csv
from bulk_exports.files.csv import Csv

TEXT = {"id": "string", "note": "string"}


def rows_of(content, columns=TEXT, **rules):
    return [row for row, _ in rows_and_file(content, columns, **rules)]


def rows_and_file(content, columns=TEXT, **rules):
    reading = Csv(**rules).read(io.BytesIO(content), columns)
    return [(json.loads(line), reading) for block in reading.blocks() for line in block.splitlines()]


def read(content, columns=TEXT, **rules):
    reading = Csv(**rules).read(io.BytesIO(content), columns)
    list(reading.blocks())
    return reading


def quoted(cell):
    return '"' + cell.replace('"', '""') + '"'


cells = st.text(st.sampled_from('ab",;\n\r \\é李🔥\u2028\x0b0'), max_size=6)
names = st.text(st.sampled_from("abcé_ "), min_size=1, max_size=3).filter(lambda name: name.strip() == name)


@st.composite
def files(draw):
    """Return header, rows, and the text of a CSV file with them."""
    header = draw(st.lists(names, min_size=1, max_size=5))
    rows = draw(st.lists(st.lists(cells, min_size=len(header), max_size=len(header)), max_size=8))
    end = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    delimiter = draw(st.sampled_from([",", ";", "\t"]))
    always = draw(st.booleans())

    def written(cell):
        needs = any(character in cell for character in f'"{delimiter}\r\n') or (len(header) == 1 and not cell)
        return quoted(cell) if needs or always or draw(st.booleans()) else cell

    lines = [delimiter.join(map(written, row)) for row in [header, *rows]]
    blank = draw(st.booleans())
    text = (end + (end if blank else "")).join(lines) + draw(st.sampled_from(["", end, end + end]))
    return header, rows, text, delimiter


@given(files(), st.booleans(), st.booleans(), st.integers(1, 30), st.integers(1, 60), st.data())
def test_every_way_to_write_the_same_rows_is_read(file, mark, zipped, piece, chunk, data):
    header, rows, text, delimiter = file
    content = text.encode("utf-8-sig" if mark else "utf-8")
    wanted = data.draw(st.lists(st.sampled_from(header), min_size=1, unique=True))
    with mock.patch.object(csv, "PIECE_BYTES", piece), mock.patch.object(archives, "CHUNK_BYTES", chunk):
        found = rows_of(
            gzip.compress(content) if zipped else content,
            dict.fromkeys(wanted, "string"),
            delimiter=delimiter,
            empty_is_null=False,
        )
    assert found == [{name: row[header.index(name)] for name in wanted} for row in rows]
    if len(set(header)) == len(header):
        theirs = model.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        assert found == [{name: row[name] for name in wanted} for row in theirs]


@given(files())
def test_a_row_is_found_on_the_line_on_which_it_begins(file):
    header, rows, text, delimiter = file
    columns = dict.fromkeys(header, "string")
    with mock.patch.object(csv, "PIECE_BYTES", 20):
        reading = Csv(delimiter=delimiter).read(io.BytesIO(text.encode()), columns)
        number, places = 0, []
        for block in reading.blocks():
            for _ in block.splitlines():
                number += 1
                places.append(reading.place(number))
    reader = model.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    next(reader)
    expected, line = [], reader.line_num
    for row in reader:
        if row:
            expected.append(f"line {line + 1}")
        line = reader.line_num
    assert places == expected
    assert len(places) == len(rows)


def test_empty_is_null_unless_the_stream_says_otherwise():
    assert rows_of(b'id,note\n1,\n2,""\n') == [{"id": "1", "note": None}, {"id": "2", "note": None}]
    assert rows_of(b"id,note\n1,\n", empty_is_null=False) == [{"id": "1", "note": ""}]


def test_columns_that_nobody_wants_are_dropped_and_told():
    reading = read(b"mood,note,id,weather\nx,a,1,y\n", ignored=frozenset({"weather"}))
    assert reading.unknown == {"mood"}
    assert reading.missing == set()


def test_a_column_that_is_missing_is_null_and_told_or_refused():
    [(row, reading)] = rows_and_file(b"id\n1\n")
    assert row == {"id": "1", "note": None}
    assert reading.missing == {"note"}
    with pytest.raises(InvalidRowsError, match="lacks these columns: note"):
        read(b"id\n1\n", missing="refuse")


def test_of_a_column_that_comes_twice_the_first_counts_or_it_is_refused():
    assert rows_of(b"id,note,id\n1,a,2\n") == [{"id": "1", "note": "a"}]
    with pytest.raises(InvalidRowsError, match="more than once: id"):
        read(b"id,note,id\n1,a,2\n", repeated="refuse")


def test_a_column_may_have_other_names_in_the_header():
    named = {"Note": "note", "remark": "note", "ID": "id"}
    assert rows_of(b"Note,ID\na,1\n", named=named) == [{"id": "1", "note": "a"}]
    assert rows_of(b"id,remark,Note\n1,a,b\n", named=named) == [{"id": "1", "note": "a"}], "the first of them counts"
    with pytest.raises(InvalidRowsError, match="more than once: note"):
        read(b"id,remark,Note\n1,a,b\n", named=named, repeated="refuse")


@pytest.mark.parametrize(
    "content", [b"id,note\n", b"note,id", b"\xef\xbb\xbfid,note\r\n\r\n", gzip.compress(b"id,note", mtime=0)]
)
def test_a_file_without_rows_is_an_empty_window(content):
    assert rows_of(content) == []


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "0 bytes"),
        (gzip.compress(b"", mtime=0), "no header"),
        (gzip.compress(b"\xef\xbb\xbf\n", mtime=0), "no header"),
        (b"<!doctype html><title>Sign in</title>", "neither gzip nor CSV"),
        (b'{"error":"expired"}', "neither gzip nor CSV"),
        (gzip.compress(b"id,note\n1,a\n")[:-9], "truncated"),
        (b"Sign in, please\n", "names none of the wanted columns"),
        (b'id,note\n1,"a', "cut short: the quotes of its last cell are not closed"),
        (b'id,note\n1,"a\n2,b\n', "cut short: the quotes of its last cell are not closed"),
        (b"id,note\n1,a\n2", "cut short: line 3 has 1 columns, the header 2, and it does not end"),
        ("id,note\n1,é".encode()[:-1], "cut short: its last character"),
    ],
    ids=[
        "empty",
        "gzip of nothing",
        "blank",
        "html",
        "json",
        "archive",
        "no header",
        "quote",
        "quote, lines later",
        "last row",
        "character",
    ],
)
def test_a_file_that_is_not_whole_is_damaged(content, reason):
    with pytest.raises(CorruptFileError, match=reason):
        read(content)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'id,note\n1,"a\nb"\n\n2,a,b\n3,c\n', "line 5 has 3 columns, the header 2"),
        (b"id,note\n1\n2,a\n", "line 2 has 1 columns, the header 2"),
        (b'id,note\n1,"a"b\n2,c\n', "line 2 is not CSV"),
        (b'id,note\n1,"5\\" pipe"\n2,c\n', "line 2 is not CSV"),
        (b"id,note\n1,\xff\n", "not UTF-8"),
    ],
    ids=["a cell too many", "a cell too few", "text behind quotes", "backslash", "latin-1"],
)
def test_a_row_that_cannot_be_told_fails_its_file_and_says_where(content, reason):
    with pytest.raises(InvalidRowsError, match=reason):
        read(content)


def test_of_a_file_that_was_altered_nothing_else_is_said():
    content = gzip.compress(b"id,note\n1,a,b\n" + b"2,c\n" * 100_000)
    with pytest.raises(CorruptFileError, match="corrupt"):
        read(content[:-6] + b"\0\0\0\0\0\0")


@pytest.mark.parametrize("content", [b'id,note\n1,"' + b"a\n" * 3000, b"id,note\n" + b"a" * 6000, b'i"d\n' * 2000])
def test_a_row_that_has_no_end_does_not_fill_the_memory(content):
    with (
        mock.patch.object(csv, "MAX_ROW_BYTES", 2000),
        mock.patch.object(csv, "PIECE_BYTES", 100),
        pytest.raises((InvalidRowsError, CorruptFileError)) as error,
    ):
        read(content + b'"\n')
    assert "longer than 2,000 bytes" in str(error.value) or "names none" in str(error.value)


def test_a_file_of_nothing_but_blank_lines_has_an_end():
    with mock.patch.object(csv, "MAX_ROW_BYTES", 2000), mock.patch.object(csv, "PIECE_BYTES", 100):
        with pytest.raises(InvalidRowsError, match="there are only blank lines"):
            read(b"\n" * 5000 + b"id,note\n")
        with pytest.raises(InvalidRowsError, match="there are only blank lines"):
            read(b"id,note\n1,a\n" + b"\r\n" * 5000 + b"2,b\n")


def test_rows_of_many_lines_are_read_however_the_pieces_end():
    lines = "a\n" * 90
    rows = [{"id": str(number), "note": lines} for number in range(200)]
    content = "id,note\n" + "".join(f'{row["id"]},"{lines}"\n' for row in rows)
    with mock.patch.object(csv, "MAX_ROW_BYTES", 2000), mock.patch.object(csv, "PIECE_BYTES", 100):
        assert rows_of(content.encode()) == rows


def test_a_cell_may_be_larger_than_the_csv_module_usually_takes():
    large = "x" * 300_000
    assert rows_of(f"id,note\n1,{large}\n".encode()) == [{"id": "1", "note": large}]


def test_a_stream_may_derive_its_columns_from_those_of_the_file():
    def derive(table):
        return {"id": [f"{one}-{two}" for one, two in zip(table["a"], table["b"], strict=True)]}

    assert rows_of(b"a,b\n1,2\n3,4\n", {"id": "string"}, derive=derive) == [{"id": "1-2"}, {"id": "3-4"}]


@given(st.binary(max_size=200))
@example(b"id,note\n1,\x00\n")
def test_whatever_is_in_a_file_it_ends_in_words(content):
    with contextlib.suppress(InvalidRowsError, CorruptFileError):
        assert all(row.keys() == TEXT.keys() for row in rows_of(b"id,note\n" + content))


def test_a_long_row_is_put_together_once_however_many_pieces_it_has():
    taken = []

    def counting(text, newline):
        taken.append(len(text))
        return io.StringIO(text, newline=newline)

    row = b"1," + b"a" * 100_000 + b"\n"
    with mock.patch.object(csv, "PIECE_BYTES", 100), mock.patch.object(csv, "io", mock.Mock(StringIO=counting)):
        assert len(rows_of(b"id,note\n" + row)) == 1
    assert sum(taken) < 2 * len(row)


def test_a_header_of_more_columns_than_any_table_has_is_refused():
    with pytest.raises(InvalidRowsError, match="more than 10,000 columns"):
        read(b"id,note" + b"," * 10_000 + b"\n")


def test_names_of_columns_are_shown_in_one_short_line():
    names = b",".join([b"\x1b[31mred", b"https://files.test/?Signature=s3cret", *(b"c%d" % n for n in range(1000))])
    with pytest.raises(InvalidRowsError) as refused:
        read(b"id,note," + names + b"," + names + b"\n", repeated="refuse")
    shown = str(refused.value)
    assert len(shown) < 400
    assert shown.isprintable()
    assert "s3cret" not in shown
