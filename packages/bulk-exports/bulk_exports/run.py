"""One run of a stream: due days to export requests, verified files to rows, whole windows to STATE.

A window is all or nothing. Its rows are read twice: once to verify them, in the background, and once to write them,
only after every one of them has been found to fit. STATE follows its last row, and nothing else marks a day delivered,
so whatever STATE a target has seen speaks only of days that it has been given completely.

A run knows neither Singer nor a vendor: it gets what it needs as values (`RunContext`), yields the windows that must be
written, and tells an `Output` the rest. Whatever only a run needs is imported from here, and this module when a run
begins.
"""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from bulk_exports.engine import Delivery, Left, Pipeline, Started
from bulk_exports.engine.errors import QuotaUsedUpError
from bulk_exports.engine.polling import USUAL_POLLING
from bulk_exports.errors import TapError
from bulk_exports.job_names import in_file_name
from bulk_exports.reconcile.reconciler import Reconciler
from bulk_exports.reconcile.timezone_check import TimezoneCheck
from bulk_exports.records.columns import Columns
from bulk_exports.records.encode import record_blocks, record_rows
from bulk_exports.reporting import Report
from bulk_exports.spec import ExportRequest
from bulk_exports.windows.delivered import DeliveredDays
from bulk_exports.windows.plan import Plan
from bulk_exports.windows.windows import Window, WindowSize, delivered_with
from bulk_exports.wording import foreign

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from bulk_exports.engine import Connection, Failure
    from bulk_exports.engine.vendor import Vendor
    from bulk_exports.environment import Environment
    from bulk_exports.export_settings import ExportSettings
    from bulk_exports.job_names import JobName
    from bulk_exports.outputs.batch_files import BatchFolder
    from bulk_exports.records.encode import Records
    from bulk_exports.records.verify import Verification
    from bulk_exports.shutdown import Shutdown
    from bulk_exports.spec import ExportStream

    Connect = Callable[[Connection], AbstractContextManager[Vendor[ExportRequest[Any]]]]


class UndeliveredDaysError(TapError):
    """Some days could not be delivered; all others were. The next run tries them again, first."""

    page: ClassVar[str] = "docs/troubleshooting.md#days-that-are-not-delivered"

    is_passing: ClassVar[bool] = True

    def __init__(self, failures: Sequence[Failure[ExportRequest[Any]]]) -> None:
        # An outage gives many days one reason: it is told once.
        reasons = {failure.reason: DeliveredDays() for failure in failures}
        for failure in failures:
            reasons[failure.reason] = delivered_with(reasons[failure.reason], failure.request.window)
        days = "; ".join(f"{_stretches(days)}: {reason}" for reason, days in reasons.items())
        lost = len({day for failure in failures for day in failure.request.window.days()})
        count = f"{lost} days were" if lost > 1 else "1 day was"
        super().__init__(f"{count} not delivered and will be tried again by the next run. {days}")


def _stretches(days: DeliveredDays) -> str:
    return ", ".join(f"{first}" if first == last else f"{first} to {last}" for first, last in days.intervals)


class DeselectedColumnError(TapError):
    """The catalog deselects a column without which the ledger is of no use."""

    page: ClassVar[str] = "docs/current-truth.md#without-the-ledger"


class DeselectedTimeError(DeselectedColumnError):
    """The catalog deselects the column that tells which rows lie outside of a window."""

    page: ClassVar[str] = "docs/troubleshooting.md#settings"


class Output(Protocol):
    """Where a run tells what it has done. Rows are not among it: a day that must be written is asked for them."""

    def write_ledger(self, row: Mapping[str, Any]) -> None:
        """Write the ledger row of a day, after the day's own rows."""

    def write_state(self, bookmark: Mapping[str, object]) -> None:
        """Write a STATE that marks a day delivered, or in doubt. It speaks for all that was written before it."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunContext:
    """What a run needs.

    Attributes:
        stream: What is exported.
        settings: What the user asked for.
        columns: JSON Schema of the selected columns by name, as in the catalog in use.
        state: The stream's STATE.
        ledger: Whether the ledger is selected.
        single_export: Whether one export is enough: a connection test.
        connect: Opens the vendor's client.
        kept: What the clients of all streams of a sync have in common.
        environment: Time and patience.
        shutdown: Tells when to stop.
        log: Where the log lines go.
        metrics_log: Where the metrics go.
    """

    stream: ExportStream
    settings: ExportSettings
    columns: Mapping[str, Mapping[str, Any]]
    state: Mapping[str, object]
    ledger: bool = True
    single_export: bool = False
    connect: Connect
    kept: dict[str, Any] = dataclasses.field(default_factory=dict)
    environment: Environment
    shutdown: Shutdown
    log: logging.Logger
    metrics_log: logging.Logger


class WindowRows:
    """The rows of a window that must be written: one by one, by the block, or in files."""

    def __init__(
        self,
        run: RunContext,
        columns: Columns,
        delivery: Delivery[ExportRequest[Any], Verification],
    ) -> None:
        self._run = run
        self._columns = columns
        self._delivery = delivery
        stream = run.stream
        version = (delivery.request.day.isoformat(), delivery.verification.summary.digest)
        values = dict(zip(stream.own_columns, version, strict=False))
        values |= delivery.request.variant.values if delivery.request.variant else {}
        own = {name: run.columns[name] for name in stream.foreign_columns if name in run.columns}
        self._own = Columns(own).fit(values)

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield the rows."""
        delivery = self._delivery
        for row in record_rows(delivery.files, delivery.verification, self._columns, self._own):
            self._run.shutdown.check()
            yield row

    def blocks(self) -> Iterator[Records]:
        """Yield the rows as encoded records, many at once."""
        delivery = self._delivery
        for block in record_blocks(delivery.files, delivery.verification, self._columns, self._own):
            self._run.shutdown.check()
            yield block

    def files(self, folder: BatchFolder) -> Iterator[tuple[str, int]]:
        """Write the rows to files; yield address and number of rows of each."""
        window = re.sub(r"\W+", "-", str(self._delivery.request)).strip("-")
        name = f"{self._run.stream.name}-{window}-export-{in_file_name(self._delivery.job)}"
        return folder.parts(name, self.blocks())


class _Sizing:
    """How much the vendor exports at a time is a question of how many days.

    Args:
        size: How many it is.
        report: Is told of every window that is split.
    """

    def __init__(self, size: WindowSize, report: Report) -> None:
        self._size = size
        self._report = report

    def parts(self, request: ExportRequest[Any]) -> Sequence[ExportRequest[Any]]:
        """Return the halves of a window, as requests; none for a single day."""
        halves = [dataclasses.replace(request, window=half) for half in request.window.halves()]
        self._report.split(max(len(halves) - 1, 0))
        return halves

    def is_too_large(self, request: ExportRequest[Any]) -> bool:
        return self._size.is_too_large(request.window)

    def was_too_large(self, request: ExportRequest[Any]) -> None:
        self._size.was_too_large(request.window)

    def failed(self, request: ExportRequest[Any]) -> None:
        self._size.failed(request.window)

    def fitted(self, request: ExportRequest[Any]) -> None:
        self._size.fitted(request.window)


class Run:
    """Exports the due days of a stream.

    Args:
        context: What it needs.
    """

    def __init__(self, context: RunContext) -> None:
        stream, selected = context.stream, context.columns
        if not set(stream.foreign_columns).difference(stream.own_columns).issubset(selected):
            # Rows of the others would pass for some of the first variant: nothing would tell them apart.
            stream = dataclasses.replace(stream, variants=stream.variants[:1])
            context = dataclasses.replace(context, stream=stream)
        self._context = context
        if (
            stream.ledger
            and context.ledger
            and (missing := [name for name in stream.own_columns if name not in selected])
        ):
            names = " and ".join(f"`{stream.name}.{name}`" for name in missing)
            raise DeselectedColumnError(
                f"The catalog deselects {names}, with which `{stream.ledger.name}` is joined. Select it, or deselect "
                f"the stream `{stream.ledger.name}`"
            )
        if missing := [name for name in stream.needed_columns if name == stream.measures.time and name not in selected]:
            raise DeselectedTimeError(
                f"The catalog deselects `{stream.name}.{missing[0]}`, by which windows are told apart. Select it"
            )
        # Always in the same order, whatever a catalog has done to it: the digest of a day depends on it.
        vendors = [name for name in stream.ordered(selected) if name not in stream.foreign_columns]
        self._columns = Columns({name: selected[name] for name in vendors}, keys=stream.key, measures=stream.measures)
        self._query = stream.query_of(vendors)

    def plan(self) -> Plan:
        """Return what there is to do now.

        Raises:
            MalformedStateError: The STATE makes no sense.
            ChangedRequestError: The STATE is about rows of another meaning.
        """
        context = self._context
        now = context.environment.now()
        return Plan.make(context.stream, context.settings, self._query, context.state, now, ledger=context.ledger)

    def windows(self, output: Output) -> Iterator[WindowRows]:
        """Yield the windows that must be written. Coming back for the next one says that the last one is written.

        Args:
            output: Gets the ledger rows and STATE, in order with the windows.

        Raises:
            UndeliveredDaysError: After the last window, if some could not be exported.
            QuotaUsedUpError: After the last window that could be, if the vendor allows no more requests today.
        """
        context, stream, settings, log = self._context, self._context.stream, self._context.settings, self._context.log
        connection = context.environment.connection(log, context.kept, stream=stream.name)
        clock = connection.clock
        limits = dataclasses.replace(
            connection.limits,
            in_flight=settings.max_exports_in_flight,
            export_seconds=settings.export_timeout.total_seconds(),
            queue_seconds=settings.queue_timeout.total_seconds(),
            polling=stream.polling or USUAL_POLLING,
        )
        plan = self.plan()
        self._tell_of_unknown_columns()
        asked = self._announce(plan)
        windows = list(dict.fromkeys(window for window, _ in asked))
        variants = {variant.name: variant for variant in stream.variants}
        requests = [
            ExportRequest(window, self._query, plan.planned_at, variants[name] if name else None)
            for window, name in asked
        ]
        report = Report(
            windows=windows,
            exports=len(requests),
            now=clock.now,
            log=log,
            metrics_log=context.metrics_log,
            stream=stream.name,
            is_first=stream.ledger is not None,
            vendor=stream.vendor,
            in_flight=settings.max_exports_in_flight,
            is_test=context.single_export,
        )
        timezone_check = TimezoneCheck(settings.timezone, vendor=stream.vendor, log=log)
        reconciler = Reconciler(
            stream, self._query, self._columns, plan, settings, now=context.environment.now, log=log
        )
        pipeline: Pipeline[ExportRequest[Any], Verification]
        failures: list[Failure[ExportRequest[Any]]] = []
        left: list[Left[ExportRequest[Any]]] = []
        connected = context.connect(dataclasses.replace(connection, limits=limits))
        with connected as vendor, context.shutdown.told_to(report.stopped), report.on_terminal():
            pipeline = Pipeline(
                vendor,
                requests,
                verify=reconciler.verify,
                sizing=_Sizing(WindowSize(stream.windows.max_days), report),
                jobs=_under_way(plan, requests),
                tells_starts=stream.jobs_last is not None and not context.single_export,
                log=log,
                export_ended=report.export_ended,
                limits=limits,
                clock=clock,
            )
            with pipeline as results, context.shutdown.passed_to(pipeline.interrupt):
                for result in report.each(results):
                    if isinstance(result, Started):
                        output.write_state(reconciler.started(result.request, result.job))
                    elif isinstance(result, Delivery):
                        span = result.verification.summary.span
                        if span and stream.windows.rows_outside == "refused":
                            timezone_check.check(result.request.window, *span)
                        compared = reconciler.compare(result)
                        _tell(output, compared.doubt)
                        if compared.changed:
                            yield WindowRows(context, self._columns, result)
                        if context.ledger and compared.ledger_row is not None:
                            output.write_ledger(compared.ledger_row)
                        _tell(output, reconciler.settle(compared))
                        report.delivered(
                            result,
                            compared.summary.rows,
                            outside=result.verification.outside,
                            left_out=stream.windows.rows_outside == "left out",
                            changed=compared.changed,
                            revision=compared.snapshot.revision,
                            least_left=pipeline.last_create_in(),
                        )
                    else:
                        if isinstance(result, Left):
                            left.append(result)
                        else:
                            failures.append(result)
                        _tell(output, reconciler.settle(result))
                        report.failed()
                if left:  # raised from here, so that what is left to the next run is not taken for given up
                    raise _quota_used_up(left, failures, plan)
        timezone_check.close()
        self._conclude(report, failures, left=plan.left)

    def _tell_of_unknown_columns(self) -> None:
        stream, log = self._context.stream, self._context.log
        known = {*stream.schema["properties"], *(field.name for field in stream.left_out)}
        if unknown := [name for name in self._context.columns if name not in known]:
            told = "The catalog has columns that the stream lacks: %s. What no file has stays empty; discover again"
            log.warning(told, foreign(", ".join(unknown)))

    def _announce(self, plan: Plan) -> Sequence[tuple[Window, str | None]]:
        """Tell what the run is about to do; return the windows that it exports, each with the name of a variant."""
        context, log = self._context, self._context.log
        for remark in plan.remarks:
            log.info(remark)
        if plan.windows and context.single_export:
            # A connection test needs no more than one export to know.
            latest, name = max(plan.requests, key=lambda request: request[0])
            window = Window.single(latest.last, latest.reason)
            log.info("Testing the key and the settings with one export, of %s", window)
            return [(window, name)]
        log.info(plan.summary())
        return plan.requests

    def _conclude(self, report: Report, failures: Sequence[Failure[ExportRequest[Any]]], *, left: int) -> None:
        """Tell how the run went.

        Raises:
            UndeliveredDaysError: Some days could not be exported.
        """
        known = {field.name for field in self._context.stream.fields}
        if unexpected := self._columns.unknown - known:  # what is only deselected may come all the same
            told = ", ".join(map(foreign, sorted(unexpected)))
            self._context.log.warning("Ignored unexpected columns: %s", told)
        if self._columns.missing:
            told = ", ".join(sorted(self._columns.missing))
            self._context.log.warning("Left empty, because files lacked them: %s", told)
        if failures:
            raise UndeliveredDaysError(failures)
        if self._context.single_export:
            self._context.log.info("The key and the settings work")
        else:
            report.ended(left)


def _quota_used_up(
    left: Sequence[Left[ExportRequest[Any]]], failures: Sequence[Failure[ExportRequest[Any]]], plan: Plan
) -> QuotaUsedUpError:
    """Return in words what the next run has to do, and from when on."""
    days = DeliveredDays()
    for each in left:
        days = delivered_with(days, each.request.window)
    count = days.count + plan.left
    told = f"{left[0].error}. {count} day{'' if count == 1 else 's'} left for the next run: {_stretches(days)}"
    return QuotaUsedUpError(f"{told}. {UndeliveredDaysError(failures)}" if failures else told)


def _under_way(plan: Plan, requests: Sequence[ExportRequest[Any]]) -> dict[ExportRequest[Any], tuple[JobName, float]]:
    """Return the exports of an earlier run with which requests begin, and how many seconds ago they were asked for."""
    jobs = {(job.first, job.last, job.variant): job for job in plan.under_way}
    names = {
        request: (request.window.first, request.window.last, request.variant.name if request.variant else None)
        for request in requests
    }
    return {
        request: (jobs[name].job, (plan.planned_at - jobs[name].asked_at).total_seconds())
        for request, name in names.items()
        if name in jobs
    }


def _tell(output: Output, state: Mapping[str, object] | None) -> None:
    if state is not None:
        output.write_state(state)
