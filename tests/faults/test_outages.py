"""An endpoint that is down for everybody, with a year of days to export: no day is tried in vain for long."""

from __future__ import annotations

import pytest

from bulk_exports.run import UndeliveredDaysError
from simulation.tapping import days_before
from tap_cometly.sandbox import Fault
from tests.faults.world import Case, by_id

STEPS = ["create", "status", "link", "file"]
A_YEAR = 365


@pytest.fixture
def case():
    return Case("a quiet Space", options={"events_per_day": lambda _day: 1})


@pytest.fixture
def year(world):
    return {"start_date": days_before(world.clock, A_YEAR)[0].isoformat()}


def down(step):
    """Return a fault that hits every day."""
    return Fault(step, "status", status=503, times=None)


@pytest.mark.long
@pytest.mark.parametrize("step", STEPS)
def test_a_year_of_days_is_given_up_within_minutes_and_without_wasting_quota(world, year, step):
    world.cometly.inject(down(step))
    began = world.clock.now()
    output = world.run(**year)
    assert isinstance(output.error, UndeliveredDaysError)
    assert f"{A_YEAR} days were not delivered" in str(output.error)
    assert "HTTP 503 (for " in str(output.error)
    assert len(str(output.error)) < 5000, "a reason that many days share is told once"
    assert output.records == []
    assert world.clock.now() - began < 25 * 60
    assert sum(request.endpoint == "create" for request in world.cometly.requests) <= 100


@pytest.mark.long
@pytest.mark.parametrize("step", STEPS)
def test_an_outage_of_four_minutes_costs_time_and_nothing_else(world, monkeypatch, step):
    began = world.clock.now()

    def repaired(_entry):
        if world.clock.now() >= began + 4 * 60:
            world.cometly.faults.clear()

    monkeypatch.setattr(world.cometly, "_on_request", repaired)
    world.cometly.inject(down(step))
    days = days_before(world.clock, 30)
    output = world.run(start_date=days[0].isoformat())
    assert output.error is None
    assert by_id(output.records) == world.truth(*days)


@pytest.mark.long
@pytest.mark.parametrize("step", ["create", "file"])
def test_several_days_that_are_broken_for_good_do_not_take_the_others_with_them(world, step):
    days = days_before(world.clock, 60)
    broken = days[5:30:5]
    for day in broken:
        world.cometly.inject(Fault(step, "status", status=500, day=day, times=None))
    output = world.run(start_date=days[0].isoformat())
    assert str(output.error).startswith(f"{len(broken)} days were not delivered")
    assert output.days == [day.isoformat() for day in days if day not in broken]


def test_a_download_that_gets_on_is_never_given_up(world, monkeypatch):
    """Cut a hundred times: a quarter of an hour of trouble, but every connection brings a part."""
    monkeypatch.setattr("bulk_exports.engine.lifecycle.PROGRESS_BYTES", 20)
    world.inject(Fault("file", "cut", at=25, times=100))
    began = world.clock.now()
    output = world.run()
    assert output.error is None
    assert by_id(output.records) == world.truth()
    assert len(world.requests("create")) == 1
    assert world.clock.now() - began < 3600
