"""Numbers that look random but follow from other numbers, so that any event can be made alone and again."""

from __future__ import annotations

from typing import Final

_MASK: Final = (1 << 64) - 1


def roll(*numbers: int) -> int:
    """Return 64 well-mixed bits: the same for the same numbers on every machine and Python."""
    bits = 0x9E3779B97F4A7C15
    for number in numbers:
        # The finaliser of splitmix64: every bit of every number reaches every bit of the result.
        bits = (bits ^ number) & _MASK
        bits = (bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9 & _MASK
        bits = (bits ^ (bits >> 27)) * 0x94D049BB133111EB & _MASK
        bits ^= bits >> 31
    return bits
