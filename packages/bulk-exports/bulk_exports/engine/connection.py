"""What a vendor's client is opened with."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable
    from datetime import datetime

    from bulk_exports.engine.clock import Clock
    from bulk_exports.engine.limits import Limits

Kept = TypeVar("Kept")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Connection:
    """What a vendor's client is opened with, once for each stream of a sync.

    Attributes:
        stream: Name of the stream whose exports it makes.
        clock: The engine's clock.
        limits: How much, and how long.
        utc_now: Tells the present moment.
        log: Where the log lines go.
        kept: What the clients of one sync have in common; see `keep`.
    """

    stream: str
    clock: Clock
    limits: Limits
    utc_now: Callable[[], datetime]
    log: logging.Logger
    kept: dict[str, Any] = dataclasses.field(default_factory=dict)

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
