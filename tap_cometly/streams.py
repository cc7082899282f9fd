"""The events stream: due days to orders for the engine, proven files to RECORDs, whole days to STATE.

A day is all or nothing. Its rows are read twice: once as proof, in the background, and once as RECORDs, only after
every one of them has been found to fit. STATE follows the last row of the day, and nothing else marks a day delivered,
so whatever STATE a target has seen speaks only of days that it has been given completely.
"""

from __future__ import annotations

import dataclasses
import logging
import sys
from typing import TYPE_CHECKING, Any, Final

from singer_sdk.exceptions import ConfigValidationError
from singer_sdk.helpers.conform import TypeConformanceLevel
from singer_sdk.mapper import SameRecordTransform
from singer_sdk.singerlib.catalog import REPLICATION_INCREMENTAL
from singer_sdk.streams import Stream
from typing_extensions import override

from tap_cometly.batches import BatchFolder
from tap_cometly.blocks import prove, record_blocks, record_rows
from tap_cometly.client import CREATES_PER_MINUTE, CometlyClient, EventExport
from tap_cometly.days import DayDesk
from tap_cometly.exports import Delivery, Pipeline
from tap_cometly.messages import MessageWriter
from tap_cometly.planning import Plan
from tap_cometly.reporting import Report
from tap_cometly.rows import Columns
from tap_cometly.schema import EVENT_DATE, EXPORT_ID, OWN_COLUMNS, event_key, event_schema, export_parameters

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from singer_sdk.helpers._batch import BaseBatchFileEncoding, BatchConfig
    from singer_sdk.helpers.types import Context, Record
    from singer_sdk.metrics import Counter

    from tap_cometly.blocks import Proof
    from tap_cometly.exports import Failure
    from tap_cometly.settings import Settings
    from tap_cometly.tap import TapCometly

_COLUMN_DEPTH: Final = len(("properties", "column"))


class UndeliveredDaysError(Exception):
    """Some days could not be delivered; all others were. The next run tries them again, first."""

    def __init__(self, failures: Sequence[Failure[EventExport]]) -> None:
        days = "; ".join(f"{failure.order}: {failure.reason}" for failure in failures)
        count = f"{len(failures)} days were" if len(failures) > 1 else "1 day was"
        super().__init__(f"{count} not delivered and will be tried again by the next run. {days}")


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

    def __init__(self, tap: TapCometly, settings: Settings) -> None:
        super().__init__(tap, schema=event_schema(settings))
        self.tap = tap
        self.primary_keys = event_key(attributed=settings.attributed)

    @override
    def log(self, message: str, *args: Any, level: int = logging.INFO, **kwargs: Any) -> None:
        """Log a message. What the SDK calls "unhandled" is told properly where the run ends."""
        super().log(message, *args, level=logging.DEBUG if level == logging.ERROR else level, **kwargs)

    @override
    def get_records(self, context: Context | None) -> Iterator[Record]:
        """Write the rows of every due day, in order of the days, or have the SDK do it; STATE follows each day."""
        columns = self._columns()
        writer = self._block_writer
        for delivery in self._deliveries(columns):
            parts = delivery.files, delivery.proof, columns, self._own_values(delivery)
            if writer is None:
                for row in record_rows(*parts):
                    self.tap.interruption.check()
                    yield row
                continue
            for records in self._interruptible(record_blocks(*parts)):
                writer.write_records(self.name, records)
                self._records.increment(len(records))

    @override
    def get_batches(
        self, batch_config: BatchConfig, context: Context | None = None
    ) -> Iterator[tuple[BaseBatchFileEncoding, list[str]]]:
        """Write the rows of every due day to files, in order of the days; STATE follows each day's files.

        Raises:
            ConfigValidationError: The configuration asks for files that cannot be written.
        """
        if not self._untouched:
            raise ConfigValidationError(
                "`batch_config` cannot be combined with `stream_maps`, flattening or deselected parts of a column: "
                "files are written as Cometly's rows are. Remove the one or the other"
            )
        folder = BatchFolder(batch_config)
        columns = self._columns()
        with self.get_record_counter() as counter, self.get_sync_timer():
            for delivery in self._deliveries(columns):
                name = f"{self.name}-{delivery.order.day}-export-{delivery.job}"
                blocks = record_blocks(delivery.files, delivery.proof, columns, self._own_values(delivery))
                for url, rows in folder.parts(name, self._interruptible(blocks)):
                    counter.increment(rows)
                    yield batch_config.encoding, [url]

    @override
    def get_batch_config(self, config: Mapping[str, Any]) -> BatchConfig | None:
        """Return the setting, but write no files for a connection test."""
        return super().get_batch_config(config) if self.ABORT_AT_RECORD_COUNT is None else None

    @property
    def _block_writer(self) -> MessageWriter | None:
        """What writes records by the block; None where the SDK has something to do with each of them."""
        writer = self.tap.message_writer
        as_usual = self.ABORT_AT_RECORD_COUNT is None and self.replication_method == REPLICATION_INCREMENTAL
        return writer if as_usual and self._untouched and isinstance(writer, MessageWriter) else None

    @property
    def _untouched(self) -> bool:
        """Whether the SDK leaves records as they are: no stream maps, no flattening, no parts of columns deselected."""
        return (
            all(type(stream_map) is SameRecordTransform for stream_map in self.stream_maps)
            and not any(stream_map.flattening_enabled for stream_map in self.stream_maps)
            and all(self.mask[breadcrumb] for breadcrumb in self.mask if len(breadcrumb) > _COLUMN_DEPTH)
        )

    def _interruptible(self, blocks: Iterable[Sequence[Any]]) -> Iterator[Sequence[Any]]:
        for block in blocks:
            self.tap.interruption.check()
            yield block

    @override
    def get_record_counter(self, **kwargs: Any) -> Counter:
        """Return the SDK's counter; what is written past the SDK is counted with it all the same."""
        self._records = super().get_record_counter(**kwargs)
        return self._records

    # Days: due, exported, delivered

    def _deliveries(self, columns: Columns) -> Iterator[Delivery[EventExport, Proof]]:
        """Yield the due days, proven. Coming back for the next one says that the last one is written: then it counts.

        Raises:
            UndeliveredDaysError: After the last day, if some could not be exported.
        """
        settings = self.tap.settings
        plan = self.plan()
        for remark in (*plan.remarks, plan.summary(CREATES_PER_MINUTE)):
            self.logger.info(remark)
        # A connection test needs no more than one export to know.
        due = plan.due if self.ABORT_AT_RECORD_COUNT is None else sorted(plan.due)[-1:]
        parameters = export_parameters(settings, self._selected())
        client = CometlyClient(
            api_url=settings.api_url,
            api_key=settings.api_key,
            user_agent=settings.user_agent,
            now=self.tap.clock.now,
            log=self.logger,
            answer_seconds=self.tap.patience.read_seconds,
        )
        report = Report(
            days=len(due), now=self.tap.clock.now, log=self.logger, metrics_log=self.metrics_logger, stream=self.name
        )
        desk = DayDesk(plan, settings, now=self.tap.now, log=self.logger)
        pipeline: Pipeline[EventExport, Proof] = Pipeline(
            client,
            [EventExport(day.day, parameters) for day in due],
            prove=lambda order, files: prove(files, columns, events=desk.compares_events_of(order.day)),
            log=self.logger,
            export_ended=report.export_ended,
            limits=dataclasses.replace(
                self.tap.patience,
                in_flight=settings.max_exports_in_flight,
                export_seconds=settings.export_timeout.total_seconds(),
            ),
            clock=self.tap.clock,
        )
        failures: list[Failure[EventExport]] = []
        interruption = self.tap.interruption
        with client, report.on_terminal(), pipeline as results, interruption.passed_to(pipeline.interrupt):
            for result in report.each(results):
                if not isinstance(result, Delivery):
                    failures.append(result)
                    self._remember(desk.failed(result.order.day))
                    report.failed()
                    continue
                day = desk.inspect(result)
                if day.changed:
                    self._remember(desk.before_writing())
                    yield result
                if self.tap.ledger.selected:
                    self.tap.ledger.write(day.ledger_row())
                self._remember(desk.delivered(day, result.proof))
                report.delivered(result, day.content.rows, changed=day.changed)
        desk.close()
        if columns.unknown:
            self.logger.warning("Cometly sent columns that nobody asked for; dropped: %s", sorted(columns.unknown))
        if failures:
            raise UndeliveredDaysError(failures)

    def plan(self) -> Plan:
        """Return what a run has to do now.

        Raises:
            MalformedStateError: The STATE makes no sense.
            ChangedRequestError: The STATE is about rows of another meaning.
        """
        columns = [name for name in self._selected() if name not in OWN_COLUMNS]
        ledger = self.tap.ledger.selected
        return Plan.make(self.tap.settings, self.stream_state, self.tap.now(), columns=columns, ledger=ledger)

    def _remember(self, bookmark: Mapping[str, object] | None) -> None:
        """Write a STATE that marks a day delivered, or in doubt: the one place where STATE moves."""
        if bookmark is not None and self.ABORT_AT_RECORD_COUNT is None:
            self.stream_state.clear()
            self.stream_state.update(bookmark)
            self.tap.state_writer.write_state(self.tap_state)

    @override
    def _increment_stream_state(self, latest_record: Record, *, context: Context | None = None) -> None:
        """Leave STATE alone: rows of a day come in any order, and only whole days count."""

    # Columns: selected, and of which types in the catalog in use

    def _selected(self) -> dict[str, Mapping[str, Any]]:
        properties = self.effective_schema["properties"]
        return {name: schema for name, schema in properties.items() if self.mask.get(("properties", name), True)}

    def _columns(self) -> Columns:
        selected = self._selected()
        vendors = {name: schema for name, schema in selected.items() if name not in OWN_COLUMNS}
        return Columns(vendors, keys=self.primary_keys or ())

    def _own_values(self, delivery: Delivery[EventExport, Proof]) -> Record:
        selected = self._selected()
        values = {EVENT_DATE.name: delivery.order.day.isoformat(), EXPORT_ID.name: delivery.job}
        return Columns({name: selected[name] for name in OWN_COLUMNS if name in selected}).fit(values)
