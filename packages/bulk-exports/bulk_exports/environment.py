"""What a run depends on besides its settings. A test puts its own in place of the system's and the engine's."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable

    from bulk_exports.engine import Clock, Connection, Limits


def utc_now() -> datetime:
    """Return the present moment by the machine's clock."""
    return datetime.now(timezone.utc)


@dataclasses.dataclass(frozen=True)
class Environment:
    """Time and patience.

    Attributes:
        clock: The engine's clock; None for the system's.
        limits: The engine's limits; None for the usual ones.
        now: Tells the present moment.
    """

    clock: Clock | None = None
    limits: Limits | None = None
    now: Callable[[], datetime] = utc_now

    def connection(
        self, log: logging.Logger, kept: dict[str, Any], *, stream: str = "", asks_nobody: bool = False
    ) -> Connection:
        """Return what a vendor's client is opened with; see `Connection`."""
        from bulk_exports.engine import Connection, Limits, SystemClock  # noqa: PLC0415 - `spec` does without

        return Connection(
            stream=stream,
            clock=self.clock or SystemClock(),
            limits=self.limits or Limits(),
            utc_now=self.now,
            log=log,
            kept=kept,
            asks_nobody=asks_nobody,
        )
