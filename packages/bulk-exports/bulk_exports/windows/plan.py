"""What a run has to do: which days are delivered, which are wanted, which are due and why."""

from __future__ import annotations

import dataclasses
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from bulk_exports.windows import dates
from bulk_exports.windows.bookmark import Bookmark
from bulk_exports.windows.delivered import DeliveredDays, DueDay, MalformedStateError
from bulk_exports.windows.fingerprint import ChangedRequestError, as_remembered, breaking_changes, harmless_changes
from bulk_exports.windows.variants import regrouped
from bulk_exports.windows.windows import Window, windows
from bulk_exports.wording import counted

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from collections.abc import Set as AbstractSet
    from datetime import datetime

    from bulk_exports.export_settings import ExportSettings
    from bulk_exports.spec import ExportStream, Query
    from bulk_exports.windows.bookmark import StartedJob

_Request: TypeAlias = "tuple[Window, str | None]"
_REASONS: Final = {"new": "new", "missing": "missing", "lookback": "looked back", "open": "still open"}
_ADOPTABLE: Final = frozenset({"new", "missing"})
"""Of days that are looked at again the newest content is wanted, and not that of an export made some time ago."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """The days of one run.

    Attributes:
        stream: Name of the stream.
        planned_at: The moment for which it was planned.
        bookmark: What is delivered, and what the vendor is asked for from now on.
        wanted: First and last day that are wanted and have ended; None while there is none.
        requests: What this run exports, in this order: windows, and the names of variants, where there are any.
        left: How many days are due, too, but are left for the next run.
        exports: How many exports that takes, those among them that are under way.
        calls: How many requests they cost, as a rule; None where the vendor has no quota of them.
        per_minute: How many exports can be created a minute.
        remarks: What the user should know about it.
    """

    stream: str
    planned_at: datetime
    bookmark: Bookmark
    wanted: tuple[date, date] | None
    requests: tuple[tuple[Window, str | None], ...]
    left: int = 0
    exports: int
    calls: int | None = None
    per_minute: float
    remarks: tuple[str, ...] = ()

    @classmethod
    def make(
        cls,
        stream: ExportStream,
        settings: ExportSettings,
        query: Query,
        state: Mapping[str, object],
        now: datetime,
        *,
        ledger: bool = True,
    ) -> Plan:
        """Plan a run.

        Args:
            stream: What is exported.
            settings: What is wanted.
            query: What the vendor is asked for.
            state: The stream's STATE.
            now: The present moment.
            ledger: Whether the ledger is selected.

        Raises:
            MalformedStateError: The STATE makes no sense.
            ChangedRequestError: The request no longer means what it did for the delivered days.
        """
        if stream.windows.snapshot:
            return cls._of_snapshot(stream, settings, now)
        wanted = settings.wanted(now)
        start = wanted[0] if wanted else date.max
        bookmark = Bookmark.from_state(state, start=start, replication_key=stream.cursor)
        last, today = bookmark.delivered.last, dates.today(now, None)
        if last and last > today:
            raise MalformedStateError("replication_key_value", str(last), f"must not lie after today ({today})")
        bookmark, remarks = _asking(bookmark, stream, settings, query, ledger=ledger)
        # Without a start date the wanted range begins ever later; what was begun is still to be finished.
        wanted = settings.wanted(now, since=bookmark.since)
        if wanted:
            bookmark = dataclasses.replace(bookmark, since=min(bookmark.since or date.max, wanted[0]))
            bookmark = bookmark.remembering(settings.lookback_days, wanted[1])
        due = bookmark.delivered.due(*wanted, settings.lookback_days, again=bookmark.rewrite) if wanted else []
        if settings.include_open_day and _is_wanted(open_day := dates.today(now, settings.timezone), settings):
            due.append(DueDay(open_day, "open"))
        if settings.backfill_order == "newest_first" and not stream.windows.rows_move:
            # Holes among the delivered days first, then from the newest day to the oldest.
            due.sort(key=lambda due: (_is_hole(due.day, bookmark.delivered), due.day), reverse=True)
        bookmark = _with_adoptable_jobs(bookmark, stream, settings, due, now)
        variants = _names(stream)
        planned = _planned(due, stream.windows.max_days, bookmark, variants)
        most = settings.max_exports_per_run and max(settings.max_exports_per_run // len(variants), 1)
        taken = _first(planned, most, bookmark.rewrite, exports_per_window=len(variants))
        exports = len(taken)
        return cls(
            stream=stream.name,
            planned_at=now,
            bookmark=bookmark,
            wanted=wanted,
            requests=taken,
            left=len(_days_of(planned) - _days_of(taken)),
            exports=exports,
            calls=stream.calls_per_export and exports * stream.calls_per_export,
            per_minute=stream.creates_per_minute,
            remarks=tuple(remarks),
        )

    @classmethod
    def _of_snapshot(cls, stream: ExportStream, settings: ExportSettings, now: datetime) -> Plan:
        window = Window.single(dates.today(now, settings.timezone), "snapshot")
        requests = tuple((window, variant.name) for variant in stream.variants) or ((window, None),)
        return cls(
            stream=stream.name,
            planned_at=now,
            bookmark=Bookmark(stream.cursor),
            wanted=None,
            requests=requests,
            exports=len(requests),
            calls=stream.calls_per_export and len(requests) * stream.calls_per_export,
            per_minute=stream.creates_per_minute,
        )

    def with_remark(self, remark: str) -> Plan:
        """Return the plan with one more remark, before the others."""
        return dataclasses.replace(self, remarks=(remark, *self.remarks))

    @property
    def due(self) -> tuple[DueDay, ...]:
        """The days of these windows."""
        reasons = {day: window.reason for window in self.windows for day in window.days()}
        return tuple(DueDay(day, reason) for day, reason in reasons.items())

    @property
    def windows(self) -> tuple[Window, ...]:
        """The windows of the requests."""
        return tuple(dict.fromkeys(window for window, _ in self.requests))

    @property
    def under_way(self) -> tuple[StartedJob, ...]:
        """The exports of an earlier run with which this one goes on."""
        names = {(window.first, window.last, variant) for window, variant in self.requests}
        return tuple(job for job in self.bookmark.jobs or () if (job.first, job.last, job.variant) in names)

    @property
    def min_minutes(self) -> int:
        """For how long exports will be created at least."""
        return int(max(self.exports - len(self.under_way) - 1, 0) // self.per_minute)

    def summary(self) -> str:
        """Return the plan in one line."""
        due = self.due
        calls = f"; about {counted(self.calls, 'API call')}" if self.calls else ""
        if [day.reason for day in due] == ["snapshot"]:
            number = "one export" if self.exports == 1 else f"{self.exports} exports"
            return f"Exporting everything that there is, in {number}{calls}"
        if not due:
            if self.wanted is None:
                return "Nothing to export: no wanted day has ended yet"
            return f"Nothing to export: every day from {self.wanted[0]} to {self.wanted[1]} is delivered"
        days = [*(self.wanted or ()), *(each.day for each in due)]
        counts = ", ".join(f"{count} {_REASONS[reason]}" for reason, count in self._counts().items() if count)
        minutes = self.min_minutes
        pace = f"; at {self.per_minute:g} new exports a minute this takes at least {counted(minutes, 'minute')}"
        exports = f" in {counted(self.exports, 'export')}" if self.exports != len(due) else ""
        begun = len(self.under_way)
        are = f"{counted(begun, 'export')} of an earlier run {'is' if begun == 1 else 'are'}"
        under_way = f"; {are} under way and will be gone on with"
        left = f"; {counted(self.left, 'more day')} left for the next run (`max_exports_per_run`)"
        return (
            f"Exporting {counted(len(due), 'day')} of {min(days)} to {max(days)}{exports} ({counts})"
            f"{under_way if begun else ''}{pace if minutes else ''}{calls}{left if self.left else ''}"
        )

    def text(self) -> str:
        """Return the plan for people, over several lines: all that a run would say before it begins."""
        stretches = {"delivered": self.bookmark.delivered}
        stretches |= {words: _days(self.due, reason) for reason, words in _REASONS.items()}
        lines = [f"{words:<11} {_described(days)}" for words, days in stretches.items()]
        return "\n".join([*lines, "", *self.remarks, self.summary()])

    def as_json(self) -> dict[str, Any]:
        """Return the plan for programs."""
        return {
            "stream": self.stream,
            "wanted": [day.isoformat() for day in self.wanted] if self.wanted else None,
            "delivered": self.bookmark.delivered.as_json(),
            "due": {reason: _days(self.due, reason).as_json() for reason in _REASONS},
            "exports": self.exports,
            "under_way": [job.to_state() for job in self.under_way],
            **({"calls": self.calls} if self.calls is not None else {}),
            "left_for_next_run": self.left,
            "min_minutes": self.min_minutes,
            "remarks": list(self.remarks),
        }

    def _counts(self) -> dict[str, int]:
        return {reason: sum(day.reason == reason for day in self.due) for reason in _REASONS}


def _asking(
    bookmark: Bookmark, stream: ExportStream, settings: ExportSettings, query: Query, *, ledger: bool
) -> tuple[Bookmark, list[str]]:
    """Return the bookmark with what is asked now, and what changed since."""
    zone = settings.timezone.key if settings.timezone else None
    request = {**as_remembered(query.fingerprint()), "timezone": zone, "ledger": ledger and stream.ledger is not None}
    if variants := [variant.name for variant in stream.variants]:
        request["variants"] = variants
    remembered = None if bookmark.request is None else as_remembered(bookmark.request)
    before = request if remembered is None else remembered
    old = before.get("variants") or []
    changes = breaking_changes(before, request, query.breaking)
    if bool(old) != bool(variants):  # nobody can tell which rows the days in STATE hold
        changes += breaking_changes({"variants": old}, {"variants": variants}, ["variants"])
    if changes:
        if not settings.resync:
            raise ChangedRequestError(stream.vendor, changes)
        return Bookmark(bookmark.replication_key, since=bookmark.since, request=request), [
            f"Loading every day again (`resync`): {'; '.join(changes)}"
        ]
    if {**(remembered or {}), "variants": None} != {**request, "variants": None}:
        bookmark = dataclasses.replace(bookmark, jobs=None)  # which hold something else than is wanted now
    told = harmless_changes(before, request, ledger=stream.ledger.name if stream.ledger else None)
    told = told if bookmark.delivered.count else []
    if variants:
        delivered, parts = regrouped(bookmark.delivered, bookmark.parts or {}, old, variants)
        kept = {day: held for day, held in bookmark.snapshots.items() if day in delivered}
        rewrite = frozenset(day for day in bookmark.rewrite if day in delivered)
        bookmark = dataclasses.replace(bookmark, delivered=delivered, parts=parts, snapshots=kept, rewrite=rewrite)
    return dataclasses.replace(bookmark, request=request), [f"The request has changed: {each}" for each in told]


def _with_adoptable_jobs(
    bookmark: Bookmark, stream: ExportStream, settings: ExportSettings, due: list[DueDay], now: datetime
) -> Bookmark:
    """Return the bookmark with those jobs of earlier runs that this one can go on with, and no others."""
    if stream.jobs_last is None:
        return dataclasses.replace(bookmark, jobs=None)
    wanted = {
        (name, day.day)
        for day in due
        for name in _names(stream)
        if day.reason in _ADOPTABLE and name not in bookmark.delivered_of(day.day)
    }
    taken: set[tuple[str | None, date]] = set()
    adoptable = []
    for job in bookmark.jobs or ():
        if job.last >= dates.plus(job.first, stream.windows.max_days):
            continue  # this stream has asked for no such window
        days = {(job.variant, day) for day in dates.days(job.first, job.last)}
        # An export of a day that was still open holds a part of it.
        closed = settings.wanted(job.asked_at)
        had_ended = closed is not None and job.last <= closed[1]
        lasts = timedelta() <= now - job.asked_at < stream.jobs_last
        if wanted.issuperset(days) and taken.isdisjoint(days) and had_ended and lasts:
            adoptable.append(job)
            taken |= days
    return dataclasses.replace(bookmark, jobs=tuple(adoptable))


def _planned(
    due: list[DueDay], max_days: int, bookmark: Bookmark, variants: Sequence[str | None]
) -> tuple[_Request, ...]:
    """Return what due days are exported by: windows of jobs under way as they are, variants of a window together."""
    reasons = {day.day: day.reason for day in due}
    places = {day.day: place for place, day in enumerate(due)}
    planned = []
    for number, name in enumerate(variants):
        under_way = {
            Window(job.first, job.last, reasons[job.first]) for job in bookmark.jobs or () if job.variant == name
        }
        taken = {day for window in under_way for day in window.days()}
        left = [day for day in due if day.day not in taken and name not in bookmark.delivered_of(day.day)]
        others = windows(left, max_days)
        planned += [
            (min(places[window.first], places[window.last]), number, (window, name)) for window in (*under_way, *others)
        ]
    return tuple(request for _, _, request in sorted(planned, key=lambda each: each[:2]))


def _names(stream: ExportStream) -> list[str | None]:
    """Return the names of the variants; a single one that is none where there are none."""
    names: list[str | None] = [variant.name for variant in stream.variants]
    return names or [None]


def _first(
    planned: tuple[_Request, ...], most: int | None, rewrite: AbstractSet[date], *, exports_per_window: int
) -> tuple[_Request, ...]:
    """Return the requests of so many windows, in the same order.

    First those in doubt, whose rows the target may lack; then those that every run looks at again, because a day that
    is not looked at while others are written comes into doubt itself; then the others in their order.
    """
    if most is None or len(planned) <= (count := most * exports_per_window):
        return planned
    ranks = {"lookback": 1, "open": 2}

    def rank(request: _Request) -> int:
        window, _ = request
        return ranks.get(window.reason, 3) if rewrite.isdisjoint(window.days()) else 0

    ranked = sorted(planned, key=rank)
    others = [request for request in ranked if rank(request) == 3]
    if others and all(0 < rank(request) < 3 for request in ranked[:count]):
        # Holes cut the days that are looked at again into more windows than settings reckon with: the same ones would
        # be all that every run takes.
        ranked = [*ranked[: count - exports_per_window], *others[:exports_per_window]]
    taken = set(ranked[:count])
    return tuple(request for request in planned if request in taken)


def _days_of(planned: Collection[_Request]) -> set[date]:
    return {day for window, _ in planned for day in window.days()}


def _is_hole(day: date, delivered: DeliveredDays) -> bool:
    first, last = delivered.first, delivered.last
    return first is not None and last is not None and first < day < last and day not in delivered


def _is_wanted(day: date, settings: ExportSettings) -> bool:
    return (settings.start_date or day) <= day <= (settings.end_date or day)


def _days(due: tuple[DueDay, ...], reason: str) -> DeliveredDays:
    return DeliveredDays(tuple((day.day, day.day) for day in due if day.reason == reason))


def _described(days: DeliveredDays) -> str:
    if not days.count:
        return "no day"
    stretches = [f"{first}" if first == last else f"{first} to {last}" for first, last in days.intervals]
    return f"{', '.join(stretches)} ({counted(days.count, 'day')})"
