"""Rows as a table of text."""

from __future__ import annotations

import decimal
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence


_NUMBER: Final = (int, decimal.Decimal, type(None))


def table(names: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return ``rows`` below their column names; numbers to the right, null as nothing."""
    texts = [[_text(value) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(names, *texts, strict=True)]
    numbers = [all(isinstance(value, _NUMBER) for value in column) for column in zip(*rows, strict=True)]
    numbers = numbers or [False] * len(names)

    def line(cells: Sequence[str]) -> str:
        aligned = zip(cells, widths, numbers, strict=True)
        return "  ".join(cell.rjust(width) if right else cell.ljust(width) for cell, width, right in aligned).rstrip()

    rule = "  ".join("-" * width for width in widths)
    return "\n".join([line(names), rule, *map(line, texts)])


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, _NUMBER) and not isinstance(value, bool):
        return f"{value:,}"
    return str(value)
