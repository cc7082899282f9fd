"""How counts are written, and words of somebody else, as they may stand in a message, a log line or a metric.

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
"""What follows is not looked at. A secret that this cuts in two is not recognised, so its beginning goes too."""
_REMOVED: Final = "[removed]"
# Each looks at a character a bounded number of times: nothing that is said may make this take long.
_WORD: Final = re.compile(r"\S+")
_HOST: Final = re.compile(r"(?:[a-z][a-z0-9+.-]{0,20}(?::|%3a))?(?:\\?/|%2f){2}.+", re.IGNORECASE | re.DOTALL)
_QUERY: Final = re.compile(r"[?&]|%3f|%26", re.IGNORECASE)
_VALUE: Final = re.compile(r"=|%3d", re.IGNORECASE)


def counted(count: int, thing: str) -> str:
    """Return how many things there are: ``1 row``, ``2,000 rows``."""
    return f"{count:,} {thing}{'' if count == 1 else 's'}"


def foreign(words: object, secrets: Iterable[str] = ()) -> str:
    """Return words of somebody else in one short line, without addresses and secrets.

    Args:
        words: What was said.
        secrets: What must not be shown, in any of the forms in which it may have been sent.
    """
    whole = words if isinstance(words, str) else str(words)
    text, forms = whole[:_MAX_READ], _forms(secrets)
    for form in forms:
        # However it is written: percent-encoding has two ways to write its digits.
        text = re.sub(re.escape(form), _REMOVED, text, flags=re.IGNORECASE)
    if len(whole) > _MAX_READ and forms:
        text = text[: -len(forms[0])]
    text = _WORD.sub(_without_address, text)
    # Control characters, those that turn the direction of writing, and others that cannot be seen are not shown.
    text = " ".join("".join(character if character.isprintable() else " " for character in text).split())
    return text if len(text) <= MAX_LENGTH else f"{text[: MAX_LENGTH - 1]}…"


def _without_address(word: re.Match[str]) -> str:
    """Remove what has a host, or what has a query: with its signature a link is a secret."""
    query = _QUERY.search(word[0])
    if query and _VALUE.search(word[0], query.end()):
        return "[address]"
    return _HOST.sub("[address]", word[0])


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
