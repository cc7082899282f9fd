"""Rows of an export, fitted to the types that the catalog in use declares.

The documentation of Cometly leaves some types open (numbers or text, true or 1), so every value is fitted to its
column's declared type: taken as it is where it has that type, converted where nothing is lost (``"123"`` for an
integer, ``1`` for true), and refused otherwise. Which type a column has is the user's to say, in her catalog.
Decimals stay exact: no number ever passes through a float.
"""

from __future__ import annotations

import decimal
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta, timezone
from typing import IO, TYPE_CHECKING, Any, Final

import msgspec

from tap_cometly.content import Content, Tally
from tap_cometly.exports.jobs import Unfit
from tap_cometly.exports.ndjson import lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Fit = Callable[[Any], Any]
"""Returns the value as the column's type; raises ValueError where it has no place in it."""

_DECODER: Final = msgspec.json.Decoder(float_hook=decimal.Decimal)
_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")
_INTEGER: Final = re.compile(r"[+-]?\d+")
_NUMBER: Final = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_TIMESTAMP: Final = re.compile(
    r"(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}:\d{2})(?:[.,](\d+))?\s*(?:[Zz]|UTC|([+-]\d{2}):?(\d{2})?)?"
)
_BOOLEANS: Final = {"true": True, "false": False, "1": True, "0": False}


class Columns:
    """The columns of a stream: fits whole rows.

    Args:
        properties: JSON Schema by column name, as in the catalog in use.
        keys: Columns that no row may lack.

    Attributes:
        unknown: Keys that rows held but the catalog does not know; they are dropped.
        amounts: Whether `amount` is there, and a number.
        times: Whether `event_time_utc` is there, and a timestamp.
    """

    def __init__(self, properties: Mapping[str, Mapping[str, Any]], *, keys: Sequence[str] = ()) -> None:
        self._fits = [(name, fit_for(schema, key=name in keys)) for name, schema in properties.items()]
        self._names = frozenset(properties)
        self.unknown: set[str] = set()
        self.amounts = "number" in properties.get("amount", {}).get("type", ())
        self.times = properties.get("event_time_utc", {}).get("format") == "date-time"

    def fit(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return the row with every column in its type; a column that the row lacks is null.

        Raises:
            Unfit: A value does not fit; names the column and the type, never the value.
        """
        if not row.keys() <= self._names:
            self.unknown.update(row.keys() - self._names)
        fitted = {}
        for name, fit in self._fits:
            value = row.get(name)
            try:
                fitted[name] = fit(value)
            except (ValueError, ArithmeticError) as error:
                found = "is missing" if value is None else f"holds {_kind(value)} that does not fit"
                raise Unfit(f"column `{name}` {found}: {error}") from None
        return fitted


def read_rows(files: Sequence[IO[bytes]], columns: Columns) -> Iterator[dict[str, Any]]:
    """Yield the fitted rows of an export's files.

    Raises:
        Damaged: A file is not what the vendor wrote.
        Unfit: A line is no JSON object or holds a value that does not fit; names the line, never its content.
    """
    return (row for _, row in _read(files, columns))


def prove_rows(files: Sequence[IO[bytes]], columns: Columns) -> Content:
    """Read an export's files to their end and return what they hold, if every row of them fits.

    Raises:
        Damaged: As `read_rows`.
        Unfit: As `read_rows`.
    """
    tally = Tally(amounts=columns.amounts, times=columns.times)
    for line, row in _read(files, columns):
        tally.add(line, row)
    return tally.content()


def _read(files: Sequence[IO[bytes]], columns: Columns) -> Iterator[tuple[bytes, dict[str, Any]]]:
    for file in files:
        for number, line in lines(file):
            try:
                row = _DECODER.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError, ArithmeticError):
                raise Unfit(f"line {number} is not JSON") from None
            if not isinstance(row, dict):
                raise Unfit(f"line {number} is not a JSON object but {_kind(row)}")
            try:
                yield line, columns.fit(row)
            except Unfit as error:
                raise Unfit(f"line {number}: {error}") from None


def fit_for(schema: Mapping[str, Any], *, key: bool = False) -> Fit:
    """Return what fits values to a JSON Schema type.

    Args:
        schema: The column's JSON Schema. Without a type it takes any value.
        key: The column is part of the key, so that null does not fit even where the type allows it.
    """
    declared = schema.get("type", [])
    types = [declared] if isinstance(declared, str) else list(declared)
    nullable = not key and ("null" in types or not types)
    fits = [_fit_for_type(name, schema.get("format")) for name in types if name != "null"]
    description = " or ".join(name for name in types if name != "null") or "any value"

    def fit(value: Any) -> Any:
        if value is None:
            if nullable:
                return None
            raise ValueError(f"it is part of the key, or declared as {description} without null")
        if not fits:
            return value
        for fit_one in fits:
            try:
                return fit_one(value)
            except ValueError:
                continue
        raise ValueError(f"the catalog declares it as {description}. Override the column's type in the catalog")

    return fit


def _fit_for_type(name: str, form: str | None) -> Fit:
    if name == "string":
        return {"date-time": fit_timestamp, "date": fit_date}.get(form or "", fit_string)
    fits: dict[str, Fit] = {
        "integer": fit_integer,
        "number": fit_number,
        "boolean": fit_boolean,
        "object": _fit_instance(dict),
        "array": _fit_instance(list),
    }
    if name not in fits:
        raise ValueError(f"the catalog declares a type that JSON Schema does not know: {name!r}")
    return fits[name]


def fit_integer(value: Any) -> int:
    """Take an integer, a number without fraction, or digits as text."""
    if isinstance(value, bool):
        raise ValueError("a boolean is not an integer")  # noqa: TRY004 - every misfit is a ValueError
    if isinstance(value, int):
        return value
    if isinstance(value, decimal.Decimal) and value == value.to_integral_value():
        return int(value)
    if isinstance(value, str) and _INTEGER.fullmatch(value.strip()):
        return int(value)
    raise ValueError("not an integer")


def fit_number(value: Any) -> int | decimal.Decimal:
    """Take a number, or a decimal number as text; exact to the last digit."""
    if isinstance(value, (int, decimal.Decimal)) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        return decimal.Decimal(value.strip())
    raise ValueError("not a number")


def fit_boolean(value: Any) -> bool:
    """Take true and false, 1 and 0, and these as text."""
    if isinstance(value, bool):
        return value
    fitted = _BOOLEANS.get(str(value).strip().lower()) if isinstance(value, (int, str)) else None
    if fitted is None:
        raise ValueError("neither true nor false")
    return fitted


def fit_string(value: Any) -> str:
    """Take text, and anything else as the JSON text that it was."""
    return value if isinstance(value, str) else _ENCODER.encode(value).decode()


def fit_timestamp(value: Any) -> str:
    """Take a point in time as text and write it as RFC 3339 in UTC; without an offset it is UTC already."""
    found = _TIMESTAMP.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        raise ValueError("not a timestamp")
    day, time, fraction, offset_hours, offset_minutes = found.groups()
    moment = datetime.fromisoformat(f"{day}T{time}").replace(tzinfo=timezone.utc)
    if offset_hours is not None:
        offset = timedelta(hours=int(offset_hours[1:]), minutes=int(offset_minutes or 0))
        moment += offset if offset_hours[0] == "-" else -offset
    # The fraction passes by as text: the vendor may give more digits than a datetime holds.
    return moment.replace(tzinfo=None).isoformat() + (f".{fraction}" if fraction else "") + "Z"


def fit_date(value: Any) -> str:
    """Take a calendar day as text."""
    if not isinstance(value, str):
        raise ValueError("not a date")  # noqa: TRY004 - every misfit is a ValueError
    return date.fromisoformat(value.strip()).isoformat()


def _fit_instance(kind: type) -> Fit:
    def fit(value: Any) -> Any:
        if not isinstance(value, kind):
            raise ValueError(f"not {_kind(kind())}")  # noqa: TRY004 - every misfit is a ValueError
        return value

    return fit


def _kind(value: object) -> str:
    names = {bool: "a boolean", int: "an integer", str: "text", dict: "an object", list: "a list", type(None): "null"}
    return names.get(type(value), "a number")
