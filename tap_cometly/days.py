"""Each day as it is delivered: compared with what the target holds, checked against the time zone, remembered."""

from __future__ import annotations

import dataclasses
from datetime import timezone
from typing import TYPE_CHECKING, Any, Final

from tap_cometly import offsets
from tap_cometly.bookmark import DayMemory
from tap_cometly.ledger import change, ledger_row

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Mapping
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
        changed: Whether there is anything to write.
        is_open: Whether it has not ended yet.
        asked: What was asked of Cometly.
        checked_at: When it was compared, RFC 3339 in UTC.
    """

    event_date: date
    content: Content
    memory: DayMemory
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

    def inspect(self, delivery: Delivery[EventExport, Proof]) -> Day:
        """Look at a day before its rows are written.

        Raises:
            WrongTimezoneError: Its events do not lie within the day.
        """
        event_date, content = delivery.order.day, delivery.proof.content
        self._check_timezone(event_date, content)
        now = _utc_text(self._now())
        before = self._bookmark.days.get(event_date)
        changed = before is None or before.digest != content.digest
        if before is None or changed:
            revision = 1 if before is None else before.revision + 1
            memory = DayMemory(
                export_id=int(str(delivery.job)),
                digest=content.digest,
                rows=content.rows,
                amount_total=content.amount_total,
                exported_at=now,
                revision=revision,
            )
            if before is not None:
                self._log.info(change(event_date, before, content, revision))
        else:
            memory = before
        asked = self._bookmark.asked or {}
        return Day(event_date, content, memory, changed, event_date in self._open_days, asked, now)

    def delivered(self, day: Day) -> dict[str, object]:
        """Take note that a day is written; return the new STATE of the stream."""
        if not day.is_open:
            self._bookmark = self._bookmark.with_delivered(
                day.event_date, day.memory, lookback_days=self._settings.lookback_days
            )
        return self._bookmark.to_state()

    def close(self) -> None:
        """Tell what the days showed, if there were too few to tell it earlier."""
        if self._settings.timezone is None and 0 < self._days_with_events < ENOUGH_DAYS:
            self._log.info(offsets.suggestion(self._offsets))

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


def _utc_text(moment: datetime) -> str:
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
