"""The streams as Singer sees them: schema, keys, records or files, STATE. `bulk_exports.run` is what a run does."""

from __future__ import annotations

import contextlib
import itertools
import logging
import sys
from typing import TYPE_CHECKING, Any, Final

from singer_sdk import metrics
from singer_sdk.exceptions import ConfigValidationError
from singer_sdk.helpers.conform import TypeConformanceLevel
from singer_sdk.mapper import SameRecordTransform
from singer_sdk.singerlib.catalog import REPLICATION_FULL_TABLE, REPLICATION_INCREMENTAL, Metadata
from singer_sdk.streams import Stream
from typing_extensions import override

from bulk_exports.errors import TapError
from bulk_exports.fields import json_schema
from bulk_exports.outputs.singer import MessageWriter
from bulk_exports.reconcile.ledger import ledger_fields

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from singer_sdk.helpers._batch import BaseBatchFileEncoding, BatchConfig
    from singer_sdk.helpers.types import Context, Record
    from singer_sdk.metrics import Counter
    from singer_sdk.singerlib.catalog import MetadataMapping

    from bulk_exports.run import Run
    from bulk_exports.singer.tap import ExportTap
    from bulk_exports.spec import ExportStream, ListStream

_COLUMN_DEPTH: Final = len(("properties", "column"))


class _OneOfSeveral(Stream):
    """A stream that may fail, for now, without keeping others from being read: the tap tells when all are done."""

    tap: ExportTap

    @override  # type: ignore[misc]
    def sync(self, context: Context | None = None) -> None:
        """Sync the stream; see `ExportTap.sync_all`. The SDK means its own to be final."""
        try:
            super().sync(context)
        except TapError as error:
            if not error.is_passing or self.ABORT_AT_RECORD_COUNT is not None:
                raise
            self.tap.undelivered[self.name] = error

    @override
    def log(self, message: str, *args: Any, level: int = logging.INFO, **kwargs: Any) -> None:
        """Log a message. What the SDK calls "unhandled" is told properly where the run ends."""
        super().log(message, *args, level=logging.DEBUG if level == logging.ERROR else level, **kwargs)


class SingerExportStream(_OneOfSeveral):
    """A stream of exports, one for each window. It is the `Output` of its run.

    Args:
        tap: The tap.
        declared: What the vendor declares of it.
    """

    # Rows are fitted to the catalog's types before the first is written; the SDK need not look at them again.
    TYPE_CONFORMANCE_LEVEL = TypeConformanceLevel.NONE
    # STATE is written at day ends only.
    STATE_MSG_FREQUENCY = sys.maxsize

    def __init__(self, tap: ExportTap, declared: ExportStream) -> None:
        super().__init__(tap, schema=declared.schema, name=declared.name)
        self.tap = tap
        self.declared = declared
        self.primary_keys = declared.key
        self.replication_key = declared.cursor or None
        self.selected_by_default = declared.selected_by_default

    @property
    @override
    def metadata(self) -> MetadataMapping:
        """The catalog's metadata. No selection rule may drop a column without which rows are of no use."""
        metadata = super().metadata
        if self._tap_input_catalog is None:
            for name in self.declared.needed_columns:
                metadata["properties", name].inclusion = Metadata.InclusionType.AUTOMATIC
        return metadata

    @override
    def get_records(self, context: Context | None) -> Iterator[Record]:
        """Write the rows of every window that is due, in order, or have the SDK do it; STATE follows each window."""
        writer = self._block_writer
        with self._ledger_counted():
            for window in self.begin_run().windows(self):
                if writer is None:
                    # A connection test has seen enough; with another row the SDK would count it as failed.
                    yield from itertools.islice(window.rows(), self.ABORT_AT_RECORD_COUNT)
                    continue
                for records in window.blocks():
                    writer.write_records(self.name, records)
                    self._records.increment(records.count)

    @override
    def get_batches(
        self, batch_config: BatchConfig, context: Context | None = None
    ) -> Iterator[tuple[BaseBatchFileEncoding, list[str]]]:
        """Write the rows of every window that is due to files, in order; STATE follows the files of each window.

        Raises:
            ConfigValidationError: The configuration asks for files that cannot be written.
        """
        from bulk_exports.outputs.batch_files import BatchFolder  # noqa: PLC0415 - only runs with files need it

        if not self._untouched:
            words = (
                "`batch_config` cannot be combined with `stream_maps`, flattening or deselected parts of a column: "
                "files are written as the vendor's rows are. Remove the one or the other"
            )
            raise ConfigValidationError(words, errors=[words])
        folder = BatchFolder(batch_config)
        with self.get_record_counter() as counter, self.get_sync_timer(), self._ledger_counted():
            for window in self.begin_run().windows(self):
                for url, rows in window.files(folder):
                    counter.increment(rows)
                    yield batch_config.encoding, [url]

    @override
    def get_batch_config(self, config: Mapping[str, Any]) -> BatchConfig | None:
        """Return the setting, but write no files for a connection test.

        Raises:
            ConfigValidationError: The SDK can make nothing of it.
        """
        try:
            return super().get_batch_config(config) if self.ABORT_AT_RECORD_COUNT is None else None
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            words = f"`batch_config` cannot be used: {error}"
            raise ConfigValidationError(words, errors=[words]) from None

    @property
    def _block_writer(self) -> MessageWriter | None:
        """What writes records by the block; None where the SDK has something to do with each of them."""
        writer = self.tap.message_writer
        usual = REPLICATION_INCREMENTAL if self.replication_key else REPLICATION_FULL_TABLE
        as_usual = self.ABORT_AT_RECORD_COUNT is None and self.replication_method == usual
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

    def begin_run(self) -> Run:
        """Begin a run: here its machinery is loaded, which ``--version``, ``--discover`` and ``--about`` do without."""
        from bulk_exports.run import Run, RunContext  # noqa: PLC0415 - what it imports takes longer to load than they run

        tap, ledger = self.tap, self.tap.ledger_of(self.declared)
        return Run(
            RunContext(
                stream=self.declared,
                settings=tap.settings,
                columns=self.selected_columns,
                state=self.stream_state,
                ledger=ledger is not None and ledger.selected,
                single_export=self.ABORT_AT_RECORD_COUNT is not None,
                connect=tap.connect,
                kept=tap.kept,
                environment=tap.environment,
                shutdown=tap.shutdown,
                log=tap.logger.getChild(self.name),  # singer-sdk 0.55 wraps it in one that drops what `extra=` adds
                metrics_log=self.metrics_logger,
            )
        )

    def write_ledger(self, row: Mapping[str, Any]) -> None:
        """Write the ledger row of a day."""
        if ledger := self.tap.ledger_of(self.declared):
            ledger.write(dict(row))

    def _ledger_counted(self) -> contextlib.AbstractContextManager[None]:
        ledger = self.tap.ledger_of(self.declared)
        return ledger.counted() if ledger else contextlib.nullcontext()

    def write_state(self, bookmark: Mapping[str, object]) -> None:
        """Write a STATE that marks a day delivered, or in doubt: the one place where STATE moves."""
        if self.ABORT_AT_RECORD_COUNT is None:
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


class SingerListStream(_OneOfSeveral):
    """A stream that the vendor's API lists.

    Args:
        tap: The tap.
        declared: What the vendor declares of it.
    """

    # As with exports: rows are fitted before the first is written.
    TYPE_CONFORMANCE_LEVEL = TypeConformanceLevel.NONE

    def __init__(self, tap: ExportTap, declared: ListStream) -> None:
        super().__init__(tap, schema=declared.schema, name=declared.name)
        self.tap = tap
        self.declared = declared
        self.primary_keys = declared.key
        self.selected_by_default = declared.selected_by_default

    @override
    def get_batch_config(self, config: Mapping[str, Any]) -> BatchConfig | None:
        """Return none: a few rows need no files."""
        return None

    @override
    def get_records(self, context: Context | None) -> Iterable[Record]:
        """Return the rows."""
        from bulk_exports.listing import listed_rows  # noqa: PLC0415 - only a run needs it

        tap, properties = self.tap, self.effective_schema["properties"]
        rows = listed_rows(
            self.declared,
            {name: schema for name, schema in properties.items() if self.mask.get(("properties", name), True)},
            tap.connect,
            environment=tap.environment,
            shutdown=tap.shutdown,
            log=tap.logger.getChild(self.name),
            kept=tap.kept,
        )
        return rows[: self.ABORT_AT_RECORD_COUNT]  # a connection test has seen enough


class LedgerStream(Stream):
    """The ledger of a stream: one row per window, saying which version of it is true.

    Args:
        tap: The tap.
        declared: What the vendor declares of the stream whose ledger it is.
    """

    def __init__(self, tap: ExportTap, declared: ExportStream) -> None:
        _, name = declared.names
        super().__init__(tap, schema=json_schema(ledger_fields(declared)), name=name)
        self.tap = tap
        self._rows = declared.name
        self.primary_keys = (declared.cursor,)
        self.replication_key = declared.cursor
        self._written = _LateCounter(metrics.Metric.RECORD_COUNT, {metrics.Tag.STREAM: self.name})

    @override
    def get_record_counter(self, **kwargs: Any) -> metrics.Counter:
        """Return a counter that says nothing yet: rows are written during the sync of the other stream."""
        return self._written

    @override
    def get_batch_config(self, config: Mapping[str, Any]) -> BatchConfig | None:
        """Return none: one row a day needs no files."""
        return None

    @contextlib.contextmanager
    def counted(self) -> Iterator[None]:
        """Log how many rows were written in this context, as the SDK's metric `record_count`."""
        try:
            yield
        finally:
            if self.selected:
                self._written.log()

    @override
    def get_records(self, context: Context | None) -> Iterable[Record]:
        """Yield nothing: rows are written between the rows of their day and its STATE, which speaks for both."""
        if not self.tap.streams[self._rows].selected:
            self.logger.warning(
                "`%s` is written together with `%s`, which is not selected: nothing to do", self.name, self._rows
            )
        return ()

    @override
    def _write_state_message(self) -> None:
        """Write no STATE: it comes at the ends of days only, from the stream whose ledger this is."""

    def write(self, row: Record) -> None:
        """Write the row of a day now."""
        self._write_record_message(row)
        self._written.increment()


class _LateCounter(metrics.Counter):
    """A counter that tells its value when asked, and not at the end of its context."""

    @override
    def exit(self) -> None:
        """Keep the value."""

    def log(self) -> None:
        """Log and reset it."""
        self._pop()
