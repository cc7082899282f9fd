"""How much a run asks for at a time, and how long it waits for what."""

from __future__ import annotations

import dataclasses

from bulk_exports.engine.download import READ_SECONDS
from bulk_exports.engine.polling import USUAL_POLLING, Polling


@dataclasses.dataclass(frozen=True)
class Limits:
    """How much, and how long.

    Attributes:
        in_flight: Exports created but not yet taken by the consumer; so many files are on disk at most.
        export_seconds: How long one export may take at the vendor before another one is tried; where the vendor tells
            when it has left the queue, from then on.
        queue_seconds: How long one export may wait in the vendor's queue before its request fails: another one would
            wait behind it.
        polling: How often the vendor wants to be asked.
        trouble_seconds: How long an endpoint may be out of reach before requests fail.
        throttled_seconds: How long a request may meet nothing but refusals for want of budget before it fails.
        read_seconds: Longest silence of a connection.
    """

    in_flight: int = 30
    export_seconds: float = 30 * 60.0
    queue_seconds: float = 24 * 60 * 60.0
    polling: Polling = USUAL_POLLING
    trouble_seconds: float = 5 * 60.0
    throttled_seconds: float = 60 * 60.0
    read_seconds: float = READ_SECONDS
