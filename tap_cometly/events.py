"""The stream `events`: what a row looks like, and what must be asked of Cometly to get it."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol

from bulk_exports.fields import Field, Measures
from bulk_exports.spec import ExportStream, Ledger, Query
from tap_cometly import vocabulary as cometly

if TYPE_CHECKING:
    from collections.abc import Collection

    from bulk_exports.windows.windows import Window
    from tap_cometly.settings import Settings

CREATES_PER_MINUTE: Final = 5
"""Documented limit of ``POST /events/exports`` (endpoint/create-event-export)."""

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
_ASKED: Final = "What was asked of Cometly: the setting of that name"
EVENT_DAYS: Final = Ledger(
    "event_days",
    day="The calendar day, in the Space's timezone.",
    query_fields=(
        Field("query_mode", "string", f"{_ASKED}."),
        Field("attribution_model", "string", f"{_ASKED}."),
        Field("attribution_window", "integer", f"{_ASKED}, in days."),
        Field("sources", "string", f"{_ASKED}, separated by commas."),
        Field("event_names", "string", f"{_ASKED}, separated by commas."),
        Field("fields", "string", "What was asked of Cometly: the columns, separated by commas."),
    ),
)


class CometlyQuery(Query, Protocol):
    """What is asked of Cometly for every window of a stream."""

    def body(self, window: Window) -> dict[str, Any]:
        """Return the body of the request for an export, by the API's names."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class EventQuery:
    """What is asked of Cometly for every day (endpoint/create-event-export). The one place that knows how it is spelt.

    Attributes:
        query_mode: The setting of that name, as are the next four.
        event_names: Empty for all events.
        sources: Empty for no attribution.
        attribution_model: Set exactly when ``sources`` is.
        attribution_window: In days, 0 for lifetime; set exactly when ``sources`` is.
        requested: What is sent as ``fields``.
        columns: The columns that come back and are wanted.
    """

    query_mode: str = "profile"
    event_names: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    attribution_model: str | None = None
    attribution_window: int | None = None
    requested: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()

    breaking: ClassVar[Collection[str]] = (
        "query_mode",
        "event_names",
        "sources",
        "attribution_model",
        "attribution_window",
    )

    @classmethod
    def of(cls, settings: Settings, selected: Collection[str]) -> EventQuery:
        """Return what these settings ask for.

        Args:
            settings: What the user wants.
            selected: Columns that are wanted; others are not asked for.
        """
        requested = [name for name in settings.requested_fields if name in selected]
        if cometly.SOURCE.name in selected and not any(name in cometly.HIERARCHY_NAMES for name in requested):
            # `source` cannot be asked for; it comes with any of these, and this one costs Cometly least.
            requested.append(cometly.HIERARCHY_NAMES[0])
        return cls(
            query_mode=settings.query_mode,
            event_names=settings.event_names,
            sources=settings.sources,
            attribution_model=settings.attribution_model,
            attribution_window=settings.attribution_window,
            requested=tuple(requested),
            columns=tuple(selected),
        )

    def body(self, window: Window) -> dict[str, Any]:
        """Return the body of the request for an export, by the API's names."""
        parameters = {
            "date": window.first.isoformat(),
            "query_mode": self.query_mode,
            "event_names": list(self.event_names),
            "sources": list(self.sources),
            "attribution_model": self.attribution_model,
            "attribution_window": self.attribution_window,
            "fields": list(self.requested),
        }
        return {name: value for name, value in parameters.items() if value not in (None, [])}

    def fingerprint(self) -> dict[str, Any]:
        """Return the query as STATE remembers it."""
        return {
            "query_mode": self.query_mode,
            "event_names": sorted(self.event_names),
            "sources": sorted(self.sources),
            "attribution_model": self.attribution_model,
            "attribution_window": self.attribution_window,
            "fields": sorted(self.columns),
        }

    def ledger_values(self) -> dict[str, Any]:
        """Return the query as it stands in the ledger."""
        values = self.fingerprint()
        return {name: (",".join(value) or None) if isinstance(value, list) else value for name, value in values.items()}


def events(settings: Settings) -> ExportStream:
    """Declare the stream that these settings bring: events, or with ``sources`` what touchpoints are credited with."""
    fields = event_fields(settings)
    return ExportStream(
        name="events",
        vendor="Cometly",
        fields=fields,
        left_out=tuple(field for field in cometly.FIELDS_BY_NAME.values() if field not in fields),
        key=event_key(attributed=settings.attributed),
        window_field=EVENT_DATE,
        version_field=DAY_DIGEST,
        measures=Measures(key=cometly.EVENT_ID.name, time=cometly.EVENT_TIME.name, amount="amount"),
        ledger=EVENT_DAYS,
        query=partial(EventQuery.of, settings),
        in_order=in_order,
        creates_per_minute=CREATES_PER_MINUTE,
    )


def event_key(*, attributed: bool) -> tuple[str, ...]:
    """Return the key columns: an attributed row is the credit of one touchpoint for one event."""
    return (cometly.EVENT_ID.name, cometly.TOUCHPOINT_ID.name) if attributed else (cometly.EVENT_ID.name,)


def event_fields(settings: Settings) -> tuple[Field, ...]:
    """Return the columns of the rows that these settings bring. Unknown names are taken for text."""
    named = [
        cometly.FIELDS_BY_NAME.get(name) or cometly.EventField(name, "string", "") for name in settings.requested_fields
    ]
    key = [cometly.FIELDS_BY_NAME[name] for name in event_key(attributed=settings.attributed)]
    if any(field.needs_sources for field in named):
        named.insert(0, cometly.SOURCE)
    return (*key, EVENT_DATE, cometly.EVENT_TIME, *named, DAY_DIGEST)


def in_order(names: Collection[str]) -> list[str]:
    """Return names of columns in the order of Cometly's documentation, those that it does not know behind."""
    places = {name: place for place, name in enumerate(cometly.FIELDS_BY_NAME)}
    return sorted(names, key=lambda name: (places.get(name, len(places)), name))
