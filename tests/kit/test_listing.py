"""Streams that the vendor lists: what is in the way is waited for, for as long as it takes and no longer."""

from __future__ import annotations

import contextlib
import logging

import pytest

from bulk_exports.engine.errors import RateLimitedError, UnavailableError
from bulk_exports.engine.limits import Limits
from bulk_exports.environment import Environment
from bulk_exports.fields import Field
from bulk_exports.listing import listed_rows
from bulk_exports.shutdown import Shutdown
from bulk_exports.spec import ListStream
from simulation.virtual_time import VirtualClock


def listed(clock, *answers):
    """List a stream whose client gives these answers, one after the other."""
    said = iter(answers)

    def rows(_client):
        answer = next(said)
        if isinstance(answer, Exception):
            raise answer
        return answer

    stream = ListStream(name="things", fields=(Field("id", "integer", "It.", nullable=False),), key=("id",), rows=rows)
    return listed_rows(
        stream,
        stream.schema["properties"],
        lambda _connection: contextlib.nullcontext(),
        environment=Environment(clock),
        shutdown=Shutdown(),
        log=logging.getLogger("test"),
        kept={},
    )


def refused(seconds):
    error = RateLimitedError("the request budget is used up")
    error.pause_seconds = seconds
    return error


def test_the_pause_that_the_vendor_wants_is_kept():
    clock = VirtualClock(0.0)
    assert listed(clock, refused(600.0), refused(300.0), [{"id": 1}]) == [{"id": 1}]
    assert clock.now() >= 900


@pytest.mark.parametrize("error", [refused(60.0), UnavailableError("no answer")])
def test_what_stays_in_the_way_ends_the_stream(error):
    clock, limits = VirtualClock(0.0), Limits()
    with pytest.raises(type(error)):
        listed(clock, *[error] * 10_000)
    assert clock.now() < 2 * max(limits.throttled_seconds, limits.trouble_seconds)
