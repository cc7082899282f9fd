"""Each day as Cometly has it now, compared with what the target holds of it.

The rows of a day carry its digest (`tap_cometly.records.digest`), and the ledger says which digest is true now. So the
same content written twice, by whichever run, is the same version of the day, and a day whose digest STATE knows need
not be written again, provided that the target still holds every row of it. Three things can take rows away, because the
key is the event and not the version:

- Another version of the day was being written when its run was stopped.
- Another day took over a row: an event moved there and back while this day could not be looked at.
- The same, while the run is under way (`tap_cometly.reconcile.overlaps`).

In all three the day is noted in STATE (``rewrite``) before it can lose anything, and the next run writes it whatever it
holds. A day whose turn comes after it lost a row is written at once.
"""

from __future__ import annotations

import dataclasses
from datetime import timezone
from typing import TYPE_CHECKING, Any, Final

from tap_cometly.engine.errors import InvalidRowsError
from tap_cometly.reconcile import timezone_check
from tap_cometly.reconcile.ledger import change, ledger_row
from tap_cometly.reconcile.overlaps import KeyOverlaps
from tap_cometly.windows.bookmark import DaySnapshot

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Mapping
    from collections.abc import Set as AbstractSet
    from datetime import date, datetime

    from singer_sdk.helpers.types import Record

    from tap_cometly.client import ExportRequest
    from tap_cometly.engine import Delivery
    from tap_cometly.records.summary import DaySummary
    from tap_cometly.records.verify import Verification
    from tap_cometly.settings import Settings
    from tap_cometly.windows.plan import Plan

ENOUGH_DAYS: Final = 3
"""So many days with events show the time zone well enough to suggest one."""


@dataclasses.dataclass(frozen=True)
class Day:
    """A day that Cometly has just been asked for.

    Attributes:
        event_date: Which day.
        summary: What it holds now.
        snapshot: What STATE says of it once it is delivered.
        changed: Whether its rows must be written.
        doubt: The new STATE to be told before the first of them, if that changes it.
        is_open: Whether the day has not ended yet.
        request: What was asked of Cometly.
        checked_at: When it was compared, RFC 3339 in UTC.
    """

    event_date: date
    summary: DaySummary
    snapshot: DaySnapshot
    changed: bool
    doubt: dict[str, object] | None
    is_open: bool
    request: Mapping[str, Any]
    checked_at: str

    def ledger_row(self) -> Record:
        """Return the day's row in the ledger."""
        return ledger_row(
            self.event_date, self.summary, self.snapshot, self.request, checked_at=self.checked_at, is_open=self.is_open
        )


class Reconciler:
    """Where every day of a run is compared, in the order in which the days are delivered.

    A day is examined, then it is either delivered or has failed.

    Args:
        plan: What the run does.
        settings: What the user asked for.
        now: Tells the present moment.
        log: Where to tell what changed.
    """

    def __init__(self, plan: Plan, settings: Settings, *, now: Callable[[], datetime], log: logging.Logger) -> None:
        self._bookmark = plan.bookmark
        self._open_days = {day.day for day in plan.due if day.reason == "open"}
        self._wanted_last = plan.wanted[1] if plan.wanted else None
        self._settings = settings
        self._now = now
        self._log = log
        self._offsets = timezone_check.UtcOffsetRange()
        self._days_with_events = 0
        self._rewrite = plan.bookmark.rewrite
        self._initial = plan.bookmark.snapshots
        # Days of which STATE says what they hold, but that this run has not looked at yet, or will not.
        self._unseen = set(plan.bookmark.snapshots)
        self._still_due = [day.day for day in plan.due]
        self._written: set[date] = set()
        self._overlaps = KeyOverlaps()
        remembers = settings.lookback_days > 0 or bool(plan.bookmark.snapshots)
        self.compares_events = remembers and len(plan.due) > 1

    def verified(self, event_date: date, verification: Verification) -> Verification:
        """Take note of a day as soon as its file is verified, which may be long before its turn. For worker threads.

        Raises:
            InvalidRowsError: Its events cannot belong to the day, wherever the Space is.
        """
        if (span := verification.summary.span) and not timezone_check.may_belong(event_date, *span):
            raise InvalidRowsError(
                f"its events happened from {timezone_check.moment(span[0])} to {timezone_check.moment(span[1])}, "
                "which is not that day in any time zone"
            )
        self._overlaps.add(event_date, verification.events)
        return verification

    def snapshot_of(self, event_date: date) -> DaySnapshot | None:
        """Return what STATE said of a day when the run began. For worker threads."""
        return self._initial.get(event_date)

    def examine(self, delivery: Delivery[ExportRequest, Verification]) -> Day:
        """Compare a day with what the target holds of it.

        Raises:
            WrongTimezoneError: Its events do not lie within the day.
        """
        event_date, summary = delivery.request.day, delivery.verification.summary
        self._check_timezone(event_date, summary)
        self._overlaps.enter(event_date)
        now = _utc_text(self._now())
        before = self._bookmark.snapshots.get(event_date)
        same = before is not None and before.digest == summary.digest
        reason = self._reason_to_rewrite(event_date, same=same)
        if before is not None and same and reason is None:
            return self._day(event_date, summary, dataclasses.replace(before, lines_digest=summary.lines_digest), now)
        snapshot = DaySnapshot(
            export_id=int(str(delivery.job)),
            digest=summary.digest,
            lines_digest=summary.lines_digest,
            row_count=summary.rows,
            amount_total=summary.amount_total,
            exported_at=now,
            revision=1 if before is None else before.revision + (not same),
        )
        if before is not None and not same:
            self._log.info(change(event_date, before, summary, snapshot.revision))
        elif reason is not None:
            self._log.info("%s is rewritten: %s", event_date, reason)
        return self._day(event_date, summary, snapshot, now, changed=True)

    def delivered(self, day: Day) -> dict[str, object]:
        """Take note that a day is written, or need not be; return the new STATE of the stream."""
        if not day.is_open:
            self._unseen.discard(day.event_date)
            self._bookmark = self._bookmark.with_delivered(
                day.event_date, day.snapshot, lookback_days=self._settings.lookback_days, wanted_last=self._wanted_last
            )
        self._done(day.event_date)
        return self._bookmark.to_state()

    def failed(self, event_date: date) -> dict[str, object] | None:
        """Take note that a day could not be exported; return the new STATE of the stream, if that changes it."""
        self._done(event_date)
        return self._doubt({event_date})

    def close(self) -> None:
        """Tell what the days showed, if there were too few to tell it earlier."""
        if self._settings.timezone is None and 0 < self._days_with_events < ENOUGH_DAYS:
            self._log.info(timezone_check.suggestion(self._offsets))

    def _day(
        self, event_date: date, summary: DaySummary, snapshot: DaySnapshot, now: str, *, changed: bool = False
    ) -> Day:
        doubt = self._doubt_before_writing(event_date) if changed and summary.rows else None
        is_open = event_date in self._open_days
        return Day(event_date, summary, snapshot, changed, doubt, is_open, self._bookmark.request or {}, now)

    def _doubt_before_writing(self, event_date: date) -> dict[str, object] | None:
        """Take note that rows of a day are about to be written; return the new STATE of the stream, if that changes it.

        From here on the day itself is neither what it was nor what it is going to be; a day that this run has not
        looked at may lose rows to it; and of those that it has looked at, the days that hold an event of this one do.
        """
        self._written.add(event_date)
        seen = self._bookmark.snapshots.keys() - self._unseen
        return self._doubt({event_date} | self._unseen | self._overlaps.sharing(event_date, seen))

    def _doubt(self, days: AbstractSet[date]) -> dict[str, object] | None:
        """Have the next run write these days again, those of them that are delivered."""
        before, self._bookmark = self._bookmark, self._bookmark.with_rewrite(days)
        return None if self._bookmark == before else self._bookmark.to_state()

    def _done(self, event_date: date) -> None:
        """Forget what no day to come will be compared with."""
        self._still_due.remove(event_date)
        remembered = set(self._bookmark.snapshots)
        comes_again = not self._unseen.isdisjoint(self._still_due)
        self._overlaps.keep_only(remembered | self._written if comes_again else remembered)

    def _reason_to_rewrite(self, day: date, *, same: bool) -> str | None:
        """Return why the target may not hold what a day held before; None if there is no reason to think so."""
        if day in self._rewrite:
            return "an earlier run could not make sure that the target still holds it"
        if same and self._overlaps.sharing(day, self._written):
            return "another day may have overwritten one of its events"
        return None

    def _check_timezone(self, event_date: date, summary: DaySummary) -> None:
        span = summary.span
        if span is None:
            return
        if self._settings.timezone is not None:
            timezone_check.check(event_date, self._settings.timezone, *span)
            return
        self._offsets = self._offsets.narrowed(timezone_check.UtcOffsetRange.of_day(event_date, *span))
        self._days_with_events += 1
        if self._days_with_events == ENOUGH_DAYS:
            self._log.info(timezone_check.suggestion(self._offsets))


def _utc_text(moment: datetime) -> str:
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
