"""A Space at Cometly, a warehouse, and the runs between them: over sockets, in virtual time, all in memory."""

from __future__ import annotations

import contextlib
from datetime import datetime, time, timedelta, timezone
from typing import Any

from bulk_exports.run import UndeliveredDaysError
from bulk_exports.windows import dates
from bulk_exports.windows.delivered import DeliveredDays
from simulation.tapping import sync, tap_class
from simulation.virtual_time import VirtualClock
from tap_cometly import vocabulary
from tap_cometly.sandbox import Fault, Sandbox
from tests.warehouses import Warehouse, truth

ATTRIBUTED = {
    "sources": ["google_ads", "facebook_ads", "email", "direct"],
    "attribution_model": "linear",
    "attribution_window": 30,
}
WAYS = {
    "plain": ({}, [name for name in vocabulary.REQUESTABLE_NAMES if name not in vocabulary.HIERARCHY_NAMES]),
    "attributed": (ATTRIBUTED, list(vocabulary.REQUESTABLE_NAMES)),
}
FIRST_DAYS = 4
ORDERS = ["oldest_first", "newest_first"]
STORED: Any = object()
"""The STATE that the warehouse has."""


class Space:
    """A Space, its warehouse, and the runs between them."""

    def __init__(self, way="plain", *, events_per_day=6, job_seconds=5, warehouse=None, **config):
        asked, fields = WAYS[way]
        self.clock = VirtualClock()
        self.cometly = Sandbox(
            clock=self.clock.time,
            events_per_day=events_per_day,
            job_seconds=job_seconds,
            creates_per_minute=60,
            polls_per_minute=600,
            on_request=self._on_request,
        )
        self.start = self.yesterday - timedelta(days=FIRST_DAYS - 1)
        self.config = {
            "api_key": self.cometly.api_key,
            "api_url": self.cometly.api_url,
            "timezone": "UTC",
            "start_date": self.start.isoformat(),
            **asked,
            **config,
        }
        self.asked = {**asked, "fields": fields}
        self.warehouse = warehouse or Warehouse()
        self.tap = tap_class(self.clock)
        self.moved: dict[int, int] = {}
        self._while_running = []
        self._after_file = {}

    def __enter__(self):
        self.cometly.start()
        return self

    def __exit__(self, *_):
        self.cometly.stop()

    @property
    def yesterday(self):
        return datetime.fromtimestamp(self.clock.now(), timezone.utc).date() - timedelta(days=1)

    @property
    def days(self):
        return list(dates.days(self.start, self.yesterday))

    @property
    def delivered(self):
        return DeliveredDays.from_state(self.warehouse.bookmark, start=self.start, replication_key="event_date")

    def run(self, *, taken=1.0, failing=(), racing=(), after=None, state=STORED, due=True, **config):
        """Run the tap; the target takes this share of its messages in, and then the machine goes down.

        Args:
            taken: That share.
            failing: Days whose exports fail.
            racing: Pairs of a number and what is done at Cometly after so many requests of the run.
            after: What is done at Cometly when the file of a day is downloaded, and so can no longer change.
            due: Whether the failing days are surely due.
            state: What the tap gets instead of the STATE that the warehouse has; None for a full refresh.
        """
        for day in failing:
            self.cometly.inject(Fault("create", "failed", day=day, times=None))
        self._while_running = sorted(((len(self.cometly.requests) + after, act) for after, act in racing), key=_first)
        self._after_file = dict(after or {})
        given = self.warehouse.state if state is STORED else state
        output = sync({**self.config, **config}, state=given, tap=self.tap, catch=UndeliveredDaysError)
        assert bool(output.error) == bool(set(failing)) or not due
        self.cometly.faults.clear()
        self._while_running = []
        assert not self._after_file
        self.warehouse.take(output.messages[: round(taken * len(output.messages))])
        return output

    def _on_request(self, request):
        if request.endpoint == "file" and (act := self._after_file.pop(request.date, None)):
            act()
        while self._while_running and len(self.cometly.requests) > self._while_running[0][0]:
            self._while_running.pop(0)[1]()

    def sleep(self, days):
        self.clock.advance(days * 86_400)

    def view_is_true(self):
        """Whether every day that can be delivered is, and the view shows exactly what Cometly says now."""
        assert self.delivered == DeliveredDays(((self.start, self.yesterday),))
        shown = [row for row in self.warehouse.view() if row["event_date"] <= self.yesterday.isoformat()]
        assert shown == truth(self.cometly, self.days, **self.asked)
        closed = {day: row for day, row in self.warehouse.days.items() if day <= self.yesterday.isoformat()}
        assert sorted(closed) == [day.isoformat() for day in self.days]
        for day, row in closed.items():
            rows = [each for each in shown if each["event_date"] == day]
            assert row["row_count"] == len(rows)
            assert row["amount_total"] == sum(each["amount"] or 0 for each in rows)
            times = [each["event_time_utc"] for each in rows] or [None]
            assert (row["first_event_time_utc"], row["last_event_time_utc"]) == (min(times), max(times))
            assert not row["is_open"]
        return True

    # What happens at Cometly

    def event(self, day, number):
        """Return an event of a day; None if it has none."""
        events = sorted({row["id"] for row in self.cometly.truth(day)})
        return events[number % len(events)] if events else None

    def moment(self, day, number):
        return datetime.combine(day, time(1), timezone.utc) + timedelta(minutes=number)

    def move(self, event, day, number=0):
        self.moved.setdefault(event, self.cometly.history.find(event).time)
        self.cometly.history.back_date(event, self.moment(day, number))

    def moved_within(self, days):
        """Return the moved events that are now in one of these days and were in one."""
        found = []
        for event, before in sorted(self.moved.items()):
            with contextlib.suppress(LookupError):  # it was deleted meanwhile
                times = before, self.cometly.history.find(event).time
                if all(datetime.fromtimestamp(moment, timezone.utc).date() in days for moment in times):
                    found.append(event)
        return found

    def put_back(self, event):
        self.cometly.history.back_date(event, self.moved.pop(event))


def _first(pair):
    return pair[0]
