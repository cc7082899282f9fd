"""Salesforce, as far as it gives tokens."""

from __future__ import annotations

import secrets
import threading
import urllib.parse
from typing import TYPE_CHECKING, Final

from bulk_exports.sandbox.messages import Reply, Request, json_reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from bulk_exports.sandbox.faults import Faults
    from tap_pardot_exports.sandbox.quirks import Quirks

TOKEN_PATH: Final = "/services/oauth2/token"  # noqa: S105 - an address
JWT_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"


class Login:
    """Gives tokens and knows which are good.

    Args:
        client_id: The connected app.
        client_secret: Its secret.
        refresh_token: What it got for its user.
        seconds: How long a token is good.
        faults: What goes wrong.
        quirks: Whether refresh tokens rotate.
        clock: Epoch seconds.
        check_assertion: Says whether a signed assertion is good.
    """

    def __init__(
        self,
        *,
        client_id: str,
        client_secret: str,
        refresh_token: str,
        seconds: float,
        faults: Faults,
        quirks: Quirks,
        clock: Callable[[], float],
        check_assertion: Callable[[str], bool],
    ) -> None:
        self._app = {"client_id": client_id, "client_secret": client_secret}
        self.refresh_token = refresh_token
        self._seconds = seconds
        self._faults = faults
        self._quirks = quirks
        self._clock = clock
        self._check_assertion = check_assertion
        self._tokens: dict[str, float] = {}
        self._lock = threading.Lock()

    def is_good(self, token: str) -> bool:
        """Whether a token is accepted now."""
        return self._clock() < self._tokens.get(token, float("-inf"))

    def revoke(self) -> None:
        """Let no token be good any more, as when an administrator ends all sessions."""
        self._tokens.clear()

    @property
    def tokens(self) -> list[str]:
        """Every token that was given; none of them may be seen anywhere."""
        return list(self._tokens)

    def answer(self, request: Request) -> Reply:
        """Answer a request."""
        if (request.method, request.path) != ("POST", TOKEN_PATH):
            return json_reply(404, {"error": "not_found", "error_description": "there is nothing here"})
        fault = self._faults.take(["token"], None)
        default = json_reply(500, {"error": "server_error", "error_description": "try again"})
        reply = fault.meet(lambda: self._grant(request), default) if fault else self._grant(request)
        reply.endpoint = "token"
        return reply

    def _grant(self, request: Request) -> Reply:
        form = dict(urllib.parse.parse_qsl(request.body.decode(errors="replace"), keep_blank_values=True))
        grant = form.get("grant_type")
        if grant == JWT_GRANT:
            good = self._check_assertion(form.get("assertion", ""))
            return self._given({}) if good else _refused("invalid_grant", "invalid assertion")
        if form.get("client_id") != self._app["client_id"]:
            return _refused("invalid_client_id", "client identifier invalid")
        if form.get("client_secret", self._app["client_secret"]) != self._app["client_secret"]:
            return _refused("invalid_client", "invalid client credentials")
        if grant == "refresh_token":
            return self._refreshed(form)
        allowed = grant == "client_credentials" and "client_secret" in form
        return self._given({}) if allowed else _refused("unsupported_grant_type", "grant type not supported")

    def _refreshed(self, form: dict[str, str]) -> Reply:
        with self._lock:
            if form.get("refresh_token") != self.refresh_token:
                return _refused("invalid_grant", "expired access/refresh token")
            if not self._quirks.rotates:
                return self._given({})
            self.refresh_token = secrets.token_urlsafe(24)
            return self._given({"refresh_token": self.refresh_token})

    def _given(self, more: dict[str, str]) -> Reply:
        token = f"00D!{secrets.token_urlsafe(48)}"
        self._tokens[token] = self._clock() + self._seconds
        told = {"token_type": "Bearer", "instance_url": "https://acme.example", "issued_at": str(int(self._clock()))}
        return json_reply(200, {"access_token": token, **told, **more})


def _refused(word: str, text: str) -> Reply:
    return json_reply(400, {"error": word, "error_description": text})
