"""What a run has to do: which days are delivered, which are wanted, which are due and why."""

from __future__ import annotations

import dataclasses
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from tap_cometly import calendar
from tap_cometly.progress import DueDay, MalformedStateError, Progress

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from tap_cometly.settings import Settings

_REASONS: Final = {"new": "new", "missing": "missing", "lookback": "looked back"}


@dataclasses.dataclass(frozen=True)
class Plan:
    """The days of one run.

    Attributes:
        progress: What is delivered.
        wanted: First and last day that are wanted and have ended; None while there is none.
        due: What this run exports, ascending.
    """

    progress: Progress
    wanted: tuple[date, date] | None
    due: tuple[DueDay, ...]

    @classmethod
    def make(cls, settings: Settings, state: Mapping[str, object], now: datetime) -> Plan:
        """Plan a run.

        Args:
            settings: What is wanted.
            state: The stream's STATE.
            now: The present moment.

        Raises:
            MalformedStateError: The STATE makes no sense.
        """
        wanted = settings.wanted(now)
        progress = Progress.from_state(state, start=wanted[0] if wanted else date.max)
        today = calendar.today(now, None)
        if progress.last and progress.last > today:
            raise MalformedStateError(
                "replication_key_value", str(progress.last), f"must not lie after today ({today})"
            )
        # Without a start date the wanted range begins ever later; what was begun is still to be finished.
        wanted = settings.wanted(now, since=progress.first)
        due = progress.due(*wanted, settings.lookback_days) if wanted else []
        return cls(progress, wanted, tuple(due))

    def least_minutes(self, per_minute: int) -> int:
        """Return for how long exports will be created at least, at ``per_minute`` of them."""
        return max(len(self.due) - 1, 0) // per_minute

    def summary(self, per_minute: int) -> str:
        """Return the plan in one line."""
        if self.wanted is None:
            return "Nothing to export: no wanted day has ended yet"
        first, last = self.wanted
        if not self.due:
            return f"Nothing to export: every day from {first} to {last} is delivered"
        counts = ", ".join(f"{count} {_REASONS[reason]}" for reason, count in self._counts().items() if count)
        minutes = self.least_minutes(per_minute)
        pace = f"; at {per_minute} new exports a minute this takes at least {_counted(minutes, 'minute')}"
        return f"Exporting {_counted(len(self.due), 'day')} of {first} to {last} ({counts}){pace if minutes else ''}"

    def text(self, per_minute: int) -> str:
        """Return the plan for people, over several lines."""
        stretches = {"delivered": self.progress}
        stretches |= {words: _days(self.due, reason) for reason, words in _REASONS.items()}
        lines = [f"{words:<11} {_described(days)}" for words, days in stretches.items()]
        return "\n".join([*lines, "", self.summary(per_minute)])

    def as_json(self, per_minute: int) -> dict[str, Any]:
        """Return the plan for programs."""
        return {
            "wanted": [day.isoformat() for day in self.wanted] if self.wanted else None,
            "delivered": _ranges(self.progress),
            "due": {reason: _ranges(_days(self.due, reason)) for reason in _REASONS},
            "exports": len(self.due),
            "least_minutes": self.least_minutes(per_minute),
        }

    def _counts(self) -> dict[str, int]:
        return {reason: sum(day.reason == reason for day in self.due) for reason in _REASONS}


def _counted(count: int, thing: str) -> str:
    return f"{count} {thing}{'' if count == 1 else 's'}"


def _days(due: tuple[DueDay, ...], reason: str) -> Progress:
    return Progress(tuple((day.day, day.day) for day in due if day.reason == reason))


def _described(days: Progress) -> str:
    if not days.count:
        return "no day"
    stretches = [f"{first}" if first == last else f"{first} to {last}" for first, last in days.intervals]
    return f"{', '.join(stretches)} ({_counted(days.count, 'day')})"


def _ranges(days: Progress) -> list[list[str]]:
    return [[first.isoformat(), last.isoformat()] for first, last in days.intervals]
