"""Presigned links, in the manner of S3: whoever holds one may GET one object for a while."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import math
import secrets
import urllib.parse
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_STAMP: Final = "%Y%m%dT%H%M%SZ"


class Links:
    """Signs links and checks them."""

    def __init__(self, clock: Callable[[], float], seconds: float) -> None:
        self.seconds = seconds
        self._clock = clock
        self._secret = secrets.token_bytes()

    def sign(self, path: str) -> str:
        """Return the path with a query that makes it good for ``seconds`` from now; no two are alike."""
        stamp = dt.datetime.fromtimestamp(math.floor(self._clock()), dt.timezone.utc).strftime(_STAMP)
        query = {
            "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
            "X-Amz-Content-Sha256": "UNSIGNED-PAYLOAD",
            "X-Amz-Credential": f"ASIASANDBOX/{stamp[:8]}/us-east-1/s3/aws4_request",
            "X-Amz-Date": stamp,
            "X-Amz-Expires": f"{self.seconds:g}",
            "X-Amz-Security-Token": secrets.token_urlsafe(24),
            "X-Amz-SignedHeaders": "host",
            "x-id": "GetObject",
        }
        return f"{path}?{urllib.parse.urlencode({**query, 'X-Amz-Signature': self._signature(path, query)})}"

    def is_genuine(self, path: str, query: Mapping[str, str]) -> bool:
        """Say whether this query was made by `sign` for this path."""
        signed = {name: value for name, value in query.items() if name != "X-Amz-Signature"}
        return hmac.compare_digest(query.get("X-Amz-Signature", ""), self._signature(path, signed))

    def expiry(self, query: Mapping[str, str]) -> dt.datetime:
        """Return when a genuine link dies."""
        signed_at = dt.datetime.strptime(query["X-Amz-Date"], _STAMP).replace(tzinfo=dt.timezone.utc)
        return signed_at + dt.timedelta(seconds=float(query["X-Amz-Expires"]))

    def _signature(self, path: str, query: Mapping[str, str]) -> str:
        text = path + "\n" + "\n".join(f"{name}={value}" for name, value in sorted(query.items()))
        return hmac.new(self._secret, text.encode(errors="replace"), hashlib.sha256).hexdigest()
