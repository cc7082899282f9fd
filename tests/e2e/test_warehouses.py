"""Into real databases, also through Meltano: what is in the table is what is true in Cometly, row for row."""

from __future__ import annotations

import dataclasses
import datetime as dt
import uuid
from typing import Any

import pytest

from tap_cometly.vocabulary import HIERARCHY_NAMES, REQUESTABLE_NAMES

SOURCES = ["facebook_ads", "google_ads", "tiktok_organic", "email", "direct"]
PLAIN = [name for name in REQUESTABLE_NAMES if name not in HIERARCHY_NAMES]
NAMES_TO_TRIP_OVER = [
    'comma, "quote", tab\t, \\N, \\',
    "two\nlines\r\n",
    "'; drop table events; --",
    "null",
    "NULL",
    "ÄÖ 数 🙂",
]


@dataclasses.dataclass(frozen=True)
class Request:
    """What is asked of Cometly: as the user sets it, and as the sandbox is asked for the truth."""

    settings: dict[str, str]
    query: dict[str, Any]


REQUESTS = {
    "no attribution": Request({}, {"fields": PLAIN}),
    **{
        model: Request(
            {
                "TAP_COMETLY_SOURCES": str(SOURCES).replace("'", '"'),
                "TAP_COMETLY_ATTRIBUTION_MODEL": model,
                "TAP_COMETLY_ATTRIBUTION_WINDOW": "30",
            },
            {"fields": REQUESTABLE_NAMES, "sources": SOURCES, "attribution_model": model, "attribution_window": 30},
        )
        for model in ("last_touch", "linear")
    },
}


class PostgresTable:
    """The table in PostgreSQL; every test has its own schema."""

    target = "target-postgres"

    def __init__(self, server):
        self.server = server
        self.schema = f"test_{uuid.uuid4().hex}"
        self.settings = {
            "TARGET_POSTGRES_SQLALCHEMY_URL": server.url,
            "TARGET_POSTGRES_DEFAULT_TARGET_SCHEMA": self.schema,
        }

    def rows(self):
        import psycopg.rows  # noqa: PLC0415

        with self.server.connect() as connection:
            cursor = connection.cursor(row_factory=psycopg.rows.dict_row)
            return cursor.execute(f"select * from {self.schema}.events").fetchall()  # noqa: S608


class DuckDBTable:
    """The table in a DuckDB file."""

    target = "target-duckdb"

    def __init__(self, folder):
        self.file = folder / "warehouse.duckdb"
        self.settings = {"TARGET_DUCKDB_FILEPATH": str(self.file), "TARGET_DUCKDB_DEFAULT_TARGET_SCHEMA": "cometly"}

    def rows(self):
        import duckdb  # noqa: PLC0415

        with duckdb.connect(str(self.file), read_only=True) as connection:
            answer = connection.execute("select * from cometly.events")
            names = [column[0] for column in answer.description]
            return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]


@pytest.fixture(params=["postgres", "duckdb"])
def table(request, tmp_path):
    if request.param == "postgres":
        return PostgresTable(request.getfixturevalue("postgres"))
    return DuckDBTable(tmp_path)


def comparable(rows):
    """Rows as sorted tuples of text: what the targets change without loss is made equal (types of dates and numbers).

    Both targets read JSON numbers as floats, so amounts are compared as such: exact to 15 digits.
    """
    unlike = ("_sdc_", "day_digest")

    def text(name, value):
        if name == "amount" and value is not None:
            return repr(float(value))
        if name == "event_time_utc":
            return dt.datetime.fromisoformat(str(value).replace("Z", "")).isoformat()
        return str(value)

    return sorted(
        tuple(sorted((name, text(name, value)) for name, value in row.items() if not name.startswith(unlike)))
        for row in rows
    )


def between(first, last):
    return {"TAP_COMETLY_START_DATE": str(first), "TAP_COMETLY_END_DATE": str(last)}


def truth(cometly, days, query):
    return [{**row, "event_date": day} for day in days for row in cometly.truth(day, **query)]


@pytest.mark.parametrize(
    ("table", "name", "way"),
    [
        ("postgres", "linear", "through_meltano"),
        pytest.param("duckdb", "no attribution", "through_meltano", marks=pytest.mark.integrations),
        ("postgres", "no attribution", "piped"),
        ("duckdb", "linear", "piped"),
    ],
    indirect=["table"],
)
def test_the_table_is_the_truth_after_every_run(request, name, way, cometly, table, last_day):
    asked = REQUESTS[name]
    days = [last_day - dt.timedelta(days=age) for age in range(4, -1, -1)]
    load = request.getfixturevalue(way)(**asked.settings, **table.settings, TAP_COMETLY_START_DATE=str(days[0]))

    load(table.target, TAP_COMETLY_END_DATE=str(days[-2]))
    first = table.rows()
    assert comparable(first) == comparable(truth(cometly, days[:-1], asked.query))

    load(table.target, TAP_COMETLY_END_DATE=str(days[-2]))
    assert comparable(table.rows()) == comparable(first), "a second run adds nothing"

    load(table.target, TAP_COMETLY_END_DATE=str(days[-1]))
    assert comparable(table.rows()) == comparable(truth(cometly, days, asked.query)), "a later run adds the new day"

    assert cometly.api_key not in load.log.read_text()


def test_a_single_touch_model_gives_the_touchpoints_it_credits(cometly, piped, table, last_day):
    asked = REQUESTS["last_touch"]
    days = [last_day - dt.timedelta(days=1), last_day]
    load = piped(**asked.settings, **table.settings, **between(*days))

    load(table.target)

    rows = table.rows()
    assert {row["source"] for row in rows} <= set(SOURCES)
    assert len({row["id"] for row in rows}) == len(rows) > 0, "one touchpoint for each event"
    assert comparable(rows) == comparable(truth(cometly, days, asked.query))


def test_what_changes_within_the_lookback_reaches_the_table_as_it_is(cometly, piped, table, last_day):
    asked = REQUESTS["no attribution"]
    days = [last_day - dt.timedelta(days=1), last_day]
    load = piped(**table.settings, **between(*days))
    load(table.target)
    cometly.history.edit(table.rows()[0]["id"], amount="0.07")
    noon = dt.datetime.combine(last_day, dt.time(12), tzinfo=dt.timezone.utc)
    for minute, name in enumerate(NAMES_TO_TRIP_OVER):
        cometly.history.add(noon + dt.timedelta(minutes=minute), amount="1234.56", order_name=name)

    load(table.target)

    assert comparable(table.rows()) == comparable(truth(cometly, days, asked.query))
