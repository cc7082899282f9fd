"""Numbers, exact to the last digit, and never so large that reckoning with them takes for ever.

``1e9999999`` is ten characters of JSON and an integer of ten million digits: whoever writes it out in full waits for
minutes, and no signal ends that.
"""

from __future__ import annotations

import decimal
from decimal import Decimal
from typing import Final

MAX_DIGITS: Final = 1000
"""Before and behind the point together; no column of a warehouse holds as many."""


EXACT: Final = decimal.Context(
    prec=100_000, Emax=decimal.MAX_EMAX, Emin=decimal.MIN_EMIN, traps=[decimal.Inexact, decimal.InvalidOperation]
)
"""Digits are never dropped; rather it is an error."""


class NumberTooLongError(ValueError):
    """A number has more digits than can be handled."""

    def __init__(self) -> None:
        super().__init__(f"a number has more than {MAX_DIGITS} digits")


def exact(text: str) -> Decimal:
    """Return the number that a JSON text writes.

    Raises:
        NumberTooLongError: Written out in full, it has more than `MAX_DIGITS` digits.
    """
    if len(text) > MAX_DIGITS:
        raise NumberTooLongError
    number = Decimal(text)
    _, digits, exponent = number.as_tuple()
    if not isinstance(exponent, int) or abs(exponent) + len(digits) > MAX_DIGITS:
        raise NumberTooLongError
    return number
