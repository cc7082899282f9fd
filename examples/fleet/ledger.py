"""What PostgreSQL knows of a Space: STATE, the days that runs touched, and whether rows and ledger agree."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final

from psycopg import sql
from psycopg.types.json import Jsonb

from fleet.lock import connect

if TYPE_CHECKING:
    import datetime as dt
    from decimal import Decimal

    import psycopg

    from fleet.spaces import Space

TABLE: Final = """
    begin;
    select pg_advisory_xact_lock(hashtextextended('cometly', 0));  -- `if not exists` does not keep two runs apart
    create schema if not exists fleet;
    create table if not exists fleet.spaces (space text primary key, state jsonb, told_until timestamp);
    commit;
"""
UNTOLD_DAYS: Final = """
    select event_date, row_count, amount_total, revision, export_id, checked_at from {schema}.event_days
    where checked_at > coalesce((select told_until from fleet.spaces where space = {space}), '-infinity')
    order by event_date
"""
WRONG_DAYS: Final = """
    select event_date from {schema}.event_days full join {schema}.events using (event_date)
    group by event_date, event_days.row_count
    having event_days.row_count is null
        or event_days.row_count <> count(events.id) filter (where events.day_digest = event_days.day_digest)
    order by event_date
"""
MISSING_DAYS: Final = """
    select wanted::date
    from (select coalesce(min(event_date), current_date - 1), coalesce(max(event_date), current_date - 1)
          from {schema}.event_days) as ledger (first, last),
        generate_series(least(ledger.first, {first_day}::date), ledger.last, interval '1 day') as wanted
    where not exists (select from {schema}.event_days where event_date = wanted) order by wanted
"""
CHECKS: Final = {
    "rows_found_are_rows_told": (WRONG_DAYS, "In each day's rows the ledger finds as many as it tells of."),
    "no_day_is_missing": (MISSING_DAYS, "The ledger has every day from the first to the last."),
}
VIEW: Final = """
    create view {schema}.events_now as
    select events.* from {schema}.events join {schema}.event_days using (event_date, day_digest)
"""


@dataclasses.dataclass(frozen=True)
class Day:
    """What the ledger says of a day."""

    event_date: dt.date
    row_count: int
    amount_total: Decimal | None
    revision: int
    export_id: int
    checked_at: dt.datetime

    def figures(self) -> dict[str, int | float | None]:
        """Return what is worth showing of it."""
        return {
            "rows": self.row_count,
            "amount": None if self.amount_total is None else float(self.amount_total),
            "revision": self.revision,
            "export": self.export_id,
        }


def read_state(db: psycopg.Connection, space: Space) -> Any:
    """Return the STATE of a Space; None before its first."""
    db.execute(TABLE)
    db.execute("insert into fleet.spaces values (%s) on conflict do nothing", [space.name])
    (state,) = db.execute("select state from fleet.spaces where space = %s", [space.name]).fetchone() or (None,)
    return state


def write_state(db: psycopg.Connection, space: Space, state: Any) -> None:
    """Keep a STATE."""
    db.execute("update fleet.spaces set state = %s where space = %s", [Jsonb(state), space.name])


def untold_days(db: psycopg.Connection, space: Space) -> list[Day]:
    """Return the days that runs have touched since this was last asked, killed runs included."""
    if not exists(db, space, "event_days"):
        return []
    days = [Day(*row) for row in db.execute(_about(space, UNTOLD_DAYS))]
    if days:
        told_until = max(day.checked_at for day in days)
        db.execute("update fleet.spaces set told_until = %s where space = %s", [told_until, space.name])
    return days


def make_view(db: psycopg.Connection, space: Space) -> None:
    """Make the view of what Cometly says now, if it is not there."""
    if exists(db, space, "event_days") and not exists(db, space, "events_now"):
        db.execute(_about(space, VIEW))


def what_is_wrong(space: Space, check: str) -> str | None:
    """Return the days that one of `CHECKS` finds, in words; None if all is well."""
    query, _ = CHECKS[check]
    with connect() as db:
        if not exists(db, space, "event_days"):
            return "nothing has been delivered yet"
        return ", ".join(day.isoformat() for (day,) in db.execute(_about(space, query))) or None


def exists(db: psycopg.Connection, space: Space, table: str) -> bool:
    """Return whether a run has made the table."""
    return db.execute("select to_regclass(%s)", [f"{space.schema}.{table}"]).fetchone() != (None,)


def _about(space: Space, query: Any) -> sql.Composed:
    names = {"schema": sql.Identifier(space.schema), "space": space.name, "first_day": space.first_day}
    return sql.SQL(query).format(**names)
