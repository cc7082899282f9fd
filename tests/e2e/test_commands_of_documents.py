"""Every command of README.md and docs/, as printed, in a folder with a space in its name, as an ordinary user."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

import pytest

from tap_cometly.sandbox import Sandbox
from tests import bytecode, long_ago
from tests.documents import block
from tests.e2e.loading import Piped
from tests.e2e.strangers import Folder
from tests.e2e.test_warehouses import PostgresTable

pytestmark = pytest.mark.integrations
KEY = "your-key"


@pytest.fixture
def cometly():
    """A Space whose key is the one that the documents write."""
    with Sandbox(**long_ago.space(events_per_day=20), api_key=KEY) as sandbox:
        yield sandbox


@pytest.fixture
def folder(cometly):
    folder = Folder({"TAP_COMETLY_API_URL": cometly.api_url, "TAP_COMETLY_END_DATE": str(long_ago.LAST_DAY)})
    yield folder
    folder.remove()


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


@pytest.mark.packages
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

    tap = "build/tap/bin/tap-cometly --config=ENV"
    key = {**start, "TAP_COMETLY_API_KEY": KEY}
    assert "The key and the settings work" in folder.run(f"{tap} --test", **key)
    assert "(3 looked back)" in folder.run(f"{tap} --state state.json --plan", **key)
    discovered = json.loads(folder.run("build/tap/bin/tap-cometly --discover 2>/dev/null"))["streams"]
    assert {"events", "event_days"} <= {each["tap_stream_id"] for each in discovered}
    assert "TAP_COMETLY_LOOKBACK_DAYS" in folder.run("build/tap/bin/tap-cometly --about")


def test_batch_files_go_straight_into_duckdb(folder, cometly, days):
    folder.user = None  # whose program this is
    program = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    morning = block("docs/batch.md", "sh", "export TAP_COMETLY_API_KEY=your-key")
    start = {"TAP_COMETLY_START_DATE": str(days[0]), "PATH": program}
    folder.run(morning, **start)
    now_is_true(folder, cometly, days, "docs/batch.md")
    view = block("docs/batch.md", "sql", "create or replace view")
    table = block("docs/batch.md", "sql", "create or replace table")
    rows = folder.ask(view, table, "drop view events_now", "select id, amount from events")
    assert shown({"id": row[0], "amount": row[1]} for row in rows) == truth(cometly, days)

    for day in days[1:]:
        cometly.history.delete(next(iter(cometly.truth(day)))["id"])
    assert "3 days delivered, 2 of them new or changed" in folder.run(morning, **start)
    now_is_true(folder, cometly, days, "docs/batch.md")


@pytest.fixture
def prepared(folder, plugins, postgres, days):
    """The folder as a Meltano project before its first run, with plugins installed already, and a database."""
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
    *first, _ = block("README.md", "sh", "cp .env.example").splitlines()
    folder.run("\n".join(first))
    return folder


@pytest.fixture
def project(prepared):
    """The project after its first run."""
    prepared.run(block("README.md", "sh", "cp .env.example").splitlines()[-1])
    return prepared


@pytest.fixture
def loaded(prepared, plugins, days, tmp_path):
    """The project with what its first run loads: where no more of that run is looked at, Meltano is left out of it."""
    settings = {
        "TAP_COMETLY_API_KEY": KEY,
        "TAP_COMETLY_API_URL": prepared.environment["TAP_COMETLY_API_URL"],
        "TAP_COMETLY_START_DATE": str(days[0]),
        "TAP_COMETLY_END_DATE": str(days[-1]),
    }
    Piped(plugins, tmp_path, {**settings, **prepared.table.settings})("target-postgres")
    return prepared


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

    assert f'"start_date": "{days[0]}"' in project.run(".venv/bin/meltano config print tap-cometly")


def into_plugin(project, yaml):
    """Write what a document says of this plugin into meltano.yml, in place of what is there."""
    _, said = yaml.split("  - name: tap-cometly\n")
    (key,) = re.findall(r"^    (\w+):", said, re.MULTILINE)
    file = project.path / "meltano.yml"
    text = re.sub(rf"^    {key}:\n(?:    - .*\n)+", "", file.read_text(), count=1, flags=re.MULTILINE)
    executable = "    executable: tap-cometly\n"
    file.write_text(text.replace(executable, executable + said, 1))


def test_contacts_and_companies_come_when_they_are_selected_as_the_document_says(project, cometly, days):
    into_plugin(project, block("docs/contacts.md", "yaml", "plugins:"))
    project.run(block("README.md", "sh", "cp .env.example").splitlines()[-1])
    schema = project.table.schema

    def ask(code):
        with project.table.server.connect() as connection:
            answer = connection.execute(code.replace("cometly.", f"{schema}."))
            return answer.fetchall() if answer.description else []

    ask(block("README.md", "sql", "create view"))
    revenue = dict(ask(block("docs/contacts.md", "sql", "select contacts.email")))
    people = {row["id"]: row["email"] for row in cometly.contacts(days[0], days[-1])}
    expected = {}
    for day in days:
        for row in cometly.truth(day, fields=["amount", "profile_id"]):
            if row["profile_id"] in people:
                email = people[row["profile_id"]]
                expected[email] = expected.get(email, 0) + float(row["amount"] or 0)
    assert {email: f"{amount or 0:.2f}" for email, amount in revenue.items()} == {
        email: f"{amount:.2f}" for email, amount in expected.items()
    }
    assert ask("select id from cometly.companies")


def test_a_column_of_a_table_that_is_there_gets_another_type_as_the_document_says(loaded, cometly, days):
    project, table = loaded, loaded.table
    into_plugin(project, block("docs/columns.md", "yaml", "plugins:"))
    again = block("docs/columns.md", "sh", ".venv/bin/meltano run --full-refresh")
    project.run(again, status=1)
    with table.server.connect() as connection:
        connection.execute(block("docs/columns.md", "sql", "drop view").replace("cometly.", f"{table.schema}."))
    project.run(again)
    assert {type(row["profile_id"]) for row in table.rows()} <= {str, type(None)}
    assert shown(table.rows()) == truth(cometly, days)


def test_several_taps_in_one_project_have_tables_of_their_own(loaded, cometly, days):
    project = loaded
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


def test_an_extractor_for_each_space_has_a_key_and_a_state_of_its_own(project, cometly, days):
    ours = block("docs/many-spaces.md", "yaml", "plugins:")
    file = project.path / "meltano.yml"
    file.write_text(file.read_text().replace("\n  loaders:\n", f"\n{ours.split('extractors:')[1]}\n  loaders:\n", 1))
    schema = f"{project.table.schema}_acme"
    acme = {
        "TAP_COMETLY__ACME_API_KEY": KEY,
        "TAP_COMETLY__ACME_API_URL": cometly.api_url,
        "TAP_COMETLY__ACME_TIMEZONE": "UTC",
        "TAP_COMETLY__ACME_START_DATE": str(days[0]),
        "TAP_COMETLY__ACME_END_DATE": str(days[-1]),
        "TARGET_POSTGRES_DEFAULT_TARGET_SCHEMA": schema,
    }
    said = project.run(".venv/bin/meltano run tap-cometly--acme target-postgres", **acme)
    assert "3 days delivered, 3 of them new or changed" in said, "the other Space's STATE is not its own"
    with project.table.server.connect() as connection:
        rows = connection.execute(f"select id, amount from {schema}.events").fetchall()  # noqa: S608 - our own name
    assert shown({"id": key, "amount": amount} for key, amount in rows) == truth(cometly, days)
