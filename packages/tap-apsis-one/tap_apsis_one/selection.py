"""Which sections, attributes, tags and event types are meant: names of the settings against the account's definitions.

A name is what people see in APSIS One, or a discriminator. One that several sections have means all of them.
"""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Final

from bulk_exports.fields import Field, column_names
from bulk_exports.reading import RuleError, SettingsError, chosen, listed
from tap_apsis_one import vocabulary as apsis

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from tap_apsis_one.definitions import Definition, Definitions
    from tap_apsis_one.settings import Settings

_OWN: Final = re.compile(r"(?:com\.apsis1|usercreated)\.(?:attributes|tags|sections)\.(.+)")
MAX_IDENTITIES: Final = 25
"""So many attributes of a section are asked for that has none of those by which profiles usually show up."""
_OF_ACCOUNT: Final = "must name what the account has"
_OF_SECTIONS: Final = f"{_OF_ACCOUNT} in these sections"


@dataclasses.dataclass(frozen=True)
class Column:
    """A column for an attribute or a tag.

    Attributes:
        definitions: The attribute or the tag; in several sections there may be one of the same discriminator.
        is_tag: Which of the two it is.
    """

    definitions: tuple[Definition, ...]
    is_tag: bool = False

    def field(self, name: str) -> Field:
        """Return the column under a name."""
        what, kinds = "Tag" if self.is_tag else "Attribute", {each.kind for each in self.definitions}
        said = f"{what} {self.definitions[0].name!r} of the profile ({self.definitions[0].discriminator})."
        return Field(name, "boolean" if self.is_tag else kinds.pop() if len(kinds) == 1 else "string", said)


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

        def meant(setting: str, there_are: Sequence[Definition], rule: str) -> tuple[Definition, ...]:
            found, wrong = chosen(getattr(settings, setting), there_are, called=_names_of, rule=rule)
            problems.extend(f"{setting}: {error}" for error in wrong)
            return found

        sections = meant("sections", definitions.sections, _OF_ACCOUNT)
        places = {section.discriminator for section in sections}
        attributes, tags, event_types = (
            [each for each in there_are if each.section in places]
            for there_are in (definitions.attributes, definitions.tags, definitions.event_types)
        )
        selection = cls(
            sections=sections,
            attributes=meant("attributes", attributes, _OF_SECTIONS),
            tags=meant("tags", tags, _OF_SECTIONS),
            identities=tuple(each for section in sections for each in _identities(section, attributes)),
            event_types=meant("event_types", event_types, _OF_SECTIONS),
            email_attributes=meant("email_attributes", attributes, _OF_SECTIONS),
            email_tags=meant("email_tags", tags, _OF_SECTIONS),
            segment=_segment(settings.segment, definitions.segments, problems),
        )
        if not problems:
            problems += [*selection._too_many(settings), *selection._unaskable()]
        if problems:
            raise SettingsError(problems)
        return selection

    def profile_columns(self) -> dict[str, Column]:
        """Return what profiles have of attributes and tags, by the names of their columns.

        A row is about one section, so that a discriminator has one column, whichever sections know it.
        """
        columns = [Column(tuple(each)) for each in _by_discriminator(self.attributes)]
        columns += [Column(tuple(each), is_tag=True) for each in _by_discriminator(self.tags)]
        named = {each: _stem(each.definitions[0].discriminator) for each in columns}
        return _named(named, (*apsis.PROFILE_KEYS, apsis.UNMAPPED))

    def email_columns(self) -> dict[str, Column]:
        """Return what e-mail events carry along of attributes and tags, by the names of their columns.

        A row may have values of several sections: the section stands before what several of them have.
        """
        named = {}
        for definitions, is_tag in ((self.email_attributes, False), (self.email_tags, True)):
            for same in _by_discriminator(definitions):
                for each in same:
                    section = f"{_stem(each.section)} " if len(same) > 1 else ""
                    named[Column((each,), is_tag)] = f"{section}{_stem(each.discriminator)}"
        return _named(named, apsis.EMAIL_EVENTS)

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
                besides = ", with those by which profiles show up" if name == "attributes" else ""
                fix = f"Name those that are wanted in `{name}`, or fewer `sections`: an attribute counts in each."
                wrong = RuleError(f"an export takes {most} at most", found=f"{count}{default}{besides}", fix=fix)
                yield f"{name}: {wrong}"

    def _unaskable(self) -> Iterator[str]:
        """Yield why nothing would come of a request, though the vendor would make a file of it."""
        for name in ("attributes", "event_types"):
            definitions: Sequence[Definition] = getattr(self, name)
            if definitions and not any(each.versions for each in definitions):
                fix = "The API may have changed: please report it."
                found = f"{len(definitions)} without any"
                yield f"{name}: {RuleError('must have numbers by which they can be asked for', found=found, fix=fix)}"
        for section in self.sections:
            has_events = any(each.section == section.discriminator for each in self.event_types)
            if has_events and not any(each.section == section.discriminator for each in self.identities):
                fix = "Choose others: no profile of it, and no event, would be in a file."
                yield f"sections: {RuleError('must have attributes', found=f'none in {section.name!r}', fix=fix)}"

    def versions_left_out(self) -> int:
        """Return how many older versions of attributes find no room in an export."""
        asked = {*self.attributes, *self.identities}
        return max(sum(len(each.versions) for each in asked) - apsis.MAX_ATTRIBUTES, 0)


def _by_discriminator(definitions: Iterable[Definition]) -> list[list[Definition]]:
    found: dict[str, list[Definition]] = {}
    for each in definitions:
        found.setdefault(each.discriminator, []).append(each)
    return list(found.values())


def _stem(discriminator: str) -> str:
    """Return what a column is named by: neither a new name, nor another definition or version, makes it another.

    That is the end of the discriminator, with the hash of what users have made: ``email``, ``city-z9e3a5hh``.
    """
    found = _OWN.fullmatch(discriminator)
    return found[1] if found else discriminator


def _named(named: Mapping[Column, str], others: Iterable[Field]) -> dict[str, Column]:
    taken = {field.name for field in others}
    names = column_names({each: (name, each.definitions[0].discriminator) for each, name in named.items()}, taken)
    return {name: each for each, name in names.items()}


def _identities(section: Definition, attributes: Iterable[Definition]) -> list[Definition]:
    """Return the attributes by which profiles of a section show up: those that nearly all have, or else any."""
    own = [each for each in attributes if each.section == section.discriminator and each.versions]
    return [each for each in own if each.discriminator in apsis.IDENTITIES] or own[:MAX_IDENTITIES]


def _segment(name: str | None, segments: Sequence[Definition], problems: list[str]) -> str | None:
    """Return the discriminator of a segment; as it was given if the account does not list its segments."""
    if name is None or not segments:
        return name
    found, wrong = chosen((name,), segments, called=_names_of, rule=_OF_ACCOUNT)
    if len(found) > 1:
        fix = f"Name one of them by its discriminator: {listed(each.discriminator for each in found)}."
        wrong = [RuleError("must name one segment", found=f"{len(found)} called {name!r}", fix=fix)]
    problems += (f"segment: {error}" for error in wrong)
    return found[0].discriminator if found else None


def _names_of(definition: Definition) -> tuple[str, str]:
    return definition.discriminator, definition.name
