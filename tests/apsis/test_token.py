"""The token: when it ends, and what happens where there is none to be had."""

from __future__ import annotations

import base64
import json
import logging
from datetime import datetime, timedelta, timezone

import pytest

from bulk_exports.engine.api import Api, Dialect
from bulk_exports.engine.credentials import NoCredentials
from bulk_exports.engine.errors import RequestRejectedError, UnavailableError
from bulk_exports.engine.rate_limit import RateLimit
from tap_apsis_one import token

URL = "https://api.apsis.test"
NOW = datetime(2026, 2, 10, tzinfo=timezone.utc)


def jwt(claims):
    payload = claims if isinstance(claims, str) else json.dumps(claims)
    return f"e30.{base64.urlsafe_b64encode(payload.encode()).decode().rstrip('=')}.c2ln"


def fetch(budget=None):
    log = logging.getLogger("tap-test")
    with Api(
        api_url=URL,
        dialect=Dialect(vendor="APSIS One"),
        authentication=NoCredentials(),
        user_agent="test",
        now=lambda: 1000.0,
        utc_now=lambda: NOW,
        log=log,
    ) as api:
        return token.fetch(
            api,
            budget or RateLimit(10),
            client_id="c",
            client_secret="s",
            now=lambda: 1000.0,
            utc_now=lambda: NOW,
        )


def test_the_token_is_asked_for_with_the_credentials(requests_mock):
    requests_mock.post(f"{URL}/oauth/token", json={"access_token": "abc", "expires_in": 5})
    assert fetch().value == "abc"
    assert requests_mock.last_request.json() == {
        "grant_type": "client_credentials",
        "client_id": "c",
        "client_secret": "s",
    }


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
        ("opaque", None, token.USUAL_LIFE_SECONDS),
        ("opaque", "long", token.USUAL_LIFE_SECONDS),
        ("opaque", True, token.USUAL_LIFE_SECONDS),
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
    with pytest.raises(UnavailableError, match="no token"):
        fetch()


def test_a_refusal_for_want_of_budget_is_trouble_of_the_moment_too(requests_mock):
    requests_mock.post(f"{URL}/oauth/token", status_code=429)
    with pytest.raises(UnavailableError, match="429"):
        fetch()


def test_no_more_tokens_are_asked_for_than_the_vendor_gives(requests_mock):
    requests_mock.post(f"{URL}/oauth/token", json={"access_token": "abc"})
    budget = RateLimit(10)
    for _ in range(10):
        fetch(budget)
    with pytest.raises(UnavailableError, match="no more tokens"):
        fetch(budget)
    assert requests_mock.call_count == 10


@pytest.mark.parametrize("status", [400, 401, 403])
def test_credentials_that_are_not_accepted_end_the_run(requests_mock, status):
    requests_mock.post(f"{URL}/oauth/token", status_code=status, json={"detail": "No such client"})
    with pytest.raises(RequestRejectedError, match="No such client"):
        fetch()
