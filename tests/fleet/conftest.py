"""A fleet of one Space on a real PostgreSQL; everything here needs the dependency group `fleet` (`make test-fleet`)."""

from __future__ import annotations

import dataclasses
import json
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from demo.postgres import Postgres
from fleet.spaces import spaces
from simulation.patience import HANG_SECONDS
from tap_cometly.sandbox import Sandbox
from tests import long_ago

if TYPE_CHECKING:
    import datetime as dt

EXAMPLES = Path(__file__).parents[2] / "examples"
DAYS = 6
KEY = "key-that-nobody-may-see"


def pytest_itemcollected(item):
    item.add_marker(pytest.mark.slow)
    # Checks for each partition. The versions that are tried here are in uv.lock.
    item.add_marker(pytest.mark.filterwarnings("ignore:Specifying a partitions_def on an AssetCheckSpec"))


@dataclasses.dataclass
class Gate:
    """Lets a number of files out of the Space, and holds the next one until it is opened."""

    passing: int | None = None
    reached: threading.Event = dataclasses.field(default_factory=threading.Event)
    opened: threading.Event = dataclasses.field(default_factory=threading.Event)

    def __call__(self, request) -> None:
        if request.origin != "files" or self.passing is None:
            return
        self.passing -= 1
        if self.passing < 0:
            self.reached.set()
            self.opened.wait(HANG_SECONDS)


@dataclasses.dataclass
class Fleet:
    """A fleet of the Space ``acme``, and what is true of it."""

    cometly: Sandbox
    gate: Gate
    days: list[dt.date]
    environment: dict[str, str]
    folder: Path

    @property
    def space(self) -> Any:
        return spaces()["acme"]

    def describe(self, **described):
        """Add Spaces to spaces.yaml, or describe them anew."""
        file = self.folder / "spaces.yaml"
        content = json.loads(file.read_text())
        content["spaces"].update(described)
        file.write_text(json.dumps(content))

    def query(self, text, *values):
        with psycopg.connect(self.environment["FLEET_DATABASE"], autocommit=True) as db:
            answer = db.execute(text, values or None)
            return answer.fetchall() if answer.description else []

    def truth(self):
        return sorted((day, row["id"]) for day in self.days for row in self.cometly.truth(day))

    def held(self):
        return sorted(self.query("select event_date, id from cometly_acme.events_now"))

    def ever_held(self):
        return sorted(self.query("select event_date, id from cometly_acme.events"))


@pytest.fixture(scope="session")
def postgres(tmp_path_factory):
    with Postgres(tmp_path_factory.mktemp("postgres") / "data") as server:
        yield server


@pytest.fixture
def fleet(postgres, tmp_path, monkeypatch):
    """A fleet in a database of its own, described by a file, with the key in the environment, as its user has it."""
    gate = Gate()
    days = long_ago.last_days(DAYS)
    with Sandbox(**long_ago.space(events_per_day=60, job_seconds=0.1), api_key=KEY, on_request=gate) as cometly:
        settings = {"api_url": cometly.api_url, "timezone": "UTC", **long_ago.asked_for(days)}
        described = tmp_path / "spaces.yaml"
        described.write_text(
            json.dumps({"settings": settings, "spaces": {"acme": {"secrets": {"api_key": "ACME_KEY"}}}})
        )
        with postgres.connect() as db:
            db.autocommit = True
            db.execute("drop schema if exists fleet cascade")
            db.execute("drop schema if exists cometly_acme cascade")
        environment = {
            "FLEET_SPACES": str(described),
            "FLEET_DATABASE": f"postgresql://postgres@/postgres?host={postgres.socket_folder}",
            "FLEET_RETRY_SECONDS": "0",
            "ACME_KEY": KEY,
            "PYTHONPATH": str(EXAMPLES),
        }
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        yield Fleet(cometly, gate, days, {**os.environ, **environment}, tmp_path)
        gate.opened.set()
