from __future__ import annotations

import pytest

from tests.airbyte.speaking import Speaker
from tests.tapping import days_before


@pytest.fixture
def days(clock):
    """The last four days that have ended."""
    return days_before(clock, 4)


@pytest.fixture
def source(tmp_path, clock, config, days):
    return Speaker(tmp_path, clock, config | {"start_date": days[0].isoformat()})
