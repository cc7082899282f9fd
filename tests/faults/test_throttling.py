"""429: the tap waits as long as it is asked to, within reason, and says so."""

from __future__ import annotations

import email.utils
import itertools
import re

import pytest

from bulk_exports.run import UndeliveredDaysError
from tap_cometly.sandbox import Fault
from tests.faults.world import Case, by_id

STEPS = {"create": "create", "status": "status", "link": "status"}
WHOLE_WINDOW = 60
LONGEST = 15 * 60
PAUSES = {
    "seconds": (lambda _now: "7", 7),
    "an HTTP date": (lambda now: email.utils.formatdate(now + 40, usegmt=True), 39),
    "no header": (lambda _now: None, WHOLE_WINDOW),
    "no sense": (lambda _now: "in a while", WHOLE_WINDOW),
    "less than nothing": (lambda _now: "-3", WHOLE_WINDOW),
    "nothing": (lambda _now: "0", 1),
    "a date that is past": (lambda now: email.utils.formatdate(now - 3600, usegmt=True), 1),
    "years": (lambda _now: "100000000", LONGEST),
    "a date in years": (lambda now: email.utils.formatdate(now + 1e8, usegmt=True), LONGEST),
}


@pytest.fixture
def case():
    """A Space that refuses nothing by itself."""
    return Case("generous limits", options={"creates_per_minute": 1000, "polls_per_minute": 1000})


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("asked", PAUSES)
def test_a_pause_is_kept_by_all_requests_of_its_kind_and_told(world, caplog, step, asked):
    retry_after, seconds = PAUSES[asked]
    world.inject(Fault(step, "status", status=429, retry_after=retry_after(world.clock.now())))
    output = world.run()
    assert output.error is None
    assert by_id(output.records) == world.truth()
    alike = [request for request in world.cometly.requests if request.endpoint == STEPS[step]]
    (refused,) = (request for request in alike if request.status == 429)
    later = [request.at - refused.at for request in alike if request.at > refused.at]
    if asked.startswith(("an HTTP date", "a date in")):  # whole seconds from an earlier moment on
        seconds = min(later)
        assert LONGEST >= seconds > 10
    assert min(later) >= seconds
    assert re.search(r"the request budget is used up \(HTTP 429\); waiting \d+ s", caplog.text)
    assert len([request for request in world.requests("create") if request.export_id]) == 1


@pytest.mark.parametrize("step", STEPS)
def test_pauses_grow_while_they_do_not_help(world, step):
    world.inject(Fault(step, "status", status=429, retry_after="0", times=8))
    output = world.run(max_exports_in_flight=1)
    assert output.error is None
    refused = [request.at for request in world.cometly.requests if request.status == 429]
    assert [late - early for early, late in itertools.pairwise(refused)] == [1, 2, 4, 8, 16, 32, 60]


@pytest.mark.parametrize("step", STEPS)
def test_a_day_that_is_refused_for_an_hour_fails_and_nobody_spins(world, step):
    world.inject(Fault(step, "status", status=429, retry_after="1", times=None))
    began = world.clock.now()
    output = world.run()
    assert isinstance(output.error, UndeliveredDaysError)
    assert re.search(r"budget is used up \(for 6\d minutes", str(output.error))
    assert output.days == [world.days[0].isoformat(), world.days[2].isoformat()]
    assert 3600 <= world.clock.now() - began < 2 * 3600
    assert sum(request.status == 429 for request in world.cometly.requests) < 80


def test_a_store_that_asks_for_patience_gets_it(world):
    world.inject(Fault("file", "status", status=429, retry_after="3", times=3), Fault("file", "status", status=503))
    output = world.run()
    assert output.error is None
    assert by_id(output.records) == world.truth()
    assert len(world.requests("create")) == 1
