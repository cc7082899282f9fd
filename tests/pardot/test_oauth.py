"""Tokens: each flow, one refresh at a time, nothing told that nobody may see."""

from __future__ import annotations

import dataclasses
import logging
import threading
from datetime import datetime, timezone

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from bulk_exports.engine import Connection, Limits
from bulk_exports.engine.credentials import RenewedToken
from bulk_exports.engine.errors import RequestRejectedError, UnavailableError
from tap_pardot_exports.oauth import ASSERTION_SECONDS, Tokens
from tap_pardot_exports.sandbox import Fault, Quirks
from tap_pardot_exports.sandbox.login import JWT_GRANT
from tap_pardot_exports.settings import Settings

LOG = logging.getLogger("test")


@pytest.fixture(scope="module")
def key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="module")
def pem(key):
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def tokens_of(made, **changes):
    now = datetime.fromtimestamp(made.clock.now(), timezone.utc)
    settings = Settings.from_config({**made.config, **changes}, now=now)
    connection = Connection(
        stream="prospects",
        clock=made.clock,
        limits=Limits(),
        utc_now=lambda: datetime.fromtimestamp(made.clock.now(), timezone.utc),
        log=LOG,
    )
    return Tokens(settings, connection)


@pytest.mark.parametrize("flow", ["refresh_token", "client_credentials"])
def test_a_token_is_had_by_each_flow(unit, flow):
    made = unit()
    token = tokens_of(made, auth_flow=flow).fetch()
    assert made.pardot.login.is_good(token.value)
    assert repr(token).count(token.value) == 0


def test_a_token_is_had_with_a_signed_assertion(unit, key, pem):
    said = []

    def check(assertion):
        said.append(
            jwt.decode(
                assertion,
                key.public_key(),
                algorithms=["RS256"],
                audience=made.pardot.login_url,
                options={"verify_exp": False},
            )
        )
        return True

    made = unit(check_assertion=check)
    settings = {"auth_flow": "jwt", "username": "exports@acme.example", "private_key": pem, "refresh_token": None}
    token = tokens_of(made, **settings).fetch()
    assert made.pardot.login.is_good(token.value)
    assert said == [
        {
            "iss": "sandbox-app",
            "sub": "exports@acme.example",
            "aud": made.pardot.login_url,
            "exp": int(made.clock.now()) + ASSERTION_SECONDS,
        }
    ]
    assert JWT_GRANT.endswith("jwt-bearer")


def test_a_key_that_is_none_is_refused_without_showing_it(unit):
    made = unit()
    pem = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n"
    tokens = tokens_of(made, auth_flow="jwt", username="x", private_key=pem)
    with pytest.raises(RequestRejectedError, match="no RSA key in PEM form") as error:
        tokens.fetch()
    assert "c2VjcmV0" not in str(error.value)


def test_a_refresh_token_that_is_given_anew_takes_the_place_of_the_old_one(unit):
    made = unit(quirks=Quirks(rotates=True))
    tokens = tokens_of(made)
    assert len({tokens.fetch().value for _ in range(3)}) == 3


def test_a_refresh_token_that_is_not_given_anew_stays(unit):
    tokens = tokens_of(unit())
    assert len({tokens.fetch().value for _ in range(3)}) == 3


def test_many_threads_with_a_refused_token_fetch_one(unit):
    made = unit()
    tokens = tokens_of(made)
    authentication = RenewedToken(tokens.fetch, now=made.clock.now)
    refused = authentication.headers()
    threads = [threading.Thread(target=authentication.refused, args=(refused,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made.pardot.login.tokens) == 2


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        (Fault("token", "status", status=500), UnavailableError, "HTTP 500"),
        (Fault("token", "not_json"), UnavailableError, "no JSON object"),
        (Fault("token", "status", status=200, body="{}"), UnavailableError, "no access token"),
        (Fault("token", "status", status=200, body='{"access_token": "a\\nb"}'), UnavailableError, "no access token"),
        (Fault("token", "redirect"), RequestRejectedError, "the org's own domain"),
        (
            Fault("token", "status", status=400, body='{"error": "x", "error_description": "sandbox-refresh-token?"}'),
            RequestRejectedError,
            r"x: \[removed\]\?",
        ),
    ],
)
def test_what_is_no_token_is_told_without_secrets(unit, fault, error, words):
    made = unit()
    made.pardot.inject(fault)
    with pytest.raises(error, match=words):
        tokens_of(made).fetch()


def test_no_secret_is_in_what_settings_show_of_themselves(unit, pem):
    made = unit()
    now = datetime.fromtimestamp(made.clock.now(), timezone.utc)
    settings = Settings.from_config({**made.config, "private_key": pem, "username": "x"}, now=now)
    shown = repr(settings)
    for field in dataclasses.fields(settings):
        if field.name in {"client_secret", "refresh_token", "private_key"}:
            assert getattr(settings, field.name) not in shown
    assert set(settings.secrets) == {settings.client_secret, settings.refresh_token, pem}
