"""Reading a stream that the vendor's API lists: all rows are there, and fit, before the first is handed on."""

from __future__ import annotations

import queue
from typing import TYPE_CHECKING, Any

import backoff

from bulk_exports.engine.errors import RateLimitedError, UnavailableError
from bulk_exports.engine.task import MAX_BACKOFF_SECONDS
from bulk_exports.records.columns import Columns
from bulk_exports.wording import counted

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    from bulk_exports.engine import Connection
    from bulk_exports.environment import Environment
    from bulk_exports.shutdown import Shutdown
    from bulk_exports.spec import ListStream


def listed_rows(
    stream: ListStream,
    columns: Mapping[str, Mapping[str, Any]],
    connect: Callable[[Connection], AbstractContextManager[Any]],
    *,
    environment: Environment,
    shutdown: Shutdown,
    log: logging.Logger,
    kept: dict[str, Any],
) -> list[dict[str, Any]]:
    """Return the rows of a stream, with the columns that are wanted.

    Args:
        stream: The stream.
        columns: JSON Schema of the selected columns by name.
        connect: Opens the vendor's client.
        environment: Time and patience.
        shutdown: Tells when to stop.
        log: Where the log lines go.
        kept: What the clients of all streams of a sync have in common.

    Raises:
        ExportError: The vendor does not give them.
        InvalidRowsError: A row does not fit.
    """
    connection = environment.connection(log, kept, stream=stream.name)
    clock, limits = connection.clock, connection.limits
    fitting = Columns(columns, keys=stream.key)
    began_at, delays = clock.now(), backoff.expo(max_value=MAX_BACKOFF_SECONDS)
    delays.send(None)  # the generator's protocol: the first value is no delay
    with connect(connection) as client:
        while True:
            shutdown.check()
            try:
                rows = list(stream.rows(client))
            except (UnavailableError, RateLimitedError) as error:
                throttled = isinstance(error, RateLimitedError)
                patience = limits.throttled_seconds if throttled else limits.trouble_seconds
                if clock.now() - began_at >= patience:
                    raise
                delay = max(backoff.full_jitter(next(delays)), error.pause_seconds)
                log.warning("%s: %s; trying again in %.0f s", stream.name, error, delay)
                clock.wait(queue.SimpleQueue(), until=clock.now() + delay, expecting=False)
            else:
                break
    log.info("%s: %s", stream.name, counted(len(rows), "row"))
    return [fitting.fit(row) for row in rows]
