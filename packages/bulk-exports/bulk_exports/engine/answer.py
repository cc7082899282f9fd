"""What a server said to a request: whatever it is, it is read in bounded memory and shown without its secrets."""

from __future__ import annotations

import dataclasses
import json
import zlib
from typing import TYPE_CHECKING, Any, Final

import requests

from bulk_exports.engine.errors import UnavailableError
from bulk_exports.engine.rate_limit import http_date

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

MAX_ANSWER_BYTES: Final = 8 * 1024 * 1024
"""No answer of an API is a hundredth as long."""
MAX_ANSWER_VALUES: Final = 200_000
"""An answer of the shortest values would take thirty times its length in memory."""


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a server said to a request.

    Attributes:
        status: The HTTP status.
        headers: Its headers, by name in any spelling.
        content: What it holds, unpacked; of a file only its beginning, as it is.
        vendor: Whose server it is.
    """

    status: int
    headers: Mapping[str, str] = dataclasses.field(repr=False)
    content: bytes = dataclasses.field(repr=False)
    vendor: str

    @property
    def is_success(self) -> bool:
        """Whether the server did what it was asked for."""
        return 200 <= self.status < 300

    @property
    def date(self) -> datetime | None:
        """What the server's clock shows, if it says so."""
        return http_date(self.headers.get("Date"))

    def parsed(self) -> Any:
        """Return the content as JSON; None if it is none, or holds more values than any answer."""
        if sum(map(self.content.count, (b",", b"[", b"{"))) > MAX_ANSWER_VALUES:
            return None
        try:
            return json.loads(self.content)
        except (ValueError, RecursionError):
            return None

    def json_object(self) -> dict[str, Any]:
        """Return the content as a JSON object.

        Raises:
            UnavailableError: It is none; perhaps somebody else has answered.
        """
        answer = self.parsed()
        if not isinstance(answer, dict):
            raise UnavailableError(f"{self.vendor} returned no JSON object")
        return answer


def explanation(answer: object) -> str:
    """Return why a server refuses, in its own words: from an object as APIs send it (RFC 9457 among them)."""
    if isinstance(answer, dict):
        for name in ("detail", "message", "error_description", "title", "error"):
            if isinstance(said := answer.get(name), str) and said:
                return said
    return "no explanation given"


def unpacked(content: bytes, encoding: str) -> bytes:
    """Return an answer as it was before it was compressed, which nobody asked for but a proxy may do all the same."""
    if encoding.strip().lower() in {"", "identity"}:
        return content
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)  # gzip or zlib, whichever it is
    try:
        plain = unpacker.decompress(content, MAX_ANSWER_BYTES)
    except zlib.error:
        raise requests.exceptions.ContentDecodingError from None
    if not unpacker.eof:
        raise requests.exceptions.ContentDecodingError
    return plain
