"""Rows one by one: the slow way, which says what is right and names what is wrong."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any, Final

import msgspec

from bulk_exports.engine.errors import InvalidRowsError
from bulk_exports.exact_numbers import MAX_DIGITS, read_number
from bulk_exports.files.ndjson import lines
from bulk_exports.records.coercion import json_type

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from bulk_exports.records.columns import Columns

MAX_LEVELS: Final = 500
"""A value may be nested so deep: the interpreter's own limit is near, and no table needs more."""

_CONTAINERS: Final = frozenset({dict, list})
_DECODER: Final = msgspec.json.Decoder(float_hook=read_number)


def read_rows(files: Iterable[IO[bytes]], columns: Columns) -> Iterator[dict[str, Any]]:
    """Yield the fitted rows of an export's files.

    Raises:
        CorruptFileError: A file is not what the vendor wrote.
        InvalidRowsError: A line is no JSON object or holds a value that does not fit; names the line, not its content.
    """
    for file in files:
        for number, line in lines(file):
            place = f"line {number}"
            yield fit_line(decode_line(line, place), place, columns)


def decode_line(line: bytes, place: object) -> dict[str, Any]:
    """Return the JSON object in a line, with every number exact.

    Args:
        line: The line.
        place: Where it stands.

    Raises:
        InvalidRowsError: There is something else; names the place, never its content.
    """
    try:
        row = _DECODER.decode(line)
    except (msgspec.ValidationError, ArithmeticError):  # nothing but its range is wrong with a number
        raise InvalidRowsError(f"{place} holds a number of more than {MAX_DIGITS:,} digits") from None
    except UnicodeDecodeError:
        raise InvalidRowsError(f"{place} is not UTF-8") from None
    except msgspec.DecodeError:
        raise InvalidRowsError(f"{place} is not JSON") from None
    except RecursionError:
        raise InvalidRowsError(f"{place} is nested deeper than {MAX_LEVELS} levels") from None
    if not isinstance(row, dict):
        raise InvalidRowsError(f"{place} is not a JSON object but {json_type(row)}")
    if any(too_deep(value) for value in row.values()):
        raise InvalidRowsError(f"{place} is nested deeper than {MAX_LEVELS} levels")
    return row


def fit_line(row: Mapping[str, Any], place: object, columns: Columns) -> dict[str, Any]:
    """Return the row fitted.

    Args:
        row: The row.
        place: Where it stands.
        columns: What it must fit.

    Raises:
        InvalidRowsError: A value does not fit; names place and column, never the value.
    """
    try:
        return columns.fit(row)
    except InvalidRowsError as error:
        raise InvalidRowsError(f"{place}: {error}") from None


def too_deep(value: object) -> bool:
    """Tell whether a value is nested deeper than `MAX_LEVELS`."""
    if isinstance(value, dict) and _CONTAINERS.isdisjoint(map(type, value.values())):
        return False  # as nearly all are; this takes a third of the time
    level = [value] if isinstance(value, (dict, list)) else []
    for _ in range(MAX_LEVELS):
        if not level:
            return False
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, (dict, list))
        ]
    return bool(level)
