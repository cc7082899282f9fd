"""A sync: each configured stream with its ledger is one run, whose days become RECORD and STATE messages."""

from __future__ import annotations

import dataclasses
import logging
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from bulk_exports.airbyte.catalog import chosen_columns, configured
from bulk_exports.airbyte.messages import stream_status
from bulk_exports.airbyte.state import remembered, state_message, states_by_stream
from bulk_exports.errors import TapError, raise_for
from bulk_exports.listing import listed_rows
from bulk_exports.run import Run, RunContext
from bulk_exports.spec import ExportStream, ListStream
from bulk_exports.windows import dates
from bulk_exports.windows.delivered import DeliveredDays

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from bulk_exports.airbyte.catalog import ConfiguredStream
    from bulk_exports.airbyte.messages import Status
    from bulk_exports.airbyte.source import Source
    from bulk_exports.environment import Environment
    from bulk_exports.outputs.airbyte import AirbyteWriter
    from bulk_exports.run import WindowRows
    from bulk_exports.shutdown import Shutdown

_NOBODY: Final = logging.getLogger(f"{__name__}.metrics")
"""Where the metrics go: Airbyte counts by itself."""
_NOBODY.propagate = False
_NOBODY.addHandler(logging.NullHandler())


@dataclasses.dataclass(frozen=True)
class Sync:
    """What one sync is given.

    Attributes:
        source: The source.
        config: The filled-in form.
        catalog: The configured catalog.
        state: The STATE messages of earlier syncs.
        environment: Time and patience.
        shutdown: Tells when to stop.
        log: Where the log lines go.
        kept: What the vendor's clients for its streams have in common.
    """

    source: Source
    config: Mapping[str, Any]
    catalog: object
    state: object
    environment: Environment
    shutdown: Shutdown
    log: logging.Logger
    kept: dict[str, Any] = dataclasses.field(default_factory=dict)

    def read(self, writer: AirbyteWriter) -> None:
        """Write what is new. One stream that fails keeps no other one from being read.

        Raises:
            SettingsError: The form cannot be used.
            TapError: What keeps a stream from being read, or from being read completely.
        """
        settings = self.source.settings(self.config, now=self.environment.now(), log=self.log)
        connection = partial(self.environment.connection, self.log, self.kept)
        streams = self.source.connector.streams(settings, connection)
        chosen = configured(self.catalog, streams)
        states = states_by_stream(self.state)
        errors: dict[str, TapError] = {}
        exports = [each for each in streams if isinstance(each, ExportStream) and chosen.keys() & {*each.names}]
        for declared in streams:
            names = [name for name in declared.names if name in chosen]
            log = self.log.getChild(declared.name) if len(exports) > 1 and declared in exports else self.log
            if names:
                output = _StreamOutput(declared, {name: chosen[name] for name in names}, writer)
                try:
                    with output:
                        if isinstance(declared, ListStream):
                            self._list(declared, settings, output)
                        else:
                            self._run(declared, settings, states, output, log)
                except TapError as error:
                    if not error.is_passing:
                        raise
                    errors[declared.name] = error
        raise_for(errors)

    def _run(
        self,
        declared: ExportStream,
        settings: Any,
        states: Mapping[str, Mapping[str, Any]],
        output: _StreamOutput,
        log: logging.Logger,
    ) -> None:
        state: dict[str, object] = {}
        if declared.cursor:
            wanted = settings.wanted(self.environment.now())
            start = wanted[0] if wanted else date.max
            known = remembered(output.chosen, states, start=start, replication_key=declared.cursor)
            output.run = known.run + 1
            state = known.bookmark.to_state()
        run = Run(
            RunContext(
                stream=declared,
                settings=settings,
                columns=chosen_columns(declared, output.chosen.get(declared.name)),
                state=state,
                ledger=declared.ledger is not None and declared.ledger.name in output.chosen,
                connect=lambda connection: self.source.connector.connect(settings, connection),
                kept=self.kept,
                environment=self.environment,
                shutdown=self.shutdown,
                log=log,
                metrics_log=_NOBODY,
            )
        )
        output.write_windows(run.windows(output))

    def _list(self, declared: ListStream, settings: Any, output: _StreamOutput) -> None:
        rows = listed_rows(
            declared,
            chosen_columns(declared, output.chosen[declared.name]),
            lambda connection: self.source.connector.connect(settings, connection),
            environment=self.environment,
            shutdown=self.shutdown,
            log=self.log,
            kept=self.kept,
        )
        output.write_rows(rows)


class _StreamOutput:
    """Where the run of a stream tells what it has done. In its context the streams are under way.

    Args:
        declared: The stream.
        chosen: What was chosen of it and of its ledger.
        writer: Where the messages go.

    Attributes:
        run: Which run this is, for STATE.
    """

    def __init__(
        self, declared: ExportStream | ListStream, chosen: Mapping[str, ConfiguredStream], writer: AirbyteWriter
    ) -> None:
        self.chosen = chosen
        self.run = 1
        self._declared = declared
        self._cursor = declared.cursor if isinstance(declared, ExportStream) else ""
        self._writer = writer
        self._running: set[str] = set()
        self._touched = DeliveredDays()

    def __enter__(self) -> None:
        self._tell(list(self.chosen), "STARTED")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        # After a signal, or where nobody reads any more, nothing is written.
        if kind is None or (issubclass(kind, Exception) and not issubclass(kind, BrokenPipeError)):
            self._tell(list(self.chosen), "INCOMPLETE" if kind else "COMPLETE")

    def write_windows(self, windows: Iterator[WindowRows]) -> None:
        """Write the rows of each window. Where only the ledger was chosen they are proven, and not written."""
        name = self._declared.name
        for window in windows:
            if name in self.chosen:
                for records in window.blocks():
                    if records.count:
                        self._runs(name)
                        self._writer.write_records(name, records)

    def write_rows(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write rows, one by one."""
        for row in rows:
            self._runs(self._declared.name)
            self._writer.write_record(self._declared.name, row)

    def write_ledger(self, row: Mapping[str, Any]) -> None:
        """Write the ledger row of a day."""
        _, ledger = self._declared.names
        self._touched = self._touched.with_delivered(dates.parse_day(row[self._cursor]))
        self._runs(ledger)
        self._writer.write_record(ledger, row)

    def write_state(self, bookmark: Mapping[str, object]) -> None:
        """Write the STATE of each chosen stream."""
        for name, stream in self.chosen.items():
            state = state_message(
                bookmark,
                run=self.run,
                touched=self._touched,
                cursor=self._cursor,
                generation=stream.generation,
            )
            self._writer.write_state(name, state)

    def _runs(self, name: str) -> None:
        if name not in self._running:
            self._running.add(name)
            self._tell([name], "RUNNING")

    def _tell(self, names: Sequence[str], status: Status) -> None:
        for name in names:
            self._writer.write_trace(stream_status(name, status))
