"""The second pass over an export's files: verified lines become records, a block at a time.

Where every line is a record as it stands, the block is split at its newlines and joined again with what goes between
two records. Where it is not (some columns are deselected, say), the block is decoded into Structs whose fields are raw,
pieces of the vendor's own text, and these are encoded again. In either case what comes out has each value to the digit
as it was, without ever having been a Python object (but for integers and truth values, which are cheaper that way).
"""

from __future__ import annotations

import dataclasses
import io
import itertools
import operator
import re
from typing import IO, TYPE_CHECKING, Any, Final

import msgspec

from bulk_exports.files.ndjson import line_blocks
from bulk_exports.records.decoder import Shape, fit_rows, row_decoder
from bulk_exports.records.line_ends import unbroken
from bulk_exports.records.rows import read_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from bulk_exports.fields import Kind
    from bulk_exports.records.columns import Column, Columns
    from bulk_exports.records.verify import Verification

ROWS_AT_ONCE: Final = 500
"""Rows that are handed on together when they were read one by one."""

_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")
_NULL: Final = msgspec.Raw(b"null")
_CHEAP: Final[Mapping[Kind | None, Any]] = {"integer": int | None, "boolean": bool | None}
"""What takes less time to decode and to encode again than to be passed on as it was written."""


@dataclasses.dataclass(frozen=True)
class Records:
    """Encoded records, many at once.

    Attributes:
        text: A line for each record.
        count: How many they are.
    """

    text: bytes
    count: int

    def divided(self, count: int) -> tuple[Records, Records]:
        """Return the first so many records, and the others."""
        if count >= self.count:
            return self, Records(b"", 0)
        lines = io.BytesIO(self.text).readlines()
        return Records(b"".join(lines[:count]), count), Records(b"".join(lines[count:]), self.count - count)

    def between(self, before: bytes, after: bytes) -> bytes:
        """Return the lines with this text before and after each record."""
        lines = self.text.replace(b"\n", after + b"\n" + before)
        # What should stand before the first record stands after the last one. As a view it is not copied once more.
        return b"".join((before, memoryview(lines)[: len(lines) - len(before)])) if lines else b""


def record_blocks(
    files: Sequence[IO[bytes]], verification: Verification, columns: Columns, own: dict[str, Any]
) -> Iterator[Records]:
    """Yield the records of verified files, encoded, many at once."""
    files = verification.lines_of(files)
    if verification.shape is None:
        rows = (row | own for row in read_rows(files, columns))
        while some := list(itertools.islice(rows, ROWS_AT_ONCE)):
            yield Records(unbroken(_ENCODER.encode_lines(some)), len(some))
        return
    written_anew = _written_anew(verification.shape, own)
    as_they_stand = _as_they_stand(verification.shape, own) if verification.verbatim else written_anew
    for file in files:
        for block in line_blocks(file):
            records = as_they_stand(block) or written_anew(block)
            yield Records(unbroken(records.text), records.count)


def _as_they_stand(shape: Shape, own: dict[str, Any]) -> Callable[[bytes], Records | None]:
    """Return what makes records of a block of rows: each row gets the tap's own columns, that is all.

    A name that a row has twice stays there twice; whoever reads it takes the second one, as the verification did.
    """
    columns = b"," + _ENCODER.encode(own)[1:-1] if own else b""
    numbered = sorted(shape.numbered)
    # The columns go to the end of each row, or behind an integer that must be found anyway.
    quotes = [_Quotes(name, columns if name == numbered[0] else b"") for name in numbered]
    end = columns + b"}\n"
    without_end = operator.itemgetter(slice(0, -len(b"}\n")))

    def with_integers(block: bytes) -> Records | None:
        # Without a backslash each quote begins or ends a text, so that names are not found within one.
        if b"\\" in block:
            return None
        # As count(b"\n") would have it, but that looks at each byte, and takes six times as long.
        rows = len(block) - len(block.replace(b"\n", b""))
        for each in quotes:
            if not (block := each.around_one_in_each_line(block, rows)):
                return None
        return Records(block, rows)

    def without(block: bytes) -> Records:
        lines = list(map(without_end, io.BytesIO(block)))
        return Records(end.join([*lines, b""]), len(lines))

    return with_integers if quotes else without


class _Quotes:
    """Puts the integers of a column into quotes.

    Args:
        name: Name of the column.
        behind: What is to stand behind each of them.
    """

    def __init__(self, name: str, behind: bytes) -> None:
        key = b'"%b":' % name.encode()
        self._integer = re.compile(re.escape(key) + rb"(0|-?[1-9][0-9]*)")
        self._before = key + b'"'
        self._after = b'"' + behind

    def around_one_in_each_line(self, block: bytes, rows: int) -> bytes:
        """Return the block with its integers in quotes; nothing if it cannot be told for sure which ones they are."""
        others, integers = (pieces := self._integer.split(block))[::2], pieces[1::2]
        if len(integers) != rows or not all(map(operator.contains, others[1:], itertools.repeat(b"\n"))):
            return b""
        woven = [b""] * (4 * rows + 1)
        woven[::4], woven[1::4], woven[2::4], woven[3::4] = (
            others,
            [self._before] * rows,
            integers,
            [self._after] * rows,
        )
        return b"".join(woven)


def _written_anew(shape: Shape, own: dict[str, Any]) -> Callable[[bytes], Records]:
    """Return what makes records of a block of rows: the declared columns, and no others."""
    values = {name: msgspec.Raw(_ENCODER.encode(value)) for name, value in own.items()}
    structs = _structs(shape, shape.as_they_follow, msgspec.Raw, _NULL, values)

    def records(block: bytes) -> Records:
        rows = structs(block)
        return Records(_ENCODER.encode_lines(rows), len(rows))

    return records


def _structs(
    shape: Shape, columns: Iterable[Column], raw: Any, null: Any, own: dict[str, Any]
) -> Callable[[bytes], list[Any]]:
    """Return what makes a block of rows Structs with the declared columns and the tap's own.

    Args:
        shape: What the rows were verified to look like.
        columns: Its columns, in the order that is wanted.
        raw: What values are to be that need no fitting, unless they are cheap.
        null: That kind of a null.
        own: The tap's own columns.
    """
    odd = shape.fitted | shape.numbered
    decoder = row_decoder(
        *(
            (column.name, Any, None) if column.name in odd else (column.name, _CHEAP.get(column.kind, raw), null)
            for column in columns
        ),
        *((name, Any, value) for name, value in own.items()),
    )
    fits = shape.fits(odd)
    overwritten = [(name, value) for name, value in own.items() if name in shape.unknown]

    def structs(block: bytes) -> list[Any]:
        rows = decoder.decode_lines(block)
        fit_rows(rows, fits)
        for name, value in overwritten:
            for row in rows:
                setattr(row, name, value)
        return rows

    return structs


def record_rows(
    files: Sequence[IO[bytes]], verification: Verification, columns: Columns, own: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    """Yield the same records one by one as Python values."""
    files = verification.lines_of(files)
    if verification.shape is None:
        for row in read_rows(files, columns):
            yield row | own
        return
    structs = _structs(verification.shape, verification.shape.columns, Any, None, own)
    for file in files:
        for block in line_blocks(file):
            yield from map(msgspec.structs.asdict, structs(block))
