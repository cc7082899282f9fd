"""What an export can ask for, and the rows that answer it."""

from __future__ import annotations

import dataclasses
import operator
from typing import TYPE_CHECKING, Any, Final, Protocol

from bulk_exports.sandbox.days import ONE_DAY, Days, utc_text
from bulk_exports.sandbox.dice import roll
from tap_cometly import vocabulary
from tap_cometly.sandbox import attribution
from tap_cometly.sandbox.events import DAY_STRIDE, Event, Events, company_of

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterable, Iterator

    from tap_cometly.sandbox.history import History, Past
    from tap_cometly.sandbox.quirks import Quirks

Row = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Space:
    """A Space and everything that ever happened in it."""

    days: Days
    events: Events
    history: History
    quirks: Quirks


class Query(Protocol):
    """What one export asks for."""

    @property
    def date(self) -> dt.date:
        """The (first) day it covers."""

    def bounds(self, days: Days) -> tuple[float, float]:
        """Return the first moment that it covers and the first one after it."""

    def rows(self, space: Space, past: Past, until: float, order: int) -> Iterator[Row]:
        """Yield the rows of everything that happened through ``until``."""


@dataclasses.dataclass(frozen=True)
class EventQuery:
    """The body of ``POST /events/exports``."""

    date: dt.date
    fields: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    attribution_model: str | None = None
    attribution_window: int | None = None
    event_names: tuple[str, ...] = ()
    query_mode: str = "profile"

    def bounds(self, days: Days) -> tuple[float, float]:
        """Return the first moment of the day and the first one after it."""
        return days.bounds(self.date)

    def rows(self, space: Space, past: Past, until: float, order: int = 0) -> Iterator[Row]:
        """Yield one row per event, or with sources one per credited touchpoint."""
        events: Iterator[Event] = (event for event in past.of_day(self.date, order) if event.time <= until)
        if self.event_names:
            names = frozenset(self.event_names)
            events = (event for event in events if event.event_name in names)
        companies_only = self.query_mode == "company" and space.quirks.company_mode == "companies"
        if companies_only:
            events = (event for event in events if event.company_id is not None)
        for row in self._attributed(events, past, space.quirks) if self.sources else self._plain(events):
            if "configured_name" in row:
                row["configured_name"] = past.labels.get(row["configured_name"])
            if companies_only and "profile_id" in row:
                row["profile_id"] = None
            yield row

    def _plain(self, events: Iterator[Event]) -> Iterator[Row]:
        columns = [name for name in self._columns("id", "event_time_utc") if name in _EVENT_GETTERS]
        values = _getter(_EVENT_GETTERS[name] for name in columns)
        for event in events:
            yield dict(zip(columns, values(event), strict=True))

    def _attributed(self, events: Iterator[Event], past: Past, quirks: Quirks) -> Iterator[Row]:
        hierarchy = any(name in vocabulary.HIERARCHY_NAMES for name in self.fields)
        columns = self._columns("id", "event_time_utc", "touchpoint_id", *(["source"] if hierarchy else []))
        # Amount and touchpoint columns keep their place in the row and are filled in per touchpoint.
        of_event = _getter(_EVENT_GETTERS.get(name, "id") for name in columns)
        touch_columns = [name for name in columns if name in _TOUCH_GETTERS]
        of_touch = _getter(_TOUCH_GETTERS[name] for name in touch_columns)
        narrow = quirks.sources_apply == "before_credit"
        sources = frozenset(self.sources)
        for event in events:
            credited = attribution.credit(
                event.amount,
                attribution.within(past.journey(event), event.time, self.attribution_window or 0),
                model=self.attribution_model or "last_touch",
                sources=sources,
                digits=quirks.share_digits,
                narrow=narrow,
            )
            for touch, share in credited:
                row = dict(zip(columns, of_event(event), strict=True))
                row.update(zip(touch_columns, of_touch(touch), strict=True))
                if "amount" in row:
                    row["amount"] = share
                yield row

    def _columns(self, *automatic: str) -> tuple[str, ...]:
        return (*automatic, *(name for name in self.fields if name not in automatic))


@dataclasses.dataclass(frozen=True)
class ContactQuery:
    """The body of ``POST /contacts/exports``: local times between which contacts were created."""

    start: dt.datetime
    end: dt.datetime
    include_comet_tokens: bool = False
    include_all_emails: bool = False
    include_created_at: bool = False

    @property
    def date(self) -> dt.date:
        """The first day it covers."""
        return self.start.date()

    def bounds(self, days: Days) -> tuple[float, float]:
        """Return the first moment of the range and the first one after it."""
        return days.moment(self.start), days.moment(self.end) + 1

    def rows(self, space: Space, past: Past, until: float, order: int = 0) -> Iterator[Row]:
        """Yield one row per contact."""
        del past, order  # merges of contacts are seen in events only
        for contact_id, moment in _newcomers(self, space, until):
            bits = roll(contact_id)
            name = _PEOPLE[bits % len(_PEOPLE)]
            row: Row = {
                "id": contact_id,
                "email": f"contact.{contact_id}@mail.example",
                "name": name if bits >> 8 & 7 else None,
                "phone": f"+1555{bits >> 16 & 0xFFFFF:07d}" if bits >> 12 & 1 else None,
                "location": _PLACES[(bits >> 40) % len(_PLACES)],
            }
            if self.include_all_emails:
                row["emails"] = [row["email"]]
            if self.include_created_at:
                row["created_at"] = utc_text(moment)
            if self.include_comet_tokens:
                row["comet_tokens"] = [f"{bits:016x}"]
            yield row


@dataclasses.dataclass(frozen=True)
class CompanyQuery:
    """The body of ``POST /companies/exports``."""

    start: dt.datetime
    end: dt.datetime

    @property
    def date(self) -> dt.date:
        """The first day it covers."""
        return self.start.date()

    def bounds(self, days: Days) -> tuple[float, float]:
        """Return the first moment of the range and the first one after it."""
        return days.moment(self.start), days.moment(self.end) + 1

    def rows(self, space: Space, past: Past, until: float, order: int = 0) -> Iterator[Row]:
        """Yield one row per company."""
        del past, order
        for contact_id, moment in _newcomers(self, space, until):
            company_id = company_of(contact_id)
            if company_id is not None:
                yield {"id": company_id, "domain": f"company-{company_id}.example", "created_at": utc_text(moment)}


def _getter(paths: Iterable[str]) -> Callable[[Any], tuple[Any, ...]]:
    """Return a function that gets several attributes at once, always as a tuple."""
    names = tuple(paths)
    get = operator.attrgetter(*names)
    return get if len(names) > 1 else lambda thing: (get(thing),)


def _newcomers(query: ContactQuery | CompanyQuery, space: Space, until: float) -> Iterator[tuple[int, int]]:
    """Yield contacts created in the range, each with the moment."""
    first, after = query.bounds(space.days)
    day = query.start.date()
    while day <= query.end.date() and space.days.bounds(day)[0] <= until:
        start, end = space.days.bounds(day)
        count = space.events.contacts(day)
        for number in range(count):
            moment = start + (end - start) * number // count
            if first <= moment < after and moment <= until:
                yield day.toordinal() * DAY_STRIDE + number, moment
        day += ONE_DAY


_PEOPLE: Final = (
    "Ada Byron",
    "Jörg Weiß",
    "Μαρία Γεωργίου",
    "Иван Петров",
    "山田 太郎",
    "ليلى حداد",
    'Bob "B." O\'Neil',
)
_PLACES: Final = ("Athens, GR", "Köln, DE", "東京, JP", "Austin, US", None)
_EVENT_GETTERS: Final = {
    **{name: name for name in (*Event._fields, "event_time_utc")},
    # The past has the label of that name.
    "configured_name": "event_name",
}
_TOUCH_GETTERS: Final = {
    "touchpoint_id": "touchpoint_id",
    "source": "source",
    **{name: f"ad.{name}" for name in vocabulary.HIERARCHY_NAMES},
}
