"""What a day holds, in a few figures: enough to notice any change without keeping the rows.

The digest is a sum over the hashes of the lines, so it does not depend on their order, which Cometly does not promise.
64 bits make it certain enough: two different days agree by chance once in 10^19.
"""

from __future__ import annotations

import dataclasses
import decimal
from datetime import datetime, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import xxhash

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_MODULUS: Final = 1 << 64
# Sums stay exact: digits are never dropped, rather it would be an error.
_EXACT: Final = decimal.Context(prec=100_000, Emax=decimal.MAX_EMAX, Emin=decimal.MIN_EMIN, traps=[decimal.Inexact])


@dataclasses.dataclass(frozen=True)
class Content:
    """What a day holds.

    Attributes:
        rows: How many rows.
        digest: Of all lines, whatever their order; hexadecimal.
        amount_total: Sum of ``amount``, exact; None where it is not asked for.
        first_event_time: Earliest ``event_time_utc``, RFC 3339 in UTC; None for a day without events.
        last_event_time: Latest one.
    """

    rows: int
    digest: str
    amount_total: Decimal | None
    first_event_time: str | None
    last_event_time: str | None

    @property
    def span(self) -> tuple[datetime, datetime] | None:
        """First and last event time; None for a day without events."""
        if self.first_event_time is None or self.last_event_time is None:
            return None
        return _moment(self.first_event_time), _moment(self.last_event_time)


class Tally:
    """Adds up what a day holds, in any order.

    Args:
        amounts: Whether the rows have an ``amount``.
        times: Whether they have an ``event_time_utc``.
    """

    def __init__(self, *, amounts: bool, times: bool) -> None:
        self._times = times
        self._rows = 0
        self._hashes = 0
        self._total = Decimal(0) if amounts else None
        self._first: str | None = None
        self._last: str | None = None

    def add(self, line: bytes, row: Mapping[str, Any]) -> None:
        """Add a row.

        Args:
            line: Its line in the file, ended like Unix's, without other white space around it.
            row: Its values, fitted to their types.
        """
        self._rows += 1
        self._hashes += xxhash.xxh3_64_intdigest(line)
        if self._total is not None and (amount := row.get("amount")) is not None:
            self._total = _EXACT.add(self._total, Decimal(amount))
        if self._times and (moment := row["event_time_utc"]) is not None:
            moment = moment[:-1]  # without the Z, a fraction sorts after its whole second
            self._first = moment if self._first is None or moment < self._first else self._first
            self._last = moment if self._last is None or moment > self._last else self._last

    def add_all(
        self, lines: Sequence[bytes], amounts: Iterable[int | Decimal | None], times: Iterable[str | None]
    ) -> None:
        """Add many rows at once.

        Args:
            lines: Their lines in the file, of the same form.
            amounts: Their amounts, if they have an ``amount``.
            times: Their times, if they have an ``event_time_utc``; each different one at least once, unless it was
                among those of an earlier call.
        """
        self._rows += len(lines)
        self._hashes += sum(map(xxhash.xxh3_64_intdigest, lines))
        if self._total is not None:
            with decimal.localcontext(_EXACT):
                self._total += sum([amount for amount in amounts if amount])
        if self._times and (moments := [moment[:-1] for moment in times if moment]):
            first, last = min(moments), max(moments)
            self._first = first if self._first is None else min(first, self._first)
            self._last = last if self._last is None else max(last, self._last)

    def content(self) -> Content:
        """Return what was added up."""
        digest = f"{self._hashes % _MODULUS:016x}"
        first, last = (None if moment is None else f"{moment}Z" for moment in (self._first, self._last))
        return Content(self._rows, digest, self._total, first, last)


def _moment(text: str) -> datetime:
    """Read an RFC 3339 time in UTC, to the second."""
    return datetime.fromisoformat(text[:19]).replace(tzinfo=timezone.utc)
