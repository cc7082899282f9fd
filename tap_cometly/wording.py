"""Words of somebody else, as they may stand in a message, a log line or a metric.

A server may say anything: the key that it was sent, a link, escape sequences, a forged log line, megabytes. Whatever it
says passes through here before anybody sees it.
"""

from __future__ import annotations

import base64
import re
import urllib.parse
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_LENGTH: Final = 300
"""Of what is shown; an explanation needs no more."""
_MAX_READ: Final = 20 * MAX_LENGTH
_REMOVED: Final = "[removed]"
_ADDRESS: Final = re.compile(r"(?:[a-z][a-z0-9+.-]*:)?//\S+|\S*[?&]\S*=\S*", re.IGNORECASE)
"""What has a host, or what has a query: with its signature a link is a secret."""


def foreign(words: object, secrets: Iterable[str] = ()) -> str:
    """Return words of somebody else in one short line, without addresses and secrets.

    Args:
        words: What was said.
        secrets: What must not be shown, in any of the forms in which it may have been sent.
    """
    text = str(words)[:_MAX_READ] if not isinstance(words, str) else words[:_MAX_READ]
    for form in _forms(secrets):
        text = text.replace(form, _REMOVED)
    text = _ADDRESS.sub("[address]", text)
    # Control characters, those that turn the direction of writing, and others that cannot be seen are not shown.
    text = " ".join("".join(character if character.isprintable() else " " for character in text).split())
    return text if len(text) <= MAX_LENGTH else f"{text[: MAX_LENGTH - 1]}…"


def _forms(secrets: Iterable[str]) -> list[str]:
    """Return secrets as they are, percent-encoded and in base64, the longest first."""
    forms = set()
    for secret in filter(None, secrets):
        raw = secret.encode()
        forms |= {secret, urllib.parse.quote(secret), urllib.parse.quote(secret, safe="")}
        # In base64 a secret looks different at each of three places, and is followed by whatever comes next.
        for before in range(3):
            for encode in (base64.b64encode, base64.urlsafe_b64encode):
                encoded = encode(b"\0" * before + raw).decode().rstrip("=")
                forms.add(encoded[(0, 2, 3)[before] : len(encoded) - (len(encoded) * 6 - (before + len(raw)) * 8 > 0)])
    return sorted(filter(lambda form: len(form) >= 4, forms), key=len, reverse=True)
