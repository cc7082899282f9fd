"""Tokens of Salesforce: the only requests that carry the secrets of the settings.

A token lives as long as the org's sessions do, which nobody tells: it is renewed when it is refused, not by the clock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bulk_exports.engine.api import Dialect
from bulk_exports.engine.credentials import NoCredentials
from bulk_exports.engine.errors import RequestRejectedError
from bulk_exports.engine.oauth import fetch_token
from bulk_exports.engine.rate_limit import RateLimit

if TYPE_CHECKING:
    from bulk_exports.engine import Connection
    from bulk_exports.engine.credentials import Token
    from tap_pardot_exports.settings import Settings

TOKEN_PATH: Final = "/services/oauth2/token"  # noqa: S105 - an address
ASSERTION_SECONDS: Final = 3 * 60
"""Salesforce takes a signed assertion that ends within five minutes."""
TOKENS_PER_MINUTE: Final = 30
"""More often nothing good can come of it."""
_GRANTED_TO: Final = (
    "The connected app, its user or the token is not accepted. Check `client_id`, `client_secret` and `login_url`, and "
    "that the user is active; a refresh token that was withdrawn must be replaced by connecting the app anew"
)
_WHAT_TO_CHECK: Final = {
    300: "Check the setting `login_url`; client credentials need the org's own domain",
    400: _GRANTED_TO,
    401: _GRANTED_TO,
    403: _GRANTED_TO,
    404: "Check the setting `login_url`: nobody gives tokens there",
}


class Tokens:
    """Fetches tokens, each with the same grant.

    Args:
        settings: Who we are.
        connection: Time and log.
    """

    def __init__(self, settings: Settings, connection: Connection) -> None:
        self._settings = settings
        self._connection = connection
        self._refresh_token = settings.refresh_token
        self._secrets = list(settings.secrets)
        self._budget = RateLimit(TOKENS_PER_MINUTE)

    def fetch(self) -> Token:
        """Fetch a token. Called by one thread at a time: Salesforce serves an app's requests one after the other.

        Raises:
            UnavailableError: No answer, or one that makes no sense; or too many were asked for.
            RequestRejectedError: Salesforce gives no token, and will not.
        """
        form = self._form()
        with self._connection.api(
            self._settings.login_url,
            dialect=Dialect(vendor="Salesforce", advice=_WHAT_TO_CHECK, explain=_explanation),
            authentication=NoCredentials(self._secrets),
            user_agent=self._settings.user_agent,
        ) as api:
            token = fetch_token(api, TOKEN_PATH, self._budget, self._connection, form=form)
        if token.refresh_token:
            self._refresh_token = token.refresh_token
            self._secrets.append(token.refresh_token)
        return token

    def _form(self) -> dict[str, str]:
        settings = self._settings
        app = {"client_id": settings.client_id}
        if settings.client_secret:  # some apps need none to refresh a token
            app["client_secret"] = settings.client_secret
        if settings.auth_flow == "client_credentials":
            return {"grant_type": "client_credentials", **app}
        if settings.auth_flow == "jwt":
            assertion = signed(settings, self._connection.utc_now().timestamp())
            return {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": assertion}
        return {"grant_type": "refresh_token", **app, "refresh_token": self._refresh_token or ""}


def signed(settings: Settings, moment: float) -> str:
    """Say who we are, signed with the private key of the connected app.

    Raises:
        RequestRejectedError: The library for it is not installed, or the key is none.
    """
    try:
        import jwt  # noqa: PLC0415 - an extra
    except ImportError:
        raise RequestRejectedError(
            "`auth_flow: jwt` needs a library that is not installed. Install tap-pardot-exports[jwt]"
        ) from None
    claims = {
        "iss": settings.client_id,
        "sub": settings.username,
        "aud": settings.login_url,
        "exp": int(moment) + ASSERTION_SECONDS,
    }
    try:
        return jwt.encode(claims, settings.private_key or "", algorithm="RS256")
    except (ValueError, TypeError, jwt.PyJWTError):
        raise RequestRejectedError(
            "`private_key` is no RSA key in PEM form. Copy it whole, with its line ends"
        ) from None


def _explanation(answer: object) -> str:
    """Return Salesforce's word for the refusal, and its explanation."""
    if not isinstance(answer, dict) or not isinstance(word := answer.get("error"), str):
        return "no explanation given"
    text = answer.get("error_description")
    return f"{word}: {text}" if isinstance(text, str) and text else word
