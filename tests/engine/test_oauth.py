"""The token: when it ends, and what happens where there is none to be had."""

from __future__ import annotations

import base64
import json
import logging
from datetime import datetime, timedelta, timezone

import pytest

from bulk_exports.engine.api import Dialect
from bulk_exports.engine.credentials import NoCredentials, Token
from bulk_exports.engine.errors import RequestRejectedError, UnavailableError
from bulk_exports.engine.oauth import FOR_EVER, fetch_token
from bulk_exports.engine.rate_limit import RateLimit
from bulk_exports.environment import Environment
from simulation.virtual_time import VirtualClock

URL = "https://api.acme.test"
NOW = datetime(2026, 2, 10, tzinfo=timezone.utc)


def jwt(claims):
    payload = claims if isinstance(claims, str) else json.dumps(claims)
    return f"e30.{base64.urlsafe_b64encode(payload.encode()).decode().rstrip('=')}.c2ln"


def connection():
    return Environment(VirtualClock(1000.0), now=lambda: NOW).connection(logging.getLogger("tap-test"), {})


def fetch(budget=None, **grant):
    grant = grant or {"body": {"grant_type": "client_credentials"}}
    dialect = Dialect(vendor="Acme")
    with connection().api(URL, dialect=dialect, authentication=NoCredentials(("s-e-c-r",)), user_agent="test") as api:
        return fetch_token(api, "/oauth/token", budget or RateLimit(10), connection(), **grant)


def test_the_grant_is_sent_as_json_or_as_a_form(requests_mock):
    requests_mock.post(f"{URL}/oauth/token", json={"access_token": "abc", "expires_in": 5})
    assert fetch(body={"client_id": "c"}) == Token("abc", 5)
    assert requests_mock.last_request.json() == {"client_id": "c"}
    assert fetch(form={"client_id": "c d"}) == Token("abc", 5)
    assert requests_mock.last_request.text == "client_id=c+d"


@pytest.mark.parametrize(("said", "rotated"), [("next", "next"), ("", None), (None, None), (7, None)])
def test_with_what_the_next_token_is_fetched_may_change(requests_mock, said, rotated):
    requests_mock.post(f"{URL}/oauth/token", json={"access_token": "abc", "refresh_token": said})
    assert fetch().refresh_token == rotated


ENDS = NOW.timestamp() + 7200


@pytest.mark.parametrize(
    ("value", "expires_in", "life"),
    [
        (jwt({"exp": ENDS}), 86_400, 7200),
        (jwt({"exp": int(ENDS)}), None, 7200),
        (jwt({"exp": True}), 60, 60),
        (jwt({"exp": "soon"}), 60, 60),
        (jwt({}), 86_400, 86_400),
        (jwt([1]), 86_400, 86_400),
        (jwt("no json"), 86_400, 86_400),
        ("opaque", 86_400, 86_400),
        ("a.%%%.c", 86_400, 86_400),
        ("opaque", None, FOR_EVER),
        ("opaque", "long", FOR_EVER),
        ("opaque", True, FOR_EVER),
    ],
)
def test_a_token_says_itself_when_it_ends(requests_mock, value, expires_in, life):
    requests_mock.post(f"{URL}/oauth/token", json={"access_token": value, "expires_in": expires_in})
    assert fetch().life_seconds == life


def test_the_clock_of_the_server_is_the_one_by_which_it_ends(requests_mock):
    behind = (NOW - timedelta(minutes=30)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    requests_mock.post(f"{URL}/oauth/token", json={"access_token": jwt({"exp": ENDS})}, headers={"Date": behind})
    assert fetch().life_seconds == 7200 + 1800


@pytest.mark.parametrize("said", [{}, {"access_token": None}, {"access_token": ""}, {"access_token": "a\nb"}])
def test_no_token_is_trouble_of_the_moment(requests_mock, said):
    requests_mock.post(f"{URL}/oauth/token", json=said)
    with pytest.raises(UnavailableError, match="no access token"):
        fetch()


def test_a_refusal_for_want_of_budget_is_trouble_of_the_moment_too(requests_mock):
    requests_mock.post(f"{URL}/oauth/token", status_code=429)
    with pytest.raises(UnavailableError, match="429") as caught:
        fetch()
    assert caught.value.pause_seconds >= 1


def test_no_more_tokens_are_asked_for_than_the_vendor_gives(requests_mock):
    requests_mock.post(f"{URL}/oauth/token", json={"access_token": "abc"})
    budget = RateLimit(10)
    for _ in range(10):
        fetch(budget)
    with pytest.raises(UnavailableError, match="no more tokens") as caught:
        fetch(budget)
    assert 0 < caught.value.pause_seconds <= 61
    assert requests_mock.call_count == 10


@pytest.mark.parametrize("status", [400, 401, 403])
def test_credentials_that_are_not_accepted_end_the_run(requests_mock, status):
    requests_mock.post(f"{URL}/oauth/token", status_code=status, json={"message": "No such client: s-e-c-r"})
    with pytest.raises(RequestRejectedError, match="No such client") as caught:
        fetch()
    assert "s-e-c-r" not in str(caught.value)
