"""Which sections, attributes, tags and event types are meant: names of the settings against the account's definitions.

A name is what people see in APSIS One, or a discriminator. One that several sections have means all of them.
"""

from __future__ import annotations

import collections
import dataclasses
import re
import unicodedata
from typing import TYPE_CHECKING, Final

from bulk_exports.reading import RuleError, SettingsError, listed, nearest
from tap_apsis_one import vocabulary as apsis

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from tap_apsis_one.definitions import Definition, Definitions
    from tap_apsis_one.settings import Settings

_TAIL: Final = re.compile(r"[a-z0-9]+$")
MAX_COLUMN_NAME: Final = 55
"""PostgreSQL takes 63 bytes, of which a section's hash may need some."""


@dataclasses.dataclass(frozen=True)
class Selection:
    """What is asked for.

    Attributes:
        sections: In these sections.
        attributes: Attributes, each a column of `profiles`.
        tags: Tags, each a column too.
        identities: Attributes that are asked for so that profiles show up, whatever else is.
        event_types: Event types.
        email_attributes: Attributes that e-mail events carry along.
        email_tags: Tags that they do.
        segment: Discriminator of the segment that is exported; None for all profiles.
    """

    sections: tuple[Definition, ...] = ()
    attributes: tuple[Definition, ...] = ()
    tags: tuple[Definition, ...] = ()
    identities: tuple[Definition, ...] = ()
    event_types: tuple[Definition, ...] = ()
    email_attributes: tuple[Definition, ...] = ()
    email_tags: tuple[Definition, ...] = ()
    segment: str | None = None

    @classmethod
    def of(cls, settings: Settings, definitions: Definitions) -> Selection:
        """Return what these settings mean in this account.

        Raises:
            SettingsError: It has no such names, or they are too many; holds every problem.
        """
        problems: list[str] = []
        sections = _named("sections", settings.sections, definitions.sections, problems)
        chosen = {section.discriminator for section in sections}

        def of_sections(all_of_them: Iterable[Definition]) -> list[Definition]:
            return [each for each in all_of_them if each.section in chosen]

        attributes, tags = of_sections(definitions.attributes), of_sections(definitions.tags)
        selection = cls(
            sections=sections,
            attributes=_named("attributes", settings.attributes, attributes, problems),
            tags=_named("tags", settings.tags, tags, problems),
            identities=tuple(each for each in attributes if each.discriminator in apsis.IDENTITIES),
            event_types=_named("event_types", settings.event_types, of_sections(definitions.event_types), problems),
            email_attributes=_named("email_attributes", settings.email_attributes, attributes, problems),
            email_tags=_named("email_tags", settings.email_tags, tags, problems),
            segment=_segment(settings.segment, definitions.segments, problems),
        )
        if not problems:
            problems += selection._too_many(settings)
        if problems:
            raise SettingsError(problems)
        return selection

    def _too_many(self, settings: Settings) -> Iterator[str]:
        counts = {
            "attributes": (len({*self.attributes, *self.identities}), apsis.MAX_ATTRIBUTES),
            "tags": (len(self.tags), apsis.MAX_TAGS),
            "email_attributes": (len(self.email_attributes), apsis.MAX_ATTRIBUTES),
            "email_tags": (len(self.email_tags), apsis.MAX_TAGS),
        }
        for name, (count, most) in counts.items():
            if count > most:
                default = "" if getattr(settings, name) is not None else ", all that there are"
                fix = f"Name those that are wanted in `{name}`, or fewer `sections`: an attribute counts in each."
                found = f"{count}{default}, with those by which profiles show up"
                yield f"{name}: {RuleError(f'an export takes {most} at most', found=found, fix=fix)}"


def _named(
    setting: str, names: Sequence[str] | None, definitions: Sequence[Definition], problems: list[str]
) -> tuple[Definition, ...]:
    """Return the definitions that are meant; all of them if nothing is named."""
    if names is None:
        return tuple(definitions)
    known: dict[str, list[Definition]] = collections.defaultdict(list)
    for each in definitions:
        known[each.discriminator].append(each)
        if each.name != each.discriminator:
            known[each.name].append(each)
    found: dict[Definition, None] = {}
    for name in names:
        if name in known:
            found |= dict.fromkeys(known[name])
            continue
        meant = nearest(name, known)
        fix = f"Did you mean {meant!r}?" if meant else f"There are: {_some(definitions)}."
        rule = "must name what the account has" + ("" if setting in {"sections", "segment"} else " in these sections")
        problems.append(f"{setting}: {RuleError(rule, found=repr(name), fix=fix)}")
    return tuple(found)


def _segment(name: str | None, segments: Sequence[Definition], problems: list[str]) -> str | None:
    """Return the discriminator of a segment; as it was given if the account does not list its segments."""
    if name is None or not segments:
        return name
    found = _named("segment", (name,), segments, problems)
    if len(found) > 1:
        fix = f"Name one of them by its discriminator: {listed(each.discriminator for each in found)}."
        problems.append(
            f"segment: {RuleError('must name one segment', found=f'{len(found)} called {name!r}', fix=fix)}"
        )
    return found[0].discriminator if found else None


def _some(definitions: Sequence[Definition], most: int = 20) -> str:
    names = sorted({each.name for each in definitions})
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return (listed(names[:most]) + more) or "none"


def column_names(
    definitions: Iterable[Definition], *, sections: Sequence[Definition], taken: Collection[str]
) -> dict[Definition, str]:
    """Return a column for each of these definitions.

    It is named by the definition and not by its version, so that a new version feeds the same column: its name, with
    that of the section before it where there are several, and with the end of its discriminator, which is as good as
    random, behind it where another column has that name.

    Args:
        definitions: Attributes and tags.
        sections: The selected sections.
        taken: Names that other columns have.
    """
    several = {each.discriminator: each.name for each in sections} if len(sections) > 1 else {}
    names = {each: _identifier(f"{several.get(each.section, '')} {each.name}") for each in definitions}
    counts = collections.Counter(names.values())
    columns: dict[Definition, str] = {}
    used = set(taken)
    for each, name in names.items():
        column = name
        if not name or counts[name] > 1 or name in used:
            column = _identifier(f"{name} {_tail(each.discriminator)}")
        number = 1
        while column in used:  # the same discriminator in two sections of the same name
            number += 1
            column = f"{name}_{number}"
        used.add(column)
        columns[each] = column
    return columns


def _identifier(name: str) -> str:
    """Return a name that needs no quotes anywhere: small letters, digits and underscores, a letter first."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    words = "_".join(re.findall(r"[a-z0-9]+", plain))[:MAX_COLUMN_NAME].strip("_")
    return f"_{words}" if words[:1].isdigit() else words


def _tail(discriminator: str) -> str:
    found = _TAIL.search(discriminator)
    return found[0] if found else "x"
