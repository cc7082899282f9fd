"""The set of delivered days: what STATE remembers, and which days a run must export because of it.

The set is kept as intervals beside the usual Singer bookmark::

    {"replication_key": "event_date", "replication_key_value": "2025-03-10",
     "delivered": [["2025-01-01", "2025-02-11"], ["2025-02-13", "2025-03-10"]]}

so that one idea covers resuming, days that failed, and a start date that is moved back.

Nothing is left out of STATE because it is empty, and what can shrink is a list: whoever keeps STATE may merge a new one
deeply into the one before it (Meltano does so after `--full-refresh`), and whatever a merge let survive of the old one
would be believed.
"""

from __future__ import annotations

import dataclasses
import difflib
import itertools
import reprlib
from bisect import bisect_right
from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, ClassVar, Final, Literal, NamedTuple

from bulk_exports.errors import TapError
from bulk_exports.windows import dates

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

Interval = tuple[date, date]
"""A first and a last day, both included."""

Reason = Literal["new", "missing", "lookback", "open", "snapshot"]
"""Why a day is exported: it follows the delivered days, is a hole among them, may have changed since, or is running; or
it stands for all that there is."""

_BOOKMARK: Final = "replication_key_value"
_DELIVERED: Final = "delivered"
KEYS: Final = ("replication_key", _BOOKMARK, _DELIVERED, "since", "request", "snapshots", "rewrite", "jobs", "parts")
"""All keys of a stream's STATE that mean something; see `bulk_exports.windows.bookmark`."""
_KEYS_OF_THE_SDK: Final = frozenset(
    {"starting_replication_value", "replication_key_signpost", "progress_markers", "partitions", "context"}
)
_ALIKE: Final = 0.8
"""From this ratio of `difflib` on, a key is taken for another one misspelt: "delivered_days", "snapshot"."""

_MAX_SHOWN: Final = 100
"""Characters of a text in STATE that a message shows, and of a key that are compared."""
_SHOWN: Final = reprlib.Repr()
_SHOWN.maxlevel = 3
_SHOWN.maxstring = _SHOWN.maxother = _MAX_SHOWN


class MalformedStateError(TapError, ValueError):
    """STATE says something about delivered days that cannot be understood. Nothing is guessed from it."""

    page: ClassVar[str] = "docs/state.md"

    def __init__(self, key: str, found: object, rule: str) -> None:
        super().__init__(
            f"STATE of the stream cannot be used: `{_SHOWN.repr(key)[1:-1]}` {rule}; found {_SHOWN.repr(found)}. "
            f"Correct it, or leave only `{_BOOKMARK}` with the last day that is complete in your warehouse, "
            "or reset this stream's STATE (`meltano run --full-refresh`)."
        )


class DueDay(NamedTuple):
    """A day that a run must export, and why."""

    day: date
    reason: Reason


@dataclasses.dataclass(frozen=True)
class DeliveredDays:
    """The days whose events were wholly delivered. Two that hold the same days are equal.

    Attributes:
        intervals: Those days as closed intervals, ascending, at least one undelivered day between any two. They
            may be given in any order, overlapping or touching.
    """

    intervals: tuple[Interval, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "intervals", _merged(self.intervals))

    @classmethod
    def from_state(cls, state: Mapping[str, object], *, start: date, replication_key: str) -> DeliveredDays:
        """Read the set from a stream's STATE.

        A bookmark alone (written by hand, or by an older version) means that everything from ``start`` through
        it is delivered; one that lies before ``start`` speaks for its own day only. Keys of the SDK, and keys that
        nobody knows, play no part; but one that looks like one of ours, misspelt, is refused whatever else is there:
        beside a bookmark, a misspelt list of days would pass for "everything is delivered".

        Args:
            state: The stream's entry under ``bookmarks``; empty before the first run.
            start: First day that the stream wants.
            replication_key: The stream's column of days.

        Raises:
            MalformedStateError: If the state cannot be understood. It never passes for an empty one.
        """
        if not isinstance(state, Mapping):
            raise MalformedStateError("bookmarks", state, "must hold an object for the stream")
        if (key := state.get("replication_key", replication_key)) != replication_key:
            raise MalformedStateError("replication_key", key, f"must be {replication_key!r}")
        _refuse_misspelt(state, replication_key)
        if _DELIVERED in state:
            progress = cls(_intervals(state[_DELIVERED]))
            told = state.get(_BOOKMARK)
            if (told is not None or progress.last) and _BOOKMARK in state and _day(told, _BOOKMARK) != progress.last:
                rule = f"must be the last day in `{_DELIVERED}` ({progress.last or 'which is empty'})"
                raise MalformedStateError(_BOOKMARK, told, rule)
            return progress
        if _BOOKMARK in state:
            bookmark = _day(state[_BOOKMARK], _BOOKMARK)
            return cls(((min(start, bookmark), bookmark),))
        return cls()

    def to_state(self, *, replication_key: str) -> dict[str, object]:
        """Return the set as it is written to STATE, also when no day is delivered.

        Args:
            replication_key: The stream's column of days.
        """
        return {
            "replication_key": replication_key,
            _BOOKMARK: self.last.isoformat() if self.last else None,
            _DELIVERED: self.as_json(),
        }

    def as_json(self) -> list[list[str]]:
        """Return the set as pairs of a first and a last day."""
        return [[first.isoformat(), last.isoformat()] for first, last in self.intervals]

    def with_delivered(self, day: date) -> DeliveredDays:
        """Return the set with ``day`` in it."""
        return self if day in self else DeliveredDays((*self.intervals, (day, day)))

    def __iter__(self) -> Iterator[date]:
        """Yield the days, ascending."""
        return itertools.chain.from_iterable(dates.days(first, last) for first, last in self.intervals)

    def __and__(self, other: DeliveredDays) -> DeliveredDays:
        """Return the days that both hold."""
        return DeliveredDays(tuple((day, day) for day in self if day in other))

    def __sub__(self, other: DeliveredDays) -> DeliveredDays:
        """Return the days of this set that the other does not hold."""
        return DeliveredDays(tuple((day, day) for day in self if day not in other))

    def __contains__(self, day: date) -> bool:
        """Whether ``day`` is delivered."""
        after = bisect_right(self.intervals, day, key=lambda interval: interval[0])
        return after > 0 and day <= self.intervals[after - 1][1]

    @property
    def first(self) -> date | None:
        """The earliest delivered day."""
        return self.intervals[0][0] if self.intervals else None

    @property
    def last(self) -> date | None:
        """The latest delivered day."""
        return self.intervals[-1][1] if self.intervals else None

    @property
    def count(self) -> int:
        """How many days are delivered."""
        return sum(last.toordinal() - first.toordinal() + 1 for first, last in self.intervals)

    def latest(self, count: int, *, until: date = date.max) -> set[date]:
        """Return the latest ``count`` delivered days up to a day, or all if there are fewer."""
        latest: set[date] = set()
        for first, last in reversed(self.intervals):
            end = min(last, until)
            begin = max(first.toordinal(), end.toordinal() - (count - len(latest)) + 1)
            latest.update(dates.days(date.fromordinal(begin), end))
        return latest

    def due(self, first: date, last: date, lookback_days: int, *, again: Collection[date] = ()) -> list[DueDay]:
        """Return the days that a run must export, ascending, each once.

        Args:
            first: First day wanted.
            last: Last day wanted.
            lookback_days: How many of the latest delivered days in this range are exported again.
            again: Delivered days that are exported again in any case, if they are wanted.
        """
        wanted = list(dates.days(first, last))
        delivered = [day for day in wanted if day in self]
        looked_back = {*(delivered[-lookback_days:] if lookback_days > 0 else ()), *again}
        return [DueDay(day, self._reason(day)) for day in wanted if day in looked_back or day not in self]

    def _reason(self, day: date) -> Reason:
        if self.last is None or day > self.last:
            return "new"
        return "lookback" if day in self else "missing"


def _merged(intervals: Iterable[Interval]) -> tuple[Interval, ...]:
    """Return the same days as disjoint intervals in order, those that touch joined."""
    merged: list[Interval] = []
    for first, last in sorted(intervals):
        if last < first:
            raise ValueError(f"an interval ends before it begins: {first} to {last}")
        if merged and first.toordinal() <= merged[-1][1].toordinal() + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return tuple(merged)


def _intervals(found: object) -> tuple[Interval, ...]:
    if not isinstance(found, (list, tuple)):
        raise MalformedStateError(_DELIVERED, found, 'must be a list of pairs such as ["2025-01-01", "2025-02-11"]')
    intervals = []
    for position, pair in enumerate(found):
        key = f"{_DELIVERED}[{position}]"
        if not isinstance(pair, (list, tuple)) or len(pair) != 2:
            raise MalformedStateError(key, pair, "must be a pair of a first and a last day")
        first, last = (_day(day, key) for day in pair)
        if last < first:
            raise MalformedStateError(key, pair, "must not end before it begins")
        intervals.append((first, last))
    return tuple(intervals)


def _day(found: object, key: str) -> date:
    try:
        return dates.parse_day(found)
    except ValueError:
        raise MalformedStateError(key, found, "must be a day such as 2025-03-10") from None


def _refuse_misspelt(state: Mapping[str, object], replication_key: str) -> None:
    """Refuse a state with a key that is none of ours but looks like it."""
    ours = {_plain(key): key for key in (*KEYS, replication_key)}
    for key in state.keys() - set(KEYS) - _KEYS_OF_THE_SDK:
        if meant := difflib.get_close_matches(_plain(key[:_MAX_SHOWN]), ours, n=1, cutoff=_ALIKE):
            # The name of the column is not a key of ours, but whoever writes it here means the bookmark.
            name = _BOOKMARK if ours[meant[0]] == replication_key else ours[meant[0]]
            raise MalformedStateError(key, state[key], f"is not a key of this stream; `{name}` was probably meant")


def _plain(key: str) -> str:
    """Return a key without what people vary: case, underscores, hyphens, spaces."""
    return "".join(filter(str.isalnum, key)).casefold()
