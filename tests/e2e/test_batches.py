"""BATCH into a real PostgreSQL: the table is the same as from records."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess

import pytest

from simulation.patience import HANG_SECONDS
from tests import programs
from tests.e2e.conftest import KEY, TIMEZONE
from tests.e2e.test_warehouses import REQUESTS, PostgresTable, comparable, truth

pytestmark = pytest.mark.integrations


@pytest.fixture
def load(plugins, cometly, postgres, tmp_path):
    """Run the tap, and then the target on what it wrote; return the table's rows."""
    target = plugins / "loaders" / "target-postgres" / "venv" / "bin" / "target-postgres"

    def run(config):
        table = PostgresTable(postgres)
        tap_config, target_config = tmp_path / "tap.json", tmp_path / "target.json"
        tap_config.write_text(json.dumps({"api_url": cometly.api_url, "api_key": KEY, "timezone": TIMEZONE, **config}))
        url = table.settings["TARGET_POSTGRES_SQLALCHEMY_URL"]
        target_config.write_text(json.dumps({"sqlalchemy_url": url, "default_target_schema": table.schema}))
        written = programs.run("--config", tap_config)
        assert written.returncode == 0, written.stderr[-2000:]
        loaded = subprocess.run(
            [target, "--config", target_config],
            input=written.stdout,
            capture_output=True,
            text=True,
            check=False,
            timeout=HANG_SECONDS,
            # As in meltano.yml: from records, the target writes times in the session's zone.
            env={**os.environ, "PGTZ": "UTC"},
        )
        assert loaded.returncode == 0, loaded.stderr[-2000:]
        return table.rows(), written.stdout

    return run


@pytest.mark.parametrize("name", ["no attribution", "linear"])
def test_the_table_is_the_same_from_files_as_from_records(load, cometly, last_day, tmp_path, name):
    asked = REQUESTS[name]
    days = [last_day - dt.timedelta(days=age) for age in range(2, -1, -1)]
    settings = {key.removeprefix("TAP_COMETLY_").lower(): value for key, value in asked.settings.items()}
    settings |= {"sources": json.loads(settings["sources"])} if "sources" in settings else {}
    settings |= {"attribution_window": 30} if "attribution_window" in settings else {}
    config = {**settings, "start_date": str(days[0]), "end_date": str(days[-1])}

    by_record, _ = load(config)
    assert comparable(by_record) == comparable(truth(cometly, days, asked.query))
    for compression in ("gzip", "none"):
        encoding = {"format": "jsonl", "compression": compression}
        storage = {"root": str(tmp_path / compression)}
        batches = {"encoding": encoding, "storage": storage, "batch_size": 25}
        by_batch, messages = load({**config, "batch_config": batches})
        assert messages.count('"type":"BATCH"') > len(days)
        assert comparable(by_batch) == comparable(by_record)
