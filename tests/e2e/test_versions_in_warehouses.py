"""Versions of a day in real databases, with the targets as meltano.yml ships them: killed, refreshed, loaded twice."""

from __future__ import annotations

import datetime as dt
import json
import select
import subprocess
import sys
import time

import pytest
import yaml

from tests.e2e.test_truth_in_warehouses import ROOT, DuckDB, Postgres, of_document
from tests.e2e.test_warehouses import PLAIN, comparable, truth

BATCH_ROWS = 7
"""So few rows are kept back, and stored when there are as many of one stream."""
HANGS_SECONDS = 600


class Target:
    """A target as the project ships it, but for the address of the database and the size of its batches."""

    def __init__(self, name, plugins, folder, table):
        project = yaml.safe_load((ROOT / "meltano.yml").read_text(encoding="utf-8"))
        shipped = next(each["config"] for each in project["plugins"]["loaders"] if each["name"] == name)
        prefix = name.upper().replace("-", "_") + "_"
        ours = {setting.removeprefix(prefix).lower(): value for setting, value in table.settings.items()}
        plain = {setting: value for setting, value in shipped.items() if "$" not in str(value)}
        self.config = folder / f"{name}.json"
        self.config.write_text(json.dumps({**plain, **ours, "batch_size_rows": BATCH_ROWS}))
        self.program = plugins / "loaders" / name / "venv" / "bin" / name

    def start(self):
        return subprocess.Popen(
            [self.program, "--config", self.config],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def load(self, messages):
        """Take the messages in; return the STATE that was told last."""
        with self.start() as target:
            told, _ = target.communicate("".join(messages), timeout=HANGS_SECONDS)
        assert target.returncode == 0
        return json.loads(told.splitlines()[-1]) if told.strip() else None

    def load_and_kill(self, messages, stored):
        """Take messages in until a STATE is told or rows are stored, and be killed; return that STATE."""
        with self.start() as target:
            target.stdin.writelines(messages)
            target.stdin.flush()
            deadline = time.monotonic() + HANGS_SECONDS
            while not (select.select([target.stdout], [], [], 0.1)[0] or stored()):
                assert time.monotonic() < deadline
            target.kill()
            told = target.stdout.read().splitlines()
        return json.loads(told[-1]) if told else None


@pytest.fixture(params=["target-postgres", "target-duckdb"])
def loads(request, cometly, plugins, tmp_path, last_day):
    """What loads days into a database, and what it then shows."""
    postgres = request.param == "target-postgres"
    table = Postgres(request.getfixturevalue("postgres")) if postgres else DuckDB(tmp_path)
    return Loads(cometly, Target(request.param, plugins, tmp_path, table), table, tmp_path, last_day)


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
        done = subprocess.run(
            [sys.executable, "-m", "tap_cometly", *options],
            capture_output=True,
            text=True,
            check=True,
            timeout=HANGS_SECONDS,
        )
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
    state = loads.target.load_and_kill(loads.extract()[:-1], loads.rows_are_stored)
    loads.target.load(loads.extract(state))
    assert loads.is_exact()


def test_a_full_refresh_that_is_killed_before_its_state_leaves_every_day_in_the_view(loads):
    state = loads.target.load(loads.extract())
    refresh = loads.extract()
    until = next(number for number, message in enumerate(refresh) if '"type":"STATE"' in message)
    loads.target.load(refresh[:until])
    loads.target.load(loads.extract(state))
    assert loads.is_exact()


def test_a_backfill_with_a_state_of_its_own_may_overlap_the_daily_loads(loads):
    daily = loads.target.load(loads.extract(first=2))
    loads.target.load(loads.extract(last=4))
    loads.target.load(loads.extract(daily, first=2))
    assert loads.is_exact()
