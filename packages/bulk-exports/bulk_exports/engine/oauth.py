"""Fetches tokens (OAuth 2.0, RFC 6749, sections 4.4, 5.1 and 6): the requests that carry the secrets of the settings.

Which grant it is, and how the form or the body of it is written, is the vendor's; what comes of it is the same for all.
"""

from __future__ import annotations

import base64
import json
import math
from typing import TYPE_CHECKING, Any, Final

from bulk_exports.engine.credentials import Token
from bulk_exports.engine.errors import RateLimitedError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bulk_exports.engine.api import Api
    from bulk_exports.engine.budgets import Budget
    from bulk_exports.engine.connection import Connection

FOR_EVER: Final = float("inf")
"""How long a token lives that says nothing about its end: a stale one is renewed when it is refused."""


def fetch_token(
    api: Api,
    path: str,
    budget: Budget,
    connection: Connection,
    *,
    body: Mapping[str, Any] | None = None,
    form: Mapping[str, str] | None = None,
) -> Token:
    """Fetch a token.

    Args:
        api: Where tokens are given, without credentials.
        path: The path of the token endpoint.
        budget: How many tokens may be asked for.
        connection: Time.
        body: The grant as JSON.
        form: The grant as a form, as RFC 6749 has it.

    Raises:
        UnavailableError: There is none to be had at the moment.
        RequestRejectedError: Who we say that we are is not accepted.
    """
    # Nobody waits for this budget, so being used up is trouble like any other: tried again, later and later.
    now = connection.clock.now()
    if (ready_at := budget.ready_at(now)) > now:
        raise _unavailable("no more tokens may be asked for at the moment", ready_at - now)
    budget.spend()
    try:
        answer = api.ask("POST", path, budget, body, form=form)
    except RateLimitedError as error:
        raise _unavailable("the vendor gives no more tokens at the moment (HTTP 429)", error.pause_seconds) from None
    said = answer.json_object()
    value = said.get("access_token")
    if not isinstance(value, str) or not value or not (value.isascii() and value.isprintable()):
        raise UnavailableError("the vendor returned no access token")
    rotated = said.get("refresh_token")
    # By the clock of whoever wrote the token's end, where it tells its own.
    moment = (answer.date or connection.utc_now()).timestamp()
    return Token(value, _life(value, said, moment), rotated if isinstance(rotated, str) and rotated else None)


def _unavailable(why: str, seconds: float) -> UnavailableError:
    error = UnavailableError(why)
    error.pause_seconds = seconds if math.isfinite(seconds) else 0.0
    return error


def _life(value: str, said: Mapping[str, Any], moment: float) -> float:
    """Return how long a token lives: as it says itself, being a JWT, or else as is said of it."""
    ends_at, seconds = _number(_claims(value).get("exp")), _number(said.get("expires_in"))
    if ends_at is not None:
        return ends_at - moment
    return FOR_EVER if seconds is None else seconds


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _claims(token: str) -> Mapping[str, Any]:
    """Return what a JWT says of itself, unverified: it is the vendor that must believe it."""
    parts = token.split(".")
    if len(parts) != 3:
        return {}
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}
