"""Request budgets: how soon the next request of one kind may be sent.

Vendors count requests per account, per endpoint and per minute. Where every answer carries ``X-RateLimit-Limit`` and
``X-RateLimit-Remaining``, a refusal (429) also ``Retry-After``. A :class:`RateLimit` starts from the documented limit,
then believes the headers: more when the account has been granted more, less while somebody else uses the same account.

It holds for a window that slides as well as for one that starts with the first request, because it never sends more
than the limit in *any* 60 seconds. Budgets do not wait; they say when, and the caller waits.
"""

from __future__ import annotations

import collections
import email.utils
import math
import threading
from datetime import datetime, timezone
from typing import Final

WINDOW_SECONDS: Final = 60.0
"""The vendor counts by the minute."""

MARGIN_SECONDS: Final = 0.05
"""A minute of the vendor's clock may be a little longer than one of ours."""

MAX_DIGITS: Final = 18
"""Of a number in a header; no length, no count has more."""

MAX_PAUSE_SECONDS: Final = 15 * 60.0
"""A longer ``Retry-After`` is taken for a mistake of the server and cut to this."""


class RateLimit:
    """The requests that may be sent to one endpoint of one account.

    Times are seconds on one clock that never goes back. Thread-safe: the engine spends, answers come in from its
    workers.

    Args:
        per_minute: The documented limit, used until an answer names the real one.
    """

    def __init__(self, per_minute: int) -> None:
        self._lock = threading.Lock()
        self._limit = per_minute
        self._answered: collections.deque[float] = collections.deque()
        self._in_flight = 0
        self._used_by_others = 0
        self._paused_until = -math.inf
        self._refusals_in_a_row = 0
        self._last_answer = -math.inf

    @property
    def per_minute(self) -> int:
        """The limit in force, in requests per minute."""
        return self._limit

    def ready_at(self, now: float) -> float:
        """Return when the next request may be sent: ``now`` or later, infinity if an answer must come first."""
        with self._lock:
            if now < self._paused_until:
                return self._paused_until
            self._forget(now)
            # The first request of a quiet minute goes alone: its answer tells what others have left of the budget.
            if self._in_flight and self._last_answer <= now - WINDOW_SECONDS:
                return math.inf
            too_many = len(self._answered) + self._in_flight + 1 - self._limit
            if too_many <= 0:
                # Where only others stand in the way, ask: the refusal costs nothing and says how long to wait.
                others_in_the_way = too_many + self._used_by_others > 0 and self._in_flight > 0
                return math.inf if others_in_the_way else now
            if too_many > len(self._answered):
                return math.inf
            return self._answered[too_many - 1] + WINDOW_SECONDS + MARGIN_SECONDS

    def seconds_for(self, count: int, now: float) -> float:
        """Return how long it takes at least until the last of so many more requests may be sent."""
        if count <= 0:
            return 0.0
        with self._lock:
            pause = max(self._paused_until - now, 0.0)
            self._forget(now)
            sent = [*self._answered, *[now] * self._in_flight][-self._limit :]
            in_the_way = count - 1 - (self._limit - len(sent))
            if in_the_way < 0:
                return pause
            # A request may be sent one window after the one that lies as many requests before it as the limit is.
            windows, predecessor = divmod(in_the_way, self._limit)
            began = sent[predecessor] if predecessor < len(sent) else now
            return max(began - now + (windows + 1) * (WINDOW_SECONDS + MARGIN_SECONDS), pause)

    def spend(self) -> None:
        """Note that a request is being sent."""
        with self._lock:
            self._in_flight += 1

    def answered(self, now: float, *, limit: int | None = None, remaining: int | None = None) -> None:
        """Note that a request was answered, or will never be.

        Args:
            now: When the answer came. The vendor counted the request no later than this.
            limit: ``X-RateLimit-Limit`` of the answer, if any.
            remaining: ``X-RateLimit-Remaining`` of the answer, if any.
        """
        with self._lock:
            self._in_flight -= 1
            self._answered.append(now)
            self._last_answer = now
            self._refusals_in_a_row = 0
            self._forget(now)
            if limit is not None and limit > 0:
                self._limit = limit
            if remaining is not None:
                self._used_by_others = max(0, self._limit - remaining - len(self._answered))

    def returned(self) -> None:
        """Note that a request came back without having been counted: something else stood in its way."""
        with self._lock:
            self._in_flight -= 1

    def refused(self, now: float, retry_after: float | None, *, limit: int | None = None) -> float:
        """Note a refusal (429): send nothing more until the vendor's pause is over.

        A refused request is not counted by the vendor, and after the pause the count starts anew.

        Args:
            now: When the refusal came.
            retry_after: Seconds to wait as the vendor asks; None when it did not say (a whole window, then).
            limit: ``X-RateLimit-Limit`` of the answer, if any.

        Returns:
            The seconds that will be waited: what was asked, but at most `MAX_PAUSE_SECONDS`, and at least 1, then
            2, 4 and so on up to a window, should a pause as short as was asked not help.
        """
        asked = WINDOW_SECONDS if retry_after is None else retry_after
        with self._lock:
            self._in_flight -= 1
            shortest = min(2.0 ** min(self._refusals_in_a_row, 10), WINDOW_SECONDS)
            pause = min(max(asked, shortest), MAX_PAUSE_SECONDS)
            if now >= self._paused_until:  # not one of several that were refused together
                self._refusals_in_a_row += 1
            if limit is not None and limit > 0:
                self._limit = limit
            self._paused_until = max(self._paused_until, now + pause)
            self._answered.clear()
            self._used_by_others = 0
            self._last_answer = -math.inf
        return pause

    def _forget(self, now: float) -> None:
        while self._answered and self._answered[0] + WINDOW_SECONDS + MARGIN_SECONDS <= now:
            self._answered.popleft()
        if not self._answered:
            self._used_by_others = 0


def whole_number(value: object) -> int | None:
    """Read a count, or the number of something; None when there is none or it is none that could be.

    Args:
        value: As a header has it, or JSON, where it may stand as a number or as text.
    """
    if not isinstance(value, (int, str)) or isinstance(value, bool):
        return None
    digits = str(value).strip()
    return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) <= MAX_DIGITS else None


def seconds_to_wait(retry_after: str | None, now: datetime) -> float | None:
    """Read a ``Retry-After`` header.

    Args:
        retry_after: The header: seconds or an HTTP date (RFC 9110, section 10.2.3).
        now: The present moment, to reckon from.

    Returns:
        Seconds from now, or None when the header is missing or makes no sense.
    """
    if retry_after is None:
        return None
    text = retry_after.strip()
    if text.isdecimal():
        return float(text)
    moment = http_date(text)
    return None if moment is None else (moment - now).total_seconds()


def http_date(text: str | None) -> datetime | None:
    """Read a date of a header; None when there is none or it makes no sense. One without a zone is in UTC, as all are.

    (To Python it would be in the zone of this machine.)
    """
    try:
        moment = email.utils.parsedate_to_datetime(text or "")
        return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).astimezone(timezone.utc)
    except (ValueError, TypeError, OverflowError):
        return None
