"""What a vendor's client answers is what the engine knows; how often it wants to be asked is neither ever nor never."""

from __future__ import annotations

import math

import pytest

from bulk_exports.engine.errors import ClientMistakeError
from bulk_exports.engine.polling import Polling
from bulk_exports.engine.vendor import JobState, JobStatus, Link
from tests.engine.scripted import ScriptedVendor, run

SECRET = "https://files.test/secret"


@pytest.mark.parametrize("state", ["ready", "done", None, 3, JobState])
def test_a_word_of_the_vendor_is_no_state(state):
    with pytest.raises(TypeError, match=r"must be a JobState, such as JobState\.READY; found one of the type"):
        JobStatus(state, "done")


@pytest.mark.parametrize("links", [SECRET, (SECRET,), [SECRET], [Link(SECRET), None], iter([Link(SECRET)]), None])
def test_an_address_is_no_link_and_is_not_shown(links):
    with pytest.raises(TypeError, match=r"must be a tuple of Link\(url\)") as refused:
        JobStatus(JobState.READY, "done", links=links)
    assert "secret" not in str(refused.value)


def test_a_client_that_answers_with_a_word_ends_the_run_in_words(clock):
    vendor = ScriptedVendor(clock)
    vendor.status = lambda job: JobStatus("done", "done")
    with pytest.raises(ClientMistakeError, match="must be a JobState"):
        run(vendor, clock, ["a"])


@pytest.mark.parametrize(
    ("first", "least", "most"),
    [
        (0, 0, 0),
        (-1, 1, 30),
        (1, -1, 30),
        (1, 1, -1),
        (1, 50, 5),
        (1, 0, 30),
        (math.inf, 1, 30),
        (1, 1, math.inf),
        (1, math.nan, 30),
    ],
)
def test_a_job_is_asked_now_and_then(first, least, most):
    with pytest.raises(ValueError, match="so that a job is asked"):
        Polling(first_seconds=first, min_gap_seconds=least, max_gap_seconds=most)


@pytest.mark.parametrize(("first", "least", "most"), [(0, 1, 1), (5, 0.1, 60), (100, 1, 2)])
def test_any_other_rhythm_is_the_vendor_s_own(first, least, most):
    assert Polling(first_seconds=first, min_gap_seconds=least, max_gap_seconds=most).max_gap_seconds == most
