"""A business unit, the tap's settings for its last days, and a table that takes what the runs write."""

from __future__ import annotations

import functools
import json
import traceback
from datetime import datetime, time, timedelta, timezone
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from bulk_exports.environment import Environment
from simulation.tapping import Output, sync
from tap_pardot_exports import vocabulary as pardot
from tap_pardot_exports.sandbox import Sandbox
from tap_pardot_exports.tap import TapPardotExports

if TYPE_CHECKING:
    from simulation.virtual_time import VirtualClock
    from tap_pardot_exports.sandbox import LoggedRequest

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
        self.began = clock.now()

    def tap(self) -> functools.partial[TapPardotExports]:
        def now() -> datetime:
            return datetime.fromtimestamp(self.clock.now(), timezone.utc)

        return functools.partial(TapPardotExports, environment=Environment(self.clock, None, now))

    def catalog(self, streams: list[str], deselected: set[str], **changes: Any) -> dict[str, Any]:
        """Return a catalog in which these streams are selected, without some columns."""
        catalog = self.tap()(config={**self.config, **changes}).catalog_dict
        for entry in catalog["streams"]:
            for metadata in entry["metadata"]:
                if not metadata["breadcrumb"]:
                    metadata["metadata"]["selected"] = entry["tap_stream_id"] in streams
                elif metadata["breadcrumb"][-1] in deselected:
                    metadata["metadata"]["selected"] = False
        return catalog

    def run(
        self,
        *streams: str,
        catch: type[BaseException] | tuple[type[BaseException], ...] = (),
        deselected: set[str] = frozenset(),
        **changes: Any,
    ) -> Output:
        """Run the tap on from the last STATE, and let the tables take what it writes."""
        config = {**self.config, **changes}
        catalog = self.catalog(list(streams), deselected, **changes) if streams else None
        self.began = self.clock.now()
        output = sync(config, state=self.state, catalog=catalog, tap=self.tap(), catch=catch)
        self.outputs.append(output)
        for message in output.messages:
            if message["type"] == "RECORD":
                self.tables[message["stream"]][message["record"]["id"]] = message["record"]
            elif message["type"] == "STATE":
                self.state = message["value"]
        return output

    def begin_again(self, state: dict[str, Any] | None) -> None:
        """Go back to a STATE of the first run, with tables that hold what had come before it and nothing else."""
        self.tables = {stream: {} for stream in STREAMS}
        self.state = state
        for message in self.outputs[0].messages if state is not None else ():
            if message["type"] == "RECORD":
                self.tables[message["stream"]][message["record"]["id"]] = message["record"]
            elif message.get("value") == state:
                break

    @property
    def settled_until(self) -> str:
        """The end of the last day that had ended when the last run began, in UTC; the tables may lack later changes."""
        safe = datetime.fromtimestamp(self.began, timezone.utc) - timedelta(minutes=10)
        zone = ZoneInfo(self.config["timezone"])
        return utc(datetime.combine(safe.astimezone(zone).date(), time(), zone).timestamp())

    def settled(self, stream: str) -> dict[int, dict[str, Any]]:
        """Return the records of the days that have ended and were not changed since, as a table should have them."""
        cursor = pardot.BY_STREAM[stream].cursors[0]
        columns = self.schema(stream)["properties"]
        rows = (row for row in self.pardot.truth(stream) if row[cursor] < self.settled_until)
        return {row["id"]: {name: row[name] for name in columns} for row in rows}

    def schema(self, stream: str) -> dict[str, Any]:
        """Return what the last run said of the stream."""
        said = (message for output in reversed(self.outputs) for message in output.messages)
        return next(one["schema"] for one in said if one["type"] == "SCHEMA" and one["stream"] == stream)

    def assert_true(self, *streams: str) -> None:
        """Check that the tables hold what there is, each record once and as it is now."""
        for stream in streams:
            settled = self.settled(stream)
            table = self.tables[stream]
            assert settled
            wrong = {key: (table.get(key), row) for key, row in settled.items() if table.get(key) != row}
            assert not wrong, (stream, len(wrong), next(iter(wrong.items())))
            unsettled = table.keys() - settled.keys()
            known = {row["id"]: row for row in self.pardot.truth(stream)}
            cursor = pardot.BY_STREAM[stream].cursors[0]
            assert all(known[key][cursor] >= self.settled_until for key in unsettled)

    def calls(self, *endpoints: str) -> list[LoggedRequest]:
        """Return the requests to the API (of some kinds), in order."""
        return [
            entry
            for entry in self.pardot.requests
            if entry.origin == "api" and (not endpoints or entry.endpoint in endpoints)
        ]

    def assert_secrets_are_kept(self, log: str) -> None:
        """Check that no run has told a secret, and that secrets went where they belong and nowhere else."""
        errors = [output.error for output in self.outputs if output.error]
        told = "\n".join(
            [log]
            + [json.dumps(output.messages, default=str) for output in self.outputs]
            + ["".join(traceback.format_exception(error)) for error in errors]
        )
        for secret in self.pardot.secrets:
            assert secret not in told
        for entry in self.pardot.requests:
            assert entry.had_authorization == (entry.origin == "api"), entry
            assert ("pardot-business-unit-id" in entry.headers) == (entry.origin == "api"), entry


def utc(moment: float) -> str:
    return datetime.fromtimestamp(moment, timezone.utc).isoformat()[:19] + "Z"
