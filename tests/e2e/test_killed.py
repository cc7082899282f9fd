"""A run of Meltano whose tap is killed in the middle: reported as failed, and made good by the next run."""

from __future__ import annotations

import concurrent.futures
import datetime as dt
import os
import signal
import threading

import pytest

from simulation.patience import HANG_SECONDS
from tap_cometly.sandbox import Sandbox
from tests import long_ago
from tests.e2e.conftest import KEY, TIMEZONE
from tests.e2e.loading import tap_of
from tests.e2e.test_warehouses import REQUESTS, PostgresTable, between, comparable, truth

pytestmark = pytest.mark.integrations
DAYS = 20
QUICK_DAYS = 12
"""The tap is killed when it has these and waits for the others."""


class Trigger:
    """Is set when the files of so many exports have been asked for."""

    def __init__(self):
        self.set = threading.Event()
        self.files = 0

    def __call__(self, request):
        self.files += request.endpoint == "file"
        if self.files >= QUICK_DAYS:
            self.set.set()


@pytest.fixture
def trigger():
    return Trigger()


@pytest.fixture
def cometly(trigger, last_day):
    def job_seconds(day, attempt):
        return 0.5 if attempt > 1 or (last_day - day).days >= DAYS - QUICK_DAYS else HANG_SECONDS

    with Sandbox(
        **long_ago.space(events_per_day=400, job_seconds=job_seconds),
        timezone=TIMEZONE,
        api_key=KEY,
        on_request=trigger,
    ) as sandbox:
        yield sandbox


@pytest.mark.parametrize("kill", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "terminated"])
def test_after_a_tap_killed_in_the_middle_the_next_run_completes_the_table(
    kill, trigger, cometly, meltano, postgres, last_day
):
    from demo.meltano import MeltanoError  # noqa: PLC0415 - the quick tests run without Meltano

    days = [last_day - dt.timedelta(days=age) for age in range(DAYS - 1, -1, -1)]
    table = PostgresTable(postgres)
    run = meltano(**table.settings, **between(days[0], days[-1]))
    expected = comparable(truth(cometly, days, REQUESTS["no attribution"].query))

    with concurrent.futures.ThreadPoolExecutor() as background:
        first = background.submit(run, "run", "tap-cometly", "target-postgres")
        assert trigger.set.wait(timeout=HANG_SECONDS)
        os.kill(tap_of(run), kill)
        with pytest.raises(MeltanoError, match="Extractor failed"):
            first.result(timeout=HANG_SECONDS)
    begun = table.rows()
    assert 0 < len(begun) < len(expected)

    run("run", "tap-cometly", "target-postgres")
    assert comparable(table.rows()) == expected
