from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.faults.world import Case, World, play

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def case() -> Case:
    """No fault at all, unless the test is run with the lines of a table."""
    return Case("nothing goes wrong")


@pytest.fixture
def world(case: Case, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Iterator[World]:
    """The world in which the case happens; afterwards nothing secret has been told anywhere."""
    yield from play(case, monkeypatch, caplog)
