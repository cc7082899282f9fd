"""What happened in the local account: events of profiles and of e-mails, day by day, made when they are asked for."""

from __future__ import annotations

import dataclasses
import datetime as dt
import threading
from typing import TYPE_CHECKING, Any, Final

from bulk_exports.sandbox.dice import roll

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tap_apsis_one.sandbox.population import Population

DAY_MS: Final = 86_400_000
EMAIL_TYPES: Final = ("SENT", "DELIVERED", "OPENED", "OPENED", "CLICKED", "BOUNCED", "UNSUBSCRIBED", "ABUSE")
DEVICES: Final = ("TABLET", "MOBILE", "MOBILE:iOS 19.1", "DESKTOP", "SMART_TV", "UNKNOWN", "FRIDGE")
PLACES: Final = ("SE", "SE-AB", "DK", "SG", "")
SUBJECTS: Final = ('Sale: "50%", today', "Välkommen!", "Line\r\nbreak", "Hi 🙂, you")
NEW_VERSION: Final = dt.date(2025, 11, 3)
"""From this day on events have the newest version of their type."""


@dataclasses.dataclass(frozen=True)
class ProfileEvent:
    """An event of a profile.

    Attributes:
        profile: Number of the profile.
        section: Number of the section, from 0.
        event_type: Number of the event type within the section, from 0.
        is_new: Whether it has the newest version of its type.
        correlation_id: Names what happened.
        created_ms: When it was received.
        source_ms: When it happened, as reported.
        data: What it says.
    """

    profile: int
    section: int
    event_type: int
    is_new: bool
    correlation_id: str
    created_ms: int
    source_ms: int
    data: dict[str, Any] = dataclasses.field(compare=False)


@dataclasses.dataclass(frozen=True)
class EmailEvent:
    """An event of an e-mail; the texts are those of its columns.

    Attributes:
        profile: Number of the profile.
        section: Number of the section, from 0.
        server_ms: When it was received.
        source_ms: When it happened, as reported.
        cells: The other columns.
    """

    profile: int
    section: int
    server_ms: int
    source_ms: int
    cells: dict[str, str] = dataclasses.field(compare=False)


class Happenings:
    """All events of the account.

    Args:
        population: Whom it knows.
        first_day: Days before it are empty.
        events_per_day: So many events of profiles a day, or a function from a day to that.
        emails_per_day: So many events of e-mails a day.
    """

    def __init__(
        self,
        population: Population,
        first_day: dt.date,
        events_per_day: int | Callable[[dt.date], int],
        emails_per_day: int | Callable[[dt.date], int],
    ) -> None:
        self._population = population
        self._first_day = first_day
        self._events_per_day = events_per_day
        self._emails_per_day = emails_per_day
        self._lock = threading.Lock()
        self._late: list[ProfileEvent] = []
        self._late_emails: list[EmailEvent] = []
        self.revision = 0

    def add(self, event: ProfileEvent | EmailEvent) -> None:
        """Let something have happened that nobody had heard of."""
        with self._lock:
            if isinstance(event, ProfileEvent):
                self._late.append(event)
            else:
                self._late_emails.append(event)
            self.revision += 1

    def profile_events(self, begin_ms: int, end_ms: int) -> Iterator[ProfileEvent]:
        """Yield the events that were received from one moment to another, both included."""
        for day in _days(begin_ms, end_ms):
            count = self._count(self._events_per_day, day)
            for number in range(count):
                event = self._profile_event(day, number, count)
                if begin_ms <= event.created_ms <= end_ms:
                    yield event
        with self._lock:
            late = list(self._late)
        yield from (event for event in late if begin_ms <= event.created_ms <= end_ms)

    def email_events(self, begin_ms: int, end_ms: int) -> Iterator[EmailEvent]:
        """Yield the events of e-mails that were received from one moment to another, both included."""
        for day in _days(begin_ms, end_ms):
            count = self._count(self._emails_per_day, day)
            for number in range(count):
                event = self._email_event(day, number, count)
                if begin_ms <= event.server_ms <= end_ms:
                    yield event
        with self._lock:
            late = list(self._late_emails)
        yield from (event for event in late if begin_ms <= event.server_ms <= end_ms)

    def _count(self, per_day: int | Callable[[dt.date], int], day: dt.date) -> int:
        if day < self._first_day:
            return 0
        return per_day(day) if callable(per_day) else per_day

    def _times(self, dice: int, day: dt.date, number: int, count: int) -> tuple[int, int]:
        created = _start(day) + DAY_MS * number // max(count, 1) + dice % 1000
        created = min(created, _start(day) + DAY_MS - 1)
        odd = dice >> 10 & 63
        if odd == 0:
            return created, 0
        if odd == 1:
            return created, 5000
        return created, created - (dice >> 16) % (3 * DAY_MS if odd == 2 else 90_000)

    def _correlation(self, kind: int, day: dt.date, number: int) -> str:
        """Return what names an event; now and then none, or that of the event before it."""
        seed = self._population.seed
        if number % 97 == 96:
            return ""
        number -= number % 41 == 40
        return f"{roll(seed, kind, day.toordinal(), number):016x}-{number}"

    def _profile_event(self, day: dt.date, number: int, count: int) -> ProfileEvent:
        population = self._population
        dice = roll(population.seed, 5, day.toordinal(), number)
        profile = dice % population.profiles
        section = 1 if population.is_in(profile, 1) and dice & 1024 else 0
        created, source = self._times(dice, day, number, count)
        event_type = (dice >> 20) % 4
        return ProfileEvent(
            profile=profile,
            section=section,
            event_type=event_type,
            is_new=day >= NEW_VERSION,
            correlation_id=self._correlation(6, day, number),
            created_ms=created,
            source_ms=source,
            data=_data(dice, event_type, is_new=day >= NEW_VERSION),
        )

    def _email_event(self, day: dt.date, number: int, count: int) -> EmailEvent:
        population = self._population
        dice = roll(population.seed, 7, day.toordinal(), number)
        server, source = self._times(dice, day, number, count)
        kind = EMAIL_TYPES[dice % len(EMAIL_TYPES)]
        activity = f"act-{dice % 7}"
        clicked, bounced = kind == "CLICKED", kind == "BOUNCED"
        return EmailEvent(
            profile=(dice >> 8) % population.profiles,
            section=0,
            server_ms=server,
            source_ms=source,
            cells={
                "activity_id": activity,
                "split_id": f"{activity}-B" if dice & 32 else activity,
                "activity_name": f"Campaign {dice % 7}, week",
                "split_activity_name": "",
                "sender": "Shop <news@example.com>",
                "subject": SUBJECTS[dice % len(SUBJECTS)],
                "variation": "A",
                "type": kind,
                "correlation_id": self._correlation(8, day, number),
                "device": DEVICES[dice % len(DEVICES)] if kind in {"OPENED", "CLICKED"} else "",
                "location": PLACES[dice % len(PLACES)] if kind in {"OPENED", "CLICKED"} else "",
                "link_id": f"{dice % 5}" if clicked else "",
                "link_url": f"https://shop.example.com/?a={dice % 5}" if clicked else "",
                "link_title": 'The "big" one' if clicked else "",
                "bounce_code": ("1000", "2001", "3001", "9999")[dice % 4] if bounced else "",
                "unsubscribe_topic": "News" if kind == "UNSUBSCRIBED" else "",
                "abuse_section": "Webshop" if kind == "ABUSE" else "",
            },
        )


def _data(dice: int, event_type: int, *, is_new: bool) -> dict[str, Any]:
    if event_type == 0:
        return {"orderId": dice % 100_000, "total": round(dice % 100_000 / 100, 2), "lines": [{"sku": "a-1", "n": 2}]}
    if event_type == 1:
        return {"cart": "åäö"}
    if event_type == 2:
        return {"activityId": f"act-{dice % 7}", "device": "MOBILE", "location": "SE"}
    return {"store": "Malmö", "seconds": dice % 900, **({"guided": bool(dice & 4)} if is_new else {})}


def _start(day: dt.date) -> int:
    return (day.toordinal() - dt.date(1970, 1, 1).toordinal()) * DAY_MS


def _days(begin_ms: int, end_ms: int) -> Iterator[dt.date]:
    epoch = dt.date(1970, 1, 1)
    for number in range(begin_ms // DAY_MS, end_ms // DAY_MS + 1):
        yield epoch + dt.timedelta(number)
