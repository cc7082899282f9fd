"""The source, in virtual time. What needs Airbyte's own programs is collected where they are (`make test-airbyte`)."""

from __future__ import annotations

import importlib.util

import pytest

from simulation.tapping import days_before
from tests.airbyte.speaking import Speaker

collect_ignore = [] if importlib.util.find_spec("airbyte_cdk") else ["official"]


@pytest.fixture
def days(clock):
    """The last four days that have ended."""
    return days_before(clock, 4)


@pytest.fixture
def source(tmp_path, clock, config, days):
    return Speaker(tmp_path, clock, config | {"start_date": days[0].isoformat()})
