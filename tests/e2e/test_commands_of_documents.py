"""Every command of README.md and docs/, as printed, in a folder with a space in its name, as an ordinary user."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from simulation.patience import HANG_SECONDS
from tap_cometly.sandbox import Sandbox
from tests import bytecode, long_ago
from tests.documents import ROOT, block, blocks
from tests.e2e.test_warehouses import PostgresTable

KEY = "your-key"
ELSEWHERE = {"python3 -m venv build/uv && build/uv/bin/pip install uv", "make demo"}
"""`make demo` is what its own test runs; CONTRIBUTING's blocks are what CI runs."""
WITH_TESTS_OF_THEIR_OWN = {"docs/sandbox.md", "docs/airbyte.md", "docs/many-spaces.md"}
"""They need a docker engine, an orchestrator, or an Airbyte client; see `make image`, tests/airbyte and tests/fleet."""
NOBODY = 65534
OURS = ("TAP_", "TARGET_", "MELTANO", *bytecode.NAMES)
"""What of our environment has no effect there; the bytecode of a folder that is thrown away goes with it."""


@pytest.fixture
def cometly():
    """A Space whose key is the one that the documents write."""
    with Sandbox(**long_ago.space(events_per_day=20), api_key=KEY) as sandbox:
        yield sandbox


def ordinary_user_can_run(program):
    """Whether there is another user here than the one who runs the tests, who may use a program."""
    if os.geteuid() or not (setpriv := shutil.which("setpriv")) or not (path := shutil.which(program)):
        return False
    command = [setpriv, f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", path, "--version"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


class Folder:
    """A copy of the repository's files, and a shell in it that runs what a document says."""

    def __init__(self, path, cometly):
        self.path = path
        self.user = NOBODY if ordinary_user_can_run("python3") else None
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(OURS)},
            "HOME": str(path),
            "PIP_NO_COMPILE": "1",  # of what it installs, few modules are loaded
            "TAP_COMETLY_API_URL": cometly.api_url,
            "TAP_COMETLY_END_DATE": str(long_ago.LAST_DAY),
        }
        tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
        for name in tracked.decode().split("\0"):
            if (ROOT / name).is_file():
                (path / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, path / name)
        if self.user:
            for file in (path, *path.rglob("*")):
                os.chown(file, self.user, self.user, follow_symlinks=False)

    def run(self, code, *, status=0, **environment):
        """Run a block of code; return what it printed, messages of the programs included."""
        identity = [f"--reuid={self.user}", f"--regid={self.user}", "--clear-groups"]
        command = ["bash", "-e", "-c", code]
        done = subprocess.run(
            ["setpriv", *identity, *command] if self.user else command,
            cwd=self.path,
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=HANG_SECONDS,
            check=False,
        )
        assert done.returncode == status, done.stdout
        return done.stdout

    def ask(self, *statements):
        """Run SQL in DuckDB, in this folder; return the rows of the last statement."""
        program = "import duckdb, json, sys\nconnection = duckdb.connect()\nfor sql in json.loads(sys.argv[1]):\n"
        program += "    answer = connection.execute(sql)\nprint(json.dumps(answer.fetchall(), default=str))"
        command = [sys.executable, "-c", program, json.dumps(statements)]
        return json.loads(subprocess.run(command, cwd=self.path, capture_output=True, check=True, text=True).stdout)


@pytest.fixture
def folder(cometly):
    base = Path(tempfile.mkdtemp(prefix="documents-"))
    base.chmod(0o755)
    path = base / "a folder with a space"
    path.mkdir()
    yield Folder(path, cometly)
    shutil.rmtree(base)


def shown(rows):
    return sorted((int(row["id"]), f"{float(row['amount'] or 0):.2f}") for row in rows)


def truth(cometly, days):
    return shown(row for day in days for row in cometly.truth(day, fields=["amount"]))


@pytest.fixture
def days():
    """The days that are asked for: whatever a command does not say is in its environment, the last of them too."""
    return long_ago.last_days(3)


def now_is_true(folder, cometly, days, page):
    view = block(page, "sql", "create or replace view events_now")
    rows = folder.ask(view, "select id, amount from events_now")
    assert shown({"id": row[0], "amount": row[1]} for row in rows) == truth(cometly, days)


def test_without_meltano_the_block_works_on_the_first_run_and_on_every_next_one(folder, cometly, days):
    folder.run(block("README.md", "sh", "python3 -m venv build/tap"))
    morning = block("README.md", "sh", "export TAP_COMETLY_API_KEY=your-key")
    start = {"TAP_COMETLY_START_DATE": str(days[0])}
    assert "3 days delivered, 3 of them new or changed" in folder.run(morning, **start)
    assert "3 days delivered, 0 of them new or changed" in folder.run(morning, **start)
    now_is_true(folder, cometly, days, "docs/current-truth.md")

    for day in days:
        cometly.history.delete(next(iter(cometly.truth(day)))["id"])
    assert "3 days delivered, 3 of them new or changed" in folder.run(morning, **start)
    now_is_true(folder, cometly, days, "docs/current-truth.md")
    folder.run(morning, status=2, TAP_COMETLY_LOOKBACK_DAYS="seven")
    assert "3 days delivered, 0 of them" in folder.run(morning, **start), "a run that fails loses no STATE"


def test_batch_files_go_straight_into_duckdb(folder, cometly, days):
    folder.user = None  # whose program this is
    program = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    morning = block("docs/batch.md", "sh", "export TAP_COMETLY_API_KEY=your-key")
    start = {"TAP_COMETLY_START_DATE": str(days[0]), "PATH": program}
    folder.run(morning, **start)
    now_is_true(folder, cometly, days, "docs/batch.md")

    for day in days[1:]:
        cometly.history.delete(next(iter(cometly.truth(day)))["id"])
    assert "3 days delivered, 2 of them new or changed" in folder.run(morning, **start)
    now_is_true(folder, cometly, days, "docs/batch.md")


@pytest.fixture
def project(folder, plugins, postgres, days):
    """The folder as a Meltano project whose plugins are installed already, and whose database is there."""
    folder.user = None  # the plugins belong to whoever runs the tests
    system = folder.path / ".meltano"
    system.mkdir()
    for kind in ("extractors", "loaders"):
        (system / kind).symlink_to(plugins / kind)
    (folder.path / ".venv").symlink_to(Path(sys.prefix))
    table = PostgresTable(postgres)
    editor = folder.path / "editor"
    settings = f"TAP_COMETLY_START_DATE={days[0]}\nTARGET_POSTGRES_SQLALCHEMY_URL={postgres.url}\n"
    settings += f"TARGET_POSTGRES_DEFAULT_TARGET_SCHEMA={table.schema}\n"
    put_key = f"sed -i 's/^TAP_COMETLY_API_KEY=.*/TAP_COMETLY_API_KEY={KEY}/'"
    editor.write_text(f'#!/bin/sh\n{put_key} "$1"\ncat >> "$1" <<END\n{settings}END\n')
    editor.chmod(0o755)
    folder.environment |= {name: os.environ[name] for name in bytecode.NAMES if name in os.environ}
    folder.environment |= {"EDITOR": "./editor", "MELTANO_CLI_DISABLE_VERSION_CHECK": "true"}
    folder.table = table
    folder.run(block("README.md", "sh", "cp .env.example"))
    return folder


def test_with_meltano_the_commands_do_what_the_documents_say(project, cometly, days):
    table = project.table
    assert shown(table.rows()) == truth(cometly, days)

    plan = project.run(block("docs/state.md", "sh", ".venv/bin/meltano state get"))
    assert f"delivered   {days[0]} to {days[-1]} (3 days)" in plan
    assert "No STATE was given" not in plan
    assert "No STATE was given" in project.run(".venv/bin/meltano invoke tap-cometly --plan")

    assert "0 of them new or changed" in project.run(block("docs/operations.md", "sh", "flock"))

    assert "3 days delivered, 3 of them" in project.run(block("docs/columns.md", "sh", ".venv/bin/meltano run"))

    backfill = block("docs/state.md", "sh", "TAP_COMETLY_END_DATE").replace("2026-01-31", str(days[1]))
    assert "2 days delivered, 2 of them" in project.run(backfill)


def test_a_column_of_a_table_that_is_there_gets_another_type_as_the_document_says(project, cometly, days):
    table = project.table
    file = project.path / "meltano.yml"
    schema = '    schema:\n      events:\n        profile_id:\n          type: [string, "null"]\n'
    assert schema in block("docs/columns.md", "yaml", "plugins:").replace("    schema", "    schema")
    text = file.read_text()
    file.write_text(text.replace("    executable: tap-cometly\n", f"    executable: tap-cometly\n{schema}", 1))
    again = block("docs/columns.md", "sh", ".venv/bin/meltano run --full-refresh")
    project.run(again, status=1)
    with table.server.connect() as connection:
        connection.execute(block("docs/columns.md", "sql", "drop view").replace("cometly.", f"{table.schema}."))
    project.run(again)
    assert {type(row["profile_id"]) for row in table.rows()} <= {str, type(None)}
    assert shown(table.rows()) == truth(cometly, days)


def test_several_taps_in_one_project_have_tables_of_their_own(project, cometly, days):
    ours = block("docs/operations.md", "yaml", "plugins:")
    extractors = ours[ours.index("  - name: tap-cometly-attributed") : ours.index("  loaders:")]
    loaders = ours[ours.index("  - name: target-postgres-berlin") :]
    schema = f"{project.table.schema}_berlin"
    file = project.path / "meltano.yml"
    text = file.read_text().replace("\n  loaders:\n", f"\n{extractors}\n  loaders:\n", 1)
    file.write_text(text.rstrip() + "\n" + loaders.replace("cometly_berlin", schema))
    keys = {
        f"{name}_{setting}": value
        for name in ("TAP_COMETLY_ATTRIBUTED", "TAP_COMETLY_BERLIN")
        for setting, value in (
            ("API_KEY", KEY),
            ("API_URL", cometly.api_url),
            ("START_DATE", str(days[0])),
            ("END_DATE", str(days[-1])),
        )
    }
    more = {"TAP_COMETLY_BERLIN_TIMEZONE": "UTC", "TARGET_POSTGRES_BERLIN_DEFAULT_TARGET_SCHEMA": schema}
    more["TARGET_POSTGRES_BERLIN_SQLALCHEMY_URL"] = project.table.server.url
    project.run(block("docs/operations.md", "sh", ".venv/bin/meltano run tap-cometly-attributed"), **keys, **more)
    with project.table.server.connect() as connection:
        tables = dict.fromkeys(
            connection.execute(
                "select table_schema, table_name from information_schema.tables where table_schema in (%s, %s)",
                (project.table.schema, schema),
            ).fetchall()
        )
    assert set(tables) == {
        *(
            (project.table.schema, name)
            for name in ("events", "event_days", "attributed_events", "attributed_event_days")
        ),
        *((schema, name) for name in ("events", "event_days")),
    }
    assert shown(project.table.rows()) == truth(cometly, days), "the second tap has not touched the first one's rows"


def test_every_command_of_the_documents_is_run():
    text = Path(__file__).read_text(encoding="utf-8")
    for each in blocks("sh"):
        first = each.code.splitlines()[0]
        begins = [first[:length] for length in range(5, len(first) + 1)]
        run = any(f'block("{each.page}", "sh", "{begin}"' in text for begin in begins)
        assert run or first in ELSEWHERE or each.page in WITH_TESTS_OF_THEIR_OWN, str(each)
