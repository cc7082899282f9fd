"""The stream's bookmark: which days are delivered, what was asked for them, and what the latest of them held.

::

    {"replication_key": "event_date", "replication_key_value": "2025-03-10",
     "delivered": [["2025-01-01", "2025-03-10"]], "since": "2025-01-01",
     "asked": {"query_mode": "profile", "fields": ["amount", "event_name"], ...},
     "days": {"2025-03-10": {"export_id": 40718, "digest": "9f...", "rows": 412, "amount_total": "18230.50",
                             "exported_at": "2025-03-11T06:00:04Z", "revision": 1}, ...},
     "again": ["2025-03-09"]}

The first three keys are the days (`tap_cometly.progress`). ``days`` remembers only those that a lookback still
reaches, so that STATE stays small for ever. ``again`` is missing after a run in which all went well: it names the
delivered days of which the target may hold something else than ``days`` says, because a run was stopped while it
rewrote them, or could not look at them after it had rewritten others.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from typing_extensions import Self

from tap_cometly import calendar
from tap_cometly.progress import MalformedStateError, Progress

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import date


@dataclasses.dataclass(frozen=True, kw_only=True)
class DayMemory:
    """What was delivered of one day.

    Attributes:
        export_id: The export whose rows the target holds.
        digest: Of the content, whatever the order of the rows.
        rows: How many.
        amount_total: Their sum; None where ``amount`` is not asked for.
        exported_at: When that export was taken, RFC 3339 in UTC.
        revision: 1, and one more each time the content was found changed.
    """

    export_id: int
    digest: str
    rows: int
    amount_total: Decimal | None
    exported_at: str
    revision: int

    @classmethod
    def from_state(cls, found: object, key: str) -> Self:
        """Read it from STATE.

        Raises:
            MalformedStateError: It makes no sense.
        """
        values = found if isinstance(found, Mapping) else {}
        try:
            digest, total = values["digest"], values["amount_total"]
            memory = cls(
                export_id=int(values["export_id"]),
                digest=digest,
                rows=int(values["rows"]),
                amount_total=None if total is None else Decimal(str(total)),
                exported_at=values["exported_at"],
                revision=int(values["revision"]),
            )
            calendar.parse_day(memory.exported_at)
            if isinstance(digest, str) and (memory.amount_total is None or memory.amount_total.is_finite()):
                return memory
        except (KeyError, TypeError, ValueError, ArithmeticError):
            pass
        raise MalformedStateError(key, found, "must be what this tap wrote about a day, or be left out")

    def to_state(self) -> dict[str, object]:
        """Return it as it is written to STATE."""
        total = None if self.amount_total is None else str(self.amount_total)
        return {**dataclasses.asdict(self), "amount_total": total}


@dataclasses.dataclass(frozen=True)
class Bookmark:
    """Everything that the next run must know.

    Attributes:
        progress: The delivered days.
        since: First day of the range that was wanted when the stream began; None before the first delivery.
        asked: What was asked of Cometly for these days; None where an older version wrote the STATE.
        days: What the latest days held.
        again: Delivered days that must be exported and written again, whatever they hold.
    """

    progress: Progress = dataclasses.field(default_factory=Progress)
    since: date | None = None
    asked: Mapping[str, Any] | None = None
    days: Mapping[date, DayMemory] = dataclasses.field(default_factory=dict)
    again: frozenset[date] = frozenset()

    @classmethod
    def from_state(cls, state: Mapping[str, object], *, start: date) -> Self:
        """Read the bookmark from the stream's STATE; see `Progress.from_state`.

        Raises:
            MalformedStateError: It makes no sense. It never passes for an empty one.
        """
        progress = Progress.from_state(state, start=start)
        asked, days, since, again = (state.get(key) for key in ("asked", "days", "since", "again"))
        if asked is not None and not isinstance(asked, Mapping):
            raise MalformedStateError("asked", asked, "must be an object, or be left out")
        _refuse_unless_names((asked or {}).get("fields"), "asked.fields")
        if days is not None and not isinstance(days, Mapping):
            raise MalformedStateError("days", days, "must be an object, or be left out")
        if again is not None and not isinstance(again, (list, tuple)):
            raise MalformedStateError("again", again, "must be a list of days, or be left out")
        memories = {
            _day(day, "days"): DayMemory.from_state(found, f"days.{day}") for day, found in (days or {}).items()
        }
        return cls(
            progress,
            progress.first if since is None else _day(since, "since"),
            asked,
            {day: memory for day, memory in memories.items() if day in progress},
            frozenset(day for text in again or () if (day := _day(text, "again")) in progress),
        )

    def to_state(self) -> dict[str, object]:
        """Return the bookmark as it is written to STATE."""
        state = self.progress.to_state()
        if self.since is not None:
            state["since"] = self.since.isoformat()
        if self.asked is not None:
            state["asked"] = dict(self.asked)
        if self.days:
            state["days"] = {day.isoformat(): self.days[day].to_state() for day in sorted(self.days)}
        if self.again:
            state["again"] = [day.isoformat() for day in sorted(self.again)]
        return state

    def with_delivered(self, day: date, memory: DayMemory, *, lookback_days: int) -> Self:
        """Return the bookmark after a day was delivered, or looked at again.

        Args:
            day: The day.
            memory: What the target now holds of it.
            lookback_days: How many of the latest days are remembered.
        """
        progress = self.progress.with_delivered(day)
        again = self.again - {day}
        kept = progress.latest(lookback_days) | again
        days = {each: known for each, known in {**self.days, day: memory}.items() if each in kept}
        return dataclasses.replace(self, progress=progress, days=days, again=again)

    def with_again(self, days: Collection[date]) -> Self:
        """Return the bookmark after some delivered days came into doubt; others in ``days`` play no part."""
        return dataclasses.replace(self, again=self.again.union(day for day in days if day in self.progress))


def _refuse_unless_names(found: object, key: str) -> None:
    if found is not None and not (isinstance(found, (list, tuple)) and all(isinstance(name, str) for name in found)):
        raise MalformedStateError(key, found, "must be a list of names, or be left out")


def _day(found: object, key: str) -> date:
    try:
        return calendar.parse_day(found)
    except ValueError:
        raise MalformedStateError(key, found, "must be a day such as 2025-03-10") from None
