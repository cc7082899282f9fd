"""Versions of a day in real databases, with the targets as meltano.yml ships them: killed, refreshed, loaded twice."""

from __future__ import annotations

import datetime as dt
import json
import select
import subprocess
import time

import pytest

from simulation.patience import HANG_SECONDS
from tests import programs
from tests.e2e.loading import Target
from tests.e2e.test_truth_in_warehouses import DuckDB, Postgres, of_document
from tests.e2e.test_warehouses import PLAIN, comparable, truth

BATCH_ROWS = 7
"""So few rows are kept back, and stored when there are as many of one stream."""


class Killable(Target):
    """A target that can be killed when it has told or stored something."""

    def load_and_kill(self, messages, stored):
        """Take messages in until a STATE marks a day or rows are stored, and be killed; return the last STATE."""
        told = []
        with self.start(stderr=subprocess.DEVNULL) as target:
            target.stdin.writelines(messages)
            target.stdin.flush()
            deadline = time.monotonic() + HANG_SECONDS
            while not ((told and marks_a_day(told[-1])) or stored()):
                if select.select([target.stdout], [], [], 0.1)[0]:
                    told.append(json.loads(target.stdout.readline()))
                assert time.monotonic() < deadline
            target.kill()
            told += map(json.loads, target.stdout.read().splitlines())
        return told[-1] if told else None


def marks_a_day(state):
    """Whether a STATE says that a day is delivered: the first of a run says that none is."""
    return bool(state["bookmarks"]["events"]["delivered"])


@pytest.fixture(params=["target-postgres", "target-duckdb"])
def loads(request, cometly, plugins, tmp_path, last_day):
    """What loads days into a database, and what it then shows."""
    postgres = request.param == "target-postgres"
    table = Postgres(request.getfixturevalue("postgres")) if postgres else DuckDB(tmp_path)
    target = Killable(request.param, plugins, tmp_path, table.settings, batch_size_rows=BATCH_ROWS)
    return Loads(cometly, target, table, tmp_path, last_day)


class Loads:
    def __init__(self, cometly, target, table, folder, last_day):
        self.cometly, self.target, self.table, self.folder = cometly, target, table, folder
        self.days = [last_day - dt.timedelta(days=age) for age in range(5, -1, -1)]

    def extract(self, state=None, first=0, last=-1, **settings):
        """Return the messages of the tap for these days."""
        config = {
            "api_key": self.cometly.api_key,
            "api_url": self.cometly.api_url,
            "timezone": "America/New_York",
            "start_date": str(self.days[first]),
            "end_date": str(self.days[last]),
            **settings,
        }
        files = {"config": config, "state": state or {}}
        for name, content in files.items():
            (self.folder / f"{name}.json").write_text(json.dumps(content))
        options = [f"--{name}={self.folder / name}.json" for name in files]
        done = programs.run(*options)
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout.splitlines(keepends=True)

    def rows_are_stored(self):
        """Whether the database holds rows, where it can be asked: one process at a time may open a file of DuckDB."""
        return isinstance(self.table, Postgres) and bool(
            self.table.ask(f"select 1 from {self.table.schema}.events limit 1")  # noqa: S608
        )

    def is_exact(self):
        table = self.table
        table.ask(of_document(table.create_view, table.schema))
        names = "id, event_date, amount, event_name"
        shown = table.ask(f"select {names} from {table.schema}.events_now")  # noqa: S608 - our own names
        rows = [dict(zip(names.split(", "), row, strict=True)) for row in shown]
        expected = truth(self.cometly, self.days, {"fields": PLAIN})
        assert comparable(rows) == comparable({name: row[name] for name in rows[0]} for row in expected)
        assert not table.ask(of_document("select event_date", table.schema))
        return True


def test_a_target_that_is_killed_after_it_told_a_state_has_lost_no_day(loads):
    # Without a lookback, which would bring the latest days once more and hide what the target has lost of them.
    state = loads.target.load_and_kill(loads.extract(lookback_days=0)[:-1], loads.rows_are_stored)
    loads.target.load(loads.extract(state, lookback_days=0))
    assert loads.is_exact()


def test_a_full_refresh_that_is_killed_before_its_state_leaves_every_day_in_the_view(loads):
    state = loads.target.load(loads.extract())
    refresh = loads.extract()
    # The first STATE marks no day: it comes before any row. The second one would mark the first day.
    _, until, *_ = (number for number, message in enumerate(refresh) if '"type":"STATE"' in message)
    assert any('"RECORD"' in message for message in refresh[:until])
    loads.target.load([message for message in refresh[:until] if '"type":"STATE"' not in message])
    loads.target.load(loads.extract(state))
    assert loads.is_exact()


def test_a_backfill_with_a_state_of_its_own_may_overlap_the_daily_loads(loads):
    daily = loads.target.load(loads.extract(first=2))
    loads.target.load(loads.extract(last=4))
    loads.target.load(loads.extract(daily, first=2))
    assert loads.is_exact()
