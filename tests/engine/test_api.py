"""One request to an API, and what the client makes of the answer, whoever the vendor is."""

from __future__ import annotations

import logging
import threading
from datetime import datetime, timezone

import pytest
import requests

from bulk_exports.engine.api import BEGINNING_BYTES, Api, Dialect
from bulk_exports.engine.budgets import AllOf, JobCap
from bulk_exports.engine.credentials import MIN_USE_SECONDS, Bearer, NoCredentials, RenewedToken, Token
from bulk_exports.engine.errors import (
    ExportError,
    InvalidAnswerError,
    RateLimitedError,
    RequestRejectedError,
    UnavailableError,
    UnknownJobError,
)
from bulk_exports.engine.rate_limit import RateLimit

pytestmark = pytest.mark.deep

URL = "https://api.vendor.test/v1"
KEY = "recognisable-key"
NOW = datetime(2026, 3, 1, tzinfo=timezone.utc)


def api(authentication=None, *, now=lambda: 1000.0, **dialect):
    return Api(
        api_url=URL,
        dialect=Dialect(vendor="Vendor", **dialect),
        authentication=authentication or Bearer(KEY),
        user_agent="test/1",
        now=now,
        utc_now=lambda: NOW,
        log=logging.getLogger("tap-test"),
        headers={"Vendor-Unit": "7"},
    )


class Asking:
    """Asks as the engine does: a budget is spent before each request."""

    def __init__(self, made, budget=None):
        self.api = made
        self.budget = budget or RateLimit(30)

    def __call__(self, method="GET", address="/things", **options):
        self.budget.spend()
        return self.api.ask(method, address, self.budget, **options)

    @property
    def none_is_under_way(self):
        """Whether each request that was spent was also noted: else the budget would wait for ever."""
        return self.budget._in_flight == 0


@pytest.fixture
def ask():
    with api(advice={401: "Check the key", 300: "Check the address"}) as made:
        asking = Asking(made)
        yield asking
        assert asking.none_is_under_way


def test_a_request_carries_its_body_the_key_and_the_headers(ask, requests_mock):
    requests_mock.post(f"{URL}/things", status_code=202, json={"id": 7})
    assert ask("POST", body={"a": 1}).json_object() == {"id": 7}
    sent = requests_mock.last_request
    assert sent.json() == {"a": 1}
    assert sent.headers["Authorization"] == f"Bearer {KEY}"
    assert sent.headers["Accept"] == sent.headers["Content-Type"] == "application/json"
    assert sent.headers["User-Agent"] == "test/1"
    assert sent.headers["Vendor-Unit"] == "7"


def test_a_token_is_asked_for_with_a_form_whose_secrets_are_not_shown(requests_mock, caplog):
    caplog.set_level(logging.DEBUG)
    requests_mock.post(f"{URL}/token", status_code=400, json={"error": "no such recognisable-secret"})
    with api(NoCredentials(["recognisable-secret"])) as made:
        ask = Asking(made)
        with pytest.raises(RequestRejectedError, match=r"no such \[removed\]"):
            ask("POST", "/token", form={"grant_type": "x", "client_secret": "recognisable-secret"})
    sent = requests_mock.last_request
    assert sent.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert sent.text == "grant_type=x&client_secret=recognisable-secret"
    assert "Authorization" not in sent.headers
    assert "recognisable-secret" not in caplog.text


def test_a_netrc_entry_for_the_host_does_not_replace_the_key(ask, requests_mock, tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine api.vendor.test login other password other")
    monkeypatch.setenv("NETRC", str(netrc))
    requests_mock.get(f"{URL}/things", json={})
    ask()
    assert requests_mock.last_request.headers["Authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("address", ["https://api.vendor.test/else/9", "https://api.vendor.test:443/else/9"])
def test_an_address_that_the_api_named_may_be_asked_if_it_is_its_own(ask, requests_mock, address):
    requests_mock.get(address, json={})
    ask(address=address)
    assert requests_mock.last_request.headers["Authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize(
    "address",
    [
        "https://other.test/else/9",
        "http://api.vendor.test/else/9",
        "https://api.vendor.test:8443/else/9",
        "//other.test/else/9",
        "https://api.vendor.test@other.test/9",
        "https://me@api.vendor.test/9",
        "https://other.test\\@api.vendor.test/9",
        "https://api.vendor.test:port/9",
        "https://[x/9",
        "file:///etc/passwd",
    ],
)
def test_the_key_goes_to_no_other_host(ask, requests_mock, address):
    with pytest.raises(InvalidAnswerError, match="not its API's") as caught:
        ask(address=address)
    assert "other" not in str(caught.value)
    assert not requests_mock.called


def test_a_redirect_is_not_followed(ask, requests_mock):
    requests_mock.get(f"{URL}/things", status_code=302, headers={"Location": "https://other.test/"})
    with pytest.raises(RequestRejectedError, match=r"redirects instead of answering \(HTTP 302\). Check the address"):
        ask()
    assert requests_mock.call_count == 1


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (401, {"detail": "No such key"}, ["Vendor refuses", "401", "No such key", "Check the key"]),
        (400, {"message": "Bad"}, ["400", "Bad", "not a documented answer"]),
        (400, {"title": "Bad Request", "detail": "too wide"}, ["too wide"]),
        (400, {"title": "Bad Request"}, ["Bad Request"]),
        (400, [1], ["no explanation given"]),
    ],
)
def test_a_refusal_says_what_the_server_said_and_what_to_check(ask, requests_mock, status, body, told):
    requests_mock.get(f"{URL}/things", status_code=status, json=body)
    with pytest.raises(RequestRejectedError) as caught:
        ask()
    assert all(words in str(caught.value) for words in told)
    assert requests_mock.call_count == 1


def test_what_a_server_says_is_shown_without_the_key_and_without_addresses(ask, requests_mock):
    requests_mock.get(f"{URL}/things", status_code=400, json={"detail": f"no {KEY} at https://x.test/a?sig=1"})
    with pytest.raises(RequestRejectedError) as caught:
        ask()
    assert KEY not in str(caught.value)
    assert "sig" not in str(caught.value)


@pytest.mark.parametrize("status", [408, 425, 500, 502, 503, 504])
def test_trouble_at_the_vendor_is_worth_another_attempt(ask, requests_mock, status):
    requests_mock.get(f"{URL}/things", status_code=status, text="<html>oops</html>")
    with pytest.raises(UnavailableError, match=str(status)):
        ask()


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (requests.ConnectTimeout(), "too long"),
        (requests.ReadTimeout(), "too long"),
        (requests.exceptions.SSLError("bad cert"), "TLS"),
        (requests.ConnectionError("NameResolutionError: vendor.test"), "host name"),
        (requests.ConnectionError("[Errno 111] Connection refused"), "refused"),
        (requests.ConnectionError("reset"), "broke"),
        (requests.exceptions.ChunkedEncodingError(), "broke"),
    ],
)
def test_trouble_in_the_network_is_named_without_addresses(ask, requests_mock, error, told):
    requests_mock.get(f"{URL}/things", exc=error)
    with pytest.raises(UnavailableError, match=f"the Vendor API .*{told}") as caught:
        ask()
    assert "vendor.test" not in str(caught.value)


@pytest.mark.parametrize("answer", [{"text": "<html>"}, {"json": [1]}, {"text": "[" * 100_000}, {"text": ""}])
def test_an_answer_that_is_no_object_is_worth_another_attempt(ask, requests_mock, answer):
    requests_mock.get(f"{URL}/things", **answer)
    with pytest.raises(UnavailableError, match="no JSON object"):
        ask().json_object()


def test_a_status_that_was_expected_is_an_answer(ask, requests_mock):
    requests_mock.get(f"{URL}/things", status_code=503, json={"detail": "processing failed"})
    answer = ask(expected={404, 503})
    assert (answer.status, answer.is_success) == (503, False)
    assert answer.parsed() == {"detail": "processing failed"}


def test_of_a_file_only_the_beginning_is_read(ask, requests_mock):
    content = b"{" + b" " * 20_000_000 + b"}"
    requests_mock.get(f"{URL}/things", content=content, headers={"Date": "Sun, 01 Mar 2026 00:00:00 GMT"})
    answer = ask(files={200})
    assert answer.content == content[:BEGINNING_BYTES]
    assert answer.date == NOW
    with pytest.raises(UnavailableError):  # that it is longer than any other answer may be
        ask()


def test_a_vendor_finds_its_own_meaning_in_an_answer(requests_mock):
    def meaning(answer):
        said = answer.parsed()
        return UnknownJobError("gone") if isinstance(said, dict) and said.get("code") == 192 else None

    requests_mock.get(f"{URL}/things", [{"json": {"code": 192}}, {"json": {"code": 0}}])
    with api(meaning=meaning) as made:
        ask = Asking(made)
        with pytest.raises(UnknownJobError, match="gone"):
            ask()
        assert ask().is_success
        assert ask.none_is_under_way


# Budgets


def test_a_budget_learns_from_the_headers(ask, requests_mock):
    requests_mock.get(f"{URL}/things", json={}, headers={"X-RateLimit-Limit": "60", "X-RateLimit-Remaining": "0"})
    ask()
    assert ask.budget.per_minute == 60
    assert ask.budget.ready_at(1000.0) == 1000.0  # nobody else may be in the way: ask
    ask.budget.spend()
    assert ask.budget.ready_at(1000.0) > 1000.0
    ask.budget.returned()


@pytest.mark.parametrize(("wait", "until"), [("17", 1017.0), ("Sun, 01 Mar 2026 00:00:20 GMT", 1020.0), (None, 1060.0)])
def test_429_pauses_the_budget(ask, requests_mock, wait, until):
    headers = {"Retry-After": wait} if wait else {}
    requests_mock.get(f"{URL}/things", status_code=429, headers=headers)
    with pytest.raises(RateLimitedError):
        ask()
    assert ask.budget.ready_at(1000.0) == until


def test_a_vendor_says_which_of_several_budgets_is_used_up(requests_mock):
    minute, cap = RateLimit(30), JobCap()
    requests_mock.post(f"{URL}/things", status_code=429, json={"detail": "too many pending"})
    made = api(meaning=lambda answer: RateLimitedError("pending", by=cap) if answer.status == 429 else None)
    with made, pytest.raises(RateLimitedError, match="pending"):
        Asking(made, AllOf(minute, cap))("POST")
    assert minute.ready_at(1000.0) == 1000.0
    assert cap.ready_at(1000.0) > 1000.0


# Tokens


class Tokens:
    """A place where tokens are fetched."""

    def __init__(self, life_seconds=3600.0):
        self.time = 1000.0
        self.life_seconds = life_seconds
        self.fetched = 0
        self.fails = None

    def fetch(self):
        if self.fails:
            raise self.fails
        self.fetched += 1
        return Token(f"token-number-{self.fetched}", self.life_seconds)

    def authentication(self):
        return RenewedToken(self.fetch, now=lambda: self.time, secrets=("client-secret",))


def accepts(*tokens):
    def answer(request, context):
        known = request.headers.get("Authorization", "").removeprefix("Bearer ") in tokens
        context.status_code = 200 if known else 401
        return {}

    return answer


def test_a_token_is_fetched_once_for_many_requests(requests_mock):
    requests_mock.get(f"{URL}/things", json=accepts("token-number-1"))
    tokens = Tokens()
    with api(tokens.authentication()) as made:
        ask = Asking(made)
        assert [ask().status for _ in range(3)] == [200, 200, 200]
    assert tokens.fetched == 1


@pytest.mark.parametrize(
    ("life", "used"), [(24 * 3600.0, 23 * 3600.0), (3600.0, 2700.0), (0.0, MIN_USE_SECONDS), (-5.0, MIN_USE_SECONDS)]
)
def test_a_token_is_renewed_before_it_ends(life, used):
    tokens = Tokens(life)
    authentication = tokens.authentication()
    first = authentication.headers()
    tokens.time += used - 1
    assert authentication.headers() == first
    tokens.time += 1
    assert authentication.headers() == {"Authorization": "Bearer token-number-2"}


@pytest.mark.parametrize("status", [401, 403])
def test_a_token_that_is_refused_is_renewed_and_the_request_sent_once_more(requests_mock, status):
    requests_mock.get(f"{URL}/things", [{"status_code": status}, {"json": {"id": 1}}])
    tokens = Tokens()
    with api(tokens.authentication()) as made:
        ask = Asking(made)
        assert ask().json_object() == {"id": 1}
        assert ask.none_is_under_way
    assert [request.headers["Authorization"] for request in requests_mock.request_history] == [
        "Bearer token-number-1",
        "Bearer token-number-2",
    ]


def test_a_vendor_may_refuse_a_token_in_words_of_its_own_and_everything_else_with_the_same_status(requests_mock):
    requests_mock.get(f"{URL}/things", [{"json": {"code": 184}}, {"json": {"id": 1}}, {"status_code": 401}])
    tokens = Tokens()
    with api(tokens.authentication(), is_refusal=lambda answer: b"184" in answer.content) as made:
        ask = Asking(made)
        assert ask().json_object() == {"id": 1}
        with pytest.raises(RequestRejectedError, match="HTTP 401"):
            ask()
        assert ask.none_is_under_way
    assert (tokens.fetched, requests_mock.call_count) == (2, 3)


def test_a_token_that_is_refused_again_is_no_matter_of_the_token(requests_mock):
    requests_mock.get(f"{URL}/things", status_code=403, json={"detail": "not your section"})
    tokens = Tokens()
    with api(tokens.authentication()) as made:
        ask = Asking(made)
        with pytest.raises(RequestRejectedError, match="not your section"):
            ask()
        assert ask.none_is_under_way
    assert (tokens.fetched, requests_mock.call_count) == (2, 2)


@pytest.mark.parametrize("at_first", [True, False])
def test_where_no_token_is_to_be_had_nothing_is_counted_as_under_way(requests_mock, at_first):
    requests_mock.get(f"{URL}/things", status_code=401)
    tokens = Tokens()
    with api(tokens.authentication()) as made:
        ask = Asking(made)
        if not at_first:
            with pytest.raises(RequestRejectedError):
                ask()
        tokens.fails = UnavailableError("no token")
        with pytest.raises(UnavailableError, match="no token"):
            ask()
        assert ask.none_is_under_way


def test_one_renewal_serves_all_who_were_refused():
    tokens = Tokens()
    authentication = tokens.authentication()
    refused = authentication.headers()
    threads = [threading.Thread(target=authentication.refused, args=(refused,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert tokens.fetched == 2
    assert authentication.headers() == {"Authorization": "Bearer token-number-2"}


def test_no_token_and_nothing_with_which_it_is_fetched_is_shown(requests_mock):
    tokens = Tokens()
    said = "token-number-1 token-number-2 client-secret"
    requests_mock.get(f"{URL}/things", status_code=403, json={"detail": said})
    with api(tokens.authentication()) as made, pytest.raises(ExportError) as caught:
        Asking(made)()
    assert not [word for word in said.split() if word in str(caught.value)]
    assert "token-number" not in repr(Token("token-number-1", 5.0))


def test_without_credentials_none_are_sent(requests_mock):
    requests_mock.post(f"{URL}/things", status_code=401, json={"error": "invalid_client"})
    with api(NoCredentials()) as made, pytest.raises(RequestRejectedError, match="invalid_client"):
        Asking(made)("POST")
    assert "Authorization" not in requests_mock.last_request.headers
    assert requests_mock.call_count == 1
