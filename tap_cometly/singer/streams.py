"""The events stream as Singer sees it: schema, keys, records or files, STATE. `tap_cometly.run` is what a run does."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any, Final

from singer_sdk.exceptions import ConfigValidationError
from singer_sdk.helpers.conform import TypeConformanceLevel
from singer_sdk.mapper import SameRecordTransform
from singer_sdk.singerlib.catalog import REPLICATION_INCREMENTAL, Metadata
from singer_sdk.streams import Stream
from typing_extensions import override

from tap_cometly.outputs.singer import MessageWriter
from tap_cometly.schema import DAY_DIGEST, EVENT_DATE, event_key, event_schema

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from singer_sdk.helpers._batch import BaseBatchFileEncoding, BatchConfig
    from singer_sdk.helpers.types import Context, Record
    from singer_sdk.metrics import Counter
    from singer_sdk.singerlib.catalog import MetadataMapping

    from tap_cometly.run import EventsRun
    from tap_cometly.settings import Settings
    from tap_cometly.tap import TapCometly

_COLUMN_DEPTH: Final = len(("properties", "column"))


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

    @property
    @override
    def metadata(self) -> MetadataMapping:
        """The catalog's metadata. With `day_digest` the ledger is joined, so no selection rule may drop it."""
        metadata = super().metadata
        if self._tap_input_catalog is None:
            metadata["properties", DAY_DIGEST.name].inclusion = Metadata.InclusionType.AUTOMATIC
        return metadata

    @override
    def log(self, message: str, *args: Any, level: int = logging.INFO, **kwargs: Any) -> None:
        """Log a message. What the SDK calls "unhandled" is told properly where the run ends."""
        super().log(message, *args, level=logging.DEBUG if level == logging.ERROR else level, **kwargs)

    @override
    def get_records(self, context: Context | None) -> Iterator[Record]:
        """Write the rows of every due day, in order of the days, or have the SDK do it; STATE follows each day."""
        sync, writer = self.sync_of_days(), self._block_writer
        for delivery in sync.deliveries():
            if writer is None:
                yield from sync.rows(delivery)
                continue
            for records in sync.blocks(delivery):
                writer.write_records(self.name, records)
                self._records.increment(records.count)

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
        sync = self.sync_of_days()
        folder = sync.folder(batch_config)
        with self.get_record_counter() as counter, self.get_sync_timer():
            for delivery in sync.deliveries():
                for url, rows in sync.files(delivery, folder):
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

    @override
    def get_record_counter(self, **kwargs: Any) -> Counter:
        """Return the SDK's counter; what is written past the SDK is counted with it all the same."""
        self._records = super().get_record_counter(**kwargs)
        return self._records

    def sync_of_days(self) -> EventsRun:
        """Begin a run: here its machinery is loaded, which ``--version``, ``--discover`` and ``--about`` do without."""
        from tap_cometly.run import EventsRun  # noqa: PLC0415 - what it imports takes longer to load than they run

        return EventsRun(self)

    def remember(self, bookmark: Mapping[str, object] | None) -> None:
        """Write a STATE that marks a day delivered, or in doubt: the one place where STATE moves."""
        if bookmark is not None and self.ABORT_AT_RECORD_COUNT is None:
            self.stream_state.clear()
            self.stream_state.update(bookmark)
            self.tap.state_writer.write_state(self.tap_state)

    @override
    def _increment_stream_state(self, latest_record: Record, *, context: Context | None = None) -> None:
        """Leave STATE alone: rows of a day come in any order, and only whole days count."""

    @property
    def selected_columns(self) -> dict[str, Mapping[str, Any]]:
        """The selected columns, and their types in the catalog in use."""
        properties = self.effective_schema["properties"]
        return {name: schema for name, schema in properties.items() if self.mask.get(("properties", name), True)}
