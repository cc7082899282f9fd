"""Archives that nobody would make but out of malice: one day fails, in words, within bounds of memory and time."""

from __future__ import annotations

import gzip
import subprocess
import sys
import textwrap
import zlib

import pytest

from bulk_exports.fields import Measures
from bulk_exports.records.columns import Columns
from simulation.patience import HANG_SECONDS

pytestmark = pytest.mark.deep

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


@pytest.mark.long
@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_file_ends_in_words_within_bounds(content, tmp_path):
    (file := tmp_path / "file").write_bytes(content())
    program = textwrap.dedent(f"""
        import resource, sys
        resource.setrlimit(resource.RLIMIT_AS, ({ADDRESS_SPACE}, {ADDRESS_SPACE}))
        resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
        from bulk_exports.engine.errors import ExportError
        from bulk_exports.records.verify import verify
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
