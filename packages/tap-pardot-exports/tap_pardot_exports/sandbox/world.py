"""The records of a business unit, each with all its versions: what there is at a moment, and what there was.

Everything follows from the seed: on each day some records of every kind are made, the first of them at midnight and the
last in the last second, and some are changed later. What a test does to a record becomes one more version of it.
"""

from __future__ import annotations

import bisect
import dataclasses
import threading
from typing import TYPE_CHECKING, Any, Final

from bulk_exports.sandbox.days import ONE_DAY, Days
from bulk_exports.sandbox.dice import roll
from tap_pardot_exports import vocabulary as pardot

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterator

    from tap_pardot_exports.vocabulary import PardotField, PardotObject

MAX_PER_DAY: Final = 9_000
_DAY_STRIDE: Final = 10_000
_TEXTS: Final = (
    "Spring sale",
    'He said "buy now", twice',
    "Line one\nline two",
    "Größe, Ωmega, 株式会社",
    "  spaces  ",
    "0049",
    "back\\slash",
    "1,234.50",
    "",
)


@dataclasses.dataclass
class Version:
    """A record from one moment on.

    Attributes:
        at: Since when, in epoch seconds.
        updated_at: What it says of its last change.
        changes: Values that were set, besides those that follow from the seed.
        deleted: Whether it is in the recycle bin.
        gone: Whether it was deleted for good.
    """

    at: int
    updated_at: int
    changes: dict[str, Any]
    deleted: bool = False
    gone: bool = False


@dataclasses.dataclass
class Record:
    """A record: its key, and its versions from the oldest to the newest."""

    id: int
    versions: list[Version]

    def at(self, moment: float) -> tuple[int, Version] | None:
        """Return number and content of the version that there is at a moment; None while there is none."""
        number = bisect.bisect_right(self.versions, moment, key=lambda version: version.at) - 1
        return None if number < 0 else (number, self.versions[number])


class World:
    """Every record of a business unit.

    Args:
        seed: Another number, another unit.
        days: Days of the user's zone.
        first_day: Before it there was nothing.
        per_day: How many records of each kind a day brings.
        clock: Epoch seconds.
        deleting_updates: Whether a record that is deleted counts as updated.
    """

    def __init__(
        self,
        seed: int,
        days: Days,
        first_day: dt.date,
        per_day: int | Callable[[str, dt.date], int],
        clock: Callable[[], float],
        *,
        deleting_updates: bool,
    ) -> None:
        self._seed = seed
        self._days = days
        self._per_day = per_day
        self._clock = clock
        self._deleting_updates = deleting_updates
        self._next_day = first_day
        self._records: dict[str, dict[int, Record]] = {thing.name: {} for thing in pardot.OBJECTS}
        self._lock = threading.RLock()

    def rows(
        self, thing: PardotObject, moment: float, wanted: Callable[[int, int, bool], bool] = lambda *_: True
    ) -> Iterator[dict[str, Any]]:
        """Yield the records that there are at a moment: values by column, times in epoch seconds.

        Args:
            thing: The kind of record.
            moment: The moment, in epoch seconds.
            wanted: Whether a record is, by its creation, its last change, and whether it is deleted.
        """
        with self._lock:
            self._make_until(moment)
            records = list(self._records[thing.name].values())
        for record in records:
            found = record.at(moment)
            if found is None:
                continue
            version = found[1]
            if not version.gone and wanted(record.versions[0].at, version.updated_at, version.deleted):
                yield self._row(thing, record, *found)

    def add(self, stream: str, *, at: float | None = None, **changes: Any) -> int:
        """Make a record, now or at a moment; return its key."""
        with self._lock:
            now = int(self._clock() if at is None else at)
            self._make_until(now)
            records = self._records[_thing(stream).name]
            key = max(records, default=0) // _DAY_STRIDE * _DAY_STRIDE + _DAY_STRIDE - 1
            while key in records:
                key -= 1
            records[key] = Record(key, [Version(now, now, changes)])
        return key

    def update(self, stream: str, key: int, *, at: float | None = None, **changes: Any) -> None:
        """Change a record, now or at a moment, whatever was to happen to it later.

        Raises:
            LookupError: There is none.
        """
        self._change(stream, key, at, lambda last, now: Version(now, now, {**last.changes, **changes}, last.deleted))

    def delete(self, stream: str, key: int, *, at: float | None = None, for_good: bool = False) -> None:
        """Put a record into the recycle bin, or delete it for good, now or at a moment.

        Raises:
            LookupError: There is none.
        """

        def deleted(last: Version, now: int) -> Version:
            updated_at = now if self._deleting_updates else last.updated_at
            return Version(now, updated_at, last.changes, deleted=True, gone=for_good)

        self._change(stream, key, at, deleted)

    def keys(self, stream: str) -> list[int]:
        """Return the keys of all records that there are now."""
        return [row["id"] for row in self.rows(_thing(stream), self._clock())]

    def _change(self, stream: str, key: int, at: float | None, change: Callable[[Version, int], Version]) -> None:
        with self._lock:
            now = int(self._clock() if at is None else at)
            self._make_until(now)
            record = self._records[_thing(stream).name].get(key)
            found = record.at(now) if record else None
            if record is None or found is None or found[1].gone:
                raise LookupError(f"There is no record {key} in {stream}.")
            record.versions = [*record.versions[: found[0] + 1], change(found[1], now)]

    def _make_until(self, moment: float) -> None:
        last = self._days.of(moment)
        while self._next_day <= last:
            for number, thing in enumerate(pardot.OBJECTS):
                self._make(self._next_day, number, thing)
            self._next_day += ONE_DAY

    def _make(self, day: dt.date, number: int, thing: PardotObject) -> None:
        begin, end = self._days.bounds(day)
        count = self._per_day(thing.stream, day) if callable(self._per_day) else self._per_day
        for place in range(min(count, MAX_PER_DAY) if end > begin else 0):
            key = day.toordinal() * _DAY_STRIDE + place
            dice = roll(self._seed, number, key)
            at = begin if place == 0 else end - 1 if place == 1 else begin + dice % (end - begin)
            versions = [Version(at, at, {})]
            # Changed later, one in four that can change: within a month, some of them at midnight.
            if dice >> 20 & 3 == 0 and "updated_at" in thing.cursors:
                later, _ = self._days.bounds(day + ONE_DAY * (1 + (dice >> 24) % 30))
                later += 0 if dice >> 32 & 1 else (dice >> 33) % 80_000
                versions.append(Version(later, later, {}))
            self._records[thing.name][key] = Record(key, versions)

    def _row(self, thing: PardotObject, record: Record, number: int, version: Version) -> dict[str, Any]:
        row = {
            field.name: self._value(field, record.id, number, place, record.versions[0].at)
            for place, field in enumerate(thing.fields)
        }
        own = {"id": record.id, "created_at": record.versions[0].at, "updated_at": version.updated_at}
        row.update({name: value for name, value in own.items() if name in row})
        row.update(version.changes)
        row[pardot.IS_DELETED] = version.deleted
        return row

    def _value(self, field: PardotField, key: int, number: int, place: int, made_at: int) -> Any:
        # A fifth of the columns change with the record.
        dice = roll(self._seed, key, place, number if place % 5 == 0 else 0)
        if dice & 7 == 0:
            return None
        if field.kind == "integer":
            return dice >> 3 & 0xFFFF
        if field.kind == "boolean":
            return bool(dice >> 3 & 1)
        if field.kind == "timestamp":
            return made_at - (dice >> 3) % 1_000_000
        return _TEXTS[(dice >> 3) % len(_TEXTS)] or None


def _thing(stream: str) -> PardotObject:
    try:
        return pardot.BY_STREAM[stream]
    except KeyError:
        raise LookupError(f"There is no stream {stream!r}; there are {', '.join(pardot.BY_STREAM)}.") from None
