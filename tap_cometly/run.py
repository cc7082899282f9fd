"""A run of the events stream: due days to export requests, verified files to rows, whole days to STATE.

A day is all or nothing. Its rows are read twice: once to verify them, in the background, and once as RECORDs, only
after every one of them has been found to fit. STATE follows the last row of the day, and nothing else marks a day
delivered, so whatever STATE a target has seen speaks only of days that it has been given completely.

Whatever only a run needs is imported from here, and this module when a run begins (`EventsStream.sync_of_days`).
"""

from __future__ import annotations

import dataclasses
import json
from typing import IO, TYPE_CHECKING, Any, Final

from singer_sdk.exceptions import ConfigValidationError

from tap_cometly.client import CREATES_PER_MINUTE, CometlyClient, ExportRequest
from tap_cometly.engine import Delivery, Limits, Pipeline, SystemClock
from tap_cometly.engine.errors import ExportError
from tap_cometly.outputs.batch_files import BatchFolder
from tap_cometly.reconcile.reconciler import Reconciler
from tap_cometly.reconcile.timezone_check import WrongTimezoneError
from tap_cometly.records.columns import Columns
from tap_cometly.records.encode import record_blocks, record_rows
from tap_cometly.records.verify import verify
from tap_cometly.reporting import Report
from tap_cometly.schema import DAY_DIGEST, EVENT_DATE, OWN_COLUMNS, export_parameters, in_order
from tap_cometly.windows.delivered import MalformedStateError
from tap_cometly.windows.fingerprint import ChangedRequestError
from tap_cometly.windows.plan import Plan

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from singer_sdk.helpers._batch import BatchConfig
    from singer_sdk.helpers.types import Record

    from tap_cometly.engine import Failure
    from tap_cometly.records.encode import Records
    from tap_cometly.records.verify import Verification
    from tap_cometly.singer.streams import EventsStream


class UndeliveredDaysError(Exception):
    """Some days could not be delivered; all others were. The next run tries them again, first."""

    def __init__(self, failures: Sequence[Failure[ExportRequest]]) -> None:
        days = "; ".join(f"{failure.request}: {failure.reason}" for failure in failures)
        count = f"{len(failures)} days were" if len(failures) > 1 else "1 day was"
        super().__init__(f"{count} not delivered and will be tried again by the next run. {days}")


SELF_EXPLAINING: Final = (
    ChangedRequestError,
    ExportError,
    MalformedStateError,
    UndeliveredDaysError,
    WrongTimezoneError,
)
"""Errors that end a run and whose message is all that a user needs."""


class EventsRun:
    """Exports the due days of a stream and tells the stream what to remember of them.

    Args:
        stream: The stream, with its catalog and STATE.
    """

    def __init__(self, stream: EventsStream) -> None:
        self._stream = stream
        self._tap = stream.tap
        self._log = stream.logger
        self._is_test = stream.ABORT_AT_RECORD_COUNT is not None
        self._selected: Mapping[str, Mapping[str, Any]] = stream.selected_columns
        # Always in the same order, whatever a catalog has done to it: the digest of a day depends on it.
        vendors = {name: self._selected[name] for name in in_order(self._selected) if name not in OWN_COLUMNS}
        self.columns = Columns(vendors, keys=stream.primary_keys or ())
        if self._tap.ledger.selected and (missing := [name for name in OWN_COLUMNS if name not in self._selected]):
            names = " and ".join(f"`events.{name}`" for name in missing)
            problem = (
                f"The catalog deselects {names}, with which `event_days` is joined. Select it, or deselect "
                "the stream `event_days`"
            )
            raise ConfigValidationError("The catalog cannot be used", errors=[problem])

    def plan(self) -> Plan:
        """Return what a run has to do now.

        Raises:
            MalformedStateError: The STATE makes no sense.
            ChangedRequestError: The STATE is about rows of another meaning.
        """
        columns = [name for name in self._selected if name not in OWN_COLUMNS]
        ledger = self._tap.ledger.selected
        return Plan.make(self._tap.settings, self._stream.stream_state, self._tap.now(), columns=columns, ledger=ledger)

    def plan_as(self, form: str) -> str:
        """Return the plan as "text" for people or as "json" for programs."""
        plan = self.plan()
        if form == "json":
            return json.dumps(plan.as_json(CREATES_PER_MINUTE), indent=2)
        return plan.text(CREATES_PER_MINUTE)

    def deliveries(self) -> Iterator[Delivery[ExportRequest, Verification]]:
        """Yield the due days, verified. Coming back for the next one says that the last one is written: then it counts.

        Raises:
            UndeliveredDaysError: After the last day, if some could not be exported.
        """
        settings = self._tap.settings
        clock = self._tap.clock or SystemClock()
        patience = self._tap.patience or Limits()
        plan = self.plan()
        for remark in (*plan.remarks, plan.summary(CREATES_PER_MINUTE)):
            self._log.info(remark)
        # A connection test needs no more than one export to know.
        due = sorted(plan.due)[-1:] if self._is_test else plan.due
        parameters = export_parameters(settings, self._selected)
        client = CometlyClient(
            api_url=settings.api_url,
            api_key=settings.api_key,
            user_agent=settings.user_agent,
            now=clock.now,
            log=self._log,
            answer_seconds=patience.read_seconds,
        )
        report = Report(
            days=len(due),
            now=clock.now,
            log=self._log,
            metrics_log=self._stream.metrics_logger,
            stream=self._stream.name,
        )
        reconciler = Reconciler(plan, settings, now=self._tap.now, log=self._log)

        def verify_day(request: ExportRequest, files: Sequence[IO[bytes]]) -> Verification:
            before = reconciler.snapshot_of(request.day)
            verification = verify(files, self.columns, events=reconciler.compares_events, before=before)
            return reconciler.verified(request.day, verification)

        pipeline: Pipeline[ExportRequest, Verification] = Pipeline(
            client,
            [ExportRequest(day.day, parameters) for day in due],
            verify=verify_day,
            log=self._log,
            export_ended=report.export_ended,
            limits=dataclasses.replace(
                patience,
                in_flight=settings.max_exports_in_flight,
                export_seconds=settings.export_timeout.total_seconds(),
            ),
            clock=clock,
        )
        failures: list[Failure[ExportRequest]] = []
        shutdown = self._tap.shutdown
        with client, report.on_terminal(), pipeline as results, shutdown.passed_to(pipeline.interrupt):
            for result in report.each(results):
                if not isinstance(result, Delivery):
                    failures.append(result)
                    self._stream.remember(reconciler.failed(result.request.day))
                    report.failed()
                    continue
                day = reconciler.examine(result)
                if day.changed:
                    self._stream.remember(day.doubt)
                    yield result
                if self._tap.ledger.selected:
                    self._tap.ledger.write(day.ledger_row())
                self._stream.remember(reconciler.delivered(day))
                report.delivered(result, day.summary.rows, changed=day.changed)
        reconciler.close()
        if self.columns.unknown:
            self._log.warning("Cometly sent columns that nobody asked for; dropped: %s", sorted(self.columns.unknown))
        if failures:
            raise UndeliveredDaysError(failures)

    # The rows of a day: one by one, by the block, or in files

    def rows(self, delivery: Delivery[ExportRequest, Verification]) -> Iterator[Record]:
        """Yield the rows of a day."""
        for row in record_rows(delivery.files, delivery.verification, self.columns, self._own_values(delivery)):
            self._tap.shutdown.check()
            yield row

    def blocks(self, delivery: Delivery[ExportRequest, Verification]) -> Iterator[Records]:
        """Yield the rows of a day, many at once."""
        for block in record_blocks(delivery.files, delivery.verification, self.columns, self._own_values(delivery)):
            self._tap.shutdown.check()
            yield block

    def files(self, delivery: Delivery[ExportRequest, Verification], folder: BatchFolder) -> Iterator[tuple[str, int]]:
        """Write the rows of a day to files; yield address and number of rows of each."""
        name = f"{self._stream.name}-{delivery.request.day}-export-{delivery.job}"
        return folder.parts(name, self.blocks(delivery))

    @staticmethod
    def folder(batch_config: BatchConfig) -> BatchFolder:
        """Return where the files go.

        Raises:
            ConfigValidationError: The configuration asks for files that cannot be written.
        """
        return BatchFolder(batch_config)

    def _own_values(self, delivery: Delivery[ExportRequest, Verification]) -> Record:
        values = {
            EVENT_DATE.name: delivery.request.day.isoformat(),
            DAY_DIGEST.name: delivery.verification.summary.digest,
        }
        own = {name: self._selected[name] for name in OWN_COLUMNS if name in self._selected}
        return Columns(own).fit(values)
