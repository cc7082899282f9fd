"""However odd a file: an end in bounded time and memory, in words, and before a row of it is written.

What is tried here took minutes, gigabytes or for ever. Each case runs in a process of its own that the system ends if
it takes more.
"""

from __future__ import annotations

import multiprocessing
import resource
import signal
import sys
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bulk_exports.engine.errors import InvalidRowsError
from bulk_exports.exact_numbers import EXACT, MAX_DIGITS, read_number
from bulk_exports.fields import Measures
from bulk_exports.files.ndjson import MAX_LINE_BYTES
from bulk_exports.records.columns import MAX_NAME, MAX_UNKNOWN_NAMED, Columns
from bulk_exports.records.encode import record_blocks
from bulk_exports.records.verify import verify

if TYPE_CHECKING:
    from collections.abc import Callable

SECONDS = 60
"""It takes one or two, but the machine may be busy."""
MEGABYTES = 600
TYPES = {"id": {"type": "integer"}, "amount": {"type": ["number", "null"]}, "name": {"type": ["string", "null"]}}


def columns() -> Columns:
    return Columns(TYPES, keys=["id"], measures=Measures(key="id", amount="amount"))


def outcome(content: bytes) -> str:
    """Return what becomes of a file: how many records, or why none."""
    known = columns()
    try:
        verification = verify([BytesIO(content)], known)
    except InvalidRowsError as error:
        return str(error)
    return f"{sum(records.count for records in record_blocks([BytesIO(content)], verification, known, {}))} records"


def _in_bounds(make: Callable[[], bytes], answer: multiprocessing.connection.Connection) -> None:
    content = make()
    if sys.platform == "linux":
        taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        limit = taken + MEGABYTES * 1024 * 1024
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    signal.alarm(SECONDS)  # nobody handles it: it ends the process even where Python would not hear it
    answer.send(outcome(content))


CASES = {
    "an exponent": (lambda: b'{"id":1e9999999}\n', "line 1 holds a number of more than 1,000 digits"),
    "an exponent beyond all bounds": (lambda: b'{"id":1e99999999999999999999}\n', "line 1 holds a number of more"),
    "a tiny amount": (lambda: b'{"id":1,"amount":1e-9999999}\n', "line 1 holds a number of more"),
    "zero with an exponent": (lambda: b'{"id":1,"amount":0e9999999}\n', "line 1 holds a number of more"),
    "an exponent that nobody asked for": (lambda: b'{"id":1,"other":1e9999999}\n', "line 1 holds a number of more"),
    "an exponent deep within": (lambda: b'{"id":1,"other":{"a":[1e9999999]}}\n', "line 1 holds a number of more"),
    "an exponent as text": (lambda: b'{"id":1,"amount":"1e9999999"}\n', "line 1: column `amount` holds text that"),
    "a million digits": (lambda: b'{"id":%b}\n' % (b"9" * 1_000_000), "line 1 holds a number of more"),
    "a million digits as text": (lambda: b'{"id":"%b"}\n' % (b"9" * 1_000_000), "line 1: column `id` holds text that"),
    "a million digits of a fraction": (
        lambda: b'{"id":1,"amount":0.%b}\n' % (b"3" * 1_000_000),
        "line 1 holds a number of more",
    ),
    "far into the file": (
        lambda: b'{"id":1,"amount":1.5,"name":""}\n' * 20_000 + b'{"id":1,"amount":1e9999999,"name":""}\n',
        "line 20001 holds a number of more",
    ),
    "a line without an end": (lambda: b'{"id":1,"name":"%b' % bytes(2 * MAX_LINE_BYTES), "lines is longer than 64 MB"),
    "a line of lists": (lambda: b'{"id":1,"other":[%b[]]}\n' % (b"[]," * 10_000_000), "holds more than 250,000 values"),
    "columns without an end": (
        lambda: b"".join(b'{"id":%d,"column_%d":1}\n' % (number, number) for number in range(60_000)),
        "60000 records",
    ),
    "columns without an end in one line": (
        lambda: b'{"id":1,%b}\n' % b",".join(b'"column_%d":1' % number for number in range(60_000)),
        "1 records",
    ),
    "names without an end": (
        lambda: b"".join(b'{"id":%d,"%d%b":1}\n' % (number, number, b"n" * 100_000) for number in range(400)),
        "400 records",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_it_ends(case):
    make, expected = CASES[case]
    receiver, sender = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(target=_in_bounds, args=(make, sender))
    process.start()
    sender.close()
    try:
        said = receiver.recv()
    except EOFError:
        said = "nothing"
    process.join()
    assert expected in said
    assert process.exitcode == 0


@pytest.mark.parametrize(
    "text",
    ["1.50", "-0.0", "0.000", "1E+999", "1e-999", "9" * MAX_DIGITS, "1" * 500 + "." + "5" * 500, "1234567890123456.78"],
)
def test_numbers_are_read_to_the_digit(text):
    assert str(read_number(text)) == str(Decimal(text))


@pytest.mark.parametrize("text", ["1e1000", "1e-1000", "9" * (MAX_DIGITS + 1), "1.5" + "0" * MAX_DIGITS, "0e5000"])
def test_longer_ones_are_not_read(text):
    with pytest.raises(ArithmeticError):
        read_number(text)


def test_the_farthest_numbers_that_are_read_add_up_exactly():
    lines = b'{"id":1,"amount":1e999}\n{"id":2,"amount":1e-999}\n{"id":3,"amount":%b}\n' % (b"9" * 4300)
    total = verify([BytesIO(lines)], columns()).summary.amount_total
    assert total == EXACT.add(EXACT.add(Decimal("1e999"), Decimal("1e-999")), Decimal("9" * 4300))
    assert len(total.as_tuple().digits) > 5000


def test_of_names_that_nobody_asked_for_only_so_many_are_kept():
    known = columns()
    verify([BytesIO(b"".join(b'{"id":1,"%d%b":1}\n' % (n, b"n" * 200) for n in range(1000)))], known)
    assert len(known.unknown) == MAX_UNKNOWN_NAMED
    assert {len(name) for name in known.unknown} == {MAX_NAME}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b'{"id":1,"name":"\xff"}', "is not UTF-8"),
        (b'{"id":1,"\xed\xa0\x80":1}', "is not UTF-8"),
        (b'{"id":1,', "is not JSON"),
        (b'{"id":1,"name":"a\x0bb"}', "is not JSON"),
        (b'{"id":NaN}', "is not JSON"),
    ],
)
def test_what_a_line_is_not_is_told(line, words):
    with pytest.raises(InvalidRowsError, match=f"^line 2 {words}$"):
        verify([BytesIO(b'{"id":1}\n' + line)], columns())
