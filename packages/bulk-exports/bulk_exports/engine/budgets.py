"""What vendors allow besides so many requests a minute: so many a day, and so many jobs under way at a time.

All budgets answer one protocol. Like `RateLimit` they do not wait: they say when, and the caller waits. One endpoint
may be held by several (`AllOf`): a create may need a place among the jobs, a request of the day and one of the minute.
"""

from __future__ import annotations

import math
import threading
from datetime import datetime, time, timedelta, timezone
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

from bulk_exports.engine.errors import QuotaUsedUpError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable
    from datetime import tzinfo

MARGIN_SECONDS: Final = 30.0
"""The vendor's clock may be so much behind ours when a new day of requests begins."""
MIN_HOLD_SECONDS: Final = 15.0
"""After a create was refused for want of a place, the next one is held so long, should no job end sooner."""
MAX_HOLD_SECONDS: Final = 10 * 60.0
MAX_WAIT_SECONDS: Final = 15 * 60.0
"""A new day of requests that begins within this is waited for; for any other the run ends, and another one begins."""
_MARGIN: Final = timedelta(seconds=MARGIN_SECONDS)
_ONE_DAY: Final = timedelta(days=1)


class Budget(Protocol):
    """What may be sent to one endpoint. Times are seconds on one clock that never goes back. Thread-safe."""

    def ready_at(self, now: float) -> float:
        """Return when the next request may be sent: ``now`` or later, infinity if an answer must come first."""

    def seconds_for(self, count: int, now: float) -> float:
        """Return how long it takes at least until the last of so many more requests may be sent."""

    def spend(self) -> None:
        """Note that a request is being sent. One of the next three must follow."""

    def answered(self, now: float, *, limit: int | None = None, remaining: int | None = None) -> None:
        """Note that a request was answered, or will never be.

        Args:
            now: When the answer came.
            limit: How many the answer says there may be, if it does.
            remaining: How many the answer says are left, if it does.
        """

    def refused(self, now: float, retry_after: float | None, *, limit: int | None = None) -> float:
        """Note that this budget is used up, as the vendor sees it.

        Args:
            now: When the refusal came.
            retry_after: Seconds to wait as the vendor asks; None when it did not say.
            limit: How many the refusal says there may be, if it does.

        Returns:
            The seconds that will be waited, should nothing happen.
        """

    def returned(self) -> None:
        """Note that a request came back without having been counted: something else stood in its way."""


@runtime_checkable
class HasDays(Protocol):
    """A budget, or several, of which one counts by the day."""

    def used_up_until(self) -> datetime | None:
        """Return when the count begins anew; None while requests are left."""


def used_up(budget: object, seconds: float) -> QuotaUsedUpError | None:
    """Return in words that a budget is used up for today; None if it is not, or if that is worth the wait.

    Args:
        budget: Any that limits requests.
        seconds: How long the wait is.
    """
    if seconds <= MAX_WAIT_SECONDS or not isinstance(budget, HasDays) or (until := budget.used_up_until()) is None:
        return None
    return QuotaUsedUpError(
        f"The requests that the vendor allows for a day are used up; they count anew at {until:%Y-%m-%d %H:%M %Z}. "
        "What was delivered stays; run it again then"
    )


class DailyQuota:
    """So many requests a day, the count beginning anew at a time of day.

    Args:
        per_day: How many, if that is known. Where it is not, the first refusal tells that they are used up.
        reset: At which time of day the count begins anew.
        zone: In whose day.
        wall_clock: Tells the present moment, with its zone.
    """

    def __init__(
        self,
        per_day: int | None,
        *,
        reset: time = time.min,
        zone: tzinfo = timezone.utc,
        wall_clock: Callable[[], datetime],
    ) -> None:
        self._lock = threading.Lock()
        self._limit = per_day
        self._reset = reset
        self._zone = zone
        self._wall_clock = wall_clock
        self._used = 0
        # Near the reset nobody knows on which side of it the vendor sees a request: it counts on both.
        self._used_since_reset = 0
        self._in_flight = 0
        self._used_up = False
        self._until = self._next_reset(wall_clock())

    @property
    def used_up(self) -> bool:
        """Whether no request is left today, those included that are on their way."""
        with self._lock:
            self._begin_day()
            return self._used_up or (self._limit is not None and self._used + self._in_flight >= self._limit)

    @property
    def resets_at(self) -> datetime:
        """When the count begins anew, in its own zone."""
        with self._lock:
            self._begin_day()
            return self._until.astimezone(self._zone)

    def used_up_until(self) -> datetime | None:
        """Return when the count begins anew, in its own zone; None while requests are left, or may come back."""
        with self._lock:
            self._begin_day()
            is_used_up = self._used_up or (self._limit is not None and self._used >= self._limit)
            return self._until.astimezone(self._zone) if is_used_up else None

    def ready_at(self, now: float) -> float:
        """Return when the next request may be sent; see `Budget.ready_at`."""
        with self._lock:
            self._begin_day()
            if not self._used_up:
                if self._limit is None or self._used + self._in_flight < self._limit:
                    return now
                if self._used < self._limit:
                    return math.inf  # one on its way may come back without having been counted
            return now + (self._until - self._wall_clock()).total_seconds()

    def seconds_for(self, count: int, now: float) -> float:
        """Return how long so many more requests take at least; see `Budget.seconds_for`."""
        del now
        with self._lock:
            self._begin_day()
            left = count if self._limit is None else max(self._limit - self._used - self._in_flight, 0)
            left = 0 if self._used_up else left
            if count <= left:
                return 0.0
            days = 0 if self._limit is None else (count - left - 1) // self._limit
            return (self._until - self._wall_clock() + days * _ONE_DAY).total_seconds()

    def spend(self) -> None:
        """Note that a request is being sent."""
        with self._lock:
            self._in_flight += 1

    def answered(self, now: float, *, limit: int | None = None, remaining: int | None = None) -> None:
        """Note that a request was answered, or will never be; see `Budget.answered`."""
        del now
        with self._lock:
            self._begin_day()
            self._in_flight -= 1
            self._used += 1
            if self._wall_clock() >= self._until - _MARGIN:
                self._used_since_reset += 1
            self._limit = limit if limit is not None and limit > 0 else self._limit
            if remaining is not None and self._limit is not None:
                # Others use the same quota. An answer that was overtaken by others must not give anything back.
                self._used = max(self._used, self._limit - remaining)

    def refused(self, now: float, retry_after: float | None, *, limit: int | None = None) -> float:
        """Note that nothing is left today; see `Budget.refused`."""
        with self._lock:
            self._begin_day()
            self._in_flight -= 1
            self._limit = limit if limit is not None and limit > 0 else self._limit
            self._used_up = True
            if retry_after is not None and retry_after > 0:
                asked = self._wall_clock() + timedelta(seconds=min(retry_after, _ONE_DAY.total_seconds()))
                self._until = asked.astimezone(timezone.utc)
        return self.ready_at(now) - now

    def returned(self) -> None:
        """Note that a request came back without having been counted."""
        with self._lock:
            self._in_flight -= 1

    def _begin_day(self) -> None:
        moment = self._wall_clock()
        if moment >= self._until:
            self._used, self._used_since_reset = self._used_since_reset, 0
            self._used_up = False
            self._until = self._next_reset(moment)

    def _next_reset(self, moment: datetime) -> datetime:
        """Return when the count begins anew after this moment, in UTC, where no hour comes twice."""
        today = moment.astimezone(self._zone).date()
        resets = (
            datetime.combine(today + days * _ONE_DAY, self._reset, self._zone).astimezone(timezone.utc) + _MARGIN
            for days in (-1, 0, 1, 2)
        )
        return next(reset for reset in resets if reset > moment)


class JobCap:
    """So many jobs under way at a time. Creates are held while there is no place; polls and downloads go on.

    Args:
        limit: How many, if that is known. Where it is not, a refused create tells that there is no place, and the next
            one is held until a job of ours ends, or for a while: a job of somebody else may have ended.
        forget_seconds: After so long a job counts no more, whatever has become of it.
    """

    def __init__(self, limit: int | None = None, *, forget_seconds: float = 24 * 3600.0) -> None:
        self._lock = threading.Lock()
        self._limit = limit
        self._forget_seconds = forget_seconds
        self._in_flight = 0
        self._under_way: dict[Hashable, float] = {}
        self._held_until = -math.inf
        self._refusals_in_a_row = 0

    def started(self, job: Hashable, now: float) -> None:
        """Note that a job is under way: a create was accepted, or an earlier run left one."""
        with self._lock:
            self._under_way[job] = now

    def ended(self, job: Hashable) -> None:
        """Note that a job is finished, has failed, or is not known to the vendor any more. It may be said twice."""
        with self._lock:
            if self._under_way.pop(job, None) is not None:
                self._held_until = -math.inf

    def ready_at(self, now: float) -> float:
        """Return when the next create may be sent; see `Budget.ready_at`."""
        with self._lock:
            self._under_way = {
                job: since for job, since in self._under_way.items() if since + self._forget_seconds > now
            }
            if now < self._held_until:
                return self._held_until
            if self._limit is None or len(self._under_way) + self._in_flight < self._limit:
                return now
            return min(self._under_way.values(), default=math.inf) + self._forget_seconds

    def seconds_for(self, count: int, now: float) -> float:
        """Return how long so many more creates take at least: nobody knows how soon jobs end."""
        del count
        with self._lock:
            return max(self._held_until - now, 0.0)

    def spend(self) -> None:
        """Note that a create is being sent."""
        with self._lock:
            self._in_flight += 1

    def answered(self, now: float, *, limit: int | None = None, remaining: int | None = None) -> None:
        """Note that a create was answered, or will never be. What the answer says of requests is not about jobs."""
        del now, limit, remaining
        with self._lock:
            self._in_flight -= 1
            self._refusals_in_a_row = 0

    def refused(self, now: float, retry_after: float | None, *, limit: int | None = None) -> float:
        """Note that there is no place; see `Budget.refused`."""
        del limit
        with self._lock:
            self._in_flight -= 1
            usual = MIN_HOLD_SECONDS * 2.0 ** min(self._refusals_in_a_row, 10)
            pause = min(max(usual, retry_after or 0.0), MAX_HOLD_SECONDS)
            if now >= self._held_until:  # not one of several that were refused together
                self._refusals_in_a_row += 1
            self._held_until = max(self._held_until, now + pause)
        return pause

    def returned(self) -> None:
        """Note that a create came back without having been counted."""
        with self._lock:
            self._in_flight -= 1


class AllOf:
    """Several budgets of which each must allow a request.

    Args:
        budgets: The budgets. What an answer says about limits is about the first.
    """

    def __init__(self, *budgets: Budget) -> None:
        self._budgets = budgets

    def ready_at(self, now: float) -> float:
        """Return when all of them allow the next request; see `Budget.ready_at`."""
        return max(budget.ready_at(now) for budget in self._budgets)

    def used_up_until(self) -> datetime | None:
        """Return when all of them count anew that are used up for today; None if none is."""
        ends = [budget.used_up_until() for budget in self._budgets if isinstance(budget, HasDays)]
        return max((end for end in ends if end), default=None)

    def seconds_for(self, count: int, now: float) -> float:
        """Return how long so many more requests take at least; see `Budget.seconds_for`."""
        return max(budget.seconds_for(count, now) for budget in self._budgets)

    def spend(self) -> None:
        """Note that a request is being sent."""
        for budget in self._budgets:
            budget.spend()

    def answered(self, now: float, *, limit: int | None = None, remaining: int | None = None) -> None:
        """Note that a request was answered, or will never be; see `Budget.answered`."""
        first, *others = self._budgets
        first.answered(now, limit=limit, remaining=remaining)
        for budget in others:
            budget.answered(now)

    def refused(
        self, now: float, retry_after: float | None, *, limit: int | None = None, by: Budget | None = None
    ) -> float:
        """Note that one of them is used up, as the vendor sees it; see `Budget.refused`.

        Args:
            now: When the refusal came.
            retry_after: Seconds to wait as the vendor asks.
            limit: How many the refusal says there may be.
            by: Which one; the first, if nothing else is said.
        """
        refusing = by or self._budgets[0]
        for budget in self._budgets:
            if budget is not refusing:
                budget.returned()
        return refusing.refused(now, retry_after, limit=limit)

    def returned(self) -> None:
        """Note that a request came back without having been counted."""
        for budget in self._budgets:
            budget.returned()
