"""Each day as it is delivered: compared with what the target holds, checked against the time zone, remembered.

A day whose content is the same as before is not written again, so it must be certain that the target still holds what
was written. Three things can take it away: a run that is stopped while it rewrites the day, a row that another day
took over (the key is the event, and events can move between days) while this day could not be looked at, and an event
that moves while the run is under way. In all three the day is noted in STATE before it can lose anything, and the
next run writes it again; a day whose turn comes after it was robbed is written at once.
"""

from __future__ import annotations

import dataclasses
from datetime import timezone
from typing import TYPE_CHECKING, Any, Final

from tap_cometly import offsets
from tap_cometly.bookmark import DaySnapshot
from tap_cometly.ledger import change, ledger_row
from tap_cometly.moves import Moves
from tap_cometly.progress import Progress

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Mapping
    from collections.abc import Set as AbstractSet
    from datetime import date, datetime

    from singer_sdk.helpers.types import Record

    from tap_cometly.blocks import Proof
    from tap_cometly.client import EventExport
    from tap_cometly.content import Content
    from tap_cometly.exports import Delivery
    from tap_cometly.planning import Plan
    from tap_cometly.settings import Settings

ENOUGH_DAYS: Final = 3
"""So many days with events show the time zone well enough to suggest one."""


@dataclasses.dataclass(frozen=True)
class Day:
    """A day that Cometly has just been asked for.

    Attributes:
        event_date: Which day.
        content: What it holds now.
        memory: What the target holds of it, once the day is written.
        changed: Whether its rows must be written.
        is_open: Whether it has not ended yet.
        asked: What was asked of Cometly.
        checked_at: When it was compared, RFC 3339 in UTC.
    """

    event_date: date
    content: Content
    memory: DaySnapshot
    changed: bool
    is_open: bool
    asked: Mapping[str, Any]
    checked_at: str

    def ledger_row(self) -> Record:
        """Return the day's row in the ledger."""
        return ledger_row(
            self.event_date, self.content, self.memory, self.asked, checked_at=self.checked_at, is_open=self.is_open
        )


class DayDesk:
    """Where every day of a run passes by, in the order in which they are delivered.

    Args:
        plan: What the run does.
        settings: What the user asked for.
        now: Tells the present moment.
        log: Where to tell what changed.
    """

    def __init__(self, plan: Plan, settings: Settings, *, now: Callable[[], datetime], log: logging.Logger) -> None:
        self._bookmark = plan.bookmark
        self._open_days = {day.day for day in plan.due if day.reason == "open"}
        self._settings = settings
        self._now = now
        self._log = log
        self._offsets = offsets.OffsetRange()
        self._days_with_events = 0
        self._again = plan.bookmark.rewrite
        self._unseen = set(plan.bookmark.snapshots)
        self._robbed: AbstractSet[date] = frozenset()
        self._moves = Moves(
            [day.day for day in plan.due],
            guarded=_remembered_after(plan, settings.lookback_days) | plan.bookmark.snapshots.keys(),
        )

    def compares_events_of(self, event_date: date) -> bool:
        """Whether the proof of a day must name its events."""
        return self._moves.concern(event_date)

    def proven(self, event_date: date, proof: Proof) -> Proof:
        """Take note of a day's events as soon as they are known, which may be long before its turn comes.

        Called in worker threads.
        """
        self._moves.learn(event_date, proof.events)
        return proof

    def inspect(self, delivery: Delivery[EventExport, Proof]) -> Day:
        """Look at a day before its rows are written.

        Raises:
            WrongTimezoneError: Its events do not lie within the day.
        """
        event_date, content = delivery.order.day, delivery.proof.content
        self._check_timezone(event_date, content)
        self._moves.arrives(event_date)
        now = _utc_text(self._now())
        before = self._bookmark.snapshots.get(event_date)
        same = before is not None and before.digest == content.digest
        doubt = self._doubt_about(event_date, same=same)
        self._robbed = frozenset()
        if before is not None and same and doubt is None:
            memory = before
        else:
            self._robbed = self._moves.taken_by(event_date)
            memory = DaySnapshot(
                export_id=int(str(delivery.job)),
                digest=content.digest,
                row_count=content.rows,
                amount_total=content.amount_total,
                exported_at=now,
                revision=1 if before is None else before.revision + (not same),
            )
            if before is not None and not same:
                self._log.info(change(event_date, before, content, memory.revision))
            elif doubt is not None:
                self._log.info("%s is written again: %s", event_date, doubt)
        asked = self._bookmark.request or {}
        return Day(event_date, content, memory, memory is not before, event_date in self._open_days, asked, now)

    def before_writing(self) -> dict[str, object] | None:
        """Take note that rows are about to be written; return the new STATE of the stream, if that changes it.

        From here on, a delivered day that this run has not looked at may lose rows to another day; and of those that
        it has looked at, the days that hold an event of this one do.
        """
        return self._doubt(self._unseen | self._robbed)

    def failed(self, event_date: date) -> dict[str, object] | None:
        """Take note that a day could not be exported; return the new STATE of the stream, if that changes it."""
        return self._doubt({event_date})

    def delivered(self, day: Day) -> dict[str, object]:
        """Take note that a day is written, or need not be; return the new STATE of the stream."""
        if not day.is_open:
            self._unseen.discard(day.event_date)
            self._bookmark = self._bookmark.with_delivered(
                day.event_date, day.memory, lookback_days=self._settings.lookback_days
            )
        return self._bookmark.to_state()

    def close(self) -> None:
        """Tell what the days showed, if there were too few to tell it earlier."""
        if self._settings.timezone is None and 0 < self._days_with_events < ENOUGH_DAYS:
            self._log.info(offsets.suggestion(self._offsets))

    def _doubt(self, days: AbstractSet[date]) -> dict[str, object] | None:
        """Have the next run write these days again, those of them that are delivered."""
        before, self._bookmark = self._bookmark, self._bookmark.with_rewrite(days)
        return None if self._bookmark == before else self._bookmark.to_state()

    def _doubt_about(self, day: date, *, same: bool) -> str | None:
        """Return why the target may not hold what a day held before; None if there is no reason to think so."""
        if day in self._again:
            return "the last run could not make sure that the target still holds it"
        if same and self._moves.lost_by(day):
            return "a day written before it may have taken the row of an event"
        return None

    def _check_timezone(self, event_date: date, content: Content) -> None:
        span = content.span
        if span is None:
            return
        if self._settings.timezone is not None:
            offsets.check(event_date, self._settings.timezone, *span)
            return
        self._offsets = self._offsets.narrowed(offsets.OffsetRange.of_day(event_date, *span))
        self._days_with_events += 1
        if self._days_with_events == ENOUGH_DAYS:
            self._log.info(offsets.suggestion(self._offsets))


def _remembered_after(plan: Plan, lookback_days: int) -> AbstractSet[date]:
    """Return the days that STATE will remember if the whole plan succeeds."""
    due = Progress(tuple((due.day, due.day) for due in plan.due if due.reason != "open"))
    return Progress((*plan.bookmark.progress.intervals, *due.intervals)).latest(lookback_days)


def _utc_text(moment: datetime) -> str:
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
