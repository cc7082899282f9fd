"""Account Engagement into PostgreSQL, through Meltano: the tables hold exactly what the vendor has."""

from __future__ import annotations

import os
import signal
from datetime import datetime, timedelta, timezone

import pytest

from demo.meltano import MeltanoError
from tap_pardot_exports import vocabulary as pardot
from tap_pardot_exports.sandbox import Fault, Sandbox
from tests.e2e.loading import tap_of

pytestmark = pytest.mark.siblings
SCHEMA, KILLED = "pardot", "pardot_killed"
DAYS = 40


@pytest.fixture
def today():
    """The day on which the test begins, whatever it ends on."""
    return datetime.now(timezone.utc).date()


class Watch:
    """Does something once, when so many files have been asked for."""

    def __init__(self):
        self.files, self.act = 0, lambda: None

    def after(self, files, act):
        self.files, self.act = files, act

    def __call__(self, request):
        self.files -= request.endpoint == "file"
        if self.files == 0 and request.endpoint == "file":
            self.act()


@pytest.fixture
def watch():
    return Watch()


@pytest.fixture
def unit(today, watch):
    first_day = today - timedelta(days=DAYS)
    with Sandbox(first_day=first_day, per_day=15, job_seconds=0.1, on_request=watch) as sandbox:
        yield sandbox


@pytest.fixture
def settings(unit, postgres, today):
    return {
        **{f"TAP_PARDOT_EXPORTS_{name.upper()}": value for name, value in unit.config.items()},
        "TAP_PARDOT_EXPORTS_START_DATE": (today - timedelta(days=DAYS)).isoformat(),
        "TAP_PARDOT_EXPORTS_POLL_SECONDS": "1",
        "TAP_PARDOT_EXPORTS_WINDOW_DAYS": "20",
        "TARGET_POSTGRES_SQLALCHEMY_URL": postgres.url,
        "TARGET_POSTGRES_DEFAULT_TARGET_SCHEMA": SCHEMA,
    }


def table(server, stream, schema=SCHEMA):
    """Return what PostgreSQL holds of a stream, by key."""
    with server.connect() as connection:
        answer = connection.execute(f"select * from {schema}.{stream}")  # noqa: S608 - our own names
        names = [column.name for column in answer.description]
        rows = [dict(zip(names, row, strict=True)) for row in answer.fetchall()]
    return {row["id"]: {name: written(value) for name, value in row.items() if name[0] != "_"} for row in rows}


def written(value):
    return value.isoformat()[:19] + "Z" if isinstance(value, datetime) else value


def assert_equal(unit, server, last_day, schema=SCHEMA):
    """Check that each table is the vendor's truth of the days that were exported, each record once and as it is."""
    end = f"{last_day + timedelta(days=1)}T00:00:00Z"
    for stream, thing in pardot.BY_STREAM.items():
        held = table(server, stream, schema)
        cursor = thing.cursors[0]
        columns = next(iter(held.values())).keys()
        true = {row["id"]: {name: row[name] for name in columns} for row in unit.truth(stream) if row[cursor] < end}
        assert {key: held.get(key) for key in true} == true
        assert held.keys() - true.keys() <= {row["id"] for row in unit.truth(stream) if row[cursor] >= end}


def test_the_tables_hold_what_the_vendor_has_and_follow_it(unit, meltano, postgres, today):
    def load(days_ago):
        last = today - timedelta(days=days_ago)
        try:
            meltano(TAP_PARDOT_EXPORTS_END_DATE=last.isoformat())("run", "tap-pardot-exports", "target-postgres")
        finally:
            unit.faults.clear()
        return last

    assert_equal(unit, postgres, load(5))

    # An update, a deletion, something new; and a run that breaks off on the way.
    then = datetime.combine(today - timedelta(days=3), datetime.min.time(), timezone.utc).timestamp()
    first, second, *_ = unit.world.keys("prospects")
    unit.world.update("prospects", first, at=then, email="new@acme.example")
    unit.world.delete("prospects", second, at=then)
    added = unit.world.add("prospects", at=then, email="added@acme.example")
    unit.inject(Fault("create", "code", code=122, after=4))
    with pytest.raises(MeltanoError, match="API calls of the day are used up"):
        load(2)
    assert_equal(unit, postgres, load(2))
    prospects = table(postgres, "prospects")
    assert prospects[first]["email"] == "new@acme.example"
    assert prospects[second]["is_deleted"] is True
    assert prospects[added]["is_deleted"] is False


def test_after_a_tap_that_was_killed_the_next_run_completes_the_tables(unit, watch, meltano, postgres, today):
    last = today - timedelta(days=2)
    run = meltano(TAP_PARDOT_EXPORTS_END_DATE=last.isoformat(), TARGET_POSTGRES_DEFAULT_TARGET_SCHEMA=KILLED)
    watch.after(8, lambda: os.kill(tap_of(run, "tap-pardot-exports"), signal.SIGKILL))
    with pytest.raises(MeltanoError, match="Extractor failed"):
        run("run", "tap-pardot-exports", "target-postgres")
    assert len(table(postgres, "visitor_activities", KILLED)) > 0
    windows = 2
    assert len(unit.jobs.all()) < windows * len(pardot.OBJECTS), "it was killed before it had asked for everything"

    run("run", "tap-pardot-exports", "target-postgres")
    assert_equal(unit, postgres, last, schema=KILLED)
