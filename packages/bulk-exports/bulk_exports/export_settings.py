"""The settings of every stream of exports, as one frozen value."""

from __future__ import annotations

import dataclasses
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Final

from bulk_exports.windows import dates

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

DEFAULT_RANGE: Final = timedelta(days=30)
"""How much is exported when no ``start_date`` is set."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExportSettings:
    """What the user asked for, complete with defaults and free of contradictions.

    Attributes:
        start_date: First day wanted; None for the default range.
        end_date: Last day wanted, included; None for the last closed day.
        timezone: The zone in which the vendor cuts days; None when it is not known.
        lookback_days: How many of the latest delivered days every run exports again.
        include_open_day: Whether to export the running day too.
        backfill_order: "oldest_first" or "newest_first".
        resync: Whether a request that means something else makes all days due instead of an error.
        max_exports_in_flight: How many exports may be under way at once.
        max_exports_per_run: How many exports one run of a stream creates at most; None for no limit.
        export_timeout: How long the vendor may take for one.
        queue_timeout: How long one may wait in the vendor's queue, where the vendor tells.
        settle: How long after a moment the vendor knows what happened before it.
        warnings: What is odd, yet no reason to stop.
    """

    start_date: date | None = None
    end_date: date | None = None
    timezone: ZoneInfo | None = None
    lookback_days: int = 0
    include_open_day: bool = False
    backfill_order: str = "oldest_first"
    resync: bool = False
    max_exports_in_flight: int = 30
    max_exports_per_run: int | None = None
    export_timeout: timedelta = timedelta(minutes=30)
    queue_timeout: timedelta = timedelta(days=1)
    settle: timedelta = timedelta()
    warnings: tuple[str, ...] = ()

    def wanted(self, now: datetime, *, since: date | None = None) -> tuple[date, date] | None:
        """Return the first and the last day that may be exported at ``now``; None while there is none.

        Args:
            now: The present moment; only days that have ended are wanted, and of which the vendor knows all.
            since: The first day ever delivered. Without a ``start_date`` the range reaches back to it, so that a tap
                that did not run for months leaves no gap behind the moving default.
        """
        closed = dates.last_closed_day(now - self.settle, self.timezone)
        last = min(self.end_date or closed, closed)
        first = self.start_date or min(since or last, last - DEFAULT_RANGE + timedelta(days=1))
        return (first, last) if first <= last else None
