"""A backfill in virtual time, alone on the Space or beside a rival, and how soon it could have been done at best."""

from __future__ import annotations

import collections
import dataclasses
import http.client
import json
import math
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from simulation.patience import HANG_SECONDS
from simulation.tapping import Output, days_before, sync, tap_class
from simulation.virtual_time import VirtualClock
from tap_cometly.sandbox import Fault, Sandbox

if TYPE_CHECKING:
    import queue
    from collections.abc import Callable, Collection, Iterable, Sequence
    from datetime import date

    from bulk_exports.sandbox.limits import Window
    from tap_cometly.sandbox import LoggedRequest

CREATES, POLLS = 5, 30
WINDOW_SECONDS: Final = 60
RIVAL: Final = "a rival"


def law(creates: int, *, limit: int, job_seconds: float, others: Sequence[float] = ()) -> float:
    """Return how many seconds a backfill takes at the very least: until the last possible create, and one job more.

    In the first ``T`` seconds the server accepts no more than ``limit * (1 + floor(T / 60))`` creates of anybody. Those
    that it accepted from others are not for us; so the last of ours cannot come before the first ``T`` at which what is
    left is enough for all of ours.

    Args:
        creates: How many exports had to be created, those counted that replace a failed one.
        limit: Creates a minute that the server accepts.
        job_seconds: How long one job takes.
        others: When the creates of others were accepted, in seconds since our first request.
    """
    minute = 0
    while limit * (minute + 1) - sum(at < (minute + 1) * WINDOW_SECONDS for at in others) < creates:
        minute += 1
    return minute * WINDOW_SECONDS + job_seconds


class Rival:
    """Somebody else with a key of the same Space, who creates exports and polls, evenly, and heeds every 429.

    What it is refused it makes up for as soon as it may.

    Args:
        cometly: The Space.
        clock: Its time.
        share: Which part of both budgets it wants.
    """

    def __init__(self, cometly: Sandbox, clock: VirtualClock, share: float) -> None:
        parts = urlsplit(f"{cometly.api_url}/events/exports")
        self._path = parts.path
        self._clock = clock
        self._connection = http.client.HTTPConnection(parts.netloc, timeout=HANG_SECONDS)
        self._headers = {"Authorization": f"Bearer {cometly.api_key}", "Accept": "application/json"}
        self._headers |= {"User-Agent": RIVAL, "Content-Type": "application/json"}
        (self._day,) = days_before(clock, 1)
        self._export = 0
        self._gaps = {"POST": WINDOW_SECONDS / (CREATES * share), "GET": WINDOW_SECONDS / (POLLS * share)}
        self._wanted = dict.fromkeys(self._gaps, clock.now() + 1)
        self._may = dict.fromkeys(self._gaps, -math.inf)

    @property
    def next_at(self) -> float:
        """When it acts next."""
        return min(self._at(method) for method in self._gaps)

    def act(self) -> None:
        """Send the request that is due."""
        method = min(self._gaps, key=self._at)
        if method == "POST":
            self._connection.request(method, self._path, json.dumps({"date": self._day.isoformat()}), self._headers)
        else:
            self._connection.request(method, f"{self._path}/{self._export}", headers=self._headers)
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status == 429:
            self._may[method] = self._clock.now() + float(answer.headers["Retry-After"])
            return
        self._wanted[method] += self._gaps[method]
        if method == "POST":
            self._export = json.loads(body)["export_id"]

    def close(self) -> None:
        self._connection.close()

    def _at(self, method: str) -> float:
        return max(self._wanted[method], self._may[method])


class SharedTime(VirtualClock):
    """Virtual time in which a rival acts too, and goes first where both could."""

    rival: Rival | None = None

    def wait(self, inbox: queue.SimpleQueue[Any], *, until: float, expecting: bool) -> Any:
        if expecting or self.rival is None or until < self.rival.next_at:
            return super().wait(inbox, until=until, expecting=expecting)
        if (news := super().wait(inbox, until=max(self.rival.next_at, self.now()), expecting=False)) is None:
            self.rival.act()
        return news


@dataclasses.dataclass(frozen=True)
class Backfill:
    """How a backfill went.

    Attributes:
        output: What it wrote.
        days: What it should have written.
        seconds: How long it took.
        ended_at: When it was done.
        least: How long it had to take; see `law`.
        creates: How many exports it created.
        theirs: How many the rival did.
        refusals: How many of its requests were answered with 429.
        impatient: How many requests it sent although it had been asked to wait.
    """

    output: Output
    days: list[date]
    seconds: float
    ended_at: float
    least: float
    creates: int
    theirs: int
    refusals: int
    impatient: int

    @property
    def ratio(self) -> float:
        """How much longer it took than it had to."""
        return self.seconds / self.least


def backfill(
    days: int,
    *,
    job_seconds: float | Callable[[date, int], float],
    rival: float = 0,
    failing: Collection[int] = (),
    window: Window = "fixed",
    clock: SharedTime | None = None,
    **settings: Any,
) -> Backfill:
    """Run a backfill of the last ``days`` days in virtual time.

    Args:
        days: How many.
        job_seconds: How long a job takes; of jobs that differ, the law counts the last.
        rival: The share in both budgets that somebody else wants.
        failing: Which days' first jobs fail.
        window: How the server counts minutes.
        clock: Time; its own if none is given.
        settings: Further settings of the tap.
    """
    clock = clock or SharedTime()
    began = clock.now()
    dates = days_before(clock, days)
    with Sandbox(
        clock=clock.time,
        events_per_day=lambda _day: 1,
        job_seconds=job_seconds,
        creates_per_minute=CREATES,
        polls_per_minute=POLLS,
        window=window,
    ) as cometly:
        for number in failing:
            cometly.inject(Fault("create", "failed", day=dates[number]))
        clock.rival = Rival(cometly, clock, rival) if rival else None
        config = {
            "api_key": cometly.api_key,
            "api_url": cometly.api_url,
            "timezone": "UTC",
            "start_date": dates[0].isoformat(),
            **settings,
        }
        output = sync(config, tap=tap_class(clock))
        if clock.rival:
            clock.rival.close()
    last_job = job_seconds(dates[-1], 1) if callable(job_seconds) else job_seconds
    ours = [entry for entry in cometly.requests if entry.headers.get("user-agent") != RIVAL and entry.origin == "api"]
    accepted = [entry for entry in ours if entry.endpoint == "create" and entry.status != 429]
    theirs = [
        entry.at - began
        for entry in cometly.requests
        if entry.endpoint == "create" and entry.status == 202 and entry not in accepted
    ]
    return Backfill(
        output=output,
        days=dates,
        seconds=clock.now() - began,
        ended_at=clock.now(),
        least=law(len(accepted), limit=CREATES, job_seconds=last_job, others=theirs),
        creates=len(accepted),
        theirs=len(theirs),
        refusals=sum(entry.status == 429 for entry in ours),
        impatient=sum(_impatient(cometly.requests, endpoint, window) for endpoint in ("create", "status")),
    )


def _impatient(requests: Iterable[LoggedRequest], endpoint: str, window: Window) -> int:
    """Count our requests that came after a 429 of ours and before what its Retry-After asked for."""
    counted: collections.deque[float] = collections.deque()
    refused_at = pause_ends = -math.inf
    count = 0
    for entry in requests:
        if entry.endpoint != endpoint:
            continue
        while counted and entry.at >= counted[0] + WINDOW_SECONDS:
            counted.popleft() if window == "sliding" else counted.clear()
        ours = entry.headers.get("user-agent") != RIVAL
        count += ours and refused_at < entry.at < pause_ends
        if entry.status != 429:
            counted.append(entry.at)
        elif ours:
            refused_at, pause_ends = entry.at, counted[0] + WINDOW_SECONDS
    return count
