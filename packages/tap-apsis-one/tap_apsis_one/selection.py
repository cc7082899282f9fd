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
    from collections.abc import Iterable, Iterator, Sequence

    from tap_apsis_one.definitions import Definition, Definitions
    from tap_apsis_one.settings import Settings

_TAIL: Final = re.compile(r"[a-z0-9]+$")
_OF_ACCOUNT: Final = "must name what the account has"
_OF_SECTIONS: Final = f"{_OF_ACCOUNT} in these sections"


@dataclasses.dataclass(frozen=True)
class Column:
    """A column for an attribute or a tag.

    Attributes:
        definition: The attribute or the tag.
        is_tag: Which of the two it is.
    """

    definition: Definition
    is_tag: bool = False

    def called(self, before: str) -> tuple[str, str]:
        """Return its name, and the end of its discriminator, which is as good as random."""
        end = _TAIL.search(self.definition.discriminator)
        return f"{before}{self.definition.name}", end[0] if end else "x"

    def field(self, name: str) -> Field:
        """Return the column under a name."""
        what = "Tag" if self.is_tag else "Attribute"
        said = f"{what} {self.definition.name!r} of the profile ({self.definition.discriminator})."
        return Field(name, "boolean" if self.is_tag else self.definition.kind, said)


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
            identities=tuple(each for each in attributes if each.discriminator in apsis.IDENTITIES),
            event_types=meant("event_types", event_types, _OF_SECTIONS),
            email_attributes=meant("email_attributes", attributes, _OF_SECTIONS),
            email_tags=meant("email_tags", tags, _OF_SECTIONS),
            segment=_segment(settings.segment, definitions.segments, problems),
        )
        if not problems:
            problems += selection._too_many(settings)
        if problems:
            raise SettingsError(problems)
        return selection

    def profile_columns(self) -> dict[str, Column]:
        """Return what profiles have of attributes and tags, by the names of their columns."""
        return self._columns(self.attributes, self.tags, (*apsis.PROFILE_KEYS, apsis.UNMAPPED))

    def email_columns(self) -> dict[str, Column]:
        """Return what e-mail events carry along of attributes and tags, by the names of their columns."""
        return self._columns(self.email_attributes, self.email_tags, apsis.EMAIL_EVENTS)

    def _columns(
        self, attributes: Iterable[Definition], tags: Iterable[Definition], others: Iterable[Field]
    ) -> dict[str, Column]:
        """Name columns by definitions and not by their versions, so that a new version feeds the same column."""
        columns = [*map(Column, attributes), *(Column(each, is_tag=True) for each in tags)]
        several = {each.discriminator: f"{each.name} " for each in self.sections} if len(self.sections) > 1 else {}
        named = {each: each.called(several.get(each.definition.section, "")) for each in columns}
        return {name: each for each, name in column_names(named, {field.name for field in others}).items()}

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
