"""Contacts and companies in PostgreSQL: every person and company of an event is there, once, after each morning."""

from __future__ import annotations

import datetime as dt
import json

import pytest

from tap_cometly.tap import TapCometly
from tests import programs
from tests.e2e.loading import Target
from tests.e2e.test_truth_in_warehouses import Postgres

pytestmark = pytest.mark.integrations

DAYS = 40
STREAMS = ("events", "event_days", "contacts", "companies")


@pytest.fixture
def space(cometly, last_day):
    first = last_day - dt.timedelta(days=DAYS - 1)
    return {
        "api_key": cometly.api_key,
        "api_url": cometly.api_url,
        "timezone": "America/New_York",
        "start_date": str(first),
        "end_date": str(last_day),
        "fields": ["amount", "profile_id", "company_id"],
    }


def everything(config):
    catalog = TapCometly(config=config).catalog_dict
    for entry in catalog["streams"]:
        entry["metadata"][-1]["metadata"]["selected"] = entry["tap_stream_id"] in STREAMS
    return catalog


def extract(folder, config, state):
    files = {"config": config, "catalog": everything(config), "state": state or {}}
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    done = programs.run(*(f"--{name}={folder / name}.json" for name in files))
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.splitlines(keepends=True)


def test_revenue_joins_people_and_companies(cometly, space, plugins, postgres, tmp_path, last_day):
    table = Postgres(postgres)
    target = Target("target-postgres", plugins, tmp_path, table.settings)
    first = target.load(extract(tmp_path, {**space, "end_date": str(last_day - dt.timedelta(days=1))}, None))
    target.load(extract(tmp_path, space, first))
    begin = dt.date.fromisoformat(space["start_date"])
    for stream, truth in (
        ("contacts", cometly.contacts(begin, last_day)),
        ("companies", cometly.companies(begin, last_day)),
    ):
        found = [key for (key,) in table.ask(f"select id from {table.schema}.{stream} order by id")]  # noqa: S608
        assert found == sorted({row["id"] for row in truth})
    since = min(row["id"] for row in cometly.contacts(begin, last_day))
    lost = table.ask(
        f"select count(*) from {table.schema}.events left join {table.schema}.contacts"  # noqa: S608
        f" on contacts.id = events.profile_id where profile_id >= {since} and contacts.id is null"
    )
    assert lost == [(0,)]
