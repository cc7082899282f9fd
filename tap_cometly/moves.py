"""Events that move from one day to another while a run is under way.

Days are exported one after the other, so an event that is given another time in between may be in the exports of two
days. In a table with the key ``id`` the day that is written last gets its row. If that is not the day where the event
now is, then that day lacks a row although its content never changes again. So it must be written once more: by the
next run if it has passed by already, at once if its turn is still to come.

To notice it, every day that passes by is held against those before it, changed or not. What their events were is kept
in a nameless temporary file, 8 bytes for each row of the days that are guarded, so that memory grows neither with
their number nor with their size.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import itertools
import shutil
import weakref
from array import array
from typing import IO, TYPE_CHECKING, Final

from tap_cometly.exports.spool import disk, spool_file

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from datetime import date

MOST_EVENTS: Final = 2_000_000
"""The events of a day with more rows are not known (so many take 16 MB while it is proven): it may share one with
every other day. That is safe, but as long as such a day is looked at, all days are written again, run by run."""
EVENTS_AT_ONCE: Final = 250_000
"""So many are held against other days at a time: as a set they take 16 MB."""
_EVENTS_PER_READ: Final = 65_536


@dataclasses.dataclass(frozen=True)
class _Stretch:
    """Where the events of a day lie in the file."""

    begin: int
    end: int


class Moves:
    """Notices events that two days of a run have in common, one of them written.

    Args:
        due: The days of the run, in the order in which they pass by.
        guarded: Those that must not lose a row unnoticed, because this run or the next may find them unchanged.
    """

    def __init__(self, due: Iterable[date], guarded: Collection[date]) -> None:
        self._guarded = guarded
        of_concern = set(itertools.dropwhile(lambda day: day not in guarded, due))
        self._of_concern = of_concern if len(of_concern) > 1 else set()
        self._written: set[date] = set()
        self._passed: dict[date, _Stretch | None] = {}
        self._present: _Stretch | None = None
        self._end = 0
        self._ahead: dict[date, IO[bytes]] = {}

    def concern(self, day: date) -> bool:
        """Whether the events of a day play a part: it is guarded, or comes after a guarded day and may rob it.

        There must be two of them: one that is alone has nobody to share an event with.

        The others are few, or have no day after them that can be found unchanged. So they cost nothing, but where one
        of them was written, a guarded day after it counts as robbed.
        """
        return day in self._of_concern

    def learn(self, day: date, events: array[int] | None) -> None:
        """Take note of what a day holds, maybe long before it arrives. Called in worker threads.

        Args:
            day: The day.
            events: A hash of each row's event; None if they are not known. It is empty afterwards: days wait for their
                turn on disk. Where two hashes agree by chance, a day is written once too often.

        Raises:
            SpoolError: The disk does not take it.
        """
        if events is None:
            return
        file = self._spool_file()
        with disk("the events of a day"):
            file.write(events)
            file.flush()
        self._ahead[day] = file
        del events[:]

    def arrives(self, day: date) -> None:
        """Go on to the next day: what follows is about this one.

        Raises:
            SpoolError: The disk does not take its events.
        """
        self._present = None
        if file := self._ahead.pop(day, None):
            with file, disk("the events of a day"):
                file.seek(0)
                self._file.seek(self._end)
                shutil.copyfileobj(file, self._file)
                self._present = _Stretch(self._end, self._file.tell())
                self._file.flush()
        if day in self._guarded:
            self._passed[day] = self._present
            self._end = self._present.end if self._present else self._end

    def lost_by(self, day: date) -> bool:
        """Whether the day may have lost a row to one that was written before."""
        return bool(self._sharing(self._written - {day}))

    def taken_by(self, day: date) -> set[date]:
        """Take note that the day is going to be written; return the guarded days that may lose a row to it."""
        self._written.add(day)
        return self._sharing(self._passed.keys() - {day})

    def _sharing(self, others: Collection[date]) -> set[date]:
        """Return those of other days that may have an event in common with the present one."""
        if self._present is None:
            return set(others)
        known = {day: stretch for day in others if (stretch := self._passed.get(day)) is not None}
        sharing = set(others) - known.keys()
        for some in self._read(self._present, EVENTS_AT_ONCE) if known else ():
            sharing |= self._holding(set(some), {day: known[day] for day in known.keys() - sharing})
        return sharing

    def _holding(self, events: set[int], days: Mapping[date, _Stretch]) -> set[date]:
        """Return those of the days that hold one of the events."""
        return {
            day
            for day, stretch in days.items()
            if not all(map(events.isdisjoint, self._read(stretch, _EVENTS_PER_READ)))
        }

    @functools.cached_property
    def _file(self) -> IO[bytes]:
        return self._spool_file()

    def _spool_file(self) -> IO[bytes]:
        file = spool_file()
        weakref.finalize(self, _close, file)
        return file

    def _read(self, stretch: _Stretch, count: int) -> Iterator[array[int]]:
        """Yield the events of a day, so many at a time."""
        length = count * array("q").itemsize
        for begin in range(stretch.begin, stretch.end, length):
            self._file.seek(begin)
            yield array("q", self._file.read(min(length, stretch.end - begin)))


def _close(file: IO[bytes]) -> None:
    with contextlib.suppress(OSError):  # what is still in the buffer may not fit on the disk
        file.close()
