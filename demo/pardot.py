"""The demo of the tap for Account Engagement: ``python -m demo.pardot``. The database stays in demo-data/pardot."""

from __future__ import annotations

import datetime as dt
import sys
import time
from typing import Final

from demo.meltano import PROJECT
from demo.sibling import ended, load_and_show, new_database, say
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


def tour() -> None:
    """Load three months from a local Account Engagement into PostgreSQL, and show what arrived."""
    postgres = new_database(FOLDER)
    start = dt.datetime.now(dt.timezone.utc).date() - dt.timedelta(days=DAYS)
    say("Starting a local Account Engagement and PostgreSQL")
    pardot = Sandbox(first_day=start, per_day=100, job_seconds=0.5)  # the real one makes an export in minutes
    for key in pardot.world.keys("prospects")[:40]:
        pardot.world.delete("prospects", key, at=time.time() - 7 * 86_400)
    with pardot, postgres:
        settings = {**pardot.config, "start_date": start, "poll_seconds": 1}
        load_and_show("tap-pardot-exports", FOLDER, settings, postgres, schema="pardot", queries=QUERIES)


if __name__ == "__main__":
    sys.exit(ended(tour))
