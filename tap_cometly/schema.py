"""What a row of the events stream looks like, and what must be asked of Cometly to get it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tap_cometly import vocabulary as cometly
from tap_cometly.fields import Field, json_schema

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from tap_cometly.settings import Settings

EVENT_DATE: Final = Field(
    "event_date",
    "date",
    "The calendar day, in the Space's timezone, whose export the row came from.",
    nullable=False,
)
DAY_DIGEST: Final = Field(
    "day_digest",
    "string",
    "Names what the day held when the row was written; `event_days` says which digest is true now.",
    nullable=False,
)
OWN_COLUMNS: Final = (EVENT_DATE.name, DAY_DIGEST.name)
"""Columns that the tap adds, and with which the ledger is joined; the others come from Cometly."""


def event_key(*, attributed: bool) -> tuple[str, ...]:
    """Return the key columns: an attributed row is the credit of one touchpoint for one event."""
    return (cometly.EVENT_ID.name, cometly.TOUCHPOINT_ID.name) if attributed else (cometly.EVENT_ID.name,)


def event_schema(settings: Settings) -> dict[str, Any]:
    """Return the JSON Schema of the rows that these settings bring. Unknown names are taken for text."""
    named = [
        cometly.FIELDS_BY_NAME.get(name) or cometly.EventField(name, "string", "") for name in settings.requested_fields
    ]
    key = [cometly.FIELDS_BY_NAME[name] for name in event_key(attributed=settings.attributed)]
    if any(field.needs_sources for field in named):
        named.insert(0, cometly.SOURCE)
    return json_schema([*key, EVENT_DATE, cometly.EVENT_TIME, *named, DAY_DIGEST])


def in_order(names: Iterable[str]) -> list[str]:
    """Return names of columns in the order of Cometly's documentation, those that it does not know behind."""
    places = {name: place for place, name in enumerate(cometly.FIELDS_BY_NAME)}
    return sorted(names, key=lambda name: (places.get(name, len(places)), name))


def export_parameters(settings: Settings, selected: Collection[str]) -> dict[str, Any]:
    """Return the body of an export's request but its date, by the API's names.

    Args:
        settings: What the user asked for.
        selected: Columns that are wanted; others are not asked for.
    """
    fields = [name for name in settings.requested_fields if name in selected]
    if cometly.SOURCE.name in selected and not any(name in cometly.HIERARCHY_NAMES for name in fields):
        # `source` cannot be asked for; it comes with any of these, and this one costs Cometly least.
        fields.append(cometly.HIERARCHY_NAMES[0])
    parameters = {
        "query_mode": settings.query_mode,
        "event_names": list(settings.event_names),
        "sources": list(settings.sources),
        "attribution_model": settings.attribution_model,
        "attribution_window": settings.attribution_window,
        "fields": fields,
    }
    return {name: value for name, value in parameters.items() if value not in (None, [])}
