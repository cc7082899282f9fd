"""Airbyte's standard tests for sources, on what the installed program says and how it ends."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path

import pytest
from airbyte_cdk.test import entrypoint_wrapper
from airbyte_cdk.test.models import ConnectorTestScenario
from airbyte_cdk.test.standard_tests.source_base import SourceTestSuiteBase

from simulation.patience import HANG_SECONDS
from tap_cometly.sandbox import Sandbox
from tests import long_ago
from tests.airbyte.official.conftest import PROGRAM

ATTRIBUTION = {
    "rows": "credit",
    "sources": ["email", "direct"],
    "attribution_model": "linear",
    "attribution_window": 30,
}
WORKS = {"events": {}, "credit": {"attribution": ATTRIBUTION}}
FAILS = {"wrong-key": {"api_key": "wrong"}, "contradiction": {"fields": ["ad_id"]}}


@pytest.fixture(scope="module", autouse=True)
def _cometly(request):
    yield
    TestSource.cometly.stop()


class Executable:
    """What the tests take for a source that is written with their library."""

    def spec(self, logger):
        raise NotImplementedError("the program is run")


@pytest.fixture(autouse=True)
def _programs_are_run(monkeypatch):
    """Run the program where the tests would call a source that is written with their library."""

    def run_command(source, args, **_):
        done = subprocess.run([PROGRAM, *args], capture_output=True, text=True, timeout=HANG_SECONDS, check=False)
        assert not done.stderr
        error = RuntimeError(f"exit status {done.returncode}") if done.returncode else None
        return entrypoint_wrapper.EntrypointOutput(done.stdout.splitlines(), uncaught_exception=error)

    monkeypatch.setattr(entrypoint_wrapper, "_run_command", run_command)


class TestSource(SourceTestSuiteBase):
    connector = Executable
    connector_name = "source-cometly"
    folder = Path(tempfile.mkdtemp(prefix="source-cometly-"))
    cometly = Sandbox(**long_ago.space(events_per_day=20, job_seconds=0.05))

    @classmethod
    def get_connector_root_dir(cls):
        return cls.folder

    @classmethod
    def get_scenarios(cls):
        if not cls.folder.joinpath("events.json").exists():
            cls.cometly.start()
        scenarios = []
        for status, configs in (("succeed", WORKS), ("failed", FAILS)):
            for name, changes in configs.items():
                config = {"api_key": cls.cometly.api_key, "api_url": cls.cometly.api_url}
                config |= {**long_ago.asked_for(long_ago.last_days(5)), **changes}
                path = cls.folder / f"{name}.json"
                path.write_text(json.dumps(config))
                scenarios.append(ConnectorTestScenario(config_path=path, status=status))
        return scenarios
