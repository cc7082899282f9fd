"""What an API lists: all pages of it, wherever it is, in bounded time."""

from __future__ import annotations

import itertools
import logging
from datetime import datetime, timezone

import pytest

from bulk_exports.engine.api import Dialect
from bulk_exports.engine.credentials import Bearer
from bulk_exports.engine.errors import InvalidAnswerError, RateLimitedError, RequestRejectedError, UnavailableError
from bulk_exports.engine.lists import MAX_ATTEMPTS, MAX_PAGES, Lists
from bulk_exports.engine.rate_limit import RateLimit
from bulk_exports.environment import Environment
from simulation.virtual_time import VirtualClock

URL = "https://api.acme.test"
NOW = datetime(2026, 2, 10, tzinfo=timezone.utc)
PER_MINUTE = 3


@pytest.fixture
def clock():
    return VirtualClock(NOW.timestamp())


@pytest.fixture
def lists(clock):
    connection = Environment(clock, now=lambda: NOW).connection(logging.getLogger("tap-test"), {})
    api = connection.api(URL, dialect=Dialect(vendor="Acme"), authentication=Bearer("k"), user_agent="test")
    return Lists(api, RateLimit(PER_MINUTE), connection)


@pytest.mark.parametrize("said", [{"items": [{"id": 1}, 5, None]}, [{"id": 1}, "x"]])
def test_items_are_listed_bare_or_in_an_object(lists, requests_mock, said):
    requests_mock.get(f"{URL}/things", json=said)
    assert list(lists.items("/things")) == [{"id": 1}]


@pytest.mark.parametrize("said", [{"items": []}, []])
def test_nothing_is_listed(lists, requests_mock, said):
    requests_mock.get(f"{URL}/things", json=said)
    assert list(lists.items("/things")) == []


NO_LISTS = [{}, {"items": None}, {"items": {"id": 1}}, {"message": "later"}, {"items": [], "next": {"page": 2}}, 5]


@pytest.mark.parametrize("said", NO_LISTS)
def test_what_is_no_list_is_asked_for_again_and_never_taken_for_an_empty_one(lists, requests_mock, said):
    requests_mock.get(f"{URL}/things", [{"json": said}, {"text": "<html>"}, {"json": [{"id": 1}]}])
    assert list(lists.items("/things")) == [{"id": 1}]
    requests_mock.get(f"{URL}/things", json=said)
    with pytest.raises(UnavailableError, match="no list"):
        list(lists.items("/things"))


@pytest.mark.parametrize("following", ["/things?page=2", f"{URL}/things?page=2"])
def test_a_list_has_pages(lists, requests_mock, following):
    requests_mock.get(f"{URL}/things", json={"items": [{"id": 1}], "next": following})
    requests_mock.get(f"{URL}/things?page=2", json={"items": [{"id": 2}], "next": ""})
    assert list(lists.items("/things")) == [{"id": 1}, {"id": 2}]


def test_no_page_is_asked_of_another_host(lists, requests_mock):
    requests_mock.get(f"{URL}/things", json={"items": [], "next": "https://elsewhere.test/things"})
    with pytest.raises(InvalidAnswerError):
        list(lists.items("/things"))
    assert requests_mock.call_count == 1


@pytest.mark.parametrize(("following", "pages"), [("/things", 1), (None, MAX_PAGES)])
def test_a_list_that_goes_on_for_ever_is_no_whole_one(lists, requests_mock, following, pages):
    counted = itertools.count()
    requests_mock.get(
        f"{URL}/things", json=lambda *_: {"items": [], "next": following or f"/things?page={next(counted)}"}
    )
    with pytest.raises(InvalidAnswerError, match=f"no end: its page {pages} "):
        list(lists.items("/things"))


def test_a_list_may_be_in_another_place_or_nowhere(lists, requests_mock):
    requests_mock.get(f"{URL}/things", status_code=404)
    requests_mock.get(f"{URL}/thing", json=[{"id": 1}])
    assert list(lists.items("/things", "/thing")) == [{"id": 1}]
    assert list(lists.items("/things", optional=True)) == []
    with pytest.raises(RequestRejectedError):
        list(lists.items("/things"))


def test_trouble_is_waited_out(lists, requests_mock, clock):
    trouble = [{"status_code": 503}, {"status_code": 429, "headers": {"Retry-After": "120"}}]
    requests_mock.get(f"{URL}/things", [*trouble, {"json": [{"id": 1}]}])
    assert list(lists.items("/things")) == [{"id": 1}]
    assert clock.now() - NOW.timestamp() > 120


@pytest.mark.parametrize(("status", "error"), [(503, UnavailableError), (429, RateLimitedError)])
def test_trouble_without_end_has_one(lists, requests_mock, clock, status, error):
    requests_mock.get(f"{URL}/things", status_code=status)
    with pytest.raises(error):
        list(lists.items("/things"))
    assert requests_mock.call_count == MAX_ATTEMPTS
    assert clock.now() - NOW.timestamp() < 90 * 60


def test_no_more_is_asked_for_than_the_vendor_allows(lists, requests_mock, clock):
    times = []
    requests_mock.get(f"{URL}/things", json=lambda *_: times.append(clock.now()) or [])
    for _ in range(PER_MINUTE + 1):
        assert list(lists.items("/things")) == []
    assert times[-1] - times[0] >= 60


def test_a_list_may_have_as_many_pages_as_are_read(lists, requests_mock, monkeypatch):
    monkeypatch.setattr("bulk_exports.engine.lists.MAX_PAGES", 2)
    requests_mock.get(f"{URL}/things", json={"items": [{"id": 1}], "next": "/things?page=2"})
    requests_mock.get(f"{URL}/things?page=2", json={"items": [{"id": 2}]})
    assert list(lists.items("/things")) == [{"id": 1}, {"id": 2}]
