"""The demo of the tap for Account Engagement: ``python -m demo.pardot``. The database stays in demo-data/pardot."""

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
from tap_pardot_exports.sandbox import Sandbox

FOLDER: Final = PROJECT / "demo-data" / "pardot"
DAYS: Final = 90
QUERIES: Final = {
    "What there is now:": """
        select 'visitor_activities' as stream, count(*) as rows, max(updated_at)::date as latest
        from pardot.visitor_activities
        union all select 'prospects', count(*), max(updated_at)::date from pardot.prospects
        union all select 'list_memberships', count(*), max(updated_at)::date from pardot.list_memberships
        union all select 'visitors', count(*), max(updated_at)::date from pardot.visitors
        union all select 'prospect_accounts', count(*), max(updated_at)::date from pardot.prospect_accounts
        union all select 'external_activities', count(*), max(created_at)::date from pardot.external_activities
    """,
    "Prospects in the recycle bin, and elsewhere:": """
        select is_deleted, count(*) as prospects, count(*) filter (where opted_out) as opted_out
        from pardot.prospects group by 1 order by 1
    """,
}


def main() -> int:
    """Load three months from a local Account Engagement into PostgreSQL, and show what arrived."""
    try:
        tour()
    except (MeltanoError, PostgresError, psycopg.Error) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 1
    return 0


def tour() -> None:
    """Load, delete something, load again, and show."""
    began = time.monotonic()
    postgres = Postgres(FOLDER / "postgres")
    postgres.erase()
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    start = dt.datetime.now(dt.timezone.utc).date() - dt.timedelta(days=DAYS)
    _say("Starting a local Account Engagement and PostgreSQL")
    pardot = Sandbox(first_day=start, per_day=100, job_seconds=0.5)  # the real one makes an export in minutes
    for key in pardot.world.keys("prospects")[:40]:
        pardot.world.delete("prospects", key, at=time.time() - 7 * 86_400)
    with pardot, postgres:
        settings = {
            **{f"TAP_PARDOT_EXPORTS_{name.upper()}": str(value) for name, value in pardot.config.items()},
            "TAP_PARDOT_EXPORTS_START_DATE": start.isoformat(),
            "TAP_PARDOT_EXPORTS_POLL_SECONDS": "1",
            "TARGET_POSTGRES_SQLALCHEMY_URL": postgres.url,
            "TARGET_POSTGRES_DEFAULT_TARGET_SCHEMA": "pardot",
        }
        meltano = Meltano(FOLDER, settings)
        _say("meltano install tap-pardot-exports target-postgres")
        meltano("install", "tap-pardot-exports", "target-postgres")
        _say("meltano run tap-pardot-exports target-postgres")
        meltano("run", "tap-pardot-exports", "target-postgres", tell=_show_window)
        for title, query in QUERIES.items():
            print(f"\n{title}\n")
            with postgres.connect() as connection:
                answer = connection.execute(query)
                print(table([column.name for column in answer.description or ()], answer.fetchall()))
    print(f"\nDone in {time.monotonic() - began:.0f} seconds. The database stays in {FOLDER.relative_to(PROJECT)}/.")
    print("Your own account: packages/tap-pardot-exports/README.md says how, and what is not certain without one.")


def _show_window(line: str) -> None:
    """Show of Meltano's log what the tap says of a window."""
    if found := re.search(r"\d{4}-\d\d-\d\d (?:to \d{4}-\d\d-\d\d )?(?:\(\w+\) )?(?:delivered|unchanged) .*", line):
        print(f"    {found[0]}", flush=True)


def _say(what: str) -> None:
    print(f"\n==> {what}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
