"""The installed programs, Meltano with its plugins, and real databases; everything here is slow."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from simulation.patience import HANG_SECONDS
from tap_cometly.sandbox import Sandbox
from tests import long_ago
from tests.e2e.loading import Piped, ThroughMeltano

TIMEZONE = "America/New_York"
KEY = "key-that-nobody-may-see"


def pytest_itemcollected(item):
    item.add_marker(pytest.mark.slow)


@pytest.fixture
def cometly():
    """A Space far from UTC, quick and generous, in real time."""
    with Sandbox(**long_ago.space(events_per_day=60, job_seconds=0.1), timezone=TIMEZONE, api_key=KEY) as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def last_day():
    """The last day that a test asks for: long over, so that what there is on it depends on no calendar."""
    return long_ago.LAST_DAY


@pytest.fixture(scope="session")
def program():
    """Run an installed program of this environment; returns what it did."""

    def run(name, *arguments, **options):
        command = [str(Path(sys.executable).with_name(name)), *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=HANG_SECONDS, **options)

    return run


@pytest.fixture(scope="session")
def plugins(tmp_path_factory):
    """The folder with all plugins of meltano.yml, installed once, by the first of the processes that run the tests."""
    from demo.meltano import PROJECT, Meltano  # noqa: PLC0415 - the quick tests run without Meltano

    folder = tmp_path_factory.getbasetemp()
    shared = folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder
    installed = shared / "installed"
    with (shared / "install.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not installed.exists():
            Meltano(tmp_path_factory.mktemp("install"), {})("install")
            installed.touch()
    return PROJECT / ".meltano"


@pytest.fixture
def settings(cometly):
    """The tap's settings for the Space, as environment variables for Meltano."""
    return {"TAP_COMETLY_API_URL": cometly.api_url, "TAP_COMETLY_API_KEY": KEY, "TAP_COMETLY_TIMEZONE": TIMEZONE}


@pytest.fixture
def meltano(plugins, settings, tmp_path):
    """Meltano on the repository's meltano.yml, with the key of the Space as a user gives it.

    What it writes while it runs, such as the catalog, is in a folder of the test's own: others may be at work.
    """
    from demo.meltano import Meltano  # noqa: PLC0415

    system = tmp_path / "meltano"
    system.mkdir()
    for kind in ("extractors", "loaders"):
        (system / kind).symlink_to(plugins / kind)

    class ApartMeltano(Meltano):
        def __call__(self, *arguments, **settings):
            return super().__call__(*arguments, MELTANO_SYS_DIR_ROOT=str(system), **settings)

    def with_settings(**more):
        return ApartMeltano(tmp_path, {**settings, **more})

    return with_settings


@pytest.fixture
def through_meltano(meltano):
    """Loads through Meltano."""
    return lambda **settings: ThroughMeltano(meltano(**settings))


@pytest.fixture
def piped(plugins, settings, tmp_path):
    """Loads with what Meltano starts."""
    return lambda **more: Piped(plugins, tmp_path, {**settings, **more})


@pytest.fixture(scope="session")
def postgres(tmp_path_factory):
    """A server whose sessions are in New York unless they ask for another zone."""
    from demo.postgres import Postgres  # noqa: PLC0415

    with Postgres(tmp_path_factory.mktemp("postgres") / "data", timezone="America/New_York") as server:
        yield server
