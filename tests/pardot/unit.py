"""A business unit, the tap's settings for its last days, and a table that takes what the runs write."""

from __future__ import annotations

import functools
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from bulk_exports.environment import Environment
from simulation.tapping import Output, sync
from tap_pardot_exports import vocabulary as pardot
from tap_pardot_exports.sandbox import Sandbox
from tap_pardot_exports.tap import TapPardotExports

if TYPE_CHECKING:
    from simulation.virtual_time import VirtualClock

STREAMS = list(pardot.BY_STREAM)


class Unit:
    """A business unit with some days behind it.

    Args:
        clock: Virtual time of both sides.
        days: How many days there were.
        options: For the sandbox.
    """

    def __init__(self, clock: VirtualClock, *, days: int = 40, **options: Any) -> None:
        self.clock = clock
        first_day = datetime.fromtimestamp(clock.now(), timezone.utc).date() - timedelta(days=days)
        self.pardot = Sandbox(**{"clock": clock.time, "first_day": first_day, "per_day": 4, **options})
        self.config = {
            **self.pardot.config,
            "timezone": options.get("timezone", "UTC"),
            "start_date": first_day.isoformat(),
        }
        self.tables: dict[str, dict[int, dict[str, Any]]] = {stream: {} for stream in STREAMS}
        self.outputs: list[Output] = []
        self.state: dict[str, Any] | None = None

    def tap(self, **_: Any) -> functools.partial[TapPardotExports]:
        def now() -> datetime:
            return datetime.fromtimestamp(self.clock.now(), timezone.utc)

        return functools.partial(TapPardotExports, environment=Environment(self.clock, None, now))

    def catalog(self, streams: list[str], **changes: Any) -> dict[str, Any]:
        """Return a catalog in which these streams are selected."""
        catalog = self.tap()(config={**self.config, **changes}).catalog_dict
        for entry in catalog["streams"]:
            for metadata in entry["metadata"]:
                if not metadata["breadcrumb"]:
                    metadata["metadata"]["selected"] = entry["tap_stream_id"] in streams
        return catalog

    def run(
        self, *streams: str, catch: type[BaseException] | tuple[type[BaseException], ...] = (), **changes: Any
    ) -> Output:
        """Run the tap on from the last STATE, and let the tables take what it writes."""
        config = {**self.config, **changes}
        catalog = self.catalog(list(streams), **changes) if streams else None
        output = sync(config, state=self.state, catalog=catalog, tap=self.tap(), catch=catch)
        self.outputs.append(output)
        for message in output.messages:
            if message["type"] == "RECORD":
                self.tables[message["stream"]][message["record"]["id"]] = message["record"]
            elif message["type"] == "STATE":
                self.state = message["value"]
        return output

    def truth(self, stream: str, *columns: str, at: float | None = None) -> dict[int, dict[str, Any]]:
        """Return the living records of the days that have ended, as a table should have them."""
        return {row["id"]: row for row in self.pardot.truth(stream, at=at)}
