"""Days: what the user wrote, when a day begins and ends in a time zone, and which days are over.

An *event date* is a calendar day in the vendor's time zone. Such a day usually has 24 hours, has 23 or 25
when clocks change, and none at all where a place skipped it (Apia has no 2011-12-30). All functions here are
pure: the present moment is always an argument.
"""

from __future__ import annotations

import difflib
import functools
import re
import zoneinfo
from bisect import bisect_left
from datetime import date, datetime, time, timedelta, timezone
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import tzinfo

EVERYWHERE_ENDED: Final = timezone(timedelta(hours=-12))
"""The last place on Earth where a day ends: what has ended here has ended everywhere."""

ANYWHERE_BEGUN: Final = timezone(timedelta(hours=14))
"""The first place on Earth where a day begins: what has not begun here has begun nowhere."""

OFFSET_STEP: Final = timedelta(minutes=15)
"""Offsets of time zones are multiples of it."""

_ONE_DAY: Final = timedelta(days=1)
_MACHINE_DEPENDENT: Final = frozenset({"Factory", "localtime"})
_DAY: Final = re.compile(
    r"""
    (?P<day> \d{4}-\d{2}-\d{2} )
    (?: [T ] ([01]\d|2[0-3]) : [0-5]\d (?: : [0-5]\d (?: \.\d+ )? )?    # a time of day
        (?: Z | [+-]([01]\d|2[0-3]) :? [0-5]\d )?                       # its offset from UTC
    )?
    """,
    re.VERBOSE | re.ASCII | re.IGNORECASE,
)


def parse_day(text: object) -> date:
    """Return the calendar date written in ``text``, a date or an ISO 8601 date-time.

    A time of day and an offset may follow, as Meltano delivers relative dates ("3 days ago"): their form is
    checked, then they play no part. The date counts as it is written.

    Raises:
        ValueError: If ``text`` is anything else, or no valid date.
    """
    match = _DAY.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f"{text!r} is not a day such as 2026-01-31 or 2026-01-31T00:00:00Z.")
    try:
        return date.fromisoformat(match["day"])
    except ValueError:
        raise ValueError(f"{text!r} is not a valid date.") from None


def zone(name: str) -> zoneinfo.ZoneInfo:
    """Return the IANA time zone called ``name``.

    Raises:
        ValueError: If there is none; the text proposes the nearest name where one is close.
    """
    known = _known_zones()
    if name in known:
        return zoneinfo.ZoneInfo(name)
    meant = _nearest_zone(name, known)
    hint = f"did you mean {meant!r}?" if meant else "IANA names look like 'Europe/Berlin'."
    raise ValueError(f"{name!r} is not a known time zone; {hint}")


def today(now: datetime, tz: tzinfo | None) -> date:
    """Return the date that ``tz`` has at ``now``; for None the newest date that anybody on Earth has."""
    return _aware(now).astimezone(tz or ANYWHERE_BEGUN).date()


def last_closed_day(now: datetime, tz: tzinfo | None) -> date:
    """Return the last day that has ended in ``tz`` at ``now``; for None the last one ended everywhere."""
    return _aware(now).astimezone(tz or EVERYWHERE_ENDED).date() - _ONE_DAY


def day_bounds(day: date, tz: tzinfo) -> tuple[datetime, datetime]:
    """Return when ``day`` begins in ``tz`` and when the next day does, both in UTC: ``start <= t < end``.

    Days tile time: each ends where the next begins. A day that ``tz`` skipped ends at the instant it begins.
    """
    return _begin(day, tz), _begin(day + _ONE_DAY, tz)


def window_bounds(first: date, last: date, tz: tzinfo) -> tuple[datetime, datetime]:
    """Return when a stretch of days begins and ends in ``tz``, both in UTC: ``start <= t < end``."""
    return _begin(first, tz), _begin(last + _ONE_DAY, tz)


def plus(day: date, count: int) -> date:
    """Return the day so many days later, or the last one that there is."""
    return date.fromordinal(min(day.toordinal() + count, date.max.toordinal()))


def days(first: date, last: date) -> Iterator[date]:
    """Yield every day from ``first`` through ``last``; nothing when ``last`` lies before ``first``."""
    return map(date.fromordinal, range(first.toordinal(), last.toordinal() + 1))


def _begin(day: date, tz: tzinfo) -> datetime:
    """Return the first instant, in UTC, at which the clocks of ``tz`` show ``day`` or later."""
    midnight = datetime.combine(day, time.min)
    begin = midnight.replace(tzinfo=tz).astimezone(timezone.utc)
    if _clock(begin, tz) == midnight:
        return begin
    # Clocks jumped over this midnight, at some second between midnight as reckoned with the offset after the
    # jump (Python's `fold=1`) and as reckoned with the offset before it.
    earliest = midnight.replace(tzinfo=tz, fold=1).astimezone(timezone.utc)
    seconds = range(int((begin - earliest).total_seconds()) + 1)
    jump = bisect_left(seconds, midnight, key=lambda second: _clock(earliest + timedelta(seconds=second), tz))
    return earliest + timedelta(seconds=jump)


def _clock(instant: datetime, tz: tzinfo) -> datetime:
    """Return what a clock on the wall in ``tz`` shows at ``instant``."""
    return instant.astimezone(tz).replace(tzinfo=None)


def _aware(now: datetime) -> datetime:
    if now.tzinfo is None:
        raise ValueError("the present moment needs a time zone: use datetime.now(timezone.utc)")
    return now


@functools.cache
def _known_zones() -> frozenset[str]:
    """Return every name, once: finding them reads the beginning of some six hundred files."""
    return frozenset(zoneinfo.available_timezones()) - _MACHINE_DEPENDENT


def _nearest_zone(name: str, known: frozenset[str]) -> str | None:
    """Return the known zone that ``name`` was probably meant to be: by its whole name or by its city.

    Nothing is proposed for an offset such as "UTC+2": the zone ``Etc/GMT+2`` is two hours *behind* UTC.
    """
    if any(character.isdigit() for character in name):
        return None
    spellings = {zone_name.rpartition("/")[2].casefold(): zone_name for zone_name in sorted(known)}
    spellings |= {zone_name.casefold(): zone_name for zone_name in known}
    matches = difflib.get_close_matches(name.strip().replace(" ", "_").casefold(), spellings, n=1, cutoff=0.75)
    return spellings[matches[0]] if matches else None


def shown_offset(written: str, now: datetime) -> timedelta | None:
    """Return how far a clock is from UTC that has just been read.

    Args:
        written: What it shows: date and time, in the form of ISO 8601.
        now: The present moment.

    Returns:
        The offset; None if that is no time, or one that says its offset itself.
    """
    try:
        shown = datetime.fromisoformat(written.strip().replace("Z", "+00:00"))
    except ValueError:
        return None
    if shown.tzinfo is not None:
        return None
    return round((shown - now.astimezone(timezone.utc).replace(tzinfo=None)) / OFFSET_STEP) * OFFSET_STEP


def signed(offset: timedelta) -> str:
    """Return an offset as people write it: ``+05:30``."""
    minutes = round(offset / timedelta(minutes=1))
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"
