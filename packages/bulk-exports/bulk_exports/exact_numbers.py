"""How numbers are read and added: exact, and of bounded length, so that none of them takes for ever.

``1e9999999`` is nine bytes long, and an integer of ten million digits: whoever makes one of it is busy for minutes, in
a place where no signal is heard. So the length of a number is bounded where it is read, before anything is made of it.
"""

from __future__ import annotations

import decimal
from typing import Final

MAX_DIGITS: Final = 1000
"""A number may be so long, written out without an exponent, before its decimal point and behind it. No warehouse takes
a tenth of it as a number."""

_BOUNDED: Final = decimal.Context(
    prec=MAX_DIGITS,
    Emax=MAX_DIGITS - 1,
    Emin=1 - MAX_DIGITS,
    traps=[decimal.Rounded, decimal.Overflow, decimal.Subnormal, decimal.Clamped, decimal.InvalidOperation],
)
read_number = _BOUNDED.create_decimal
"""Read a decimal number, to the last digit; raises ArithmeticError if it is longer than `MAX_DIGITS`.

It is a method in C and no function around one, because it is called for each number of each row."""

EXACT: Final = decimal.Context(
    prec=100 * MAX_DIGITS,
    Emax=100 * MAX_DIGITS,
    Emin=-100 * MAX_DIGITS,
    traps=[decimal.Inexact, decimal.Overflow, decimal.Subnormal, decimal.Clamped, decimal.InvalidOperation],
)
"""Digits are never dropped. No sum of numbers that were read, be they ever so many, has as many as this takes."""
