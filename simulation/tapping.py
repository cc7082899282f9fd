"""Running the tap inside the test's process: what goes in as Python, what comes out as parsed messages."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import io
import json
import sys
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from bulk_exports.environment import Environment
from tap_cometly.tap import TapCometly

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bulk_exports.engine import Limits
    from simulation.virtual_time import VirtualClock


@dataclasses.dataclass
class Output:
    """The messages of a run, in order; ``error`` is what ended it, if anything did."""

    messages: list[dict[str, Any]]
    error: BaseException | None = None

    @property
    def records(self) -> list[dict[str, Any]]:
        return self.of("events")

    @property
    def ledger(self) -> list[dict[str, Any]]:
        return self.of("event_days")

    def of(self, stream: str) -> list[dict[str, Any]]:
        records = (message for message in self.messages if message["type"] == "RECORD")
        return [message["record"] for message in records if message["stream"] == stream]

    @property
    def states(self) -> list[dict[str, Any]]:
        return [message["value"] for message in self.messages if message["type"] == "STATE"]

    @property
    def schema(self) -> dict[str, Any]:
        schemas = (message for message in self.messages if message["type"] == "SCHEMA")
        return next(schema for schema in schemas if schema["stream"] == "events")

    @property
    def state(self) -> dict[str, Any]:
        """The last STATE: what the next run gets."""
        return self.states[-1]

    @property
    def bookmark(self) -> dict[str, Any]:
        return self.state["bookmarks"]["events"]

    @property
    def days(self) -> list[str]:
        """The event dates of the records, in order of appearance."""
        return list(dict.fromkeys(record["event_date"] for record in self.records))


def parse(lines: Iterable[bytes]) -> list[dict[str, Any]]:
    return [json.loads(line, parse_float=Decimal) for line in lines]


def tap_class(clock: VirtualClock, limits: Limits | None = None) -> functools.partial[TapCometly]:
    """Return what makes taps that live in virtual time."""

    def now() -> datetime:
        return datetime.fromtimestamp(clock.now(), timezone.utc)

    return functools.partial(TapCometly, environment=Environment(clock, limits, now))


def sync(config, *, state=None, catalog=None, tap=TapCometly, catch: type[BaseException] = ()) -> Output:
    """Run a sync and return what it wrote; an error of the kinds ``catch`` ends up in the output."""
    stdout = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    error = None
    with contextlib.redirect_stdout(stdout):
        try:
            tap(config=dict(config), state=state, catalog=catalog).sync_all()
        except catch as caught:
            error = caught
        sys.stdout.flush()
    return Output(parse(stdout.buffer.getvalue().splitlines()), error)


def catalog_of(config, *, tap=TapCometly) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the catalog, and in it the entry of the events stream."""
    catalog = tap(config=dict(config)).catalog_dict
    return catalog, next(entry for entry in catalog["streams"] if entry["tap_stream_id"] == "events")


def days_before(clock: VirtualClock, count: int) -> list[date]:
    """Return the last ``count`` days that have ended in UTC, ascending."""
    today = datetime.fromtimestamp(clock.now(), timezone.utc).date()
    return [today - timedelta(days=back) for back in range(count, 0, -1)]
