"""Days that were over long before any test runs, for programs that live in real time and cannot be told another.

The date, the time of day, the zone of the machine and the distance to a change of its clocks then play no part in what
a test asks for. How many events there are on such a day is told to the sandbox too: a mean would make it depend on
the day.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

FIRST_DAY: Final = date(2024, 1, 1)
"""Of the Space. Left to itself, the sandbox takes a day that is a certain distance from now."""
LAST_DAY: Final = date(2025, 3, 10)
"""The last day that is asked for. In New York the clocks changed on the day before."""


def last_days(count: int) -> list[date]:
    """Return so many days through the last one, ascending."""
    return [LAST_DAY - timedelta(days=back) for back in range(count - 1, -1, -1)]


def space(*, events_per_day: int | Callable[[date], int], **options: Any) -> dict[str, Any]:
    """Return options of a sandbox: a Space with exactly so many events on each day, in no hurry about its budgets."""
    exactly = events_per_day if callable(events_per_day) else lambda _day: events_per_day
    generous = {"creates_per_minute": 6000, "polls_per_minute": 60_000, "job_seconds": 0}
    return {"first_day": FIRST_DAY, "events_per_day": exactly, **generous, **options}


def asked_for(days: list[date]) -> dict[str, str]:
    """Return settings of the tap: these days, and no later one."""
    return {"start_date": days[0].isoformat(), "end_date": days[-1].isoformat()}
