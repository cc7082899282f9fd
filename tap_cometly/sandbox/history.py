"""What happened to the Space's past after the fact: late events, edits, deletions, merges, renames, re-attribution.

Changes are kept with the moment they were made, so that an export holds exactly what was true when its job ended.
"""

from __future__ import annotations

import bisect
import datetime as dt
import functools
import itertools
import threading
from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from tap_cometly import vocabulary
from tap_cometly.sandbox.events import DAY_STRIDE, LABELS, MAX_EVENTS_PER_DAY, Event, Events

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from bulk_exports.sandbox.days import Days
    from tap_cometly.sandbox.journeys import Journey, Journeys

Moment = dt.datetime | float
"""A time: epoch seconds, or a date-time (without a zone: UTC)."""

_EDITABLE: Final = frozenset(Event._fields) - {"id", "time", "space_id"}


class Past:
    """The Space's past as it looked at one moment: the deterministic events and every change on top of them."""

    def __init__(self, events: Events, journeys: Journeys, days: Days) -> None:
        self._events = events
        self._journeys = journeys
        self._days = days
        self._changed: dict[int, Event | None] = {}
        self._told: dict[int, Journey] = {}
        self._merged: dict[int, int] = {}
        self._revisions: Counter[dt.date | None] = Counter()
        self.labels = dict(LABELS)

    def revision(self, day: dt.date) -> tuple[int, int]:
        """Return a number pair that changes whenever the content of ``day`` may have changed."""
        return self._revisions[None], self._revisions[day]

    def find(self, event_id: int) -> Event:
        """Return an event.

        Raises:
            LookupError: There is no such event.
        """
        event = self._changed[event_id] if event_id in self._changed else self._events.find(event_id)
        if event is None:
            raise LookupError(f"There is no event {event_id}.")
        return event

    def of_day(self, day: dt.date, order: int = 0) -> Iterator[Event]:
        """Yield the events of ``day`` in no particular order."""
        untouched = (event for event in self._events.of_day(day, order) if event.id not in self._changed)
        start, end = self._days.bounds(day)
        changed = (event for event in self._changed.values() if event and start <= event.time < end)
        events = itertools.chain(untouched, changed)
        return map(self._canonical, events) if self._merged else events

    def journey(self, event: Event) -> Journey:
        """Return the touchpoints before ``event``, oldest first."""
        told = self._told.get(event.id)
        if told is not None:
            return told
        if self._merged:
            # A merge renames the contact; it does not rewrite how people came.
            event = event._replace(profile_id=self.find(event.id).profile_id)
        return self._journeys.of(event)

    def put(self, event: Event) -> None:
        """Let ``event`` be as given."""
        self._touch(event.id)
        self._changed[event.id] = event
        self._touch(event.id)

    def drop(self, event_id: int) -> None:
        """Let the event never have been."""
        self._touch(event_id)
        self._changed[event_id] = None

    def merge(self, contact: int, into: int) -> None:
        """Let all events of ``contact`` belong to ``into``."""
        self._revisions[None] += 1
        self._merged[contact] = into

    def rename(self, event_name: str, label: str | None) -> None:
        """Label a custom event."""
        self._revisions[None] += 1
        self.labels[event_name] = label

    def tell(self, event_id: int, journey: Journey) -> None:
        """Give an event another journey."""
        self._touch(event_id)
        self._told[event_id] = journey

    def _touch(self, event_id: int) -> None:
        event = self._changed[event_id] if event_id in self._changed else self._events.find(event_id)
        if event is not None:
            self._revisions[self._days.of(event.time)] += 1

    def _canonical(self, event: Event) -> Event:
        profile_id, seen = event.profile_id, set()
        while profile_id in self._merged and profile_id not in seen:
            seen.add(profile_id)
            profile_id = self._merged[profile_id]
        return event if profile_id == event.profile_id else event._replace(profile_id=profile_id)


class History:
    """Changes of the past, made while the sandbox runs. Every method takes effect at once for exports not yet done."""

    def __init__(self, events: Events, journeys: Journeys, days: Days, clock: Callable[[], float]) -> None:
        self._blank = functools.partial(Past, events, journeys, days)
        self._journeys = journeys
        self._days = days
        self._clock = clock
        self._lock = threading.RLock()
        self._changes: list[Callable[[Past], None]] = []
        self._times: list[float] = []
        self._added: Counter[int] = Counter()
        self._now = self._blank()
        self._replayed = functools.lru_cache(maxsize=16)(self._replay)

    def at(self, moment: float) -> Past:
        """Return the past as it looked at ``moment`` (epoch seconds)."""
        with self._lock:
            return self._replayed(bisect.bisect_right(self._times, moment))

    def find(self, event_id: int) -> Event:
        """Return an event as it is now.

        Raises:
            LookupError: There is no such event.
        """
        with self._lock:
            return self._now.find(event_id)

    def add(self, time: Moment, *, event_name: str = "purchase", **columns: Any) -> int:
        """Add an event at ``time`` and return its identifier, which is newer than those of the running day.

        Args:
            time: When it happened; may be long ago (a late event).
            event_name: A standard name or the slot of a custom event.
            **columns: Other columns of the event, such as ``amount`` or ``profile_id``.
        """
        with self._lock:
            ordinal = self._days.of(self._clock()).toordinal()
            event_id = ordinal * DAY_STRIDE + MAX_EVENTS_PER_DAY + self._added[ordinal]
            values = _checked({"event_name": event_name, **columns})
            event = Event(id=event_id, time=_epoch(time), **values)
            self._added[ordinal] += 1
            self._make(lambda past: past.put(event))
            return event_id

    def edit(self, event_id: int, **columns: Any) -> None:
        """Change columns of an event, such as ``amount``.

        Raises:
            LookupError: There is no such event.
            ValueError: A column is unknown or not editable.
        """
        values = _checked(columns)
        with self._lock:
            event = self._now.find(event_id)._replace(**values)
            self._make(lambda past: past.put(event))

    def delete(self, event_id: int) -> None:
        """Delete an event for good.

        Raises:
            LookupError: There is no such event.
        """
        with self._lock:
            self._now.find(event_id)
            self._make(lambda past: past.drop(event_id))

    def back_date(self, event_id: int, time: Moment) -> None:
        """Move an event to another time, and with it perhaps to another day.

        Raises:
            LookupError: There is no such event.
        """
        with self._lock:
            event = self._now.find(event_id)._replace(time=_epoch(time))
            self._make(lambda past: past.put(event))

    def merge_contacts(self, contact: int, into: int) -> None:
        """Merge two contacts: every event of ``contact`` now carries ``into`` as its ``profile_id``."""
        with self._lock:
            self._make(lambda past: past.merge(contact, into))

    def rename_custom_event(self, slot: int, label: str | None) -> None:
        """Change the Space's label of ``custom_event_<slot>``; None takes it away.

        Raises:
            ValueError: There is no such slot.
        """
        name = f"custom_event_{slot}"
        if name not in vocabulary.CUSTOM_EVENT_NAMES:
            raise ValueError(f"There is no {name}; slots are 1 to 50.")
        with self._lock:
            self._make(lambda past: past.rename(name, label))

    def reattribute(
        self, event_id: int, *, seed: int | None = None, touchpoints: Sequence[Mapping[str, Any]] | None = None
    ) -> None:
        """Give an event another journey.

        Args:
            event_id: The event.
            seed: 1, 2, ...: each another random journey.
            touchpoints: Or the journey itself: ``{"source": "google_ads", "days_before": 2.5}`` each.

        Raises:
            LookupError: There is no such event.
            ValueError: Neither or both are given.
        """
        if (seed is None) == (touchpoints is None):
            raise ValueError("Give a seed or touchpoints.")
        with self._lock:
            event = self._now.find(event_id)
            if seed is not None:
                journey = self._journeys.of(event, seed)
            else:
                journey = self._journeys.told(event, touchpoints or ())
            self._make(lambda past: past.tell(event_id, journey))

    def _make(self, change: Callable[[Past], None]) -> None:
        change(self._now)
        # A clock that a test turns back must not reorder what happened.
        self._times.append(max(self._clock(), self._times[-1] if self._times else 0.0))
        self._changes.append(change)

    def _replay(self, count: int) -> Past:
        past = self._blank()
        for change in self._changes[:count]:
            change(past)
        return past


def _checked(columns: Mapping[str, Any]) -> dict[str, Any]:
    unknown = set(columns) - _EDITABLE
    if unknown:
        raise ValueError(f"Cannot set {', '.join(sorted(unknown))}; known are {', '.join(sorted(_EDITABLE))}.")
    values = dict(columns)
    if "amount" in values:
        # By way of text, so that 0.1 means a tenth.
        values["amount"] = Decimal(str(values["amount"]))
    return values


def _epoch(time: Moment) -> int:
    if isinstance(time, dt.datetime):
        return int((time if time.tzinfo else time.replace(tzinfo=dt.timezone.utc)).timestamp())
    return int(time)
