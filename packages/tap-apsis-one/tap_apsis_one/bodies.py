"""What is asked for, in the body of a request: the one place that knows how it is spelt.

How requests nest attributes, tags and event types is not documented publicly. Three shapes are plausible, and a user
who can see the vendor's own page can copy a whole body from there.
"""

from __future__ import annotations

import copy
import itertools
from datetime import datetime, time, timedelta, timezone
from typing import TYPE_CHECKING, Any

from tap_apsis_one import vocabulary as apsis

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date

    from tap_apsis_one.definitions import Definition, Version
    from tap_apsis_one.selection import Selection
    from tap_apsis_one.settings import Settings

Asked = tuple["Definition", "Version"]
"""A version of a definition that is asked for."""


def bounds(first: date, last: date, planned_at: datetime) -> tuple[datetime, datetime]:
    """Return from when to when a window is asked for: to the beginning of the next one, so that windows touch.

    Whether the end counts is not documented: a row that comes twice has the same key, and one outside is left out.
    """
    begin = datetime.combine(first, time.min, timezone.utc)
    end = datetime.combine(last, time.min, timezone.utc) + timedelta(days=1)
    return begin, max(min(end, planned_at), begin + timedelta(seconds=1))


def profiles(settings: Settings, selection: Selection, columns: Iterable[Definition], now: datetime) -> dict[str, Any]:
    """Return the request for profiles without events.

    Args:
        settings: How to ask.
        selection: What may be asked for.
        columns: Attributes and tags that are wanted.
        now: The present moment.
    """
    wanted = set(columns)
    attributes = [each for each in selection.attributes if each in wanted]
    attributes += [each for each in selection.identities if each not in wanted]
    tags = [each for each in selection.tags if each in wanted]
    asked = {"attributes": _asked(attributes, apsis.MAX_ATTRIBUTES), "tags": _asked(tags, apsis.MAX_TAGS)}
    # The vendor wants a start for events; without any it should not matter, and it is sent all the same.
    return _body(settings, selection, "profiles", asked, (now - timedelta(days=1), now))


def profile_events(settings: Settings, selection: Selection, window: tuple[datetime, datetime]) -> dict[str, Any]:
    """Return the request for events of profiles.

    Only attributes by which profiles show up are asked for: each window repeats every profile that does.
    """
    asked = {
        "attributes": _asked(selection.identities, apsis.MAX_ATTRIBUTES),
        "events": _asked(selection.event_types, None),
    }
    return _body(settings, selection, "profile_events", asked, window)


def email_events(
    settings: Settings, selection: Selection, columns: Iterable[Definition], window: tuple[datetime, datetime]
) -> dict[str, Any]:
    """Return the request for e-mail events.

    Args:
        settings: How to ask.
        selection: What may be asked for.
        columns: Attributes and tags that are wanted.
        window: From when to when.
    """
    wanted = set(columns)
    attributes = [each for each in selection.email_attributes if each in wanted]
    tags = [each for each in selection.email_tags if each in wanted]
    asked = {
        "additional_attribute_mappings": _asked(attributes, apsis.MAX_ATTRIBUTES),
        "additional_tag_mappings": _asked(tags, apsis.MAX_TAGS),
    }
    return _body(settings, selection, "email_events", asked, window)


def _body(
    settings: Settings,
    selection: Selection,
    stream: str,
    asked: Mapping[str, Sequence[Asked]],
    window: tuple[datetime, datetime],
) -> dict[str, Any]:
    copied = settings.request_body.get(stream)
    if copied is not None:
        body = copy.deepcopy(dict(copied))
    else:
        body = {name: _shaped(settings.request_shape, some) for name, some in asked.items() if some}
        if selection.segment:
            body["segment_filter"] = {"segment_discriminator": selection.segment}
    for name, moment in zip(("start_at", "end_at"), window, strict=True):
        body[name] = moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    return body


def _asked(definitions: Sequence[Definition], most: int | None) -> list[Asked]:
    """Return the current version of each definition, and those before it as long as there is room."""
    current = [(each, each.versions[0]) for each in definitions if each.versions]
    # The newest of them first: what is asked for last is what may find no room.
    rest = [
        (each, each.versions[age])
        for age in range(1, max((len(each.versions) for each in definitions), default=0))
        for each in definitions
        if age < len(each.versions)
    ]
    return list(itertools.islice([*current, *rest], most))


def _shaped(shape: str, asked: Sequence[Asked]) -> Any:
    if shape == "objects":
        return [{"section_discriminator": each.section, "version_id": version.id} for each, version in asked]
    if shape == "by_section":
        sections: dict[str, list[str]] = {}
        for each, version in asked:
            sections.setdefault(each.section, []).append(version.id)
        return sections
    return [version.id for _, version in asked]
