"""Milliseconds since 1970, as files have them, to times in UTC."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)
MAX_SECONDS_REMEMBERED: Final = 100_000
"""A day has fewer; they take some 12 MB."""
MIN_MILLISECONDS: Final = 10**11
"""A number that is smaller is one of seconds, which reach the year 5138 below it."""
_MAX_DIGITS: Final = 18

_seconds: dict[int, str] = {}


def of_milliseconds(value: int) -> str | None:
    """Return a time as ``2026-01-30T06:59:16.865Z``; None if no calendar has it."""
    second, rest = divmod(value, 1000)
    text = _seconds.get(second)
    if text is None:
        try:
            text = (_EPOCH + timedelta(seconds=second)).strftime("%Y-%m-%dT%H:%M:%S")
        except OverflowError:
            return None
        text = text.zfill(len("0000-00-00T00:00:00"))
        if len(_seconds) >= MAX_SECONDS_REMEMBERED:
            _seconds.clear()
        _seconds[second] = text
    return f"{text}.{rest:03d}Z" if rest else f"{text}Z"


def whole_number(value: object) -> int | None:
    """Return a whole number that stands in a file as a number or as text; None if it is none."""
    if type(value) is int:  # which a boolean is not
        return value
    if isinstance(value, str):
        digits = value.strip()
        unsigned = digits.removeprefix("-")
        if unsigned.isascii() and unsigned.isdecimal() and len(unsigned) <= _MAX_DIGITS:
            return int(digits)
    return None


def of_timestamp(value: object) -> object:
    """Return a timestamp of an attribute as a time: documented in seconds, but in a file perhaps in milliseconds.

    What is no number is left to those who know how times are written.
    """
    number = whole_number(value)
    if number is None:
        return value
    return of_milliseconds(number if abs(number) >= MIN_MILLISECONDS else number * 1000) or value
