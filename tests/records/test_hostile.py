"""Files that nobody would write but by mistake or out of malice: one day fails, in words, within bounds."""

from __future__ import annotations

import gzip
import io
import json
import subprocess
import sys
import textwrap
import zlib

import pytest

from tap_cometly.engine.errors import CorruptFileError, ExportError, InvalidRowsError
from tap_cometly.fields import Measures
from tap_cometly.files import ndjson
from tap_cometly.files.ndjson import lines
from tap_cometly.records import verify as verify_module
from tap_cometly.records.columns import Columns
from tap_cometly.records.encode import record_blocks
from tap_cometly.records.verify import verify
from tests.patience import HANG_SECONDS

TYPES = {
    "id": {"type": "integer"},
    "amount": {"type": ["number", "null"]},
    "name": {"type": ["string", "null"]},
    "anything": {},
}
MEASURES = Measures(key="id", amount="amount")
ADDRESS_SPACE = 700 * 1024 * 1024
"""Of a process that reads a file: the interpreter with what it loads takes a good part of it."""


def columns():
    return Columns(TYPES, keys=["id"], measures=MEASURES)


def written(content):
    """What becomes of a file: its records, as whoever reads messages as text sees them."""
    used, file = columns(), io.BytesIO(content)
    verification = verify([file], used, keys=True)
    blocks = list(record_blocks([file], verification, used, {}))
    return b"".join(block.text for block in blocks), blocks


@pytest.mark.parametrize(
    "line",
    [
        b'{"id":1,\r"amount":2}',
        b'{\r"id":1}',
        b'{"id":1,"anything":{"a":\r[1,\r2]}}',
        b'{"id":1,"unknown":\r{"a":\r1}}',
        b'{"id":1,"name":"\\r\\u2028\\u0085"}',
        '{"id":1,"name":"\u2028\u0085\u2029"}'.encode(),
    ],
)
@pytest.mark.parametrize("rows", [1, 56])
def test_no_record_holds_what_ends_a_line_for_whoever_reads_text(line, rows):
    content, blocks = written(b"\n".join([line] * rows))
    read = io.TextIOWrapper(io.BytesIO(content), encoding="utf-8").readlines()
    assert [json.loads(record)["id"] for record in read] == [1] * rows
    divided = [part for block in blocks for part in block.divided(block.count // 2 or 1)]
    assert all(json.loads(record) for part in divided for record in part.text.split(b"\n")[:-1])
    assert sum(part.count for part in divided) == rows


@pytest.mark.parametrize(
    "line",
    [
        '{"id":1e99999}',
        '{"id":1e9999999}',
        '{"id":1e-9999999}',
        '{"id":1,"amount":1e9999999}',
        '{"id":1,"amount":"1e9999999"}',
        '{"id":1,"anything":[-1e99999999]}',
        '{"id":1,"unknown":1e99999999}',
        '{"id":1,"amount":0.' + "1" * 5000 + "}",
        '{"id":' + "9" * 5000 + "}",
        '{"id":"' + "9" * 5000 + '"}',
    ],
    ids=lambda line: line[:30],
)
def test_a_number_without_measure_fails_its_file_at_once_and_names_the_line(line):
    with pytest.raises(InvalidRowsError, match=r"^line 2\b"):
        written(b'{"id":1}\n' + line.encode())


@pytest.mark.parametrize("amount", ["1e28", "123456789012345678901234567890.125", "1e500"])
def test_a_large_amount_is_added_up_and_written_exactly(amount):
    content, _ = written(f'{{"id":1,"amount":{amount}}}\n{{"id":2,"amount":0.25}}'.encode())
    assert f'"amount":{amount}'.encode() in content


def test_columns_that_nobody_asked_for_are_dropped_however_many_they_are_and_some_are_told():
    many = b"\n".join(b'{"id":%d,"column%d":1}' % (number, number) for number in range(60_000))
    used = columns()
    verification = verify([io.BytesIO(many)], used)
    assert verification.shape is None
    assert verification.summary.rows == 60_000
    assert len(used.unknown) == 100


def test_a_line_without_end_is_told(monkeypatch):
    monkeypatch.setattr(ndjson, "MAX_LINE_BYTES", 3_000_000)
    with pytest.raises(InvalidRowsError, match="a line of the file is longer than 3 MB"):
        list(lines(io.BytesIO(gzip.compress(b'{"id":"' + b"9" * 9_000_000))))


def test_a_long_line_is_read(monkeypatch):
    monkeypatch.setattr(ndjson, "CHUNK_BYTES", 1000)
    line = b'{"id":1,"name":"' + b"x" * 100_000 + b'"}'
    assert [found for _, found in lines(io.BytesIO(line + b"\n" + line))] == [line, line]


def test_a_byte_order_mark_at_the_beginning_is_no_part_of_the_first_row():
    for content in (b'\xef\xbb\xbf{"id":1}\n{"id":2}', gzip.compress(b'\xef\xbb\xbf{"id":1}\n{"id":2}')):
        assert (
            written(content)[0]
            == b'{"id":1,"amount":null,"name":null,"anything":null}\n' * 0 + written(b'{"id":1}\n{"id":2}')[0]
        )


def test_a_file_that_was_compressed_twice_is_named_so():
    with pytest.raises(CorruptFileError, match="the file is compressed twice"):
        written(gzip.compress(gzip.compress(b'{"id":1}')))


def bomb():
    packer = zlib.compressobj(9, wbits=31)
    return b"".join([*(packer.compress(b"1" * 10_000_000) for _ in range(30)), packer.flush()])


HOSTILE = {
    "an endless name in the header": lambda: b"\x1f\x8b\x08\x08" + bytes(6) + b"a" * 40_000_000,
    "an endless extra field": lambda: b"\x1f\x8b\x08\x04" + bytes(6) + b"\xff\xff" + b"a" * 40_000_000,
    "a line of 300 MB in 300 kB": bomb,
    "a depth of a million": lambda: b'{"id":1,"anything":' + b"[" * 1_000_000 + b"]" * 1_000_000 + b"}",
    "a million members": lambda: gzip.compress(b"") * 300_000,
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_file_ends_in_words_within_bounds(content, tmp_path):
    (file := tmp_path / "file").write_bytes(content())
    program = textwrap.dedent(f"""
        import resource, sys
        resource.setrlimit(resource.RLIMIT_AS, ({ADDRESS_SPACE}, {ADDRESS_SPACE}))
        resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
        from tap_cometly.engine.errors import ExportError
        from tap_cometly.records.verify import verify
        from tests.records.test_hostile import columns
        try:
            with open(sys.argv[1], "rb") as file:
                print(verify([file], columns()).summary.rows)
        except ExportError as error:
            print(error)
    """)
    done = subprocess.run(
        [sys.executable, "-c", program, file], capture_output=True, text=True, check=False, timeout=HANG_SECONDS
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    assert "Traceback" not in done.stderr


def test_every_error_of_a_file_is_one_of_the_export():
    assert issubclass(InvalidRowsError, ExportError)
    assert verify_module.MAX_UNKNOWN_COLUMNS < 1000
