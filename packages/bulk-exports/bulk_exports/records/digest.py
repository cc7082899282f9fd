"""Digests of a day: one that names what the day holds, and one that tells quickly whether its file is the same again.

`RowsDigest` is made of the values that are written, so key order, white space, escapes, columns that nobody asked for,
and ``1.0`` for ``1`` play no part: equal content has the same name, whoever exported it and however it was spelt. That
takes a quarter of the time of reading, because each value must be written in the one form that it has here.

`LinesDigest` is made of the lines as they are, in 4 % of that time. A file whose lines are those of last time holds
what it held then, so nearly all looked-back days need no more (``python -m benchmarks.digest`` measures both).

Both are sums over the hashes of rows, so their order plays no part, which vendors do not promise. 64 bits make it
certain enough: two different days agree by chance once in 10^19.
"""

from __future__ import annotations

import io
import re
from decimal import Decimal
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Any, Final

import msgspec
import xxhash

from bulk_exports.exact_numbers import EXACT

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from bulk_exports.records.columns import Column

_MODULUS: Final = 1 << 64
_ENCODER: Final = msgspec.json.Encoder(decimal_format="number", order="sorted")
_NEEDLESS_ZERO: Final = re.compile(r"\.[0-9]*0\n")
_SECONDS: Final = len("2025-03-01T09:15:02Z")
_SIMPLE: Final = frozenset({str, int, bool, type(None)})


class LinesDigest:
    """Adds up the hashes of lines, in any order.

    Args:
        columns: What is made of them: the same lines hold something else where other columns are wanted of them.
    """

    def __init__(self, columns: Sequence[Column]) -> None:
        declared = "\n".join(f"{column.name} {column.types}" for column in columns)
        self._sum = xxhash.xxh3_64_intdigest(declared.encode())

    def add(self, lines: Iterable[bytes]) -> None:
        """Add lines: ended like Unix's, without other white space around them."""
        self._sum += sum(map(xxhash.xxh3_64_intdigest, lines))

    def hexdigest(self) -> str:
        """Return the digest of what was added: 16 hexadecimal digits."""
        return _hexadecimal(self._sum)


class RowsDigest:
    """Adds up the hashes of rows, in any order.

    Args:
        columns: What of each row counts, in an order that is always the same.
    """

    def __init__(self, columns: Sequence[Column]) -> None:
        self._names = [column.name for column in columns]
        self._numbers = [column.name for column in columns if column.kind == "number"]
        self._times = [column.name for column in columns if column.kind == "timestamp"]
        self._others = [column.name for column in columns if column.kind in {None, "object"}]
        self._declared = itemgetter(slice(0, len(columns)))
        # The same values in other columns are another content, but a day without rows always is the same.
        self._salt = xxhash.xxh3_64_intdigest("\n".join(self._names).encode())
        self._sum = 0

    def add(self, values: Mapping[str, Any]) -> None:
        """Add a row: its values by column, fitted to their types."""
        row = {name: values[name] for name in self._names}
        row |= {name: _plain(row[name]) for name in (*self._numbers, *self._others)}
        row |= {name: _plain_time(row[name]) for name in self._times}
        self._add_tuples([tuple(row.values())])

    def add_structs(self, rows: Sequence[Any], texts: Collection[str] = ()) -> None:
        """Add many rows at once. They are of no other use afterwards.

        Args:
            rows: Structs with the columns as their first fields, in the same order, fitted to their types.
            texts: Columns of text whose values are still integers.
        """
        for name in self._numbers:
            numbers = list(map(attrgetter(name), rows))
            if not _are_plain(numbers):
                _set(rows, name, map(_plain, numbers))
        for name in self._times:
            times = list(map(attrgetter(name), rows))
            if {len(time) for time in times if time} - {_SECONDS}:
                _set(rows, name, map(_plain_time, times))
        for name in self._others:
            values = list(map(attrgetter(name), rows))
            if not _SIMPLE.issuperset(map(type, values)):
                _set(rows, name, map(_plain, values))
        for name in texts:
            _set(rows, name, [None if (value := getattr(row, name)) is None else str(value) for row in rows])
        tuples = map(msgspec.structs.astuple, rows)
        unknown = rows and len(rows[0].__struct_fields__) > len(self._names)
        self._add_tuples(list(map(self._declared, tuples) if unknown else tuples))

    def hexdigest(self) -> str:
        """Return the digest of what was added: 16 hexadecimal digits."""
        return _hexadecimal(self._sum)

    def _add_tuples(self, rows: Sequence[tuple[Any, ...]]) -> None:
        self._sum += len(rows) * self._salt
        self._sum += sum(map(xxhash.xxh3_64_intdigest, io.BytesIO(_ENCODER.encode_lines(rows))))


def _hexadecimal(number: int) -> str:
    return f"{number % _MODULUS:016x}"


def _set(rows: Iterable[Any], name: str, values: Iterable[object]) -> None:
    for row, value in zip(rows, values, strict=True):
        setattr(row, name, value)


def _are_plain(numbers: Iterable[int | Decimal | None]) -> bool:
    """Tell whether each number is written in the one form that it has here; looks at all of them at once."""
    texts = "\n".join([str(number) for number in numbers if type(number) is Decimal] + [""])
    return "E" not in texts and not _NEEDLESS_ZERO.search(texts)


def _plain_time(time: str | None) -> str | None:
    """Return an RFC 3339 time in UTC without needless zeros."""
    return f"{time[:-1].rstrip('0').rstrip('.')}Z" if time and "." in time else time


def _plain(value: Any) -> Any:
    """Return a JSON value in which each number has one form, at any depth: without needless zeros or exponents."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value(context=EXACT) else value.normalize(EXACT)
    if isinstance(value, dict):
        if _SIMPLE.issuperset(map(type, value.values())):
            return value
        return {name: inner if type(inner) in _SIMPLE else _plain(inner) for name, inner in value.items()}
    return list(map(_plain, value)) if isinstance(value, list) else value
