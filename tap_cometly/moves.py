"""Events that move from one day to another while a run is under way.

Days are exported one after the other, so an event that is given another time in between may be in the exports of two
days. In a table with the key ``id`` the day that is written last gets its row. If that is not the day where the event
now is, then that day lacks a row although its content never changes again. So it must be written once more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from array import array
    from collections.abc import Collection
    from datetime import date

MOST_EVENTS: Final = 250_000
"""A day with more events is not compared: memory must not grow with the size of a day (this many take 2 MB, and so
many sets of them as there are days in flight)."""


class Moves:
    """Notices events that a run writes with two days.

    Args:
        remembered: The days whose content the next run will compare. There are few of them.
        remembered_first: Whether they are written before the others, which may then rob them.
    """

    def __init__(self, remembered: Collection[date], *, remembered_first: bool) -> None:
        self._remembered = remembered
        self._remembered_first = remembered_first
        self._written: dict[date, array[int]] = {}

    def concern(self, day: date) -> bool:
        """Whether the events of a day play a part."""
        return day in self._remembered or (self._remembered_first and bool(self._remembered))

    def robbed_by(self, day: date, events: array[int] | None) -> set[date]:
        """Take note that a day was written; return the remembered days, written before, that lost a row to it.

        Args:
            day: The day.
            events: A hash of each row's event; None if they are not compared. Where two agree by chance, a day is
                written once too often, no more.
        """
        if events is None:
            return set()
        distinct = set(events) if self._written else set()
        robbed = {earlier for earlier, known in self._written.items() if not distinct.isdisjoint(known)}
        if day in self._remembered:
            self._written[day] = events
        return robbed
