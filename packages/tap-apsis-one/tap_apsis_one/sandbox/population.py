"""Whom the local account knows: sections, definitions, profiles. All of it follows from a seed."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any, Final

from bulk_exports.sandbox.dice import roll

DEPRECATED_AT: Final = "2025-11-03T09:00:00Z"
NAMES: Final = ("Åsa", "李雷", "Zoë", 'Bo "Bosse"', "Ömer", "Ana, María", "Jean\nPaul", "🙂", "Nils", "Ida")
CITIES: Final = ("Malmö", "København", "Kraków", "Singapore", "Oslo")


@dataclasses.dataclass(frozen=True)
class Defined:
    """A definition as the API lists it.

    Attributes:
        section: Discriminator of its section.
        discriminator: Its own.
        name: Its name.
        id: Its number.
        versions: Numbers of its versions, the newest first.
        data_type: What values are.
    """

    section: str
    discriminator: str
    name: str
    id: str
    versions: tuple[str, ...]
    data_type: str = ""

    def listed(self) -> dict[str, Any]:
        """Return it as an item of a list."""
        versions = [
            {"id": number, "deprecated_at": DEPRECATED_AT if age else None}
            | ({"data_type": self.data_type} if self.data_type else {})
            for age, number in enumerate(self.versions)
        ]
        return {
            "id": int(self.id),
            "discriminator": self.discriminator,
            "name": self.name,
            "description": f"{self.name} of the sandbox",
            "versions": versions[::-1],
        }


SECTIONS: Final = (
    ("4100", "usercreated.sections.webshop-8ka2zq1x", "Webshop"),
    ("4101", "usercreated.sections.club-p0l3m9aa", "Club"),
)
_ATTRIBUTES: Final = (
    ("com.apsis1.attributes.email", "Email", "text", 1),
    ("com.apsis1.attributes.mobile", "Mobile", "number", 1),
    ("com.apsis1.attributes.crmid", "CRM-ID", "text", 1),
    ("com.apsis1.attributes.firstname", "First name", "text", 1),
    ("com.apsis1.attributes.birthdate", "Birthday", "date", 1),
    ("usercreated.attributes.height-x7wq90kd", "Height, cm", "decimal", 1),
    ("usercreated.attributes.points-b51mmz0s", "Points", "number", 1),
    ("usercreated.attributes.newsletter-k2f8r7tt", "Newsletter", "boolean", 1),
    ("usercreated.attributes.membersince-q4c6v1yy", "Member since", "timestamp", 1),
    ("usercreated.attributes.city-z9e3a5hh", "City", "text", 2),
)
_TAGS: Final = (("usercreated.tags.vip-1a2b3c4d", "VIP"), ("usercreated.tags.lapsed-5e6f7a8b", "Lapsed"))
SEGMENTS: Final = (
    ("usercreated.segments.customers-3kx0p1", "Customers"),
    ("usercreated.segments.newcomers-9fd2a7", "Newcomers"),
)
"""Each profile is in one of them, by turns."""
_EVENT_TYPES: Final = (
    ("com.apsis1.integrations.shop.events.order", "Order", 1),
    ("com.apsis1.integrations.shop.events.abandoned-cart", "Abandoned cart", 1),
    ("com.apsis1.events.email.open", "Email opened", 1),
    ("com.apsis1.events.transaction.custom-visit-m3n4b5v6", "Store visit", 2),
)


@dataclasses.dataclass(frozen=True)
class Population:
    """The account: what it has defined, and its profiles.

    Attributes:
        seed: Another number, another account.
        profiles: How many profiles there are.
    """

    seed: int = 1
    profiles: int = 200

    def sections(self) -> list[dict[str, Any]]:
        """Return the sections as the API lists them."""
        return [{"id": int(number), "discriminator": own, "name": name} for number, own, name in SECTIONS]

    def segments(self) -> list[dict[str, Any]]:
        """Return the segments as the API lists them."""
        return [{"discriminator": own, "name": name} for own, name in SEGMENTS]

    def attributes(self) -> list[Defined]:
        """Return the attributes of all sections."""
        return [
            Defined(section, own, name, str(700_000 + 1000 * at + place), _versions(490_000, at, place, count), kind)
            for at, (_, section, _) in enumerate(SECTIONS)
            for place, (own, name, kind, count) in enumerate(_ATTRIBUTES)
        ]

    def tags(self) -> list[Defined]:
        """Return the tags of all sections."""
        return [
            Defined(section, own, name, str(800_000 + 1000 * at + place), _versions(500_000, at, place, 1))
            for at, (_, section, _) in enumerate(SECTIONS)
            for place, (own, name) in enumerate(_TAGS)
        ]

    def event_types(self) -> list[Defined]:
        """Return the event types of all sections."""
        return [
            Defined(section, own, name, str(900_000 + 1000 * at + place), _versions(530_000, at, place, count))
            for at, (_, section, _) in enumerate(SECTIONS)
            for place, (own, name, count) in enumerate(_EVENT_TYPES)
        ]

    def export_key(self, profile: int) -> str:
        """Return the export key of a profile."""
        bits = roll(self.seed, 1, profile)
        return f"{bits >> 32:08x}-{bits & 0xFFFF:04x}-{profile:08x}"

    def is_in(self, profile: int, section: int) -> bool:
        """Tell whether a section knows a profile: the first one knows all."""
        return section == 0 or roll(self.seed, 2, profile) % 3 == 0

    def values(self, profile: int, section: int) -> dict[str, Any]:
        """Return values of attributes by discriminator; a timestamp is one of seconds."""
        dice = roll(self.seed, 3, profile, section)
        crm = None if dice % 11 == 0 else f"C-{profile}"
        return {
            "com.apsis1.attributes.email": f"person{profile}@example.com" if dice % 13 else None,
            "com.apsis1.attributes.mobile": 46_700_000_000 + profile,
            "com.apsis1.attributes.crmid": crm,
            "com.apsis1.attributes.firstname": NAMES[dice % len(NAMES)],
            "com.apsis1.attributes.birthdate": (dt.date(1950, 1, 1) + dt.timedelta(dice % 20_000)).isoformat(),
            "usercreated.attributes.height-x7wq90kd": round(140 + dice % 700 / 10, 1),
            "usercreated.attributes.points-b51mmz0s": dice % 5000,
            "usercreated.attributes.newsletter-k2f8r7tt": bool(dice & 64),
            "usercreated.attributes.membersince-q4c6v1yy": 1_500_000_000 + dice % 200_000_000,
            "usercreated.attributes.city-z9e3a5hh": CITIES[dice % len(CITIES)],
        }

    def tagged(self, profile: int, section: int) -> set[str]:
        """Return the discriminators of the tags of a profile."""
        dice = roll(self.seed, 4, profile, section)
        return {own for bit, (own, _) in enumerate(_TAGS) if dice >> bit & 1}


def _versions(base: int, section: int, place: int, count: int) -> tuple[str, ...]:
    """Return the numbers of versions, the newest first."""
    return tuple(str(base + 1000 * section + 10 * place + age) for age in reversed(range(count)))
