"""A local Cometly and a clock for every test that wants them."""

from __future__ import annotations

import gc
import logging
import os

import pytest
from hypothesis import settings

from simulation.tapping import tap_class
from simulation.virtual_time import VirtualClock
from tap_cometly.sandbox import Sandbox
from tests import bytecode, moments
from tests.examples import usual

bytecode.keep()
_HANDLE = logging.Logger.handle

settings.register_profile("default", usual)
settings.load_profile("default")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers():
    """Two for each processor: many tests wait, for a silence or for another program."""
    return 2 * (os.cpu_count() or 1)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup():
    """Before any fixture: `make test-dates` chooses when a test runs."""
    moments.begin()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """Where a test goes to the end of the stack, nothing that is thrown away may need some of it."""
    if item.get_closest_marker("deep") is None:
        return (yield)
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


@pytest.fixture(scope="session", autouse=True)
def _environment():
    """Without the settings that whoever runs the tests has for a Space of theirs."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith("TAP_COMETLY"):
                patch.delenv(name)
        yield


@pytest.fixture(autouse=True)
def _logs_as_they_are():
    """The next test is another process, so to speak.

    A run keeps links out of the logs of its process for good, and a command lets them go to a stderr that its test
    closes.

    Before a test, too: a run may have been part of what several tests share.
    """
    logging.Logger.handle = _HANDLE
    root = logging.getLogger()
    handlers = root.handlers[:]
    yield
    for handler in [each for each in root.handlers if each not in handlers]:
        root.removeHandler(handler)
    logging.Logger.handle = _HANDLE


@pytest.fixture
def clock():
    return VirtualClock()


@pytest.fixture
def cometly(clock):
    """A Space in UTC with some forty events a day, at the documented limits, in virtual time."""
    with Sandbox(clock=clock.time, events_per_day=40, job_seconds=20) as sandbox:
        yield sandbox


@pytest.fixture
def config(cometly):
    return {"api_key": cometly.api_key, "api_url": cometly.api_url, "timezone": "UTC"}


@pytest.fixture
def tap(clock):
    """The tap's class, living in the same virtual time as the Space."""
    return tap_class(clock)
