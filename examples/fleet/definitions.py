"""The fleet on Dagster: a partition for each Space, a cell for each of its days, two checks, one run each morning."""
# Without `from __future__ import annotations`: Dagster reads the annotation of `context` itself.

import datetime as dt
import os
from collections.abc import Iterator
from typing import Final

import dagster as dg

from fleet.ledger import CHECKS, what_is_wrong
from fleet.loading import load
from fleet.lock import BusyError
from fleet.spaces import Space, spaces

MORNING: Final = os.environ.get("FLEET_CRON", "0 6 * * *")
RETRY_SECONDS: Final = float(os.environ.get("FLEET_RETRY_SECONDS", "30"))
"""Then twice and four times as long. A Space that waits keeps its place among the runs, so minutes, not hours."""
MAX_RETRIES: Final = 3
MAX_TIMES_BUSY: Final = 20
"""So often a run comes again while another one loads its Space."""

SPACES: Final = spaces()
MONTH_AGO: Final = (dt.datetime.now(dt.timezone.utc) - dt.timedelta(days=31)).date().isoformat()
FIRST_DAY: Final = min(space.first_day or MONTH_AGO for space in SPACES.values())
BY_SPACE: Final = dg.StaticPartitionsDefinition(list(SPACES))
BY_DAY: Final = dg.DailyPartitionsDefinition(start_date=FIRST_DAY, end_offset=1)

# Asset keys are unique in a deployment: each machine has its own, and they stand side by side.
PREFIX: Final = os.environ.get("FLEET_MACHINE", "").split()
EVENTS: Final = dg.AssetKey([*PREFIX, "cometly_events"])
DAYS: Final = dg.AssetSpec(
    [*PREFIX, "cometly_days"],
    deps=[EVENTS],
    partitions_def=dg.MultiPartitionsDefinition({"space": BY_SPACE, "day": BY_DAY}),
    description="Every day that a run touched.",
)


@dg.asset(
    key=EVENTS,
    partitions_def=BY_SPACE,
    retry_policy=dg.RetryPolicy(MAX_RETRIES, RETRY_SECONDS, dg.Backoff.EXPONENTIAL, dg.Jitter.PLUS_MINUS),
)
def cometly_events(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
    """Load what is due of a Space. Days that fail leave the others in the table, and the run red."""
    space = SPACES[context.partition_key]
    try:
        outcome = load(space)
    except BusyError as busy:
        raise dg.RetryRequested(MAX_TIMES_BUSY, 2 * RETRY_SECONDS) from busy
    for day in outcome.days:
        cell = dg.MultiPartitionKey({"space": space.name, "day": day.event_date.isoformat()})
        context.log_event(dg.AssetMaterialization(DAYS.key, partition=cell, metadata=day.figures()))
    if outcome.problem:
        if not outcome.is_passing or context.retry_number >= MAX_RETRIES:
            # Dagster checks nothing after a failure, and just then it is worth knowing what is there.
            for found in _found(space):
                context.instance.report_runless_asset_event(found)
        raise dg.Failure(outcome.problem, allow_retries=outcome.is_passing)
    rows = sum(day.row_count for day in outcome.days)
    return dg.MaterializeResult(metadata={"days": len(outcome.days), "rows": rows})


@dg.multi_asset_check(
    specs=[
        dg.AssetCheckSpec(name, asset=EVENTS, description=description, partitions_def=BY_SPACE)
        for name, (_, description) in CHECKS.items()
    ]
)
def rows_and_ledger(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
    """Compare what PostgreSQL holds of a Space with what its ledger says."""
    for found in _found(SPACES[context.partition_key]):
        yield dg.AssetCheckResult(check_name=found.check_name, passed=found.passed, metadata=found.metadata)


def _found(space: Space) -> Iterator[dg.AssetCheckEvaluation]:
    for name in CHECKS:
        wrong = what_is_wrong(space, name)
        yield dg.AssetCheckEvaluation(EVENTS, name, wrong is None, {"days": wrong or "none"}, partition=space.name)


load_space = dg.define_asset_job("load_space", dg.AssetSelection.assets(EVENTS))


@dg.schedule(job=load_space, cron_schedule=MORNING, default_status=dg.DefaultScheduleStatus.RUNNING)
def each_morning() -> Iterator[dg.RunRequest]:
    """Ask for one run of each Space; those for which there is no room yet wait in the queue."""
    for name in SPACES:
        yield dg.RunRequest(run_key=name, partition_key=name)  # a key counts within one morning


defs = dg.Definitions(
    assets=[cometly_events, DAYS],
    asset_checks=[rows_and_ledger],
    jobs=[load_space],
    schedules=[each_morning],
    executor=dg.in_process_executor,  # the programs are processes already; another one costs ten CPU seconds
)
