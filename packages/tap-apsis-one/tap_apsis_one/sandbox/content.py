"""What exports hold: a JSON object with profiles, or a CSV file of e-mail events, in pieces: they may be large."""

from __future__ import annotations

import collections
import csv
import dataclasses
import datetime as dt
import io
import json
from typing import TYPE_CHECKING, Any, Final

from bulk_exports.sandbox.dice import roll
from tap_apsis_one.sandbox.population import SECTIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from bulk_exports.sandbox.shelf import Form
    from tap_apsis_one.sandbox.asked import Asked
    from tap_apsis_one.sandbox.happenings import EmailEvent, Happenings, ProfileEvent
    from tap_apsis_one.sandbox.population import Defined, Population
    from tap_apsis_one.sandbox.quirks import Quirks

COLUMNS: Final = (
    "activity_id", "split_id", "activity_name", "split_activity_name", "sender", "subject", "address", "variation",
    "type", "correlation_id", "event_time", "server_time", "device", "location", "link_id", "link_url", "link_title",
    "bounce_code", "unsubscribe_topic", "abuse_section",
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Content:
    """What an export holds. Two are equal if their lines are.

    Attributes:
        asked: What was asked for.
        until_ms: What was received later is not in it.
        revision: Of what had happened.
        export: Number of the export, where names are others in each.
    """

    asked: Asked
    until_ms: int
    revision: int
    export: int


class Writer:
    """Writes the lines of exports.

    Args:
        population: Whom the account knows.
        happenings: What happened.
        quirks: How things are written.
    """

    def __init__(self, population: Population, happenings: Happenings, quirks: Quirks) -> None:
        self._population = population
        self._happenings = happenings
        self._quirks = quirks

    def lines(self, content: Content, form: Form) -> Iterator[bytes]:
        """Yield the lines of an export."""
        del form
        return self._profiles(content) if content.asked.kind == "profiles" else self._emails(content)

    def events(self, asked: Asked, until_ms: int) -> Iterator[ProfileEvent]:
        """Yield the events that an export of profiles has, whether or not their profiles show up."""
        numbers = [
            [each for each in self._population.event_types() if each.section == section] for _, section, _ in SECTIONS
        ]
        for event in self._happenings.profile_events(*self._range(asked, until_ms)):
            if asked.wants(event.profile) and self._is_within(asked, event.created_ms, event.source_ms):
                versions = numbers[event.section][event.event_type].versions
                if versions[0 if event.is_new else -1] in asked.events:
                    yield event

    def emails(self, asked: Asked, until_ms: int) -> Iterator[EmailEvent]:
        """Yield the events that an export of e-mail events has."""
        for event in self._happenings.email_events(*self._range(asked, until_ms)):
            if asked.wants(event.profile) and self._is_within(asked, event.server_ms, event.source_ms):
                yield event

    def type_number(self, event: ProfileEvent) -> str:
        """Return the number of the version of an event's type."""
        own = [each for each in self._population.event_types() if each.section == SECTIONS[event.section][1]]
        return own[event.event_type].versions[0 if event.is_new else -1]

    def count(self, asked: Asked) -> int:
        """Return how many events there are."""
        until = asked.end_ms
        return sum(1 for _ in (self.events(asked, until) if asked.kind == "profiles" else self.emails(asked, until)))

    def _range(self, asked: Asked, until_ms: int) -> tuple[int, int]:
        if self._quirks.cuts == "source":
            return asked.begin_ms, min(asked.end_ms + 7 * 86_400_000, until_ms)
        return asked.begin_ms, min(asked.end_ms - (not self._quirks.end_counts), until_ms)

    def _is_within(self, asked: Asked, received_ms: int, source_ms: int) -> bool:
        if self._quirks.cuts == "server":
            return True
        moment = source_ms if source_ms > 10**9 else received_ms
        return asked.begin_ms <= moment < asked.end_ms

    # Profiles

    def _profiles(self, content: Content) -> Iterator[bytes]:
        asked, quirks = content.asked, self._quirks
        events: dict[tuple[int, int], list[ProfileEvent]] = collections.defaultdict(list)
        for event in self.events(asked, content.until_ms):
            events[event.profile, event.section].append(event)
        yield b'{"profiles": {' if quirks.wrapper else b"{"
        comma = b""
        for profile in filter(asked.wants, range(self._population.profiles)):
            sections = {
                SECTIONS[at][0]: inside
                for at in range(len(SECTIONS))
                if (inside := self._section(asked, profile, at, events.get((profile, at), [])))
            }
            if sections:
                named = json.dumps(self._population.export_key(profile)).encode()
                yield comma + named + b": " + json.dumps({"sections": sections}, ensure_ascii=False).encode()
                comma = b","
        if quirks.wrapper:
            yield b'}, "metadata": {"a": [1, {}]}' if quirks.more_members else b"}"
        yield b"}"

    def _section(self, asked: Asked, profile: int, at: int, events: list[ProfileEvent]) -> dict[str, Any]:
        """Return what a section knows of a profile; nothing if it has none of what was asked for."""
        if not self._population.is_in(profile, at):
            return {}
        attributes = {
            self._named(each, number): {"value": value}
            for each, number, value in self._values(asked.attributes, profile, at)
        }
        if not any(said["value"] is not None for said in attributes.values()):
            attributes = {}
        for each, number in self._own_tags(asked.tags, profile, at):
            attributes[self._named(each, number)] = {"value": None}
        if not attributes:
            return {}
        written = list(map(self._written, events))
        if self._quirks.doubled:
            written += written[::7]
        inside: dict[str, Any] = {"attributes": attributes}
        if written or (asked.events and self._quirks.no_events == "empty"):
            inside["events"] = written
        return inside

    def _written(self, event: ProfileEvent) -> dict[str, Any]:
        number = self.type_number(event)
        return {
            "correlationId": event.correlation_id,
            "sourceEventTime": event.source_ms,
            "typeId": number if self._quirks.type_ids == "text" else int(number),
            "createdAt": event.created_ms,
            "data": event.data,
        }

    def _named(self, defined: Defined, number: str) -> str:
        return number if self._quirks.numbers == "version" else defined.id

    def _values(self, numbers: Iterable[str], profile: int, at: int) -> Iterator[tuple[Defined, str, Any]]:
        """Yield the attributes that a profile has a value of, with the version that it is stored under."""
        values = self._population.values(profile, at)
        for each in self._population.attributes():
            if each.section == SECTIONS[at][1]:
                number = each.versions[roll(self._population.seed, 9, profile) % len(each.versions)]
                if number in numbers:
                    yield each, number, self._timed(each, values[each.discriminator])

    def _timed(self, defined: Defined, value: Any) -> Any:
        if defined.data_type != "timestamp" or self._quirks.timestamps == "seconds":
            return value
        if self._quirks.timestamps == "milliseconds":
            return value * 1000
        return dt.datetime.fromtimestamp(value, dt.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")

    def _own_tags(self, numbers: Iterable[str], profile: int, at: int) -> Iterator[tuple[Defined, str]]:
        tagged = self._population.tagged(profile, at)
        for each in self._population.tags():
            if each.section == SECTIONS[at][1] and each.discriminator in tagged and each.versions[0] in numbers:
                yield each, each.versions[0]

    # E-mail events

    def _emails(self, content: Content) -> Iterator[bytes]:
        asked, quirks = content.asked, self._quirks
        defined = {number: each for each in self._population.attributes() for number in each.versions}
        tags = {number: each for each in self._population.tags() for number in each.versions}
        headings = [
            f"{(defined | tags)[number].name} (version_id: {number})" for number in (*asked.attributes, *asked.tags)
        ]
        order = [*COLUMNS, *headings]
        if quirks.columns == "reversed":
            order.reverse()
        mark = b"\xef\xbb\xbf" if quirks.byte_order_mark else b""
        yield mark + _line(order)
        for place, event in enumerate(self.emails(asked, content.until_ms)):
            cells = self.cells(event, content.export)
            mine = {
                number: "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
                for _, number, value in self._values(asked.attributes, event.profile, event.section)
            } | {number: "TAG" for _, number in self._own_tags(asked.tags, event.profile, event.section)}
            for number, heading in zip((*asked.attributes, *asked.tags), headings, strict=True):
                cells[heading] = mine.get(number, "")
            line = _line([cells[name] for name in order])
            yield line
            if quirks.doubled and place % 7 == 0:
                yield line

    def cells(self, event: EmailEvent, export: int = 0) -> dict[str, str]:
        """Return the cells of an event that are always there."""
        drift = f" ({export})" if self._quirks.drift and export else ""
        return {
            **event.cells,
            "address": f"person{event.profile}@example.com{drift}",
            "activity_name": event.cells["activity_name"] + drift,
            "event_time": str(event.source_ms),
            "server_time": str(event.server_ms),
        }


def _line(cells: Iterable[str]) -> bytes:
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow(cells)
    return line.getvalue().removesuffix("\r\n").encode()


def row_of(event: ProfileEvent, population: Population, type_number: str) -> Mapping[str, Any]:
    """Return an event as it should be told, for comparisons."""
    return {
        "export_key": population.export_key(event.profile),
        "section_id": SECTIONS[event.section][0],
        "type_id": type_number,
        "correlation_id": event.correlation_id or None,
        "created_ms": event.created_ms,
        "source_ms": event.source_ms,
        "data": event.data,
    }
