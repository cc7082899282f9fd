"""Where credentials may go: to the API, and to hosts of the vendor."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Collection


def origin(url: str) -> tuple[str, str | None, int | None]:
    """Return scheme, host and port of an address.

    Raises:
        ValueError: It is none that could be asked, or says with which user.
    """
    parts = urlsplit(url)
    if parts.username is not None or "\\" in url:
        raise ValueError
    return parts.scheme, parts.hostname, parts.port or {"https": 443, "http": 80}.get(parts.scheme)


def is_trusted(url: str, *, api_url: str, domains: Collection[str]) -> bool:
    """Whether credentials may be sent to an address.

    Args:
        url: The address.
        api_url: Where the API is, which may see them.
        domains: What else may, by https and with all subdomains.
    """
    try:
        there = scheme, host, port = origin(url)
        is_apis = there == origin(api_url)
    except ValueError:
        return False
    is_vendors = bool(host) and any(host == domain or f"{host}".endswith(f".{domain}") for domain in domains)
    return is_apis or ((scheme, port) == ("https", 443) and is_vendors)
