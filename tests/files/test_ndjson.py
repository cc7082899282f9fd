"""Export files as they come: compressed or not, whole or not."""

from __future__ import annotations

import gzip
import io
import zlib

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bulk_exports.engine.errors import CorruptFileError, InvalidRowsError
from bulk_exports.files import content as archives
from bulk_exports.files import ndjson
from bulk_exports.files.ndjson import BLOCK_BYTES, lines

ANYTHING = archives.Kind("anything", lambda _head: True)
ROWS = b'{"id":1}\n{"id":2}\n'


def read(content: bytes) -> list[tuple[int, bytes]]:
    return list(lines(io.BytesIO(content)))


@pytest.mark.parametrize(
    "content",
    [
        gzip.compress(ROWS),
        ROWS,
        gzip.compress(b'{"id":1}\n') + gzip.compress(b'{"id":2}\n'),
        gzip.compress(b'{"id":1}\n{"i') + gzip.compress(b'd":2}\n'),
        gzip.compress(ROWS[:-1]),
        gzip.compress(ROWS.replace(b"\n", b"\r\n")),
        b"\xef\xbb\xbf" + ROWS,
        b"\xef\xbb\xbf " + ROWS,
        gzip.compress(b"\xef\xbb\xbf" + ROWS),
    ],
    ids=[
        "gzip",
        "plain",
        "two members",
        "a line over two members",
        "no newline at the end",
        "windows line ends",
        "plain with a byte order mark",
        "and white space",
        "gzip with a byte order mark",
    ],
)
def test_every_way_to_write_the_same_rows_is_read(content):
    assert read(content) == [(1, b'{"id":1}'), (2, b'{"id":2}')]


def test_blank_lines_are_skipped_but_counted():
    assert read(gzip.compress(b'\n{"id":1}\n \r\n\n{"id":2}')) == [(2, b'{"id":1}'), (5, b'{"id":2}')]


def test_an_empty_archive_is_an_empty_day():
    assert read(gzip.compress(b"")) == []


def test_zeros_after_the_end_fill_up_a_block_and_mean_nothing():
    assert read(gzip.compress(ROWS) + bytes(600)) == read(ROWS)


@given(st.lists(st.binary(max_size=3000), min_size=1, max_size=5), st.integers(1, 400))
def test_pieces_of_any_size_make_the_whole(members, chunk):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(archives, "CHUNK_BYTES", chunk)
        content, whole = b"".join(map(gzip.compress, members)), b"".join(members)
        assume(not whole.startswith((b"\xef\xbb\xbf", b"\x1f\x8b")))
        assert b"".join(archives.chunks(io.BytesIO(content), ANYTHING)) == whole


def test_without_the_faster_library_the_same_is_read(monkeypatch):
    monkeypatch.setattr(archives, "_GzipFile", gzip.GzipFile)
    monkeypatch.setattr(archives, "_BROKEN", (gzip.BadGzipFile, zlib.error))
    assert read(gzip.compress(ROWS)) == read(ROWS)
    for damaged in (
        gzip.compress(ROWS)[:-3],
        altered(gzip.compress(ROWS), -6),
        gzip.compress(ROWS) + b"and more of it",
    ):
        with pytest.raises(CorruptFileError):
            read(damaged)


def gzip_head(flag: int) -> bytes:
    """Return the beginning of an archive with a name (8) or a comment (16) that does not end."""
    return b"\x1f\x8b\x08" + bytes([flag]) + bytes(6) + b"x" * 1_000_000


def altered(content: bytes, position: int) -> bytes:
    return content[:position] + bytes([content[position] ^ 0xFF]) + content[position + 1 :]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the export file is empty"),
        (gzip.compress(ROWS)[:-9], "truncated"),
        (gzip.compress(ROWS)[:-3], "truncated"),
        (gzip.compress(ROWS)[:5], "truncated"),
        (altered(gzip.compress(ROWS), -6), "corrupt"),
        (altered(gzip.compress(ROWS), -2), "corrupt"),
        (gzip.compress(ROWS) + b"and more than a header", "corrupt"),
        (gzip.compress(ROWS) + b"!", "trailing data|corrupt"),
        (gzip_head(8), "its header has no end"),
        (gzip_head(16), "its header has no end"),
        (gzip.compress(ROWS) + gzip_head(8), "its header has no end"),
        (b"<!doctype html><title>Sign in</title>", "neither gzip nor JSON"),
    ],
    ids=[
        "empty",
        "no trailer",
        "half a trailer",
        "half a header",
        "checksum",
        "length",
        "trailing garbage",
        "one byte of it",
        "a name without an end",
        "a comment without an end",
        "a second name without an end",
        "html",
    ],
)
def test_a_file_that_is_not_what_the_vendor_wrote_is_damaged(content, reason):
    with pytest.raises(CorruptFileError, match=reason):
        read(content)


@given(
    st.lists(st.binary(min_size=1, max_size=40).filter(lambda line: line.strip() == line and b"\n" not in line)),
    st.booleans(),
)
def test_lines_come_out_as_they_went_in(content, end):
    text = b'{"first":0}\n' + b"".join(line + b"\n" for line in content)
    assert [line for _, line in read(gzip.compress(text if end else text[:-1]))] == [b'{"first":0}', *content]


def test_lines_longer_than_a_block():
    long = b'{"a":"' + b"x" * (3 * BLOCK_BYTES) + b'"}'
    assert read(gzip.compress(long + b"\n" + long)) == [(1, long), (2, long)]


def test_a_file_that_is_compressed_twice_is_named_so():
    with pytest.raises(InvalidRowsError, match="compressed twice"):
        read(gzip.compress(gzip.compress(ROWS)))


def test_a_line_without_an_end_is_refused_before_it_fills_the_memory(monkeypatch):
    monkeypatch.setattr(ndjson, "MAX_LINE_BYTES", 5 * 1024 * 1024)
    assert len(read(b"{" * 5 * 1024 * 1024)) == 1
    with pytest.raises(InvalidRowsError, match="one of its lines is longer than 5 MB"):
        read(gzip.compress(b"{" * 50 * 1024 * 1024))
