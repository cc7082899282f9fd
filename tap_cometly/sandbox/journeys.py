"""How people came: the touchpoints before an event."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from bulk_exports.sandbox.dice import roll
from tap_cometly import vocabulary
from tap_cometly.sandbox.events import DAY_STRIDE, Event
from tap_cometly.sandbox.inventory import NO_AD, Ad, ads_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_HOUR: Final = 3600
_DAY: Final = 24 * _HOUR
_EPOCH: Final = dt.date(1970, 1, 1).toordinal()

# Four of five touchpoints come over the channels that every shop has; the rest over any of the 52.
_COMMON: Final = (
    "facebook_ads",
    "google_ads",
    "direct",
    "email",
    "google_organic",
    "instagram_ads",
    "referral",
    "tiktok_ads",
)
_MIX: Final = _COMMON * 26 + vocabulary.SOURCES


class Touchpoint(NamedTuple):
    """One visit on the way to an event; ``time`` is epoch seconds."""

    touchpoint_id: int
    time: int
    source: str
    ad: Ad = NO_AD


Journey = tuple[Touchpoint, ...]


class Journeys:
    """The journey of every event: one to six touchpoints, oldest first, all before the event."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._ads = {source: ads_of(source, seed) for source in vocabulary.PAID_SOURCES}

    def of(self, event: Event, variant: int = 0) -> Journey:
        """Return the touchpoints before ``event``; another ``variant`` is another story of the same event."""
        bits = roll(self._seed, event.id, variant)
        first = self._first_touch(event, variant)
        journey = [first]
        span = event.time - first.time
        for number in range(1, 1 + bits % 6):
            touch_bits = roll(bits, number)
            # The square crowds touchpoints towards the event, so that even a window of a day finds some.
            back = span * (touch_bits >> 48) ** 2 >> 32
            journey.append(self._touch(event.id * 64 + variant % 4 * 8 + number, event.time - back - 1, touch_bits))
        journey.sort(key=lambda touchpoint: touchpoint.time)
        return tuple(journey)

    def told(self, event: Event, touchpoints: Sequence[Mapping[str, Any]]) -> Journey:
        """Return a journey of given ``source`` and ``days_before`` each."""
        journey = []
        for number, given in enumerate(touchpoints):
            time = event.time - int(float(given.get("days_before", 1)) * _DAY)
            touch = self._touch(event.id * 64 + 32 + number % 32, time, roll(self._seed, event.id, number))
            source = given["source"]
            ads = self._ads.get(source)
            journey.append(touch._replace(source=source, ad=ads[number % len(ads)] if ads else NO_AD))
        return tuple(sorted(journey, key=lambda touch: touch.time))

    def _first_touch(self, event: Event, variant: int) -> Touchpoint:
        """The visit that won the contact: the same for all events of the contact."""
        who = event.profile_id or event.id
        bits = roll(self._seed, who, variant, 7)
        # Before the contact's first day begins anywhere on Earth.
        natural = (who // DAY_STRIDE - _EPOCH) * _DAY - 14 * _HOUR - bits % (3 * _DAY)
        time = min(max(natural, event.time - 200 * _DAY), event.time - _HOUR)
        return self._touch(who * 64 + variant % 4 * 8, time, bits)

    def _touch(self, touchpoint_id: int, time: int, bits: int) -> Touchpoint:
        source = _MIX[(bits >> 8) % len(_MIX)]
        ads = self._ads.get(source)
        return Touchpoint(touchpoint_id, time, source, ads[(bits >> 20) % len(ads)] if ads else NO_AD)
