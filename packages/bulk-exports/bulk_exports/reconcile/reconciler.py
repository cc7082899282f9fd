"""Each day as the vendor has it now, compared with what the target holds of it.

The rows of a day carry its digest (`bulk_exports.records.digest`), and the ledger says which digest is true now. So the
same content written twice, by whichever run, is the same version of the day, and a day whose digest STATE knows need
not be written again, provided that the target still holds every row of it. Three things can take rows away, because the
key is the event and not the version:

- Another version of the day was being written when its run was stopped.
- Another day took over a row: an event moved there and back while this day could not be looked at.
- The same, while the run is under way (`bulk_exports.reconcile.overlaps`).

In all three the day is noted in STATE (``rewrite``) before it can lose anything, and the next run writes it whatever it
holds. A day whose turn comes after it lost a row is written at once.
"""

from __future__ import annotations

import dataclasses
from datetime import timezone
from typing import IO, TYPE_CHECKING, Any

from bulk_exports.files.ndjson import NDJSON
from bulk_exports.reconcile.ledger import change, ledger_row
from bulk_exports.reconcile.overlaps import KeyOverlaps
from bulk_exports.reconcile.timezone_check import check_anywhere
from bulk_exports.records.verify import verify
from bulk_exports.windows.bookmark import DaySnapshot

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Sequence
    from collections.abc import Set as AbstractSet
    from datetime import date, datetime

    from bulk_exports.engine import Delivery, Failure
    from bulk_exports.export_settings import ExportSettings
    from bulk_exports.records.columns import Columns
    from bulk_exports.records.summary import DaySummary
    from bulk_exports.records.verify import Verification
    from bulk_exports.spec import ExportRequest, ExportStream, Query
    from bulk_exports.windows.plan import Plan


@dataclasses.dataclass(frozen=True, kw_only=True)
class Day:
    """A day that the vendor has just been asked for.

    Attributes:
        event_date: Which day.
        summary: What it holds now.
        snapshot: What STATE says of it once it is delivered.
        changed: Whether its rows must be written.
        doubt: The new STATE to be told before the first of them, if that changes it.
        is_open: Whether the day has not ended yet.
        ledger_row: The day's row in the ledger.
    """

    event_date: date
    summary: DaySummary
    snapshot: DaySnapshot
    changed: bool
    doubt: dict[str, object] | None
    is_open: bool
    ledger_row: dict[str, Any]


class Reconciler:
    """Where every day of a run is compared, in the order in which the days are delivered.

    A day's files are verified in a worker thread, as soon as they are there; when its turn comes, it is compared; when
    it is written, or need not be, it is settled. A day that failed is settled only.

    Args:
        stream: What is exported.
        query: What the vendor is asked for.
        columns: What the rows must fit.
        plan: What the run does.
        settings: What the user asked for.
        now: Tells the present moment.
        log: Where to tell what changed.
    """

    def __init__(
        self,
        stream: ExportStream,
        query: Query,
        columns: Columns,
        plan: Plan,
        settings: ExportSettings,
        *,
        now: Callable[[], datetime],
        log: logging.Logger,
    ) -> None:
        self._stream = stream
        self._asked = {**query.ledger_values(), "timezone": settings.timezone.key if settings.timezone else None}
        self._columns = columns
        self._bookmark = plan.bookmark
        self._open_days = {day.day for day in plan.due if day.reason == "open"}
        self._wanted_last = plan.wanted[1] if plan.wanted else None
        self._lookback_days = settings.lookback_days
        self._now = now
        self._log = log
        self._rewrite = plan.bookmark.rewrite
        self._initial = plan.bookmark.snapshots
        # Days of which STATE says what they hold, but that this run has not looked at yet, or will not.
        self._unseen = set(plan.bookmark.snapshots)
        self._still_due = [day.day for day in plan.due]
        self._written: set[date] = set()
        self._has_told = False
        self._overlaps = KeyOverlaps()
        remembers = settings.lookback_days > 0 or bool(plan.bookmark.snapshots)
        self._compares_keys = remembers and len(plan.due) > 1

    def verify(self, day: date, files: Sequence[IO[bytes]]) -> Verification:
        """Read a day's files to their end, maybe long before its turn. For worker threads.

        Raises:
            CorruptFileError: A file is not what the vendor wrote.
            InvalidRowsError: A row does not fit, or its events cannot belong to the day, wherever the Space is.
        """
        verification = verify(
            files,
            self._columns,
            file_format=self._stream.format or NDJSON,
            keys=self._compares_keys,
            before=self._initial.get(day),
        )
        if span := verification.summary.span:
            check_anywhere(day, *span)
        self._overlaps.add(day, verification.keys)
        return dataclasses.replace(verification, keys=None)  # they wait on disk

    def compare(self, delivery: Delivery[ExportRequest[Any], Verification]) -> Day:
        """Compare a day with what the target holds of it."""
        event_date, summary = delivery.request.day, delivery.verification.summary
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

    def settle(self, outcome: Day | Failure[ExportRequest[Any]]) -> dict[str, object] | None:
        """Take note that a day is written, or need not be, or has failed.

        Returns:
            The new STATE of the stream; None if a failure does not change it.
        """
        if not isinstance(outcome, Day):
            failed = outcome.request.day
            self._done(failed)
            return self._doubt({failed})
        if not outcome.is_open:
            self._unseen.discard(outcome.event_date)
            self._bookmark = self._bookmark.with_delivered(
                outcome.event_date, outcome.snapshot, lookback_days=self._lookback_days, wanted_last=self._wanted_last
            )
        self._done(outcome.event_date)
        self._has_told = True
        return self._bookmark.to_state()

    def _day(
        self, event_date: date, summary: DaySummary, snapshot: DaySnapshot, now: str, *, changed: bool = False
    ) -> Day:
        is_open = event_date in self._open_days
        return Day(
            event_date=event_date,
            summary=summary,
            snapshot=snapshot,
            changed=changed,
            doubt=self._doubt_before_writing(event_date, any_rows=bool(summary.rows)) if changed else None,
            is_open=is_open,
            ledger_row=ledger_row(
                self._stream, event_date, summary, snapshot, self._asked, checked_at=now, is_open=is_open
            ),
        )

    def _doubt_before_writing(self, event_date: date, *, any_rows: bool) -> dict[str, object] | None:
        """Take note that a day is about to be written; return the new STATE of the stream, if one must be told.

        From here on the day itself is neither what it was nor what it is going to be; a day that this run has not
        looked at may lose rows to it; and of those that it has looked at, the days that hold an event of this one do.
        A day without rows takes none.

        Nothing is written before the run has told a STATE: a run that begins anew (`--full-refresh`, `resync`) has none
        of the days in doubt, but whoever comes after it must not believe what STATE said before.
        """
        in_doubt = {event_date}
        if any_rows:
            self._written.add(event_date)
            seen = self._bookmark.snapshots.keys() - self._unseen
            in_doubt |= self._unseen | self._overlaps.sharing(event_date, seen)
        doubt = self._doubt(in_doubt)
        if doubt is None and not self._has_told:
            self._has_told = True
            return self._bookmark.to_state()
        return doubt

    def _doubt(self, days: AbstractSet[date]) -> dict[str, object] | None:
        """Have the next run write these days again, those of them that are delivered."""
        before, self._bookmark = self._bookmark, self._bookmark.with_rewrite(days)
        if self._bookmark == before:
            return None
        self._has_told = True
        return self._bookmark.to_state()

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


def _utc_text(moment: datetime) -> str:
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
