"""The events that happened in the Space, before anybody edited its history.

Every event follows from the seed, its day and its place in the day, so that any one of millions can be made alone.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Final, NamedTuple

from bulk_exports.sandbox.days import utc_text
from bulk_exports.sandbox.dice import roll
from tap_cometly import vocabulary

if TYPE_CHECKING:
    from bulk_exports.sandbox.days import Days

SPACE_ID: Final = 4217
DAY_STRIDE: Final = 10_000_000
"""Identifiers of events and contacts are the ordinal of a day times this, plus a number within the day."""
MAX_EVENTS_PER_DAY: Final = 9_000_000
"""Identifiers above it are for events that history adds."""

EventsPerDay = int | Callable[[dt.date], int]


class Event(NamedTuple):
    """One conversion event, with the keys of the API; ``time`` is epoch seconds."""

    id: int
    time: int
    event_name: str
    amount: Decimal = Decimal(0)
    profile_id: int | None = None
    company_id: int | None = None
    is_upsell: bool = False
    order_id: str | None = None
    order_name: str | None = None
    event_url: str | None = None
    space_id: int = SPACE_ID

    @property
    def event_time_utc(self) -> str:
        """The time as the API writes it."""
        return utc_text(self.time)


_FREQUENCIES: Final = {
    "view_content": 14,
    "add_to_cart": 8,
    "initiate_checkout": 6,
    "add_payment_info": 3,
    "purchase": 9,
    "upsell_purchase": 2,
    "lead_generated": 4,
    "sign_up": 2,
    "complete_registration": 1,
    "start_trial": 1,
    "subscribe": 2,
    "schedule": 1,
    "contact": 1,
    "submit_application": 1,
    "webinar_registration": 1,
    "custom_event_1": 3,
    "custom_event_2": 2,
    "custom_event_7": 1,
    "custom_event_41": 1,
    "custom_event_50": 1,
}
_NAMES: Final = tuple(name for name, times in _FREQUENCIES.items() for _ in range(times))
_PAID_EVENTS: Final = frozenset({"purchase", "upsell_purchase", "subscribe", "custom_event_2"})
_PATHS: Final = {name: name.replace("_", "-") for name in _NAMES}
LABELS: Final[dict[str, str | None]] = {
    **{name: name for name in vocabulary.STANDARD_EVENT_NAMES},
    **dict.fromkeys(vocabulary.CUSTOM_EVENT_NAMES),
    "custom_event_1": "Demo booked",
    "custom_event_2": "Jahresabo verlängert",
    "custom_event_7": "ショールーム予約",
    "custom_event_41": 'Answered "yes" 👍',
}
"""The Space's labels: a standard event's is its name, and ``custom_event_50`` is used but has none."""

# Half of the events come from contacts of the same day, the others from ever older ones.
_CONTACT_AGES: Final = (0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 4, 9, 20, 45, 90)
_CENTS: Final = (0, 0, 50, 99, 95, 25, 1, 90)
_BLOCK: Final = 1024


class Events:
    """The deterministic events of every day of a Space."""

    def __init__(self, seed: int, days: Days, first_day: dt.date, per_day: EventsPerDay) -> None:
        self._seed = seed
        self._days = days
        self._first_day = first_day
        self._per_day = per_day

    def count(self, day: dt.date) -> int:
        """Return how many events ``day`` will have had when it is over."""
        start, end = self._days.bounds(day)
        if day < self._first_day or start == end:
            return 0
        if callable(self._per_day):
            return min(self._per_day(day), MAX_EVENTS_PER_DAY)
        # A mean with a fifth of play in both directions.
        return min(self._per_day * (800 + roll(self._seed, day.toordinal(), 0) % 401) // 1000, MAX_EVENTS_PER_DAY)

    def contacts(self, day: dt.date) -> int:
        """Return how many contacts first appear on ``day``."""
        return (self.count(day) + 3) // 4

    def of_day(self, day: dt.date, order: int = 0) -> Iterator[Event]:
        """Yield the events of ``day`` in a shuffled order; another ``order`` shuffles differently."""
        count = self.count(day)
        make = self._maker(day, count)
        for block in range(0, count, _BLOCK):
            size = min(_BLOCK, count - block)
            # An odd step visits every place of a block of 1024 once; places beyond the last event are passed over.
            shift = roll(self._seed, block, order)
            step = 2 * (shift >> 32 & 255) + 389
            for place in range(_BLOCK):
                index = (place * step + shift) & (_BLOCK - 1)
                if index < size:
                    yield make(block + index)

    def find(self, event_id: int) -> Event | None:
        """Return the event with this identifier, or None when there is none."""
        ordinal, index = divmod(event_id, DAY_STRIDE)
        if not 0 < ordinal < dt.date.max.toordinal():
            return None
        day = dt.date.fromordinal(ordinal)
        count = self.count(day)
        return self._maker(day, count)(index) if index < count else None

    def _maker(self, day: dt.date, count: int) -> Callable[[int], Event]:
        start, end = self._days.bounds(day)
        length = end - start
        first_id = day.toordinal() * DAY_STRIDE
        day_bits = roll(self._seed, day.toordinal(), 1)
        contacts_of_age = {
            age: self.contacts(day - dt.timedelta(days=age)) for age in _CONTACT_AGES if day.toordinal() > age
        }

        def make(index: int) -> Event:
            bits = roll(day_bits, index)
            event_id = first_id + index
            name = _NAMES[bits & 63]
            age = _CONTACT_AGES[bits >> 6 & 15]
            contacts = contacts_of_age.get(age)
            # Before the Space's first day there was nobody; who came from there stays anonymous.
            profile_id = first_id - age * DAY_STRIDE + (bits >> 10 & 0xFFFFF) % contacts if contacts else None
            amount, order_id, order_name = Decimal(0), None, None
            if name in _PAID_EVENTS:
                order_id = str(5_000_000_000_000 + event_id)
                order_name = f"#{index + 1001}"
                if bits >> 30 & 15:  # one order in sixteen was free
                    cents = (5 + (bits >> 34 & 255)) * 100 + _CENTS[bits >> 42 & 7]
                    amount = Decimal(cents).scaleb(-2)
            return Event(
                id=event_id,
                # Spread over the day in the order of the identifiers, whatever its length (23, 24 or 25 hours).
                time=start + ((index << 16) + (bits >> 45 & 0xFFFF)) * length // (count << 16),
                event_name=name,
                amount=amount,
                profile_id=profile_id,
                company_id=company_of(profile_id),
                is_upsell=name == "upsell_purchase",
                order_id=order_id,
                order_name=order_name,
                event_url=f"https://shop.example/{_PATHS[name]}?ref={bits >> 40}",
            )

        return make


def company_of(profile_id: int | None) -> int | None:
    """Return the company of a contact: every eighth has one."""
    return None if profile_id is None or profile_id % 8 else profile_id // 8
