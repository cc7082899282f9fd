"""A local Account Engagement, and a tap that lives in the same virtual time."""

from __future__ import annotations

import os

import pytest

from tests.pardot.unit import Unit


@pytest.fixture(scope="session", autouse=True)
def _environment():
    """Without the settings that whoever runs the tests has for a business unit of theirs."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith("TAP_PARDOT"):
                patch.delenv(name)
        yield


@pytest.fixture
def unit(clock):
    """Make business units; ask the first one of a test by calling it."""
    made = []

    def make(**options):
        unit = Unit(clock, **options)
        unit.pardot.start()
        made.append(unit)
        return unit

    yield make
    for unit in made:
        unit.pardot.stop()
