"""What a vendor's client is opened with."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, TypeVar

from bulk_exports.engine.api import Api

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from bulk_exports.engine.api import Dialect
    from bulk_exports.engine.clock import Clock
    from bulk_exports.engine.credentials import Authentication
    from bulk_exports.engine.limits import Limits

Kept = TypeVar("Kept")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Connection:
    """What a vendor's client is opened with, once for each stream of a sync.

    Attributes:
        stream: Name of the stream whose exports it makes; empty where none is meant yet.
        clock: The engine's clock.
        limits: How much, and how long.
        utc_now: Tells the present moment.
        log: Where the log lines go.
        kept: What the clients of one sync have in common; see `keep`.
        asks_nobody: Whether no request may be sent, not even to find out which columns there are.
    """

    stream: str
    clock: Clock
    limits: Limits
    utc_now: Callable[[], datetime]
    log: logging.Logger
    kept: dict[str, Any] = dataclasses.field(default_factory=dict)
    asks_nobody: bool = False

    def api(
        self,
        api_url: str,
        *,
        dialect: Dialect,
        authentication: Authentication,
        user_agent: str,
        headers: Mapping[str, str] | None = None,
    ) -> Api:
        """Return an API with the time, the patience and the log of this sync; see `Api`."""
        return Api(
            api_url=api_url,
            dialect=dialect,
            authentication=authentication,
            user_agent=user_agent,
            now=self.clock.now,
            utc_now=self.utc_now,
            log=self.log,
            headers=headers,
            answer_seconds=self.limits.read_seconds,
        )

    def keep(self, name: str, make: Callable[[], Kept]) -> Kept:
        """Return what is kept under a name from one client of this sync to the next: a rate limit, say, or a token.

        Args:
            name: A name of the vendor's choice.
            make: Makes it where nobody has.
        """
        if name not in self.kept:
            self.kept[name] = make()
        kept: Kept = self.kept[name]
        return kept
