"""The demo as a story: ``python -m demo``, then ``python -m demo query "select ..."`` or ``python -m demo psql``."""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import json
import re
import shutil
import signal
import sys
import time
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

import psycopg

from demo.meltano import PROJECT, Meltano, MeltanoError
from demo.postgres import Postgres, PostgresError
from demo.tables import table
from tap_cometly.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FOLDER: Final = PROJECT / "demo-data"
TIMEZONE: Final = "America/New_York"
DAYS: Final = 30

WEEKS: Final = """
    select date_trunc('week', event_date)::date as week_of, count(distinct event_date) as days,
           count(*) as events, sum(amount)::numeric(12, 2) as revenue
    from cometly.events group by 1 order by 1
"""
NAMES: Final = """
    select coalesce(configured_name, event_name) as event, count(*) as events,
           sum(amount)::numeric(12, 2) as revenue
    from cometly.events group by 1 order by 2 desc, 1 limit 10
"""
PEOPLE: Final = """
    select contacts.email, count(*) as events, sum(events.amount)::numeric(12, 2) as revenue
    from cometly.events join cometly.contacts on contacts.id = events.profile_id
    group by 1 having sum(events.amount) > 0 order by 3 desc, 1 limit 5
"""
LOOKED_AT: Final = """
    select count(*) as days, min(event_date) as first, max(event_date) as last,
           count(*) filter (where exported_at >= %(start)s) as new_or_changed
    from cometly.event_days where checked_at >= %(start)s
"""
WRITTEN: Final = "select count(*) as events from cometly.events where _sdc_batched_at >= %(start)s"
TOTAL: Final = "select count(*) as rows, count(distinct id) as events from cometly.events"
TO_TRY: Final = (
    "select event_date, count(*), sum(amount) from cometly.events where event_name = 'purchase' group by 1 order by 1"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo, or a query on what it left."""
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("tour", help="the demo itself (default)")
    query = commands.add_parser("query", help="print the answer to a query")
    query.add_argument("sql")
    commands.add_parser("psql", help="open psql on the database")
    options = parser.parse_args(arguments)
    # `kill` and a closed terminal end the demo as Ctrl-C does: every `with` block stops what it has started.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        if options.command == "query":
            ask(options.sql)
        elif options.command == "psql":
            return open_psql()
        else:
            tour()
    except (MeltanoError, PostgresError, psycopg.Error) as error:
        return _fail(str(error))
    except KeyboardInterrupt:
        return _fail("Stopped.")
    return 0


def tour() -> None:
    """Load 30 days, show them, let something change, load again."""
    began = time.monotonic()
    postgres = Postgres(FOLDER / "postgres")
    postgres.erase()
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    last_day = dt.datetime.now(ZoneInfo(TIMEZONE)).date() - dt.timedelta(days=1)
    first_day = last_day - dt.timedelta(days=DAYS - 1)

    _say("Starting a local Cometly and PostgreSQL")
    # The real API lets 5 exports a minute begin; the tap learns from its answers that this one allows more.
    cometly = Sandbox(timezone=TIMEZONE, creates_per_minute=600, polls_per_minute=6000, job_seconds=0.5)
    with cometly, postgres:
        settings = {
            "TAP_COMETLY_API_URL": cometly.api_url,
            "TAP_COMETLY_API_KEY": cometly.api_key,
            "TAP_COMETLY_TIMEZONE": TIMEZONE,
            "TAP_COMETLY_START_DATE": first_day.isoformat(),
            "TAP_COMETLY__SELECT": json.dumps(["events.*", "event_days.*", "contacts.*"]),
            "TARGET_POSTGRES_SQLALCHEMY_URL": postgres.url,
        }
        meltano = Meltano(FOLDER, settings)
        _say("meltano install tap-cometly target-postgres")
        meltano("install", "tap-cometly", "target-postgres")

        _load(meltano, postgres)
        print(f"\nWhat arrived, {first_day} to {last_day}, by week of the Space's days ({TIMEZONE}):\n")
        _show(postgres, WEEKS)
        print("\nThe most frequent events:\n")
        _show(postgres, NAMES)
        print("\nWho brought most, of the people who came in these days (stream `contacts`):\n")
        _show(postgres, PEOPLE)

        print("\nClosed days still change in Cometly: now a purchase of 500.00 arrives late for yesterday.")
        print("The same command again looks at the last 3 days once more:")
        noon = dt.datetime.combine(last_day, dt.time(12), tzinfo=ZoneInfo(TIMEZONE))
        cometly.history.add(noon, event_name="purchase", amount="500.00")
        _load(meltano, postgres)
    print(f"\nDone in {time.monotonic() - began:.0f} seconds. The database stays in demo-data/; ask it anything:\n")
    print(f'  .venv/bin/python -m demo query "{TO_TRY}"')
    print("  .venv/bin/python -m demo psql")
    print("\nYour own events: copy .env.example to .env, put your API key into it, and")
    print("  .venv/bin/meltano run tap-cometly target-postgres")


def ask(sql: str) -> None:
    """Print the answer to a query on the demo's database."""
    with _kept_database() as postgres:
        _show(postgres, sql)


def open_psql() -> int:
    """Open psql on the demo's database."""
    with _kept_database() as postgres:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in psql cancels a query, not the database
        return postgres.shell()


def _load(meltano: Meltano, postgres: Postgres) -> None:
    _say("meltano run tap-cometly target-postgres")
    start = dt.datetime.now(dt.timezone.utc).replace(tzinfo=None, microsecond=0)
    began = time.monotonic()
    meltano("run", "tap-cometly", "target-postgres", tell=_show_day)
    seconds = time.monotonic() - began
    with postgres.connect() as connection:
        days, first, last, changed = _row(connection, LOOKED_AT, start=start)
        (events,) = _row(connection, WRITTEN, start=start)
        rows, distinct = _row(connection, TOTAL)
    print(f"    {days} days ({first} to {last}), {changed} of them new or changed, in {seconds:.1f} seconds.")
    print(f"    {events:,} events written; the table now has {rows:,} rows, {distinct:,} different events.")


def _show_day(line: str) -> None:
    """Show of Meltano's log what the tap says of a day."""
    if day := re.search(
        r"(?:contacts )?(?:\d{4}-\d\d-\d\d to )?\d{4}-\d\d-\d\d (?:delivered|unchanged|changed) .*", line
    ):
        print(f"    {day.group()}", flush=True)


def _row(connection: psycopg.Connection, sql: Any, **values: object) -> tuple[Any, ...]:
    row = connection.execute(sql, values).fetchone()
    return row or ()


def _show(postgres: Postgres, sql: Any) -> None:
    with postgres.connect() as connection:
        answer = connection.execute(sql)
        if answer.description is None:
            print(answer.statusmessage)
        else:
            print(table([column.name for column in answer.description], answer.fetchall()))


@contextlib.contextmanager
def _kept_database() -> Iterator[Postgres]:
    data = FOLDER / "postgres"
    if not data.exists():
        raise PostgresError("There is no database yet: run `make demo` first.")
    with Postgres(data) as postgres:
        yield postgres


def _say(what: str) -> None:
    print(f"\n==> {what}", flush=True)


def _fail(why: str) -> int:
    print(f"\n{why}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
