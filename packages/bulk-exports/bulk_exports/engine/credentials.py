"""With what a vendor's API lets us in: a key that stays as it is, or a token that is fetched and ends.

A credential is put into the headers of each request by the client of the API, which sends it to one host only.
"""

from __future__ import annotations

import dataclasses
import threading
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

RENEW_BEFORE_SECONDS: Final = 60 * 60.0
"""A token is renewed so long before it ends: what is asked with it may take a while, and clocks differ."""
MIN_USE_SECONDS: Final = 60.0
"""A token is used for so long, whatever it says about its end: asking for one after the other would help nobody."""


class Authentication(Protocol):
    """What is sent with each request to say who we are. Called from several threads."""

    @property
    def secrets(self) -> Collection[str]:
        """What may not be shown."""

    def headers(self) -> Mapping[str, str]:
        """Return the headers of the next request.

        Raises:
            ExportError: There are none to be had; nothing was sent.
        """

    def refused(self, headers: Mapping[str, str]) -> bool:
        """Note that the vendor did not accept them (HTTP 401 or 403).

        Returns:
            Whether there are others now, with which to ask once more.

        Raises:
            ExportError: There might be, but they are not to be had.
        """


class NoCredentials:
    """For what is open to all, or asked for with credentials in the body.

    Args:
        secrets: What is in the body and may not be shown.
    """

    def __init__(self, secrets: Collection[str] = ()) -> None:
        self._secrets = secrets

    @property
    def secrets(self) -> Collection[str]:
        """What may not be shown."""
        return self._secrets

    def headers(self) -> Mapping[str, str]:
        """Return no headers."""
        return {}

    def refused(self, headers: Mapping[str, str]) -> bool:
        """Note that the vendor wants more than this."""
        del headers
        return False


class Bearer:
    """A key that stays as it is.

    Args:
        key: The key.
    """

    def __init__(self, key: str) -> None:
        self._key = key

    @property
    def secrets(self) -> Collection[str]:
        """The key."""
        return (self._key,)

    def headers(self) -> Mapping[str, str]:
        """Return the header with the key."""
        return {"Authorization": f"Bearer {self._key}"}

    def refused(self, headers: Mapping[str, str]) -> bool:
        """Note that the vendor does not accept the key; there is no other."""
        del headers
        return False


@dataclasses.dataclass(frozen=True)
class Token:
    """A token, as it was fetched.

    Attributes:
        value: What is sent.
        life_seconds: How long it is good for, from now on.
        refresh_token: With what the next one is to be fetched, should that have changed.
    """

    value: str = dataclasses.field(repr=False)
    life_seconds: float
    refresh_token: str | None = dataclasses.field(default=None, repr=False)


class RenewedToken:
    """A token that is fetched when the first request needs it, and anew before it ends or when it is refused.

    It is fetched by one thread at a time: those that need it meanwhile wait, and use what that one got.

    Args:
        fetch: Fetches a new one. It raises an `ExportError` if there is none to be had.
        now: A clock that never goes back, in seconds.
        secrets: What else may not be shown: with what the token is fetched.
    """

    def __init__(self, fetch: Callable[[], Token], *, now: Callable[[], float], secrets: Collection[str] = ()) -> None:
        self._fetch = fetch
        self._now = now
        self._lock = threading.Lock()
        self._value: str | None = None
        self._renew_at = 0.0
        self._secrets = list(secrets)

    @property
    def secrets(self) -> Collection[str]:
        """What it is fetched with, and every token there was: an old one may still be quoted."""
        return tuple(self._secrets)

    def headers(self) -> Mapping[str, str]:
        """Return the header with a token that is good for a while; see `Authentication.headers`."""
        with self._lock:
            if self._value is None or self._now() >= self._renew_at:
                self._renew()
            return _bearer(self._value)

    def refused(self, headers: Mapping[str, str]) -> bool:
        """Fetch another token, unless somebody has done so since; see `Authentication.refused`."""
        with self._lock:
            if headers == _bearer(self._value):
                self._renew()
            return True

    def _renew(self) -> None:
        token = self._fetch()
        self._value = token.value
        self._secrets.append(token.value)
        # Of one that lives a few minutes only, a good part is used.
        margin = min(RENEW_BEFORE_SECONDS, token.life_seconds / 4)
        self._renew_at = self._now() + max(token.life_seconds - margin, MIN_USE_SECONDS)


def _bearer(value: str | None) -> Mapping[str, str]:
    return {"Authorization": f"Bearer {value}"}
