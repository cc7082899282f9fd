"""The days of a time zone: where each begins and ends, and which one a moment belongs to."""

from __future__ import annotations

import datetime as dt
import functools
import zoneinfo
from typing import Final

ONE_DAY: Final = dt.timedelta(days=1)


def utc_text(moment: float) -> str:
    """Write epoch seconds as ``2025-03-01T09:15:02Z``."""
    return dt.datetime.fromtimestamp(int(moment), dt.timezone.utc).isoformat()[:19] + "Z"


class Days:
    """Calendar days of one time zone, without gap or overlap.

    A day begins at the first instant of its local midnight. A midnight that the clocks skip is the instant of the
    skip, so a day that a zone left out (Pacific/Apia, 2011-12-30) begins and ends at the same moment and is empty.
    """

    def __init__(self, timezone: str) -> None:
        self.timezone = timezone
        self._zone = zoneinfo.ZoneInfo(timezone)
        self._start = functools.lru_cache(maxsize=4096)(self._find_start)

    @property
    def zone(self) -> zoneinfo.ZoneInfo:
        """The zone itself."""
        return self._zone

    def bounds(self, day: dt.date) -> tuple[int, int]:
        """Return the first second of ``day`` and the first second after it, as epoch seconds."""
        return self._start(day), self._start(day + ONE_DAY)

    def of(self, moment: float) -> dt.date:
        """Return the day that ``moment`` (epoch seconds) belongs to."""
        day = dt.datetime.fromtimestamp(moment, self._zone).date()
        # Clocks that fall back over midnight show the earlier date twice; the bounds decide, not the display.
        while moment >= self._start(day + ONE_DAY):
            day += ONE_DAY
        while moment < self._start(day):
            day -= ONE_DAY
        return day

    def moment(self, local: dt.datetime) -> float:
        """Return the epoch seconds at which the zone's clocks show ``local``."""
        return local.replace(tzinfo=self._zone).timestamp()

    def _find_start(self, day: dt.date) -> int:
        return int(dt.datetime.combine(day, dt.time(), self._zone).timestamp())
