"""The events stream: due days to orders for the engine, proven files to RECORDs, whole days to STATE.

A day is all or nothing. Its rows are read twice: once as proof, in the background, and once as RECORDs, only after
every one of them has been found to fit. STATE follows the last row of the day and nothing else moves it, so whatever
STATE a target has seen speaks only of days that it has been given completely.
"""

from __future__ import annotations

import dataclasses
import logging
import sys
from datetime import date
from typing import TYPE_CHECKING, Any, ClassVar, Final

from singer_sdk import typing as th
from singer_sdk.helpers.conform import TypeConformanceLevel
from singer_sdk.streams import Stream
from typing_extensions import override

from tap_cometly import calendar
from tap_cometly import vocabulary as cometly
from tap_cometly.client import CometlyClient, EventExport
from tap_cometly.exports import Delivery, Pipeline
from tap_cometly.progress import MalformedStateError, Progress
from tap_cometly.rows import Columns, read_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from singer_sdk.helpers.types import Context, Record

    from tap_cometly.exports import Failure
    from tap_cometly.progress import DueDay
    from tap_cometly.settings import Settings
    from tap_cometly.tap import TapCometly

EVENT_DATE: Final = cometly.Field(
    "event_date",
    "date",
    "The calendar day, in the Space's timezone, whose export the row came from.",
    nullable=False,
)
EXPORT_ID: Final = cometly.Field(
    "export_id",
    "integer",
    "The export that the row came from; a later export of the same day has a higher one.",
    nullable=False,
)

_JSON_TYPES: Final[dict[cometly.Kind, th.JSONTypeHelper[Any]]] = {
    "integer": th.IntegerType(),
    "decimal": th.NumberType(),
    "boolean": th.BooleanType(),
    "string": th.StringType(),
    "date": th.DateType(),
    "timestamp": th.DateTimeType(),
}


class UndeliveredDaysError(Exception):
    """Some days could not be delivered; all others were. The next run tries them again, first."""

    def __init__(self, failures: Sequence[Failure[EventExport]]) -> None:
        days = "; ".join(f"{failure.order}: {failure.reason}" for failure in failures)
        count = f"{len(failures)} days were" if len(failures) > 1 else "1 day was"
        super().__init__(f"{count} not delivered and will be tried again by the next run. {days}")


def event_fields(requested: Iterable[str], *, attributed: bool) -> list[cometly.Field]:
    """Return the columns of an export in the order of the schema.

    Args:
        requested: Names asked for; unknown ones are taken for text.
        attributed: Whether the export names ``sources``.
    """
    named = [cometly.FIELDS_BY_NAME.get(name) or cometly.Field(name, "string", "") for name in requested]
    automatic = [cometly.EVENT_ID]
    if attributed:
        automatic.append(cometly.TOUCHPOINT_ID)
        if any(field.needs_sources for field in named):
            named.insert(0, cometly.SOURCE)
    return [*automatic, EVENT_DATE, cometly.EVENT_TIME, *named, EXPORT_ID]


def json_schema(fields: Iterable[cometly.Field]) -> dict[str, Any]:
    """Return the JSON Schema of rows with these columns."""
    return th.PropertiesList(
        *(
            th.Property(field.name, _JSON_TYPES[field.kind], required=not field.nullable, description=field.description)
            for field in fields
        )
    ).to_dict()


class EventsStream(Stream):
    """Conversion events, one export per event date.

    One row is one event or, with ``sources``, one credit that an event gives to a touchpoint.
    """

    name = "events"
    replication_key = EVENT_DATE.name
    # Rows are fitted to the catalog's types before the first is written; the SDK need not look at them again.
    TYPE_CONFORMANCE_LEVEL = TypeConformanceLevel.NONE
    # STATE is written at day ends only.
    STATE_MSG_FREQUENCY = sys.maxsize
    _KEYS: ClassVar = (cometly.EVENT_ID.name, cometly.TOUCHPOINT_ID.name)

    def __init__(self, tap: TapCometly, settings: Settings) -> None:
        fields = event_fields(settings.requested_fields, attributed=settings.attributed)
        super().__init__(tap, schema=json_schema(fields))
        self.tap = tap
        self.primary_keys = self._KEYS if settings.attributed else self._KEYS[:1]

    @override
    def log(self, message: str, *args: Any, level: int = logging.INFO, **kwargs: Any) -> None:
        """Log a message. What the SDK calls "unhandled" is told properly where the run ends."""
        super().log(message, *args, level=logging.DEBUG if level == logging.ERROR else level, **kwargs)

    # What is due

    @override
    def get_records(self, context: Context | None) -> Iterator[Record]:
        """Yield the rows of every due day, in order of the days, and write STATE after each day."""
        settings = self.tap.settings
        progress, due = self._due(settings)
        if self.ABORT_AT_RECORD_COUNT is not None:
            due = due[-1:]  # a connection test: one export is enough to know
        client = CometlyClient(
            api_url=settings.api_url,
            api_key=settings.api_key,
            user_agent=settings.user_agent,
            now=self.tap.clock.now,
            log=self.logger,
        )
        yield from self._export(client, settings, progress, due)

    def _due(self, settings: Settings) -> tuple[Progress, list[DueDay]]:
        """Return the days delivered so far and the days to export now."""
        now = self.tap.now()
        wanted = settings.wanted(now)
        progress = Progress.from_state(self.stream_state, start=wanted[0] if wanted else date.max)
        if progress.last and progress.last > (today := calendar.today(now, None)):
            raise MalformedStateError(
                "replication_key_value", str(progress.last), f"must not lie after today ({today})"
            )
        if wanted is None:
            self.logger.info("No wanted day has ended yet; nothing to export")
            return progress, []
        # Without a start date the wanted range begins ever later; what was begun is still to be finished.
        first, last = settings.wanted(now, since=progress.first) or wanted
        due = progress.due(first, last, settings.lookback_days)
        counts = {reason: sum(day.reason == reason for day in due) for reason in ("new", "missing", "lookback")}
        self.logger.info(
            "Events of %s to %s: %d days to export (%d new, %d missing, %d looked back)",
            first, last, len(due), counts["new"], counts["missing"], counts["lookback"],
        )  # fmt: skip
        return progress, due

    # What a day goes through

    def _export(
        self, client: CometlyClient, settings: Settings, progress: Progress, due: Sequence[DueDay]
    ) -> Iterator[Record]:
        parameters = self._parameters(settings)
        columns = self._columns()
        pipeline: Pipeline[EventExport, int] = Pipeline(
            client,
            [EventExport(day.day, parameters) for day in due],
            prove=lambda _order, files: sum(1 for _ in read_rows(files, columns)),
            log=self.logger,
            limits=dataclasses.replace(
                self.tap.patience,
                in_flight=settings.max_exports_in_flight,
                export_seconds=settings.export_timeout.total_seconds(),
            ),
            clock=self.tap.clock,
        )
        failures: list[Failure[EventExport]] = []
        with pipeline as results, self.tap.interruption.passed_to(pipeline.interrupt):
            for number, result in enumerate(results, start=1):
                if not isinstance(result, Delivery):
                    failures.append(result)
                    continue
                yield from self._rows(result, columns)
                progress = progress.with_delivered(result.order.day)
                self._remember(progress)
                self.logger.info(
                    "%s delivered (%d of %d): %d rows, %d bytes, export %s ran %.0f s",
                    result.order, number, len(due), result.proof, result.file_bytes, result.job, result.running_seconds,
                )  # fmt: skip
        client.close()
        if columns.unknown:
            self.logger.warning("Cometly sent columns that nobody asked for; dropped: %s", sorted(columns.unknown))
        if failures:
            raise UndeliveredDaysError(failures)

    def _rows(self, delivery: Delivery[EventExport, int], columns: Columns) -> Iterator[Record]:
        own = Columns(self._properties({EVENT_DATE.name, EXPORT_ID.name})).fit(
            {EVENT_DATE.name: delivery.order.day.isoformat(), EXPORT_ID.name: delivery.job}
        )
        interruption = self.tap.interruption
        for row in read_rows(delivery.files, columns):
            interruption.check()
            yield row | own

    def _remember(self, progress: Progress) -> None:
        """Write the STATE that marks a day delivered: the one place where STATE moves."""
        if self.ABORT_AT_RECORD_COUNT is None:
            self.stream_state.clear()
            self.stream_state.update(progress.to_state())
            self.tap.state_writer.write_state(self.tap_state)

    @override
    def _increment_stream_state(self, latest_record: Record, *, context: Context | None = None) -> None:
        """Leave STATE alone: rows of a day come in any order, and only whole days count."""

    # What is asked of Cometly, and what of its answer is kept

    def _parameters(self, settings: Settings) -> dict[str, Any]:
        """Return the body of every export but its date. A column that is not selected is not asked for."""
        selected = set(self._properties())
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

    def _columns(self) -> Columns:
        own = {EVENT_DATE.name, EXPORT_ID.name}
        properties = {name: schema for name, schema in self._properties().items() if name not in own}
        return Columns(properties, keys=self.primary_keys or ())

    def _properties(self, only: set[str] | None = None) -> dict[str, Mapping[str, Any]]:
        """Return the selected columns with their types in the catalog in use."""
        return {
            name: schema
            for name, schema in self.effective_schema["properties"].items()
            if self.mask.get(("properties", name), True) and (only is None or name in only)
        }
