"""The stream's bookmark: which days are delivered, what was asked for them, and what the latest of them held.

::

    {"replication_key": "event_date", "replication_key_value": "2025-03-10",
     "delivered": [["2025-01-01", "2025-03-10"]], "since": "2025-01-01",
     "request": {"query_mode": "profile", "fields": ["amount", "event_name"], ...},
     "snapshots": [{"event_date": "2025-03-10", "export_id": 40718, "digest": "9f...", "lines_digest": "07...",
                    "row_count": 412, "amount_total": "18230.50", "exported_at": "2025-03-11T06:00:04Z",
                    "revision": 1}, ...],
     "rewrite": ["2025-03-09"]}

The first three keys are the days (`bulk_exports.windows.delivered`). ``snapshots`` remembers only those that a lookback
still reaches, so that STATE stays small for ever. ``rewrite`` is empty after a run in which all went well: it names
the delivered days of which the target may hold something else than ``snapshots`` says, because a run was stopped while
it rewrote them, or could not look at them after it had rewritten others.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final

from typing_extensions import Self

from bulk_exports.exact_numbers import EXACT
from bulk_exports.job_names import JobName, job_name
from bulk_exports.windows import dates
from bulk_exports.windows.delivered import KEYS, DeliveredDays, MalformedStateError
from bulk_exports.windows.windows import MAX_WINDOW_DAYS, delivered_with

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from decimal import Decimal

    from bulk_exports.windows.windows import Window

_MAX_WHOLE_DIGITS: Final = 40


@dataclasses.dataclass(frozen=True, kw_only=True)
class DaySnapshot:
    """What was delivered of one window.

    Attributes:
        export_id: The export whose rows the target holds, by the vendor's name of it.
        digest: Names the content, and is on each of its rows; see `bulk_exports.records.digest`.
        lines_digest: Of the lines of the file that was looked at last.
        row_count: How many rows.
        amount_total: Sum of their amounts; None where ``amount`` is not asked for.
        exported_at: When that export was taken, RFC 3339 in UTC.
        revision: 1, and one more each time the content was found changed.
        days: How many days the window has.
    """

    export_id: JobName
    digest: str
    lines_digest: str
    row_count: int
    amount_total: Decimal | None
    exported_at: str
    revision: int
    days: int = 1

    @classmethod
    def from_state(cls, found: object, key: str) -> Self:
        """Read it from STATE.

        Raises:
            MalformedStateError: It makes no sense.
        """
        values = found if isinstance(found, Mapping) else {}
        try:
            digest, lines_digest, total = values["digest"], values["lines_digest"], values["amount_total"]
            snapshot = cls(
                export_id=job_name(values["export_id"]),
                digest=digest,
                lines_digest=lines_digest,
                row_count=_whole(values["row_count"]),
                amount_total=None if total is None else EXACT.create_decimal(str(total)),
                exported_at=values["exported_at"],
                revision=_whole(values["revision"]),
                days=_whole(values.get("days", 1)),
            )
            dates.parse_day(snapshot.exported_at)
            texts = isinstance(digest, str) and isinstance(lines_digest, str)
            finite = snapshot.amount_total is None or snapshot.amount_total.is_finite()
            if texts and finite and 0 < snapshot.days <= MAX_WINDOW_DAYS:
                return snapshot
        except (KeyError, TypeError, ValueError, ArithmeticError):
            pass
        raise MalformedStateError(key, found, "must be what this tap wrote about a day, or be left out")

    def to_state(self) -> dict[str, object]:
        """Return it as it is written to STATE."""
        total = None if self.amount_total is None else str(self.amount_total)
        state = {**dataclasses.asdict(self), "amount_total": total}
        if self.days == 1:
            del state["days"]
        return state


_OF_OTHER_DOORS: Final = {"run", "touched", "generation_id"}
"""What `bulk_exports.airbyte.state` writes beside a bookmark."""
RESERVED_NAMES: Final = frozenset({*KEYS, *_OF_OTHER_DOORS, *(field.name for field in dataclasses.fields(DaySnapshot))})
"""What the column of days cannot be called: its name stands beside these in STATE."""


@dataclasses.dataclass(frozen=True)
class StartedJob:
    """An export that was asked for and has not been delivered yet.

    Attributes:
        first: First day of its window.
        last: Last day.
        variant: Name of the variant; None where there is none.
        job: The vendor's name of it.
        created_at: When it was asked for, RFC 3339 in UTC.
    """

    first: date
    last: date
    variant: str | None
    job: JobName
    created_at: str

    @classmethod
    def from_state(cls, found: object, key: str) -> Self:
        """Read it from STATE.

        Raises:
            MalformedStateError: It makes no sense.
        """
        values = found if isinstance(found, Mapping) else {}
        try:
            job = cls(
                dates.parse_day(values["first"]),
                dates.parse_day(values["last"]),
                values.get("variant"),
                job_name(values["job"]),
                values["created_at"],
            )
            if job.asked_at.tzinfo and job.first <= job.last and isinstance(job.variant, (str, type(None))):
                return job
        except (AttributeError, KeyError, TypeError, ValueError):
            pass
        raise MalformedStateError(key, found, "must be what this tap wrote about an export, or be left out")

    def to_state(self) -> dict[str, object]:
        """Return it as it is written to STATE."""
        return {**dataclasses.asdict(self), "first": self.first.isoformat(), "last": self.last.isoformat()}

    @property
    def asked_at(self) -> datetime:
        """When it was asked for."""
        return datetime.fromisoformat(self.created_at.replace("Z", "+00:00"))


@dataclasses.dataclass(frozen=True)
class Bookmark:
    """Everything that the next run must know.

    Attributes:
        replication_key: The stream's column of days.
        delivered: The delivered days.
        since: First day of the range that was wanted when the stream began; None before the first delivery.
        request: What the vendor was asked for; None where STATE does not say so.
        snapshots: What the latest windows held, by the first day of each.
        rewrite: Delivered days that must be exported and written again, whatever they hold.
        jobs: The exports under way, where a later run can go on with them; None where it cannot.
        parts: Further days that are delivered of a single variant, by its name; None where there are no variants.
    """

    replication_key: str
    delivered: DeliveredDays = dataclasses.field(default_factory=DeliveredDays)
    since: date | None = None
    request: Mapping[str, Any] | None = None
    snapshots: Mapping[date, DaySnapshot] = dataclasses.field(default_factory=dict)
    rewrite: frozenset[date] = frozenset()
    jobs: tuple[StartedJob, ...] | None = None
    parts: Mapping[str, DeliveredDays] | None = None

    @classmethod
    def from_state(cls, state: Mapping[str, object], *, start: date, replication_key: str) -> Self:
        """Read the bookmark from the stream's STATE; see `DeliveredDays.from_state`.

        Raises:
            MalformedStateError: It makes no sense. It never passes for an empty one.
        """
        delivered = DeliveredDays.from_state(state, start=start, replication_key=replication_key)
        request, snapshots, since, rewrite = (state.get(key) for key in ("request", "snapshots", "since", "rewrite"))
        if request is not None and not isinstance(request, Mapping):
            raise MalformedStateError("request", request, "must be an object, or be left out")
        for name in ("fields", "variants"):
            _refuse_unless_names((request or {}).get(name), f"request.{name}")
        if snapshots is not None and not isinstance(snapshots, (list, tuple)):
            raise MalformedStateError("snapshots", snapshots, "must be a list of objects, or be left out")
        if rewrite is not None and not isinstance(rewrite, (list, tuple)):
            raise MalformedStateError("rewrite", rewrite, "must be a list of days, or be left out")
        jobs = state.get("jobs")
        if jobs is not None and not isinstance(jobs, (list, tuple)):
            raise MalformedStateError("jobs", jobs, "must be a list of objects, or be left out")
        parts = state.get("parts")
        if parts is not None and not isinstance(parts, (list, tuple)):
            raise MalformedStateError("parts", parts, "must be a list of objects, or be left out")
        found_snapshots = {}
        for place, found in enumerate(snapshots or ()):
            key = f"snapshots[{place}]"
            snapshot = DaySnapshot.from_state(found, key)
            found_snapshots[_day(found.get(replication_key), key)] = snapshot
        return cls(
            replication_key,
            delivered,
            delivered.first if since is None else _day(since, "since"),
            request or None,
            {
                day: snapshot
                for day, snapshot in found_snapshots.items()
                if all(each in delivered for each in _days_of(day, snapshot))
            },
            frozenset(day for text in rewrite or () if (day := _day(text, "rewrite")) in delivered),
            None
            if jobs is None
            else tuple(StartedJob.from_state(found, f"jobs[{place}]") for place, found in enumerate(jobs)),
            None if parts is None else dict(_part(found, f"parts[{place}]") for place, found in enumerate(parts)),
        )

    def to_state(self) -> dict[str, object]:
        """Return the bookmark as it is written to STATE: every key, so that no older STATE shows through a merge."""
        return {
            **self.delivered.to_state(replication_key=self.replication_key),
            "since": self.since.isoformat() if self.since else None,
            "request": dict(self.request or {}),
            "snapshots": [
                {self.replication_key: day.isoformat(), **self.snapshots[day].to_state()}
                for day in sorted(self.snapshots)
            ],
            "rewrite": [day.isoformat() for day in sorted(self.rewrite)],
            **({} if self.jobs is None else {"jobs": [job.to_state() for job in self.jobs]}),
            **({} if self.parts is None else {"parts": _parts_to_state(self.parts)}),
        }

    def with_delivered(
        self, window: Window, snapshot: DaySnapshot, *, lookback_days: int, wanted_last: date | None = None
    ) -> Self:
        """Return the bookmark after a window was delivered, or looked at again.

        Args:
            window: The window.
            snapshot: What the target now holds of it.
            lookback_days: See `remembering`.
            wanted_last: See `remembering`.
        """
        days = frozenset(window.days())
        others = {day: other for day, other in self.snapshots.items() if days.isdisjoint(_days_of(day, other))}
        return dataclasses.replace(
            self,
            delivered=delivered_with(self.delivered, window),
            snapshots={**others, window.first: dataclasses.replace(snapshot, days=len(window))},
            rewrite=self.rewrite - days,
            parts=self.parts and self._parts_without(window),
        ).remembering(lookback_days, wanted_last)

    @property
    def variants(self) -> Collection[str]:
        """The names of the variants that are asked for; none where one export is all."""
        return (self.request or {}).get("variants") or ()

    def with_part(self, window: Window, variant: str) -> Self:
        """Return the bookmark after one of its variants was delivered of a window."""
        parts = self.parts or {}
        days = delivered_with(parts.get(variant, DeliveredDays()), window) - self.delivered
        return dataclasses.replace(self, parts={**parts, variant: days})

    def delivered_of(self, day: date) -> frozenset[str]:
        """Return the variants that are delivered of a day, where that is not all of it."""
        if day in self.delivered:
            return frozenset()
        return frozenset(name for name, days in (self.parts or {}).items() if day in days)

    def _parts_without(self, window: Window) -> dict[str, DeliveredDays]:
        days = delivered_with(DeliveredDays(), window)
        asked = self.variants
        return {name: part - days if name in asked else part for name, part in (self.parts or {}).items()}

    def with_job(self, job: StartedJob) -> Self:
        """Return the bookmark after an export was asked for; it takes the place of earlier ones of any of its days."""
        return dataclasses.replace(self, jobs=(*self._other_jobs(job.first, job.last, job.variant), job))

    def without_job(self, window: Window, variant: str | None) -> Self:
        """Return the bookmark after an export was delivered, or has failed."""
        if not self.jobs:
            return self
        return dataclasses.replace(self, jobs=self._other_jobs(window.first, window.last, variant))

    def _other_jobs(self, first: date, last: date, variant: str | None) -> tuple[StartedJob, ...]:
        """Return the jobs that have none of these days: the halves of a window leave nothing of the whole."""
        return tuple(job for job in self.jobs or () if job.variant != variant or job.last < first or last < job.first)

    def snapshot(self, window: Window) -> DaySnapshot | None:
        """Return what just this window held when it was last looked at; None if it was not, or was cut otherwise."""
        found = self.snapshots.get(window.first)
        return found if found and found.days == len(window) else None

    def remembering(self, lookback_days: int, wanted_last: date | None = None) -> Self:
        """Return the bookmark without snapshots that are of no use.

        What is forgotten of a day costs at most that the day is written once more, should it ever be looked at again.

        Args:
            lookback_days: How many of the latest delivered days runs look at.
            wanted_last: The last day that they want, if that may lie before the last delivered day.
        """
        kept = self.delivered.latest(lookback_days) | self.rewrite
        if wanted_last is not None:
            kept |= self.delivered.latest(lookback_days, until=wanted_last)
        return dataclasses.replace(
            self,
            snapshots={
                day: snapshot
                for day, snapshot in self.snapshots.items()
                if not kept.isdisjoint(_days_of(day, snapshot))
            },
        )

    def with_rewrite(self, days: Collection[date]) -> Self:
        """Return the bookmark after some delivered days came into doubt; others in ``days`` play no part."""
        return dataclasses.replace(self, rewrite=self.rewrite.union(day for day in days if day in self.delivered))


def _days_of(first: date, snapshot: DaySnapshot) -> Iterator[date]:
    return dates.days(first, dates.plus(first, snapshot.days - 1))


def _whole(found: object) -> int:
    """Return a count or number; a text of digits is one, and nothing with a fraction or an exponent."""
    if isinstance(found, str) and len(found) <= _MAX_WHOLE_DIGITS:
        found = int(found)
    if not isinstance(found, int) or isinstance(found, bool) or not 0 <= found < 10**_MAX_WHOLE_DIGITS:
        raise ValueError("not a whole number")
    return found


def _part(found: object, key: str) -> tuple[str, DeliveredDays]:
    values = found if isinstance(found, Mapping) else {}
    if not isinstance(name := values.get("variant"), str):
        raise MalformedStateError(key, found, "must name a variant and its delivered days, or be left out")
    days = {"delivered": values.get("delivered")}
    return name, DeliveredDays.from_state(days, start=date.max, replication_key="")


def _parts_to_state(parts: Mapping[str, DeliveredDays]) -> list[dict[str, object]]:
    return [{"variant": name, "delivered": parts[name].as_json()} for name in sorted(parts) if parts[name].count]


def _refuse_unless_names(found: object, key: str) -> None:
    if found is not None and not (isinstance(found, (list, tuple)) and all(isinstance(name, str) for name in found)):
        raise MalformedStateError(key, found, "must be a list of names, or be left out")


def _day(found: object, key: str) -> date:
    try:
        return dates.parse_day(found)
    except ValueError:
        raise MalformedStateError(key, found, "must be a day such as 2025-03-10") from None
