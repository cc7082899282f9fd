"""Budgets: as Laravel's throttle counts them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_exports.sandbox.limits import MINUTE, Budgets

from .conftest import Client, Clock


@given(
    window=st.sampled_from(["fixed", "sliding"]),
    limit=st.integers(1, 6),
    waits=st.lists(st.floats(0, 40), max_size=60),
)
def test_no_window_ever_admits_more_than_its_limit(window, limit, waits):
    clock = Clock(0)
    budgets = Budgets(clock, window)
    admitted = []
    for wait in waits:
        clock.go(wait)
        verdict = budgets.spend("key", "create", limit)
        if verdict.retry_after is None:
            admitted.append(clock.now)
    if window == "sliding":
        spans = [[at for at in admitted if start <= at < start + MINUTE] for start in admitted]
    else:
        spans, start = [], None
        for at in admitted:
            if start is None or at >= start + MINUTE:
                spans.append([])
                start = at
            spans[-1].append(at)
    assert all(len(span) <= limit for span in spans)


@given(window=st.sampled_from(["fixed", "sliding"]), limit=st.integers(1, 6), waits=st.lists(st.floats(0, 40)))
def test_waiting_as_long_as_asked_is_always_enough(window, limit, waits):
    clock = Clock(0)
    budgets = Budgets(clock, window)
    for wait in waits:
        clock.go(wait)
        verdict = budgets.spend("key", "create", limit)
        if verdict.retry_after is not None:
            clock.go(verdict.retry_after)
            assert budgets.spend("key", "create", limit).retry_after is None


def test_every_response_tells_the_budget_and_a_429_when_to_come_back(sandbox, clock):
    client = Client(sandbox(creates_per_minute=2))
    first, second, third = client.create(), client.create(), client.create()
    assert [reply.headers["X-RateLimit-Remaining"] for reply in (first, second, third)] == ["1", "0", "0"]
    assert {reply.headers["X-RateLimit-Limit"] for reply in (first, second, third)} == {"2"}
    assert "Retry-After" not in second.headers
    assert third.status_code == 429
    assert third.headers["Retry-After"] == "60"
    assert third.json() == {"message": "Too Many Attempts."}
    clock.go(60)
    assert client.create().status_code == 202


def test_creates_and_polls_have_budgets_of_their_own(sandbox):
    client = Client(sandbox(creates_per_minute=1, polls_per_minute=1))
    export_id = client.create().json()["export_id"]
    assert client.create().status_code == 429
    assert client.status(export_id).status_code == 200
    assert client.status(export_id).status_code == 429


def test_every_key_has_a_budget_of_its_own(sandbox):
    cometly = sandbox(creates_per_minute=1, keys={"one": "active", "two": "active"})
    first, second = Client(cometly), Client(cometly)
    second.headers["Authorization"] = "Bearer two"
    assert [first.create().status_code, second.create().status_code] == [202, 202]
    assert [first.create().status_code, second.create().status_code] == [429, 429]


def test_a_429_is_logged(sandbox):
    cometly = sandbox(creates_per_minute=1)
    client = Client(cometly)
    client.create()
    client.create("2025-03-02")
    assert [(entry.endpoint, entry.status, str(entry.date)) for entry in cometly.requests] == [
        ("create", 202, "2025-03-01"),
        ("create", 429, "2025-03-02"),
    ]


def test_a_422_spends_budget_and_a_401_does_not(sandbox):
    client = Client(sandbox(creates_per_minute=2))
    client.create("yesterday")
    stranger = Client(client.cometly)
    stranger.headers["Authorization"] = "Bearer nobody"
    assert "X-RateLimit-Remaining" not in stranger.create().headers
    assert client.create().headers["X-RateLimit-Remaining"] == "0"


@pytest.mark.parametrize(("window", "expected"), [("fixed", 202), ("sliding", 429)])
def test_a_fixed_window_forgets_everything_at_once(sandbox, clock, window, expected):
    client = Client(sandbox(creates_per_minute=2, window=window))
    client.create()
    clock.go(59)
    client.create()
    clock.go(1)
    assert client.create().status_code == 202
    assert client.create().status_code == expected
