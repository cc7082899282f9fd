"""What a run has to do: which days are delivered, which are wanted, which are due and why."""

from __future__ import annotations

import dataclasses
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from tap_cometly.windows import dates
from tap_cometly.windows.bookmark import Bookmark
from tap_cometly.windows.delivered import DeliveredDays, DueDay, MalformedStateError
from tap_cometly.windows.fingerprint import ChangedRequestError, breaking_changes, harmless_changes, request_fingerprint

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from tap_cometly.settings import Settings

_REASONS: Final = {"new": "new", "missing": "missing", "lookback": "looked back", "open": "still open"}


@dataclasses.dataclass(frozen=True)
class Plan:
    """The days of one run.

    Attributes:
        bookmark: What is delivered, and what is asked of Cometly from now on.
        wanted: First and last day that are wanted and have ended; None while there is none.
        due: What this run exports, in this order.
        remarks: What the user should know about it.
    """

    bookmark: Bookmark
    wanted: tuple[date, date] | None
    due: tuple[DueDay, ...]
    remarks: tuple[str, ...] = ()

    @classmethod
    def make(
        cls,
        settings: Settings,
        state: Mapping[str, object],
        now: datetime,
        *,
        columns: Collection[str] = (),
        ledger: bool = True,
    ) -> Plan:
        """Plan a run.

        Args:
            settings: What is wanted.
            state: The stream's STATE.
            now: The present moment.
            columns: The selected columns that come from Cometly.
            ledger: Whether the stream `event_days` is selected.

        Raises:
            MalformedStateError: The STATE makes no sense.
            ChangedRequestError: What is asked of Cometly no longer means what it did for the delivered days.
        """
        wanted = settings.wanted(now)
        bookmark = Bookmark.from_state(state, start=wanted[0] if wanted else date.max)
        last, today = bookmark.progress.last, dates.today(now, None)
        if last and last > today:
            raise MalformedStateError("replication_key_value", str(last), f"must not lie after today ({today})")
        bookmark, remarks = _asking(bookmark, settings, request_fingerprint(settings, columns, ledger=ledger))
        # Without a start date the wanted range begins ever later; what was begun is still to be finished.
        wanted = settings.wanted(now, since=bookmark.since)
        if wanted:
            bookmark = dataclasses.replace(bookmark, since=min(bookmark.since or date.max, wanted[0]))
            bookmark = bookmark.remembering(settings.lookback_days, wanted[1])
        due = bookmark.progress.due(*wanted, settings.lookback_days, again=bookmark.rewrite) if wanted else []
        if settings.include_open_day and _is_wanted(open_day := dates.today(now, settings.timezone), settings):
            due.append(DueDay(open_day, "open"))
        if settings.backfill_order == "newest_first":
            # Holes among the delivered days first, then from the newest day to the oldest.
            due.sort(key=lambda due: (_is_hole(due.day, bookmark.progress), due.day), reverse=True)
        return cls(bookmark, wanted, tuple(due), tuple(remarks))

    def min_minutes(self, per_minute: int) -> int:
        """Return for how long exports will be created at least, at ``per_minute`` of them."""
        return max(len(self.due) - 1, 0) // per_minute

    def summary(self, per_minute: int) -> str:
        """Return the plan in one line."""
        if not self.due:
            if self.wanted is None:
                return "Nothing to export: no wanted day has ended yet"
            return f"Nothing to export: every day from {self.wanted[0]} to {self.wanted[1]} is delivered"
        first, last = self.wanted or (self.due[0].day, self.due[0].day)
        counts = ", ".join(f"{count} {_REASONS[reason]}" for reason, count in self._counts().items() if count)
        minutes = self.min_minutes(per_minute)
        pace = f"; at {per_minute} new exports a minute this takes at least {_counted(minutes, 'minute')}"
        return f"Exporting {_counted(len(self.due), 'day')} of {first} to {last} ({counts}){pace if minutes else ''}"

    def text(self, per_minute: int) -> str:
        """Return the plan for people, over several lines."""
        stretches = {"delivered": self.bookmark.progress}
        stretches |= {words: _days(self.due, reason) for reason, words in _REASONS.items()}
        lines = [f"{words:<11} {_described(days)}" for words, days in stretches.items()]
        return "\n".join([*lines, "", self.summary(per_minute)])

    def as_json(self, per_minute: int) -> dict[str, Any]:
        """Return the plan for programs."""
        return {
            "wanted": [day.isoformat() for day in self.wanted] if self.wanted else None,
            "delivered": _ranges(self.bookmark.progress),
            "due": {reason: _ranges(_days(self.due, reason)) for reason in _REASONS},
            "exports": len(self.due),
            "min_minutes": self.min_minutes(per_minute),
        }

    def _counts(self) -> dict[str, int]:
        return {reason: sum(day.reason == reason for day in self.due) for reason in _REASONS}


def _asking(bookmark: Bookmark, settings: Settings, asked: Mapping[str, Any]) -> tuple[Bookmark, list[str]]:
    """Return the bookmark with what is asked now, and what changed since."""
    before = bookmark.request if bookmark.request is not None else asked
    if changes := breaking_changes(before, asked):
        if not settings.resync:
            raise ChangedRequestError(changes)
        return Bookmark(since=bookmark.since, request=asked), [
            f"Loading every day again (`resync`): {'; '.join(changes)}"
        ]
    remarks = [f"The request has changed: {told}" for told in harmless_changes(before, asked)]
    return dataclasses.replace(bookmark, request=asked), remarks


def _is_hole(day: date, delivered: DeliveredDays) -> bool:
    first, last = delivered.first, delivered.last
    return first is not None and last is not None and first < day < last and day not in delivered


def _is_wanted(day: date, settings: Settings) -> bool:
    return (settings.start_date or day) <= day <= (settings.end_date or day)


def _counted(count: int, thing: str) -> str:
    return f"{count} {thing}{'' if count == 1 else 's'}"


def _days(due: tuple[DueDay, ...], reason: str) -> DeliveredDays:
    return DeliveredDays(tuple((day.day, day.day) for day in due if day.reason == reason))


def _described(days: DeliveredDays) -> str:
    if not days.count:
        return "no day"
    stretches = [f"{first}" if first == last else f"{first} to {last}" for first, last in days.intervals]
    return f"{', '.join(stretches)} ({_counted(days.count, 'day')})"


def _ranges(days: DeliveredDays) -> list[list[str]]:
    return [[first.isoformat(), last.isoformat()] for first, last in days.intervals]
