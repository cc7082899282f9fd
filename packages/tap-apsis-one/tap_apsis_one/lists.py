"""The streams of what an account has defined: sections, attributes, tags, event types, e-mail activities."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from bulk_exports.spec import ListStream
from tap_apsis_one import vocabulary as apsis

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tap_apsis_one.client import ApsisClient
    from tap_apsis_one.definitions import Definition


def list_streams() -> Sequence[ListStream]:
    """Declare the streams."""
    definitions = [
        ListStream(
            name=name,
            fields=apsis.DEFINITIONS,
            key=("section_discriminator", "version_id"),
            rows=partial(_versions, name=name),
        )
        for name in ("attributes", "tags", "event_types")
    ]
    return [
        ListStream(name="sections", fields=apsis.SECTIONS, key=("discriminator",), rows=_sections),
        *definitions,
        ListStream(
            name="email_activities",
            fields=apsis.ACTIVITIES,
            key=("section_discriminator", "activity_id"),
            rows=_activities,
        ),
    ]


def _sections(client: ApsisClient) -> Iterator[dict[str, Any]]:
    for each in client.account.selection.sections:
        yield {"discriminator": each.discriminator, "section_id": each.id, "name": each.name}


def _versions(client: ApsisClient, *, name: str) -> Iterator[dict[str, Any]]:
    chosen = {each.discriminator for each in client.account.selection.sections}
    definitions: Sequence[Definition] = getattr(client.account.definitions, name)
    for each in definitions:
        if each.section in chosen:
            for version in each.versions:
                yield {
                    "section_discriminator": each.section,
                    "version_id": version.id,
                    "discriminator": each.discriminator,
                    "name": each.name,
                    "description": each.description,
                    "definition_id": each.id,
                    "deprecated_at": version.deprecated_at,
                    "data_type": version.kind if name == "attributes" else None,
                }


def _activities(client: ApsisClient) -> Iterator[dict[str, Any]]:
    for section, said in client.account.email_activities():
        number = said.get("activity_id", said.get("id"))
        yield {
            "section_discriminator": section.discriminator,
            "activity_id": number if number is None else str(number),
            "name": said.get("name"),
            "data": dict(said),
        }
