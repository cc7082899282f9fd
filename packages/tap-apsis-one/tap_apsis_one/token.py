"""Gets the token with which everything else is asked: ``POST /oauth/token``.

A token is a JWT that says itself when it ends. ``expires_in`` beside it is deprecated, and taken only if there is
nothing to be read in the token.
"""

from __future__ import annotations

import base64
import json
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Final

from bulk_exports.engine.credentials import Token
from bulk_exports.engine.errors import RateLimitedError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from bulk_exports.engine.answer import Answer
    from bulk_exports.engine.api import Api
    from bulk_exports.engine.budgets import Budget

USUAL_LIFE_SECONDS: Final = 60 * 60.0
"""Of a token that says nothing about its end: a stale one is renewed when it is refused."""


def fetch(
    api: Api,
    budget: Budget,
    *,
    client_id: str,
    client_secret: str,
    now: Callable[[], float],
    utc_now: Callable[[], datetime],
) -> Token:
    """Fetch a token.

    Args:
        api: The API, without credentials.
        budget: How many tokens may be asked for.
        client_id: ID of the API key.
        client_secret: Its secret.
        now: The engine's clock, for the budget.
        utc_now: This machine's clock, should the server not tell its own.

    Raises:
        UnavailableError: There is none to be had at the moment.
        RequestRejectedError: The API key is not accepted.
    """
    # Nobody waits for this budget, so being used up is trouble like any other: tried again, later and later.
    if budget.ready_at(now()) > now():
        raise UnavailableError("no more tokens may be asked for at the moment")
    budget.spend()
    body = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": client_secret}
    try:
        answer = api.ask("POST", "/oauth/token", budget, body)
    except RateLimitedError:
        raise UnavailableError("the vendor gives no more tokens at the moment (HTTP 429)") from None
    said = answer.json_object()
    value = said.get("access_token")
    if not isinstance(value, str) or not value or not (value.isascii() and value.isprintable()):
        raise UnavailableError("the vendor returned no token")
    return Token(value, _life(value, said, _moment(answer, utc_now)))


def _moment(answer: Answer, utc_now: Callable[[], datetime]) -> datetime:
    """Return the present moment by the clock of whoever wrote the token's end."""
    return answer.date or utc_now()


def _life(value: str, said: dict[str, Any], moment: datetime) -> float:
    ends_at = _claims(value).get("exp")
    if isinstance(ends_at, (int, float)) and not isinstance(ends_at, bool):
        return float(ends_at) - moment.astimezone(timezone.utc).timestamp()
    seconds = said.get("expires_in")
    if isinstance(seconds, (int, float)) and not isinstance(seconds, bool):
        return float(seconds)
    return USUAL_LIFE_SECONDS


def _claims(token: str) -> dict[str, Any]:
    """Return what a JWT says of itself, unverified: it is the vendor that must believe it."""
    parts = token.split(".")
    if len(parts) != 3:
        return {}
    try:
        payload = base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4))
        claims = json.loads(payload)
    except (ValueError, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}
