"""The fleet on Dagster: a partition for each Space, a cell for each of its days, two checks, one run each morning.

``FLEET_MACHINE`` says whose Spaces these are, where several machines share them; unset, all are.
"""
# Without `from __future__ import annotations`: Dagster reads the annotation of `context` itself.

import datetime as dt
import os
from collections.abc import Iterator
from typing import Final

import dagster as dg

from fleet import ledger
from fleet.ledger import Day
from fleet.loading import BusyError, load
from fleet.spaces import Space, spaces

MACHINE: Final = os.environ.get("FLEET_MACHINE")
SPACES: Final = {name: space for name, space in spaces().items() if MACHINE in {None, space.machine}}
MONTH_AGO: Final = (dt.datetime.now(dt.timezone.utc) - dt.timedelta(days=31)).date().isoformat()
FIRST_DAY: Final = min(space.first_day or MONTH_AGO for space in SPACES.values())

# Asset keys are unique in a deployment: each machine has its own, and they stand side by side.
PREFIX: Final = [MACHINE] if MACHINE else []
EVENTS: Final = dg.AssetKey([*PREFIX, "cometly_events"])
DAYS: Final = dg.AssetKey([*PREFIX, "cometly_days"])
BY_SPACE: Final = dg.StaticPartitionsDefinition(list(SPACES))
BY_SPACE_AND_DAY: Final = dg.MultiPartitionsDefinition(
    {"space": BY_SPACE, "day": dg.DailyPartitionsDefinition(start_date=FIRST_DAY, end_offset=1)}
)
MAX_RETRIES: Final = 3
RETRY_SECONDS: Final = float(os.environ.get("FLEET_RETRY_SECONDS", "30"))
"""Then twice and four times as long. A Space that waits keeps its place among the runs, so minutes, not hours."""

MAX_TIMES_BUSY: Final = 20
"""So often a run comes again while another one loads its Space."""

MORNING: Final = os.environ.get("FLEET_CRON", "0 6 * * *")

CHECKS: Final = {
    "rows_found_are_rows_told": (ledger.WRONG_DAYS, "In each day's rows the ledger finds as many as it tells of."),
    "no_day_is_missing": (ledger.MISSING_DAYS, "The ledger has every day from the first to the last."),
}


@dg.asset(
    key=EVENTS,
    partitions_def=BY_SPACE,
    retry_policy=dg.RetryPolicy(
        max_retries=MAX_RETRIES, delay=RETRY_SECONDS, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS
    ),
)
def cometly_events(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
    """Load what is due of a Space. Days that fail leave the others in the table, and the run red."""
    space = SPACES[context.partition_key]
    try:
        outcome = load(space)
    except BusyError as busy:
        raise dg.RetryRequested(MAX_TIMES_BUSY, 2 * RETRY_SECONDS) from busy
    for day in outcome.days:
        context.log_event(_cell(space, day))
    if outcome.problem:
        if not outcome.is_passing or context.retry_number >= MAX_RETRIES:
            # Dagster checks nothing after a failure, and just then it is worth knowing what is there.
            for name in CHECKS:
                context.instance.report_runless_asset_event(_evaluation(space, name))
        raise dg.Failure(outcome.problem, allow_retries=outcome.is_passing)
    return dg.MaterializeResult(
        metadata={"days": len(outcome.days), "rows": sum(day.row_count for day in outcome.days)}
    )


def _cell(space: Space, day: Day) -> dg.AssetMaterialization:
    """Return what the grid tells of a day."""
    return dg.AssetMaterialization(
        DAYS,
        partition=dg.MultiPartitionKey({"space": space.name, "day": day.event_date.isoformat()}),
        metadata={
            "rows": day.row_count,
            "amount": None if day.amount_total is None else float(day.amount_total),
            "revision": day.revision,
            "export": day.export_id,
        },
    )


def _evaluation(space: Space, name: str) -> dg.AssetCheckEvaluation:
    wrong = ledger.what_is_wrong(space, CHECKS[name][0])
    return dg.AssetCheckEvaluation(EVENTS, name, wrong is None, {"days": wrong or "none"}, partition=space.name)


def _check(name: str) -> dg.AssetChecksDefinition:
    @dg.asset_check(asset=EVENTS, name=name, description=CHECKS[name][1], partitions_def=BY_SPACE)
    def check(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        found = _evaluation(SPACES[context.partition_key], name)
        return dg.AssetCheckResult(passed=found.passed, metadata=found.metadata)

    return check


load_space = dg.define_asset_job("load_space", dg.AssetSelection.assets(EVENTS))


@dg.schedule(job=load_space, cron_schedule=MORNING, default_status=dg.DefaultScheduleStatus.RUNNING)
def each_morning(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest]:
    """Ask for one run of each Space; those for which there is no room yet wait in the queue."""
    for name in SPACES:
        yield dg.RunRequest(run_key=f"{name} {context.scheduled_execution_time:%Y-%m-%dT%H:%M}", partition_key=name)


defs = dg.Definitions(
    assets=[
        cometly_events,
        dg.AssetSpec(DAYS, deps=[EVENTS], partitions_def=BY_SPACE_AND_DAY, description="Every day that a run touched."),
    ],
    asset_checks=[_check(name) for name in CHECKS],
    jobs=[load_space],
    schedules=[each_morning],
    executor=dg.in_process_executor,  # the programs are processes already; another one costs ten CPU seconds
)
