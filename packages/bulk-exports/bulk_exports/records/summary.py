"""What a day holds, in a few figures: enough to notice any change without keeping the rows."""

from __future__ import annotations

import dataclasses
import decimal
from datetime import datetime, timezone
from decimal import Decimal
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Protocol

from bulk_exports.exact_numbers import EXACT
from bulk_exports.records.digest import LinesDigest, RowsDigest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from bulk_exports.records.columns import Columns


class Known(Protocol):
    """What is remembered of a day from an earlier look at it."""

    @property
    def lines_digest(self) -> str:
        """See `DaySummary.lines_digest`."""

    @property
    def digest(self) -> str:
        """See `DaySummary.digest`."""


@dataclasses.dataclass(frozen=True)
class DaySummary:
    """What a day holds.

    Attributes:
        rows: How many rows.
        lines_digest: Of the lines of its file; see `bulk_exports.records.digest`.
        digest: Names these rows, whoever exported them; empty where it was not wanted.
        amount_total: Sum of the amounts, exact; None where they are not asked for.
        first_time: Earliest time of a row, RFC 3339 in UTC; None for a day without events.
        last_time: Latest one.
    """

    rows: int
    lines_digest: str
    digest: str
    amount_total: Decimal | None
    first_time: str | None
    last_time: str | None

    @property
    def span(self) -> tuple[datetime, datetime] | None:
        """First and last event time; None for a day without events."""
        if self.first_time is None or self.last_time is None:
            return None
        return _moment(self.first_time), _moment(self.last_time)


class SummaryBuilder:
    """Adds up what a day holds, in any order.

    Args:
        columns: The columns of its rows, in an order that is always the same.
        name: Whether to make the digest that names the rows.
    """

    def __init__(self, columns: Columns, *, name: bool = True) -> None:
        measures = columns.measures
        kinds = {column.name: column.kind for column in columns.all}
        self.time = measures.time if measures.time and kinds.get(measures.time) == "timestamp" else None
        self._amount = measures.amount if measures.amount and kinds.get(measures.amount) == "number" else None
        self._rows = 0
        self._lines = LinesDigest(columns.all)
        self._digest = RowsDigest(columns.all) if name else None
        self._total = Decimal(0) if self._amount else None
        self._first: str | None = None
        self._last: str | None = None

    def add(self, line: bytes, row: Mapping[str, Any]) -> None:
        """Add a row.

        Args:
            line: Its line in the file, ended like Unix's, without other white space around it.
            row: Its values by column, fitted to their types.
        """
        self._rows += 1
        self._lines.add([line])
        if self._digest is not None:
            self._digest.add(row)
        if self._total is not None and self._amount and (amount := row.get(self._amount)) is not None:
            self._total = EXACT.add(self._total, Decimal(amount))
        if self.time and (moment := row[self.time]) is not None:
            moment = moment[:-1]  # without the Z, a fraction sorts after its whole second
            self._first = moment if self._first is None or moment < self._first else self._first
            self._last = moment if self._last is None or moment > self._last else self._last

    def add_structs(
        self, lines: Iterable[bytes], rows: Sequence[Any], times: Iterable[str | None], *, texts: Collection[str] = ()
    ) -> None:
        """Add many rows at once. They are of no other use afterwards.

        Args:
            lines: Their lines in the file, of the same form.
            rows: Structs with the columns as their first fields, in the same order, fitted to their types.
            times: Their times, if they have any: the first and the last at least.
            texts: Columns of text whose values are still integers.
        """
        self._rows += len(rows)
        if self._total is not None and self._amount:
            with decimal.localcontext(EXACT):
                self._total += sum([amount for amount in map(attrgetter(self._amount), rows) if amount])
        if self.time and (moments := [moment[:-1] for moment in times if moment]):
            first, last = min(moments), max(moments)
            self._first = first if self._first is None else min(first, self._first)
            self._last = last if self._last is None else max(last, self._last)
        self._lines.add(lines)
        if self._digest is not None:
            self._digest.add_structs(rows, texts)

    def summary(self) -> DaySummary:
        """Return what was added up."""
        first, last = (None if moment is None else f"{moment}Z" for moment in (self._first, self._last))
        digest = self._digest.hexdigest() if self._digest else ""
        return DaySummary(self._rows, self._lines.hexdigest(), digest, self._total, first, last)


def _moment(text: str) -> datetime:
    """Read an RFC 3339 time in UTC, to the second."""
    return datetime.fromisoformat(text[:19]).replace(tzinfo=timezone.utc)
