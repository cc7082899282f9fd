"""Rows of an export, fitted to the types that the catalog in use declares.

The documentation of Cometly leaves some types open (numbers or text, true or 1), so every value is fitted to its
column's declared type: taken as it is where it has that type, converted where nothing is lost (``"123"`` for an
integer, ``1`` for true), and refused otherwise. Which type a column has is the user's to say, in her catalog.
Decimals stay exact: no number ever passes through a float.
"""

from __future__ import annotations

import dataclasses
import decimal
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta, timezone
from typing import IO, TYPE_CHECKING, Any, Final, Literal

import msgspec

from tap_cometly.engine.vendor import InvalidRowsError
from tap_cometly.files.ndjson import lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

Fit = Callable[[Any], Any]
"""Returns the value as the column's type; raises ValueError where it has no place in it."""

Plain = Literal["integer", "number", "boolean", "string", "timestamp", "date"]
"""What a column of one simple type holds."""

MAX_LEVELS: Final = 500
"""A value may be nested so deep: the interpreter's own limit is near, and no table needs more."""

_DECODER: Final = msgspec.json.Decoder(float_hook=decimal.Decimal)
_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")
_INTEGER: Final = re.compile(r"[+-]?\d+")
_NUMBER: Final = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_TIMESTAMP: Final = re.compile(
    r"(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}:\d{2})(?:[.,](\d+))?\s*(?:[Zz]|UTC|([+-]\d{2}):?(\d{2})?)?"
)
_WELL_WRITTEN: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?Z")
_BOOLEANS: Final = {"true": True, "false": False, "1": True, "0": False}


@dataclasses.dataclass(frozen=True)
class Column:
    """A column of the catalog in use.

    Attributes:
        name: Its name.
        types: Its types as they are declared, in one text.
        plain: What it holds, if its type is a simple one.
        nullable: Whether null fits.
        fit: Fits a value to its type.
    """

    name: str
    types: str
    plain: Plain | None
    nullable: bool
    fit: Fit

    @classmethod
    def declared(cls, name: str, schema: Mapping[str, Any], *, key: bool = False) -> Column:
        """Return the column that a JSON Schema declares.

        Args:
            name: Its name.
            schema: Its JSON Schema. Without a type it takes any value.
            key: It is part of the key, so that null does not fit even where the type allows it.
        """
        declared = schema.get("type", [])
        types = [declared] if isinstance(declared, str) else list(declared)
        nullable = not key and ("null" in types or not types)
        types = [type_name for type_name in types if type_name != "null"]
        form = schema.get("format")
        plain = _PLAIN.get((types[0], form), _PLAIN.get((types[0], None))) if len(types) == 1 else None
        return cls(name, f"{declared} {form} {nullable}", plain, nullable, fit_for(types, form, nullable=nullable))


class Columns:
    """The columns of a stream: fits whole rows.

    Args:
        properties: JSON Schema by column name, as in the catalog in use.
        keys: Columns that no row may lack.

    Attributes:
        all: The columns.
        unknown: Keys that rows held but the catalog does not know; they are dropped.
    """

    def __init__(self, properties: Mapping[str, Mapping[str, Any]], *, keys: Sequence[str] = ()) -> None:
        self.all = tuple(Column.declared(name, schema, key=name in keys) for name, schema in properties.items())
        self.unknown: set[str] = set()
        self._fits = [(column.name, column.fit) for column in self.all]
        self._names = frozenset(properties)

    def holds(self, name: str, plain: Plain) -> bool:
        """Tell whether there is such a column with values of this kind."""
        return any(column.name == name and column.plain == plain for column in self.all)

    def fit(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return the row with every column in its type; a column that the row lacks is null.

        Raises:
            InvalidRowsError: A value does not fit; names the column and the type, never the value.
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
                raise InvalidRowsError(f"column `{name}` {found}: {error}") from None
        return fitted


def read_rows(files: Iterable[IO[bytes]], columns: Columns) -> Iterator[dict[str, Any]]:
    """Yield the fitted rows of an export's files.

    Raises:
        CorruptFileError: A file is not what the vendor wrote.
        InvalidRowsError: A line is no JSON object or holds a value that does not fit; names the line, not its content.
    """
    for file in files:
        for number, line in lines(file):
            yield fit_line(decode_line(line, number), number, columns)


def decode_line(line: bytes, number: int) -> dict[str, Any]:
    """Return the JSON object in a line, with every number exact.

    Raises:
        InvalidRowsError: There is something else; names the line, never its content.
    """
    try:
        row = _DECODER.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, ArithmeticError):
        raise InvalidRowsError(f"line {number} is not JSON") from None
    except RecursionError:
        raise InvalidRowsError(f"line {number} is nested deeper than {MAX_LEVELS} levels") from None
    if not isinstance(row, dict):
        raise InvalidRowsError(f"line {number} is not a JSON object but {_kind(row)}")
    if any(too_deep(value) for value in row.values()):
        raise InvalidRowsError(f"line {number} is nested deeper than {MAX_LEVELS} levels")
    return row


def fit_line(row: Mapping[str, Any], number: int, columns: Columns) -> dict[str, Any]:
    """Return the row fitted.

    Raises:
        InvalidRowsError: A value does not fit; names line and column, never the value.
    """
    try:
        return columns.fit(row)
    except InvalidRowsError as error:
        raise InvalidRowsError(f"line {number}: {error}") from None


def too_deep(value: object) -> bool:
    """Tell whether a value is nested deeper than `MAX_LEVELS`."""
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


def fit_for(types: Sequence[str], form: str | None = None, *, nullable: bool = True) -> Fit:
    """Return what fits values to one of the types.

    Args:
        types: JSON Schema's names of the types, without null; none at all takes any value.
        form: Format of the text, if it is text.
        nullable: Whether null fits.
    """
    fits = [_fit_for_type(name, form) for name in types]
    description = " or ".join(types) or "any value"

    def fit(value: Any) -> Any:
        if value is None:
            if nullable:
                return None
            raise ValueError(f"it is part of the key, or declared as {description} without null")
        for fit_one in fits:
            try:
                return fit_one(value)
            except ValueError:
                continue
        if not fits:
            return value
        raise ValueError(f"the catalog declares it as {description}. Override the column's type in the catalog")

    return fit


_PLAIN: Final[dict[tuple[str, str | None], Plain]] = {
    ("integer", None): "integer",
    ("number", None): "number",
    ("boolean", None): "boolean",
    ("string", None): "string",
    ("string", "date-time"): "timestamp",
    ("string", "date"): "date",
}


def _fit_for_type(name: str, form: str | None) -> Fit:
    plain = _PLAIN.get((name, form), _PLAIN.get((name, None)))
    if plain is not None:
        return _FITS[plain]
    if name not in _INSTANCES:
        raise ValueError(f"the catalog declares a type that JSON Schema does not know: {name!r}")
    return _fit_instance(_INSTANCES[name])


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
    if isinstance(value, str):
        return value
    # An integer is worth a short cut: identifiers often come as one.
    return str(value) if type(value) is int else _ENCODER.encode(value).decode()


def fit_timestamp(value: Any) -> str:
    """Take a point in time as text and write it as RFC 3339 in UTC; without an offset it is UTC already."""
    if isinstance(value, str) and _WELL_WRITTEN.fullmatch(value):
        datetime.fromisoformat(value[:19])  # must be in the calendar; a leap second is in none
        return value
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


_FITS: Final[dict[Plain, Fit]] = {
    "integer": fit_integer,
    "number": fit_number,
    "boolean": fit_boolean,
    "string": fit_string,
    "timestamp": fit_timestamp,
    "date": fit_date,
}
_INSTANCES: Final = {"object": dict, "array": list}


def _kind(value: object) -> str:
    names = {bool: "a boolean", int: "an integer", str: "text", dict: "an object", list: "a list", type(None): "null"}
    return names.get(type(value), "a number")
