"""Values fitted to the types that the catalog in use declares.

A vendor's documentation may leave types open (numbers or text, true or 1), so every value is fitted to its
column's declared type: taken as it is where it has that type, converted where nothing is lost (``"123"`` for an
integer, ``1`` for true), and refused otherwise. Which type a column has is the user's to say, in her catalog.
Decimals stay exact: no number ever passes through a float.
"""

from __future__ import annotations

import contextlib
import decimal
import re
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Final

import msgspec

from bulk_exports.exact_numbers import MAX_DIGITS, read_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bulk_exports.fields import Kind

Fit = Callable[[Any], Any]
"""Returns the value as the column's type; raises ValueError where it has no place in it."""

_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")
_INTEGER: Final = re.compile(r"[+-]?\d+")
_LONGEST_NUMBER: Final = 2 * MAX_DIGITS + 20
"""Characters of a text that may be a number: digits, sign, point and exponent."""
_NUMBER: Final = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_TIMESTAMP: Final = re.compile(
    r"(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}:\d{2})(?:[.,](\d+))?\s*(?:[Zz]|UTC|([+-]\d{2}):?(\d{2})?)?",
    re.ASCII,
)
_WELL_WRITTEN: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?Z")
_BOOLEANS: Final = {"true": True, "false": False, "1": True, "0": False}


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


KINDS: Final[dict[tuple[str, str | None], Kind]] = {
    ("integer", None): "integer",
    ("number", None): "number",
    ("boolean", None): "boolean",
    ("string", None): "string",
    ("string", "date-time"): "timestamp",
    ("string", "date"): "date",
    ("object", None): "object",
}


def _fit_for_type(name: str, form: str | None) -> Fit:
    kind = KINDS.get((name, form), KINDS.get((name, None)))
    if kind is not None:
        return FITS[kind]
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
    if isinstance(value, str) and len(value) <= MAX_DIGITS and _INTEGER.fullmatch(value.strip()):
        return int(value)
    raise ValueError("not an integer")


def fit_number(value: Any) -> int | decimal.Decimal:
    """Take a number, or a decimal number as text; exact to the last digit."""
    if isinstance(value, (int, decimal.Decimal)) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and len(value) <= _LONGEST_NUMBER and _NUMBER.fullmatch(value.strip()):
        with contextlib.suppress(ArithmeticError):  # too many digits
            return read_number(value.strip())
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
            raise ValueError(f"not {json_type(kind())}")  # noqa: TRY004 - every misfit is a ValueError
        return value

    return fit


FITS: Final[dict[Kind, Fit]] = {
    "integer": fit_integer,
    "number": fit_number,
    "boolean": fit_boolean,
    "string": fit_string,
    "timestamp": fit_timestamp,
    "date": fit_date,
    "object": _fit_instance(dict),
}
_INSTANCES: Final = {"array": list}


def json_type(value: object) -> str:
    """Name what a value is, in the words of JSON, for messages."""
    names = {bool: "a boolean", int: "an integer", str: "text", dict: "an object", list: "a list", type(None): "null"}
    return names.get(type(value), "a number")
