"""The demo of the tap for APSIS One: ``python -m demo.apsis``. The database stays in demo-data/apsis."""

from __future__ import annotations

import datetime as dt
import re
import shutil
import sys
import time
from typing import Final

import psycopg

from demo.meltano import PROJECT, Meltano, MeltanoError
from demo.postgres import Postgres, PostgresError
from demo.tables import table
from tap_apsis_one.sandbox import Limits, Quirks, Sandbox

FOLDER: Final = PROJECT / "demo-data" / "apsis"
DAYS: Final = 60
QUERIES: Final = {
    "What happened to e-mails, by type:": """
        select type, count(*) as events, count(distinct address) as addresses, max(server_time)::date as latest
        from apsis_one.email_events group by 1 order by 2 desc
    """,
    "Revenue of the shop, by city of the profile:": """
        select coalesce(p.webshop_city, p.club_city) as city, count(*) as orders,
               sum((e.data ->> 'total')::numeric)::numeric(12, 2) as revenue
        from apsis_one.profile_events e join apsis_one.profiles p using (export_key, section_id)
        where e.event_name = 'Order' group by 1 order by 3 desc
    """,
}


def main() -> int:
    """Load sixty days from a local APSIS One into PostgreSQL, and show what arrived."""
    try:
        tour()
    except (MeltanoError, PostgresError, psycopg.Error) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 1
    return 0


def tour() -> None:
    """Load, and show."""
    began = time.monotonic()
    postgres = Postgres(FOLDER / "postgres")
    postgres.erase()
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    start = dt.datetime.now(dt.timezone.utc).date() - dt.timedelta(days=DAYS)
    _say("Starting a local APSIS One and PostgreSQL")
    # The real API lets one export a minute begin; the tap learns from its answers that this one allows more.
    account = Sandbox(
        profiles=300, job_seconds=0.5, limits=Limits(creates=600, polls=6000), quirks=Quirks(limit_headers=True)
    )
    with account, postgres:
        settings = {
            **{f"TAP_APSIS_ONE_{name.upper()}": value for name, value in account.credentials.items()},
            "TAP_APSIS_ONE_START_DATE": start.isoformat(),
            "TARGET_POSTGRES_SQLALCHEMY_URL": postgres.url,
            "TARGET_POSTGRES_DEFAULT_TARGET_SCHEMA": "apsis_one",
        }
        meltano = Meltano(FOLDER, settings)
        _say("meltano install tap-apsis-one target-postgres")
        meltano("install", "tap-apsis-one", "target-postgres")
        _say("meltano run tap-apsis-one target-postgres")
        meltano("run", "tap-apsis-one", "target-postgres", tell=_show_window)
        for title, query in QUERIES.items():
            print(f"\n{title}\n")
            with postgres.connect() as connection:
                answer = connection.execute(query)
                print(table([column.name for column in answer.description or ()], answer.fetchall()))
    print(f"\nDone in {time.monotonic() - began:.0f} seconds. The database stays in {FOLDER.relative_to(PROJECT)}/.")
    print("Your own account: packages/tap-apsis-one/README.md says how, and what is not certain without one.")


def _show_window(line: str) -> None:
    """Show of Meltano's log what the tap says of a window."""
    if found := re.search(r"\d{4}-\d\d-\d\d (?:to \d{4}-\d\d-\d\d )?(?:delivered|unchanged) .*", line):
        print(f"    {found[0]}", flush=True)


def _say(what: str) -> None:
    print(f"\n==> {what}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
