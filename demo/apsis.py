"""The demo of the tap for APSIS One: ``python -m demo.apsis``. The database stays in demo-data/apsis."""

from __future__ import annotations

import datetime as dt
import sys
from typing import Final

from demo.meltano import PROJECT
from demo.sibling import ended, load_and_show, new_database, say
from tap_apsis_one.sandbox import Limits, Quirks, Sandbox

FOLDER: Final = PROJECT / "demo-data" / "apsis"
DAYS: Final = 60
QUERIES: Final = {
    "What happened to e-mails, by type:": """
        select type, count(*) as events, count(distinct address) as addresses, max(server_time)::date as latest
        from apsis_one.email_events group by 1 order by 2 desc
    """,
    "Revenue of the shop, by city of the profile:": """
        select p.city_z9e3a5hh as city, count(*) as orders,
               sum((e.data ->> 'total')::numeric)::numeric(12, 2) as revenue
        from apsis_one.profile_events e join apsis_one.profiles p using (export_key, section_id)
        where e.event_name = 'Order' group by 1 order by 3 desc
    """,
}


def tour() -> None:
    """Load sixty days from a local APSIS One into PostgreSQL, and show what arrived."""
    postgres = new_database(FOLDER)
    start = dt.datetime.now(dt.timezone.utc).date() - dt.timedelta(days=DAYS)
    say("Starting a local APSIS One and PostgreSQL")
    # The real API lets one export a minute begin; the tap learns from its answers that this one allows more.
    account = Sandbox(
        profiles=300, job_seconds=0.5, limits=Limits(creates=600, polls=6000), quirks=Quirks(limit_headers=True)
    )
    with account, postgres:
        settings = {**account.credentials, "start_date": start}
        load_and_show("tap-apsis-one", FOLDER, settings, postgres, schema="apsis_one", queries=QUERIES)


if __name__ == "__main__":
    sys.exit(ended(tour))
