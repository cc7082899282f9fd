"""Events that two days have in common, because they moved from one to the other while a run was under way.

Days are exported one after the other, so an event that is given another time in between may be in the exports of two
days. In a table with the key ``id`` the day that is written last gets its row, and the other one lacks a row although
its content never changes again.

To notice it, what the events of the days were is kept in nameless temporary files, 8 bytes for each row, for as long as
somebody may ask: memory grows neither with the number of days nor with their size.
"""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
import weakref
from array import array
from typing import IO, TYPE_CHECKING, Final

from bulk_exports.engine.spool import disk, spool_file

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from datetime import date

EVENTS_AT_ONCE: Final = 250_000
"""So many are compared with other days at a time: as a set they take 16 MB."""
_EVENTS_PER_READ: Final = 65_536
_WHAT: Final = "the events of a day"


@dataclasses.dataclass(frozen=True)
class _Stretch:
    """Where the events of a day lie in the file."""

    begin: int
    end: int

    @property
    def length(self) -> int:
        return self.end - self.begin


class KeyOverlaps:
    """Tells which days share an event with another day.

    Days are added in any order, as soon as their events are known, and then entered one after the other. What is not
    known of a day may be anything: such a day shares an event with every other. That is safe, but as long as a day is
    looked at that has too many rows for its events to be known (`MAX_KEYS`), all days are written again, run by run.
    """

    def __init__(self) -> None:
        self._ahead: dict[date, IO[bytes]] = {}
        self._known: dict[date, _Stretch] = {}
        self._file: IO[bytes] | None = None
        self._end = 0

    def add(self, day: date, events: array[int] | None) -> None:
        """Take note of what a day holds, maybe long before its turn. Called in worker threads.

        Args:
            day: The day.
            events: A hash of each row's event; None if they are not known. Days wait for their turn on disk.
                Where two hashes agree by chance, a day is written once too often.

        Raises:
            SpoolError: The disk does not take it.
        """
        if events is None:
            return
        file = _closed_at_exit(self, spool_file())
        with disk(_WHAT):
            file.write(events)
            file.flush()
        self._ahead[day] = file

    def enter(self, day: date) -> None:
        """Go on to the next day: from now on others can be compared with it.

        Raises:
            SpoolError: The disk does not take its events.
        """
        self._known.pop(day, None)
        file = self._ahead.pop(day, None)
        if file is None:
            return
        with file, disk(_WHAT):
            file.seek(0)
            into = self._spool()
            into.seek(self._end)
            shutil.copyfileobj(file, into)
            self._known[day] = _Stretch(self._end, into.tell())
            self._end = into.tell()
            into.flush()

    def sharing(self, day: date, others: Collection[date]) -> set[date]:
        """Return those of other days that may have an event in common with a day."""
        others = set(others) - {day}
        if (own := self._known.get(day)) is None:
            return others
        if not own.length:
            return set()
        known = {other: self._known[other] for other in others & self._known.keys()}
        sharing = others - known.keys()
        for some in self._read(own, EVENTS_AT_ONCE) if known else ():
            sharing |= self._holding(set(some), {other: known[other] for other in known.keys() - sharing})
        return sharing

    def keep_only(self, days: Collection[date]) -> None:
        """Forget all days but these. Those that have not been entered yet are kept."""
        self._known = {day: stretch for day, stretch in self._known.items() if day in days}
        kept = sum(stretch.length for stretch in self._known.values())
        if self._file is None or self._end <= 2 * max(kept, _EVENTS_PER_READ * array("q").itemsize):
            return
        # Most of the file is of no use any more: the rest moves to another one.
        old, self._file, self._end = self._file, None, 0
        with old, disk(_WHAT):
            into = self._spool()
            for day, stretch in self._known.items():
                old.seek(stretch.begin)
                into.write(old.read(stretch.length))
                self._known[day] = _Stretch(self._end, into.tell())
                self._end = into.tell()
            into.flush()

    def _holding(self, events: set[int], days: Mapping[date, _Stretch]) -> set[date]:
        """Return those of the days that hold one of the events."""
        return {
            day
            for day, stretch in days.items()
            if not all(map(events.isdisjoint, self._read(stretch, _EVENTS_PER_READ)))
        }

    def _spool(self) -> IO[bytes]:
        if self._file is None:
            self._file = _closed_at_exit(self, spool_file())
        return self._file

    def _read(self, stretch: _Stretch, count: int) -> Iterator[array[int]]:
        """Yield the events of a day, so many at a time."""
        length = count * array("q").itemsize
        file = self._spool()
        for begin in range(stretch.begin, stretch.end, length):
            file.seek(begin)
            yield array("q", file.read(min(length, stretch.end - begin)))


def _closed_at_exit(owner: KeyOverlaps, file: IO[bytes]) -> IO[bytes]:
    weakref.finalize(owner, _close, file)
    return file


def _close(file: IO[bytes]) -> None:
    with contextlib.suppress(OSError):  # what is still in the buffer may not fit on the disk
        file.close()
