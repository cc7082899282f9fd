"""The demo of ``examples/fleet``, ``python -m demo.fleet``: twenty Spaces of ten days on two machines (processes here).

One Space has a wrong key and one a day that cannot be had: neither holds up the others.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import shutil
import signal
import sys
import time
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg import sql

from demo.dagster_server import CHECKS, ENDED, PROJECT, Dagster, DagsterError, fleet_environment, most_at_once
from demo.postgres import Postgres, PostgresError
from demo.tables import table
from tap_cometly.sandbox import Fault, Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

FOLDER: Final = PROJECT / "demo-data" / "fleet"
MACHINES: Final = ("east", "west")
TIMEZONES: Final = ("America/New_York", "Europe/Berlin", "Asia/Tokyo", "UTC")
WRONG_KEY: Final = "space_07"
BAD_DAY: Final = "space_13"
EVENTS_PER_DAY: Final = 200
UNDER_WAY: Final = frozenset({"STARTING", "STARTED", "CANCELING"})
PATIENCE_SECONDS: Final = 3600
HELD: Final = sql.SQL("select count(distinct event_date), count(*) from {}")
SHOWN: Final = {True: "passed", False: "FAILED", None: ""}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo."""
    parser = argparse.ArgumentParser(prog="python -m demo.fleet", description=__doc__)
    parser.add_argument("--spaces", type=int, default=20, metavar="N", help="default: %(default)s")
    parser.add_argument("--days", type=int, default=10, metavar="N", help="default: %(default)s")
    parser.add_argument("--port", type=int, default=0, help="port of the web page (default: any free one)")
    parser.add_argument("--stay", action="store_true", help="leave all running at the end, until Ctrl-C")
    options = parser.parse_args(arguments)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        tour(options.spaces, options.days, port=options.port, stay=options.stay)
    except (DagsterError, PostgresError, psycopg.Error) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 1
    return 0


def tour(count: int, days: int, *, port: int, stay: bool) -> None:
    """Load a fleet, and show what Dagster and the tables say."""
    began = time.monotonic()
    postgres = Postgres(FOLDER / "postgres")
    postgres.erase()
    shutil.rmtree(FOLDER, ignore_errors=True)
    parts = f"web page, daemon, machines {' and '.join(MACHINES)}"
    print(f"\n==> Starting {count} local Cometlys, PostgreSQL, and Dagster: {parts}", flush=True)
    with postgres, simulated(count, days, faults=True) as (spaces, keys):
        environment = fleet_environment(FOLDER, postgres, spaces, keys)
        machines = {name: space["machine"] for name, space in spaces["spaces"].items()}
        with Dagster(FOLDER, environment, MACHINES, port) as dagster:
            print(f"    {dagster.url} is Dagster's page, for as long as this runs.")
            print(f"\n==> Loading {days} days of each Space, one run for each", flush=True)
            dagster.launch(machines)
            follow(dagster)
            print(f"    At most {most_at_once(dagster.runs())} were under way at once")
            print()
            print(_result(dagster, postgres, machines))
            print(f"\n    {WRONG_KEY} has a wrong key and {BAD_DAY} a day that cannot be had: on purpose.\n")
            for machine in MACHINES:
                grid = f"{dagster.url}/assets/{machine}/cometly_days?view=partitions"
                print(f"    {machine}: {dagster.cells(machine)} days in the grid, {grid}")
            print(f"\nDone in {time.monotonic() - began:.0f} seconds.", flush=True)
            if stay:
                print("Ctrl-C ends it.", flush=True)
                signal.pause()
            else:
                print('The page ends with the demo; `make fleet-demo OPTIONS="--stay"` keeps it.')


@contextlib.contextmanager
def simulated(
    count: int, days: int, *, faults: bool = False, events_per_day: int = EVENTS_PER_DAY
) -> Iterator[tuple[dict[str, Any], dict[str, str]]]:
    """Start a Cometly for each Space; yield what goes into spaces.yaml, and the keys that it names."""
    first_day = dt.datetime.now(dt.timezone.utc).date() - dt.timedelta(days=days + 1)
    spaces: dict[str, Any] = {}
    keys: dict[str, str] = {}
    with contextlib.ExitStack() as stack:
        for number in range(1, count + 1):
            name, variable = f"space_{number:02}", f"SPACE_{number:02}_KEY"
            timezone = TIMEZONES[number % len(TIMEZONES)]
            # The real API lets 5 exports a minute begin; the tap learns from its answers that this one allows more.
            cometly = stack.enter_context(
                Sandbox(
                    seed=number,
                    timezone=timezone,
                    creates_per_minute=600,
                    polls_per_minute=6000,
                    job_seconds=0.5,
                    events_per_day=events_per_day,
                )
            )
            if faults and name == BAD_DAY:
                cometly.inject(
                    Fault("file", "rows", day=first_day + dt.timedelta(days=4), rows=[b"not an event"], times=None)
                )
            settings = {
                "api_url": cometly.api_url,
                "timezone": timezone,
                "start_date": first_day.isoformat(),
                "end_date": (first_day + dt.timedelta(days=days - 1)).isoformat(),
            }
            spaces[name] = {
                "settings": settings,
                "secrets": {"api_key": variable},
                "machine": MACHINES[number % len(MACHINES)],
            }
            keys[variable] = "wrong" if faults and name == WRONG_KEY else cometly.api_key
        yield {"spaces": spaces}, keys


def follow(dagster: Dagster) -> None:
    """Wait until every run has ended, those of second attempts included, and say how many have."""
    told = -1

    def all_ended() -> bool:
        nonlocal told
        statuses = [run.status for run in dagster.runs()]
        ended = sum(status in ENDED for status in statuses)
        if ended != told:
            told = ended
            under_way = sum(status in UNDER_WAY for status in statuses)
            print(f"    {ended} of {len(statuses)} runs have ended, {under_way} are under way", flush=True)
        return ended == len(statuses)

    dagster.wait("The runs", all_ended, PATIENCE_SECONDS)


def _result(dagster: Dagster, postgres: Postgres, machines: Mapping[str, str]) -> str:
    """Return a table of the Spaces: what Dagster says of run and checks, what is in PostgreSQL."""
    latest = {run.space: run.status for run in reversed(dagster.runs())}
    rows = []
    with postgres.connect() as db:
        for space, machine in machines.items():
            view = sql.Identifier(f"cometly_{space}", "events_now")
            is_there = db.execute("select to_regclass(%s)", [f"cometly_{space}.events_now"]).fetchone() != (None,)
            found = db.execute(HELD.format(view)).fetchone() if is_there else None
            days, events = found or (0, 0)
            checks = [SHOWN[dagster.check(machine, space, name)] for name in CHECKS]
            rows.append((space, machine, latest[space].lower(), days, events, *checks))
    return table(["Space", "machine", "run", "days", "events", *CHECKS], rows)


if __name__ == "__main__":
    sys.exit(main())
