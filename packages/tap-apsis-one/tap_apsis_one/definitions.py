"""What an account has defined: sections, attributes, tags, event types. Files name them by numbers only.

A definition has versions: an edited one gets a new number, and what was collected before keeps the old one. So all
versions lead to their definition, deprecated ones too.
"""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Any, Final

from tap_apsis_one import vocabulary as apsis

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bulk_exports.fields import Kind

_TYPE_NAMES: Final = ("data_type", "dataType", "type", "value_type", "valueType")
"""Where the type of an attribute may stand; which one it is is not documented."""


@dataclasses.dataclass(frozen=True)
class Version:
    """A version of a definition.

    Attributes:
        id: Its number, which stands in files.
        deprecated_at: Since when there is a newer one.
        kind: What values of an attribute are.
    """

    id: str
    deprecated_at: str | None = None
    kind: Kind = "string"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Definition:
    """A section, an attribute, a tag or an event type.

    Attributes:
        section: The discriminator of its section; for a section its own.
        discriminator: Names it for ever.
        name: What people call it, which may change.
        description: What they say about it.
        id: Its own number, if it has one.
        versions: Its versions, the current one first.
    """

    section: str
    discriminator: str
    name: str
    description: str | None = None
    id: str | None = None
    versions: tuple[Version, ...] = ()

    @classmethod
    def of(cls, said: Mapping[str, Any], section: str | None = None) -> Definition | None:
        """Return what an item of a list defines; None if it has no discriminator.

        Args:
            said: The item.
            section: Whose list it is; None for the list of sections.
        """
        discriminator = _text(said.get("discriminator"))
        if discriminator is None:
            return None
        own_id = _text(said.get("id"))
        versions = [
            Version(number, _text(each.get("deprecated_at")), _kind(each, said))
            for each in _objects(said.get("versions"))
            if (number := _text(each.get("id", each.get("version_id")))) is not None
        ]
        if not versions and (number := own_id) is not None and section is not None:
            versions = [Version(number, None, _kind(said, said))]
        versions.sort(key=lambda version: (version.deprecated_at is not None, -_number(version.id)))
        return cls(
            section=section or discriminator,
            discriminator=discriminator,
            name=_text(said.get("name")) or discriminator,
            description=_text(said.get("description")),
            id=own_id,
            versions=tuple(versions),
        )

    @classmethod
    def all_of(cls, items: Iterable[Mapping[str, Any]], section: str | None = None) -> tuple[Definition, ...]:
        """Return what the items of a list define; see `of`."""
        return tuple(found for item in items if (found := cls.of(item, section)))

    @property
    def kind(self) -> Kind:
        """What its values are; text where that differs between versions."""
        kinds = {version.kind for version in self.versions}
        return kinds.pop() if len(kinds) == 1 else "string"


@dataclasses.dataclass(frozen=True)
class Definitions:
    """What an account has defined.

    Attributes:
        sections: Its sections.
        attributes: Attributes of them all.
        tags: Tags of them all.
        event_types: Event types of them all.
        segments: Its segments, if anybody asked for them.
    """

    sections: tuple[Definition, ...] = ()
    attributes: tuple[Definition, ...] = ()
    tags: tuple[Definition, ...] = ()
    event_types: tuple[Definition, ...] = ()
    segments: tuple[Definition, ...] = ()


def by_number(definitions: Iterable[Definition]) -> dict[str, tuple[Definition, Version]]:
    """Return definitions by what may name them in a file: the number of a version, or else of the definition itself.

    Which of the two it is is not documented for attributes and tags.
    """
    found: dict[str, tuple[Definition, Version]] = {}
    own = []
    for definition in definitions:
        for version in definition.versions:
            found[version.id] = definition, version
        if definition.id and definition.versions:
            own.append((definition.id, (definition, definition.versions[0])))
    return {**dict(own), **found}


def _objects(value: object) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _text(value: object) -> str | None:
    """Return a number or a text as text; None for anything else, and for nothing."""
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        return None
    return str(value) or None


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 18 else 0


def _kind(*places: Mapping[str, Any]) -> Kind:
    for place in places:
        for name in _TYPE_NAMES:
            word = re.sub(r"[^a-z]", "", str(place.get(name) or "").rpartition(".")[2].lower())
            if word in apsis.KINDS:
                return apsis.KINDS[word]
    return "string"
