"""Each window as the vendor has it now, compared with what the target holds of it.

The rows of a day carry its digest (`bulk_exports.records.digest`), and the ledger says which digest is true now. So the
same content written twice, by whichever run, is the same version of the day, and a day whose digest STATE knows need
not be written again, provided that the target still holds every row of it. Three things can take rows away, because the
key is the event and not the version:

- Another version of the day was being written when its run was stopped.
- Another day took over a row: an event moved there and back while this day could not be looked at.
- The same, while the run is under way (`bulk_exports.reconcile.overlaps`).

In all three the day is noted in STATE (``rewrite``) before it can lose anything, and the next run writes it whatever it
holds. A day whose turn comes after it lost a row is written at once.

A stream without a ledger is only kept up to date by its key. There no row is lost to another day, and only the window
that is being written comes into doubt.
"""

from __future__ import annotations

import collections
import dataclasses
from datetime import timezone
from typing import IO, TYPE_CHECKING, Any

from bulk_exports.engine import Left
from bulk_exports.files.ndjson import NDJSON
from bulk_exports.reconcile.ledger import change, ledger_row
from bulk_exports.reconcile.overlaps import KeyOverlaps
from bulk_exports.reconcile.timezone_check import check_anywhere
from bulk_exports.records.cut import Cut
from bulk_exports.records.verify import verify
from bulk_exports.windows import dates
from bulk_exports.windows.bookmark import DaySnapshot, StartedJob
from bulk_exports.windows.delivered import DueDay
from bulk_exports.windows.windows import windows

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Iterator, Sequence
    from collections.abc import Set as AbstractSet
    from datetime import date, datetime

    from bulk_exports.engine import Delivery, Failure
    from bulk_exports.export_settings import ExportSettings
    from bulk_exports.job_names import JobName
    from bulk_exports.records.columns import Columns
    from bulk_exports.records.summary import DaySummary
    from bulk_exports.records.verify import Verification
    from bulk_exports.spec import ExportRequest, ExportStream, Query
    from bulk_exports.windows.plan import Plan
    from bulk_exports.windows.windows import Window


@dataclasses.dataclass(frozen=True, kw_only=True)
class ComparedWindow:
    """A window that the vendor has just been asked for.

    Attributes:
        window: Which one: a day, where the stream has a ledger.
        variant: Name of the variant; None where there is none.
        summary: What it holds now.
        snapshot: What STATE says of it once it is delivered.
        changed: Whether its rows must be written.
        doubt: The new STATE to be told before the first of them, if that changes it.
        is_open: Whether it has not ended yet.
        ledger_row: The row of the ledger; None if the stream has none.
    """

    window: Window
    variant: str | None
    summary: DaySummary
    snapshot: DaySnapshot
    changed: bool
    doubt: dict[str, object] | None
    is_open: bool
    ledger_row: dict[str, Any] | None


class Reconciler:
    """Where every window of a run is compared, in the order in which they are delivered.

    A window's files are verified in a worker thread, as soon as they are there; when its turn comes, it is compared;
    when it is written, or need not be, it is settled. One that failed is settled only.

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
        self._zone = settings.timezone or timezone.utc
        self._wanted_last = plan.wanted[1] if plan.wanted else None
        self._lookback_days = settings.lookback_days
        self._now = now
        self._log = log
        self._rewrite = plan.bookmark.rewrite
        self._initial = plan.bookmark
        # Days of which STATE says what they hold, but that this run has not looked at yet, or will not.
        self._unseen = set(plan.bookmark.snapshots) if stream.ledger else set()
        self._still_due = {day for window in plan.windows for day in window.days()}
        self._written: set[date] = set()
        self._has_told = False
        self._variants = {variant.name for variant in stream.variants}
        self._variants_of: dict[date, set[str]] = collections.defaultdict(set)
        self._overlaps = KeyOverlaps()
        remembers = settings.lookback_days > 0 or bool(plan.bookmark.snapshots)
        self._compares_keys = stream.ledger is not None and remembers and len(plan.windows) > 1

    def verify(self, request: ExportRequest[Any], files: Sequence[IO[bytes]]) -> Verification:
        """Read a window's files to their end, maybe long before its turn. For worker threads.

        Raises:
            CorruptFileError: A file is not what the vendor wrote.
            InvalidRowsError: A row does not fit, or its events cannot belong to the window, in any time zone.
        """
        window, file_format = request.window, self._stream.format or NDJSON
        time = self._columns.named(self._stream.measures.time)
        cut = None
        rows_outside = self._stream.windows.rows_outside
        if rows_outside in {"left out", "told"} and time:
            begin, end = dates.window_bounds(window.first, window.last, self._zone)
            end = min(end, request.planned_at)
            file_format = cut = Cut(file_format, time, begin, end, keeps=rows_outside == "told")
        verification = verify(
            files,
            self._columns,
            file_format=file_format,
            keys=self._compares_keys,
            before=None if self._variants else self._initial.snapshot(window),
            # Nobody joins by it without a ledger; and lines that are written here are always written alike.
            name=self._stream.ledger is not None or not (self._stream.format or NDJSON).converts,
        )
        if cut:
            verification = dataclasses.replace(verification, outside=cut.outside)
        elif (span := verification.summary.span) and rows_outside == "refused":
            check_anywhere(window, *span)
        self._overlaps.add(window.first, verification.keys)
        return dataclasses.replace(verification, keys=None)  # they wait on disk

    def compare(self, delivery: Delivery[ExportRequest[Any], Verification]) -> ComparedWindow:
        """Compare a window with what the target holds of it."""
        window, summary = delivery.request.window, delivery.verification.summary
        self._overlaps.enter(window.first)
        now = _utc_text(self._now())
        before = None if self._variants else self._bookmark.snapshot(window)
        same = before is not None and before.digest == summary.digest
        reason = self._reason_to_rewrite(window, same=same)
        if before is not None and same and reason is None:
            return self._compared(
                delivery.request, summary, dataclasses.replace(before, lines_digest=summary.lines_digest), now
            )
        snapshot = DaySnapshot(
            export_id=delivery.job,
            digest=summary.digest,
            lines_digest=summary.lines_digest,
            row_count=summary.rows,
            amount_total=summary.amount_total,
            exported_at=now,
            revision=1 if before is None else before.revision + (not same),
        )
        if before is not None and not same:
            self._log.info(change(window, before, summary, snapshot.revision))
        elif reason is not None:
            self._log.info("%s is rewritten: %s", window, reason)
        return self._compared(delivery.request, summary, snapshot, now, changed=True)

    def started(self, request: ExportRequest[Any], job: JobName) -> dict[str, object]:
        """Take note that an export was asked for; return the new STATE of the stream."""
        window, variant = request.window, request.variant.name if request.variant else None
        asked_at = _utc_text(self._now())
        started = StartedJob(window.first, window.last, variant, job, asked_at)
        self._bookmark = self._bookmark.with_job(started)
        self._has_told = True
        return self._bookmark.to_state()

    def settle(
        self, outcome: ComparedWindow | Failure[ExportRequest[Any]] | Left[ExportRequest[Any]]
    ) -> dict[str, object] | None:
        """Take note that a window is written, or need not be, or has failed, or is left to the next run.

        Returns:
            The new STATE of the stream; None if a failure does not change it.
        """
        if not isinstance(outcome, ComparedWindow):
            return self._failed(outcome.request, keeps_job=isinstance(outcome, Left) and outcome.job is not None)
        if self._stream.windows.snapshot:
            return None
        self._bookmark = self._bookmark.without_job(outcome.window, outcome.variant)
        if not outcome.is_open:
            self._unseen.difference_update(outcome.window.days())
            if outcome.variant is not None:
                self._bookmark = self._bookmark.with_part(outcome.window, outcome.variant)
            for window in self._whole(outcome):
                self._bookmark = self._bookmark.with_delivered(
                    window, outcome.snapshot, lookback_days=self._lookback_days, wanted_last=self._wanted_last
                )
        self._done(outcome.window)
        self._has_told = True
        return self._bookmark.to_state()

    def _failed(self, request: ExportRequest[Any], *, keeps_job: bool) -> dict[str, object] | None:
        self._done(request.window)
        if self._stream.windows.snapshot:
            return None
        before = self._bookmark
        variant = request.variant.name if request.variant else None
        if not keeps_job:
            # Whoever went on with its export would find what was found now.
            self._bookmark = before.without_job(request.window, variant)
        doubt = self._doubt(set(request.window.days()))
        if doubt is None and self._bookmark != before:
            return self._bookmark.to_state()
        return doubt

    def _whole(self, outcome: ComparedWindow) -> Iterator[Window]:
        """Yield the stretches of a window of which all variants are delivered by now, not all of them in one window."""
        window = outcome.window
        if outcome.variant is None:
            yield window
            return
        for day in window.days():
            self._variants_of[day] |= {outcome.variant, *self._bookmark.delivered_of(day)}
        days = [DueDay(day, window.reason) for day in window.days() if self._variants_of[day] >= self._variants]
        yield from windows(days, len(window))

    def _compared(
        self,
        request: ExportRequest[Any],
        summary: DaySummary,
        snapshot: DaySnapshot,
        now: str,
        *,
        changed: bool = False,
    ) -> ComparedWindow:
        window = request.window
        is_open = window.reason in {"open", "snapshot"}
        row = None
        if self._stream.ledger:
            row = ledger_row(
                self._stream, window.first, summary, snapshot, self._asked, checked_at=now, is_open=is_open
            )
        return ComparedWindow(
            window=window,
            variant=request.variant.name if request.variant else None,
            summary=summary,
            snapshot=snapshot,
            changed=changed,
            doubt=self._doubt_before_writing(window, any_rows=bool(summary.rows)) if changed else None,
            is_open=is_open,
            ledger_row=row,
        )

    def _doubt_before_writing(self, window: Window, *, any_rows: bool) -> dict[str, object] | None:
        """Take note that a window is about to be written; return the new STATE of the stream, if one must be told.

        From here on it is neither what it was nor what it is going to be. With a ledger, a day that this run has not
        looked at may lose rows to it; and of those that it has looked at, the days that hold an event of this one do.
        A day without rows takes none.

        Nothing is written before the run has told a STATE: a run that begins anew (`--full-refresh`, `resync`) has none
        of the days in doubt, but whoever comes after it must not believe what STATE said before.
        """
        in_doubt = set(window.days())
        if any_rows and self._stream.ledger:
            self._written.add(window.first)
            seen = self._bookmark.snapshots.keys() - self._unseen
            in_doubt |= self._unseen | self._overlaps.sharing(window.first, seen)
        if self._stream.windows.snapshot:
            return None
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

    def _done(self, window: Window) -> None:
        """Forget what no window to come will be compared with."""
        self._still_due.difference_update(window.days())
        remembered = set(self._bookmark.snapshots)
        comes_again = not self._unseen.isdisjoint(self._still_due)
        self._overlaps.keep_only(remembered | self._written if comes_again else remembered)

    def _reason_to_rewrite(self, window: Window, *, same: bool) -> str | None:
        """Return why the target may not hold what a window held before; None if there is no reason to think so."""
        if not self._rewrite.isdisjoint(window.days()):
            return "an earlier run could not make sure that the target still holds it"
        if same and self._overlaps.sharing(window.first, self._written):
            return "another day may have overwritten one of its events"
        return None


def _utc_text(moment: datetime) -> str:
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
