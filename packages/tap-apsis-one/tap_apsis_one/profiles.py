"""The streams `profiles` and `profile_events`: parts of one large JSON object to rows.

The object holds profiles by export key, in each sections by number, in each attributes (tags among them) by number, and
a list of events. It is read an event at a time, or a section at a time, so that no profile is too large for memory.
"""

from __future__ import annotations

import collections
import contextlib
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from bulk_exports.engine.errors import InvalidRowsError
from bulk_exports.fields import Measures
from bulk_exports.files.json_object import JsonObject
from bulk_exports.records.coercion import FITS
from bulk_exports.records.epoch import of_milliseconds, of_timestamp, whole_number
from bulk_exports.records.keys import key_of
from bulk_exports.spec import ExportStream, Windows
from bulk_exports.wording import foreign
from tap_apsis_one import vocabulary as apsis
from tap_apsis_one.query import ApsisQuery

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bulk_exports.fields import Kind
    from bulk_exports.files.json_parts import Part
    from tap_apsis_one.decoder import Decoder
    from tap_apsis_one.selection import Column, Selection
    from tap_apsis_one.settings import Settings

MAX_NUMBERS_REMEMBERED: Final = 10_000
"""No account has so many sections or versions of event types; a file may pretend to."""
_SECTIONS: Final = (("profiles", None, "sections", None), (None, "sections", None))
"""With the wrapper around all profiles, and without: the documentation has it both ways."""
_NEEDS: Final = ("sections",)
"""Whatever else stands where a profile should be is no profile, and the file no export."""
_EVENTS: Final = tuple((*path, "events", None) for path in _SECTIONS)


def profile_events(settings: Settings, decoder: Decoder) -> ExportStream:
    """Declare the stream of events."""
    return ExportStream(
        name="profile_events",
        vendor=apsis.VENDOR,
        fields=apsis.PROFILE_EVENTS,
        key=(apsis.EVENT_KEY.name,),
        measures=Measures(key=apsis.EVENT_KEY.name, time="created_at"),
        windows=Windows(max_days=settings.window_days, rows_outside="told"),
        query=partial(ApsisQuery.of, settings, "profile_events"),
        creates_per_minute=apsis.EVENT_EXPORTS_PER_MINUTE,
        format=JsonObject(parts={"event": _EVENTS}, rows=EventRows(decoder), needs=_NEEDS),
    )


class EventRows:
    """Makes a row of an event.

    Args:
        decoder: What numbers mean.
    """

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder
        # What a number means is looked up once: events are many, and their types and sections few.
        self._sections: dict[str, str | None] = {}
        self._types: dict[str | int | None, tuple[str | None, str | None, str | None]] = {}

    def __call__(self, part: Part) -> Sequence[dict[str, Any]]:
        """Return the row of an event."""
        event = part.value
        if len(part.keys) != 2 or not isinstance(event, dict):
            raise InvalidRowsError("the file holds something else where an event should be")
        export_key, section_id = part.keys
        get = event.get
        section = self._sections[section_id] if section_id in self._sections else self._section(section_id)
        number = get("typeId")
        if not isinstance(number, (str, int)):
            number = _text(number)
        type_id, discriminator, name = self._types.get(number) or self._type(number)
        correlation_id = _text(get("correlationId"))
        created, created_at = _time(get("createdAt"))
        if created_at is None:
            raise InvalidRowsError(f"an event has no time of receipt: its `createdAt` is {foreign(get('createdAt'))!r}")
        source, source_at = _time(get("sourceEventTime"))
        data = get("data")
        identity = (export_key, section_id, type_id, correlation_id, created, source)
        return (
            {
                "event_key": key_of(identity if correlation_id else (*identity, data)),
                "export_key": export_key,
                "section_id": section_id,
                "section_discriminator": section,
                "type_id": type_id,
                "event_discriminator": discriminator,
                "event_name": name,
                "correlation_id": correlation_id,
                "created_at": created_at,
                "source_event_time": source_at if source else None,
                "source_event_ms": source if isinstance(source, int) else None,
                "data": data if isinstance(data, dict) or data is None else {"value": data},
            },
        )

    def _section(self, number: str) -> str | None:
        found = self._decoder.section(number)
        discriminator = found.discriminator if found else None
        if len(self._sections) < MAX_NUMBERS_REMEMBERED:
            self._sections[number] = discriminator
        return discriminator

    def _type(self, number: str | int | None) -> tuple[str | None, str | None, str | None]:
        text = _text(number)
        found = self._decoder.event_type(text) if text else None
        told = (text, found.discriminator, found.name) if found else (text, None, None)
        if len(self._types) < MAX_NUMBERS_REMEMBERED:
            self._types[number] = told
        return told


def profiles(settings: Settings, selection: Selection | None, decoder: Decoder) -> ExportStream:
    """Declare the stream of profiles: every run brings them all, because the vendor does not tell which have changed.

    Args:
        settings: What the user wants.
        selection: Which attributes and tags are columns; None where nobody was asked what there is.
        decoder: What numbers mean.
    """
    columns = selection.profile_columns() if selection else {}
    return ExportStream(
        name="profiles",
        vendor=apsis.VENDOR,
        fields=(*apsis.PROFILE_KEYS, *(column.field(name) for name, column in columns.items()), apsis.UNMAPPED),
        key=("export_key", "section_id"),
        windows=Windows(snapshot=True, rows_outside="taken"),
        query=partial(ApsisQuery.of, settings, "profiles", columns_of=columns),
        creates_per_minute=apsis.EVENT_EXPORTS_PER_MINUTE,
        format=JsonObject(parts={"section": _SECTIONS}, rows=ProfileRows(decoder, columns), needs=_NEEDS),
    )


class ProfileRows:
    """Makes a row of what a section knows of a profile.

    Args:
        decoder: What numbers mean.
        columns: The attributes and tags that are wanted, by the names of their columns.
    """

    def __init__(self, decoder: Decoder, columns: Mapping[str, Column]) -> None:
        self._decoder = decoder
        self._columns = {
            (definition.discriminator, definition.section): (name, column.is_tag)
            for name, column in columns.items()
            for definition in column.definitions
        }
        self._tags: dict[str, list[str]] = collections.defaultdict(list)
        for name, column in columns.items():
            for definition in column.definitions if column.is_tag else ():
                self._tags[definition.section].append(name)

    def __call__(self, part: Part) -> Iterator[dict[str, Any]]:
        """Yield the row of a section of a profile."""
        if len(part.keys) != 2 or not isinstance(part.value, dict):
            raise InvalidRowsError("the file holds something else where a section of a profile should be")
        export_key, section_id = part.keys
        section = self._decoder.section(section_id)
        row: dict[str, Any] = {
            "export_key": export_key,
            "section_id": section_id,
            "section_discriminator": section.discriminator if section else None,
            "section_name": section.name if section else None,
        }
        if section:
            row |= dict.fromkeys(self._tags.get(section.discriminator, ()), False)
        unmapped: dict[str, Any] = {}
        ages: dict[str, int] = {}
        attributes = part.value.get("attributes")
        for number, said in (attributes if isinstance(attributes, dict) else {}).items():
            value = said.get("value") if isinstance(said, dict) else said
            found = self._decoder.value(number)
            if found is None:
                unmapped[number] = value
                continue
            definition, version = found
            column, is_tag = self._columns.get((definition.discriminator, definition.section), (None, False))
            if column is None:
                continue
            if is_tag:
                row[column] = True
                continue
            try:
                value = _fitted(value, version.kind)
            except (ValueError, OverflowError):
                unmapped[number] = value
                self._decoder.tell_misfit(definition, version)
                continue
            # Of several versions that have a value, the newest is right.
            age = definition.versions.index(version)
            if value is None or age >= ages.get(column, len(definition.versions)):
                row.setdefault(column, None)
                continue
            ages[column] = age
            row[column] = value
        row["unmapped"] = unmapped or None
        yield row


def _time(value: object) -> tuple[int | str | None, str | None]:
    """Return what a file has as a time, for the key, and the time that it is: milliseconds, or as text."""
    number = whole_number(value)
    if number is not None:
        return number, of_milliseconds(number)
    with contextlib.suppress(ValueError):
        return str(value), FITS["timestamp"](value)
    return None if value is None else str(value), None


def _fitted(value: Any, kind: Kind) -> Any:
    """Return a value of an attribute as its kind has it; nothing for an empty text that is to be something else.

    Raises:
        ValueError: It is none of this kind.
    """
    if kind == "string" or value is None or value == "":
        return value if kind == "string" else None
    if kind == "timestamp":
        value = of_timestamp(value)
    FITS[kind](value)
    return value


def _text(value: object) -> str | None:
    """Return a number or a text as text; the file may have either."""
    if isinstance(value, str):
        return value or None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None
