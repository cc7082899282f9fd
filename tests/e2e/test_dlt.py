"""The program for dlt in docs/targets.md, as it is printed, into DuckDB and into MariaDB: what arrives is true."""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from simulation.patience import HANG_SECONDS
from tap_cometly.sandbox import Sandbox
from tests import long_ago
from tests.documents import block, text_of

pytestmark = pytest.mark.integrations
PAGE = "docs/targets.md"
NAMES = ["ÄÖ 数 🙂", "'; drop table events; --", 'comma, "quote", tab\t, \\N, \\', "two\nlines"]
ASK = """
import json, sys
statements, *where = sys.argv[1:]
if where:
    import pymysql
    port, user, password = where
    connection = pymysql.connect(host="127.0.0.1", port=int(port), user=user, password=password, autocommit=True)
    cursor = connection.cursor()
else:
    import duckdb
    cursor = duckdb.connect("warehouse.duckdb")
for statement in json.loads(statements):
    cursor.execute(statement)
print(json.dumps(cursor.fetchall(), default=str))
"""


@pytest.fixture
def cometly():
    with Sandbox(**long_ago.space(events_per_day=40)) as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def dlt():
    """The Python of an environment with the version that the document names."""
    from demo.environments import environment  # noqa: PLC0415 - the quick tests run without the demo

    version = re.search(r"^\| `dlt` \| ([\d.]+) \|", text_of(PAGE), re.MULTILINE)[1]
    return environment("dlt", f"dlt[duckdb,sqlalchemy]=={version}", "pymysql") / "python"


@pytest.fixture(scope="session")
def mariadb(tmp_path_factory):
    """A server of MariaDB."""
    from demo import mariadb  # noqa: PLC0415

    if not mariadb.is_installed():
        pytest.skip(mariadb.MISSING)  # a server that nothing else here needs; the message says how to get it
    with mariadb.MariaDB(tmp_path_factory.mktemp("mariadb") / "server") as server:
        yield server


class Mornings:
    """Runs of the program, each of which loads what is new, and what the view shows after it."""

    def __init__(self, python, folder, cometly, days, server=None):
        self._python, self._folder, self._cometly, self._days = python, folder, cometly, days
        program = block("docs/targets.md", "python", '"""Loads both streams with dlt')
        duckdb = 'dlt.destinations.duckdb("warehouse.duckdb")'
        pages = "PAGE_ROWS = 10_000"
        assert duckdb in program
        assert pages in program
        program = program.replace(pages, "PAGE_ROWS = 50")  # of 160 rows: a first page, whole ones, and a rest
        self._where = []
        if server:
            from demo.mariadb import PASSWORD, USER  # noqa: PLC0415

            other = re.search(r"`(dlt\.destinations\.sqlalchemy\(.*\))`", text_of(PAGE))[1]
            program = program.replace(duckdb, other.replace("user:password@host:3306", server.address))
            self._where = [str(server.port), USER, PASSWORD]
        (folder / "load.py").write_text(program)
        if server:
            self.ask(*(f"drop schema if exists {name}" for name in ("cometly", "cometly_staging")))

    def load(self, status=0):
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("TAP_")},
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "DLT_DATA_DIR": str(self._folder / "dlt"),  # not in the home of whoever runs the tests
            "RUNTIME__DLTHUB_TELEMETRY": "false",
            "TAP_COMETLY_API_URL": self._cometly.api_url,
            "TAP_COMETLY_API_KEY": self._cometly.api_key,
            "TAP_COMETLY_START_DATE": str(self._days[0]),
            "TAP_COMETLY_END_DATE": str(self._days[-1]),
        }
        done = subprocess.run(
            [self._python, "load.py"],
            cwd=self._folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=HANG_SECONDS,
            check=False,
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done.stderr

    def ask(self, *statements):
        command = [self._python, "-c", ASK, json.dumps(statements), *self._where]
        done = subprocess.run(command, cwd=self._folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def view(self):
        self.ask(block("docs/current-truth.md", "sql", "create view"))

    def shown(self, source="events_now"):
        rows = self.ask(f"select id, event_date, amount, order_name from cometly.{source}")  # noqa: S608 - our own names
        return sorted((int(key), day, exact(amount), name) for key, day, amount, name in rows)

    def true(self):
        return sorted(
            (int(row["id"]), str(day), exact(row["amount"]), row["order_name"])
            for day in self._days
            for row in self._cometly.truth(day, fields=["amount", "order_name"])
        )


def exact(amount):
    """An amount to the sixth digit: what MariaDB and DuckDB show of zeros after it differs."""
    return f"{float(amount or 0):.6f}"


@pytest.fixture(params=["duckdb", "mariadb"])
def mornings(request, dlt, cometly, tmp_path):
    server = request.getfixturevalue("mariadb") if request.param == "mariadb" else None
    return Mornings(dlt, tmp_path, cometly, long_ago.last_days(4), server)


def test_the_view_is_the_truth_after_every_morning(mornings, cometly):
    days = long_ago.last_days(4)
    noon = dt.datetime.combine(days[1], dt.time(12), tzinfo=dt.timezone.utc)
    for name in NAMES:
        cometly.history.add(noon, amount="1234.56", order_name=name)

    assert "4 days delivered, 4 of them new or changed" in mornings.load()
    mornings.view()
    assert mornings.shown() == mornings.shown("events") == mornings.true()

    assert "3 days delivered, 0 of them new or changed" in mornings.load(), "dlt keeps STATE with the rows"

    for day in days[1:]:
        cometly.history.delete(next(iter(cometly.truth(day)))["id"])
    cometly.history.edit(next(iter(cometly.truth(days[2])))["id"], amount="0.07")
    assert "3 days delivered, 3 of them new or changed" in mornings.load()
    assert mornings.shown() == mornings.true()
    assert len(mornings.shown("events")) == len(mornings.true()) + 3, "the plain table keeps history"
