"""The documents' view in real databases: it follows deletions and re-attribution, and the plain table keeps history."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from tests.documents import block
from tests.e2e.test_warehouses import REQUESTS, SOURCES, DuckDBTable, PostgresTable, truth

CENT = Decimal("0.01")


def of_document(beginning, schema):
    """The statement of docs/current-truth.md that begins so, for the tables in this schema."""
    return block("docs/current-truth.md", "sql", beginning).replace("cometly.", f"{schema}.")


class Postgres(PostgresTable):
    create_view = "create view"

    def ask(self, sql):
        with self.server.connect() as connection:
            cursor = connection.execute(sql)
            return cursor.fetchall() if cursor.description else []


class DuckDB(DuckDBTable):
    create_view = "create or replace view cometly."
    schema = "cometly"

    def ask(self, sql):
        import duckdb  # noqa: PLC0415

        with duckdb.connect(str(self.file)) as connection:
            return connection.execute(sql).fetchall()


@pytest.fixture(params=["postgres", "duckdb"])
def table(request, tmp_path):
    return Postgres(request.getfixturevalue("postgres")) if request.param == "postgres" else DuckDB(tmp_path)


class Loads:
    """Loads of some days, and what the view shows after them."""

    def __init__(self, asked, cometly, piped, table, days):
        self.asked, self.cometly, self.table, self.days = asked, cometly, table, days
        self._load = piped(
            **asked.settings,
            **table.settings,
            TAP_COMETLY_START_DATE=str(days[0]),
            TAP_COMETLY_END_DATE=str(days[-1]),
            TAP_COMETLY_LOOKBACK_DAYS=str(len(days)),
        )
        self.key = ("id", "touchpoint_id") if "sources" in asked.query else ("id",)

    def load(self):
        return self._load(self.table.target)

    def finds_nothing_changed(self):
        """Load once more: not one event is written."""
        before = self.table.rows()
        said = self.load()
        assert self.table.rows() == before
        assert said.count(" unchanged (") == len(self.days)

    def shown(self, source):
        names = ", ".join((*self.key, "event_date", "amount"))
        rows = self.table.ask(f"select {names} from {self.table.schema}.{source}")  # noqa: S608 - our own names
        return sorted((*map(str, keys), cents(amount)) for *keys, amount in rows)

    def true(self):
        rows = truth(self.cometly, self.days, self.asked.query)
        return sorted((*(str(row[name]) for name in (*self.key, "event_date")), cents(row["amount"])) for row in rows)

    def wrong_days(self):
        return self.table.ask(of_document("select event_date", self.table.schema))


def cents(amount):
    return str(Decimal(str(amount)).quantize(CENT))


@pytest.fixture
def days(last_day):
    return [last_day - dt.timedelta(days=age) for age in range(2, -1, -1)]


@pytest.fixture(params=["no attribution", "linear"])
def loads(request, cometly, piped, table, days):
    loads = Loads(REQUESTS[request.param], cometly, piped, table, days)
    loads.load()
    table.ask(of_document(table.create_view, table.schema))
    return loads


def change(cometly, days):
    """Delete, raise, move and re-attribute events of several days; return those that are no more."""
    events = [sorted({row["id"] for row in cometly.truth(day)}) for day in days]
    gone = {events[0][0], events[1][5], events[2][7]}
    for event in gone:
        cometly.history.delete(event)
    cometly.history.edit(events[1][1], amount="1234.56")
    cometly.history.back_date(events[2][2], cometly.history.find(events[1][3]).time)
    for event in events[1][6:30]:
        cometly.history.reattribute(event, touchpoints=[{"source": SOURCES[event % 2], "days_before": 2}])
    return gone


def test_the_view_follows_to_the_cent_and_the_plain_table_keeps_history(loads, table, cometly, days):
    assert loads.shown("events_now") == loads.shown("events") == loads.true()

    loads.finds_nothing_changed()

    gone = {str(event) for event in change(cometly, days)}
    loads.load()
    assert loads.shown("events_now") == loads.true()
    assert not gone & {row[0] for row in loads.shown("events_now")}
    assert len(loads.shown("events")) > len(loads.shown("events_now"))
    assert not loads.wrong_days()

    table.ask(f"delete from {table.schema}.events where event_date = '{days[1]}'")  # noqa: S608
    assert [str(row[0]) for row in loads.wrong_days()] == [str(days[1])], "the check finds what was tampered with"
    table.ask(f"delete from {table.schema}.event_days where event_date = '{days[0]}'")  # noqa: S608
    assert sorted(str(row[0]) for row in loads.wrong_days()) == [str(day) for day in days[:2]], (
        "and a ledger that lacks a day"
    )
