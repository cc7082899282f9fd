"""Which time zone the data show: the events of a day lie within that day, in the vendor's zone and in no other.

Where an API does not tell in which zone it cuts days, the zone is a setting, and this is how the data check it.
"""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, ClassVar, Final

from typing_extensions import Self, override

from bulk_exports.engine.errors import InvalidRowsError
from bulk_exports.errors import TapError
from bulk_exports.windows import dates

if TYPE_CHECKING:
    import logging
    from zoneinfo import ZoneInfo

    from bulk_exports.windows.windows import Window

_QUARTER: Final = timedelta(minutes=15)
"""All offsets in use are multiples of it."""
ENOUGH_DAYS: Final = 3
"""So many days with events show the time zone well enough to suggest one."""

_WEST, _EAST = timedelta(hours=-12), timedelta(hours=14)


class WrongTimezoneError(TapError):
    """The setting ``timezone`` is not the vendor's: going on would put rows near midnight into wrong days for ever."""

    page: ClassVar[str] = "docs/time-zones.md"


@dataclasses.dataclass(frozen=True)
class UtcOffsetRange:
    """The UTC offsets that agree with the events seen so far.

    Attributes:
        low: Smallest offset.
        high: Largest offset; the true one is smaller.
    """

    low: timedelta = _WEST
    high: timedelta = _EAST + _QUARTER

    @classmethod
    def of_window(cls, window: Window, first: datetime, last: datetime) -> Self:
        """Return the offsets at which ``first`` and ``last`` (UTC) both belong to a window."""
        begin, end = _midnights(window)
        return cls(max(begin - first, _WEST), min(end - last, _EAST + _QUARTER))

    def narrowed(self, other: UtcOffsetRange) -> UtcOffsetRange:
        """Return the offsets in both ranges; where there is none (the clocks were changed), the other one."""
        both = UtcOffsetRange(max(self.low, other.low), min(self.high, other.high))
        return both if both.candidates else other

    @property
    def candidates(self) -> list[timedelta]:
        """The offsets in use that lie in the range."""
        first = -(-self.low // _QUARTER)
        last = -(-self.high // _QUARTER)
        return [_QUARTER * number for number in range(first, last)]

    @override
    def __str__(self) -> str:
        """Return the range for people."""
        offsets = self.candidates
        if not offsets:
            return "no UTC offset at all"
        if len(offsets) == 1:
            return named(offsets[0])
        return f"an offset from {named(offsets[0])} to {named(offsets[-1])}"


def named(offset: timedelta) -> str:
    """Return an offset as people write it: UTC-05:00."""
    minutes = round(offset.total_seconds() / 60)
    return f"UTC{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


class TimezoneCheck:
    """Holds the days of a run against the time zone, or finds out which it may be where none is set.

    Args:
        zone: The setting; None if it is not set.
        vendor: What people call the vendor.
        log: Where to tell what the days show.
    """

    def __init__(self, zone: ZoneInfo | None, *, vendor: str, log: logging.Logger) -> None:
        self._zone = zone
        self._vendor = vendor
        self._log = log
        self._shown = UtcOffsetRange()
        self._days = 0

    def check(self, window: Window, first: datetime, last: datetime) -> None:
        """Take note of a window's first and last event (UTC), before a row of it is written.

        Raises:
            WrongTimezoneError: They do not lie within it; names the offset that the data show and the setting.
        """
        if self._zone is not None:
            self._check_bounds(window, self._zone, first, last)
            return
        self._shown = self._shown.narrowed(UtcOffsetRange.of_window(window, first, last))
        self._days += 1
        if self._days == ENOUGH_DAYS:
            self._log.info(suggestion(self._shown))

    def close(self) -> None:
        """Tell what the days showed, if there were too few to tell it earlier."""
        if 0 < self._days < ENOUGH_DAYS:
            self._log.info(suggestion(self._shown))

    def _check_bounds(self, window: Window, zone: ZoneInfo, first: datetime, last: datetime) -> None:
        begin, end = dates.window_bounds(window.first, window.last, zone)
        if begin <= first and last < end:
            return
        what = "the day lasts" if len(window) == 1 else "these days last"
        raise WrongTimezoneError(
            f"The setting `timezone` ({zone.key}) does not agree with {self._vendor}: its events of {window} happened "
            f"from {moment(first)} to {moment(last)}, but {what} from {moment(begin)} to {moment(end)} there. "
            f"The data show {UtcOffsetRange.of_window(window, first, last)}. Set `timezone` to what the {self._vendor} "
            "app shows, or remove it. Nothing of that day was written"
        )


def check_anywhere(window: Window, first: datetime, last: datetime) -> None:
    """Check that a window's first and last event (UTC) can lie within it somewhere on Earth, each for itself.

    Raises:
        InvalidRowsError: They cannot: this is another window's file.
    """
    begin, end = _midnights(window)
    if begin - _EAST <= first and last < end - _WEST:
        return
    which = "that day" if len(window) == 1 else "those days"
    raise InvalidRowsError(
        f"its events happened from {moment(first)} to {moment(last)}, which is not {which} in any time zone"
    )


def _midnights(window: Window) -> tuple[datetime, datetime]:
    """Return when a window begins and ends in UTC."""
    return dates.window_bounds(window.first, window.last, timezone.utc)


def suggestion(shown: UtcOffsetRange) -> str:
    """Return what the data say about an account whose zone is not set."""
    offsets = shown.candidates
    if not offsets:
        return "The events agree with no UTC offset"
    hours = [f"{(offset - _WEST).total_seconds() / 3600:g}" for offset in (offsets[0], offsets[-1])]
    earlier = " to ".join(dict.fromkeys(hours))
    return f"The events show {shown}. With the setting `timezone` each day would arrive {earlier} hours earlier"


def moment(instant: datetime) -> str:
    """Return a point in time as people read it."""
    return f"{instant:%Y-%m-%d %H:%M} UTC"
