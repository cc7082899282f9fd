"""The installed programs, Meltano with its plugins, and real databases; everything here is slow."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from pathlib import Path

import pytest

from tap_cometly.sandbox import Sandbox

TIMEZONE = "America/New_York"
KEY = "key-that-nobody-may-see"


def pytest_itemcollected(item):
    item.add_marker(pytest.mark.slow)


@pytest.fixture
def cometly():
    """A Space far from UTC, quick and generous, in real time."""
    with Sandbox(
        timezone=TIMEZONE,
        api_key=KEY,
        events_per_day=60,
        creates_per_minute=6000,
        polls_per_minute=60000,
        job_seconds=0.1,
    ) as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def yesterday():
    """The last closed day of the Space, a day before that if midnight is near."""
    soon = dt.datetime.now(dt.timezone.utc) + dt.timedelta(hours=1)
    return soon.astimezone(_zone()).date() - dt.timedelta(days=2)


@pytest.fixture(scope="session")
def program():
    """Run an installed program of this environment; returns what it did."""

    def run(name, *arguments, **options):
        command = [str(Path(sys.executable).with_name(name)), *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, **options)

    return run


@pytest.fixture(scope="session")
def plugins(tmp_path_factory):
    """All plugins of meltano.yml, installed once."""
    from demo.meltano import Meltano  # noqa: PLC0415 - the quick tests run without Meltano

    Meltano(tmp_path_factory.mktemp("install"), {})("install")


@pytest.fixture
def meltano(plugins, cometly, tmp_path):
    """Meltano on the repository's meltano.yml, with the key of the Space as a user gives it."""
    from demo.meltano import Meltano  # noqa: PLC0415

    def with_settings(**settings):
        ours = {"TAP_COMETLY_API_URL": cometly.api_url, "TAP_COMETLY_API_KEY": KEY, "TAP_COMETLY_TIMEZONE": TIMEZONE}
        return Meltano(tmp_path, {**ours, **settings})

    return with_settings


@pytest.fixture(scope="session")
def postgres(tmp_path_factory):
    """A server whose sessions are in New York unless they ask for another zone."""
    from demo.postgres import Postgres  # noqa: PLC0415

    with Postgres(tmp_path_factory.mktemp("postgres") / "data", timezone="America/New_York") as server:
        yield server


def _zone():
    from zoneinfo import ZoneInfo  # noqa: PLC0415

    return ZoneInfo(TIMEZONE)
