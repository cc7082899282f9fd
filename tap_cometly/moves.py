"""Events that move from one day to another while a run is under way.

Days are exported one after the other, so an event that is given another time in between may be in the exports of two
days. In a table with the key ``id`` the day that is written last gets its row. If that is not the day where the event
now is, then that day lacks a row although its content never changes again. So it must be written once more.
"""

from __future__ import annotations

from array import array
from typing import IO, TYPE_CHECKING, Any

import msgspec

from tap_cometly.exports.ndjson import lines

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from datetime import date


class Moves:
    """Notices events that a run writes with two days.

    Args:
        remembered: The days whose content the next run will compare; others play no part. There are few of them.
    """

    def __init__(self, remembered: Collection[date]) -> None:
        self._remembered = remembered
        self._written: dict[date, array[int]] = {}

    def robbed_by(self, day: date, files: Iterable[IO[bytes]]) -> set[date]:
        """Take note that a day was written; return the remembered days, written before, that lost a row to it.

        Args:
            day: The day.
            files: Its proven files.
        """
        if day not in self._remembered and not self._written:
            return set()
        events = array("q", _events(files))
        distinct = set(events) if self._written else set()
        robbed = {earlier for earlier, known in self._written.items() if not distinct.isdisjoint(known)}
        if day in self._remembered:
            self._written[day] = events
        return robbed


class _Row(msgspec.Struct, gc=False):
    id: Any = None


_DECODER: msgspec.json.Decoder[_Row] = msgspec.json.Decoder(_Row)


def _events(files: Iterable[IO[bytes]]) -> Iterator[int]:
    """Yield a hash of each row's event. If two agree by chance, a day is written once too often, no more."""
    for file in files:
        for _, line in lines(file):
            yield hash(str(_DECODER.decode(line).id))
