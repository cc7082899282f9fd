"""A local account and the tap that reads it, both in virtual time: what tests of this tap begin with."""

from __future__ import annotations

import collections
import dataclasses
import functools
from datetime import date, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from typing_extensions import Self

from bulk_exports.environment import Environment
from simulation.tapping import Output, sync
from simulation.virtual_time import VirtualClock
from tap_apsis_one.sandbox import Sandbox
from tap_apsis_one.tap import TapApsisOne

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bulk_exports.engine import Limits

NOW = datetime(2026, 2, 10, 6, tzinfo=timezone.utc)
"""Three months after what the account has defined got new versions."""


@dataclasses.dataclass
class World:
    """An account, and the tap.

    Attributes:
        sandbox: The account.
        clock: The time of both.
        config: Settings of the tap.
        limits: The engine's limits.
    """

    sandbox: Sandbox
    clock: VirtualClock
    config: dict[str, Any]
    limits: Limits | None = None

    @classmethod
    def of(cls, *, days: int = 3, settings: Mapping[str, Any] | None = None, **options: Any) -> World:
        """Return a world whose tap wants the last days that have ended."""
        clock = VirtualClock(NOW.timestamp())
        small = {"profiles": 20, "events_per_day": 60, "emails_per_day": 60, "job_seconds": 5.0}
        sandbox = Sandbox(clock=clock.time, **{**small, **options})
        start = (NOW.date() - timedelta(days=days)).isoformat()
        config = {**sandbox.credentials, "start_date": start, "lookback_days": 0, **(settings or {})}
        return cls(sandbox, clock, config)

    def __enter__(self) -> Self:
        self.sandbox.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.sandbox.stop()

    @property
    def tap(self):
        """What makes taps that live in this world."""
        return functools.partial(TapApsisOne, environment=Environment(self.clock, self.limits, self.now))

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.clock.now(), timezone.utc)

    def run(self, *streams: str, state=None, catch=(), **settings: Any) -> Output:
        """Run the tap for some streams; for all if none is named."""
        config = {**self.config, **settings}
        catalog = selecting(self.tap(config=config).catalog_dict, streams) if streams else None
        return sync(config, state=state, catalog=catalog, tap=self.tap, catch=catch)

    @property
    def days(self) -> tuple[date, date]:
        """The first and the last day that the tap wants."""
        return date.fromisoformat(self.config["start_date"]), self.now().date() - timedelta(days=1)

    def creates(self, kind: str = "") -> list:
        """Return the accepted requests for exports."""
        return [
            entry
            for entry in self.sandbox.requests
            if entry.endpoint == f"{kind}create" and entry.status < 300 and entry.export_id is not None
        ]


def selecting(catalog: dict[str, Any], streams: Iterable[str]) -> dict[str, Any]:
    """Return the catalog in which these streams are selected and no others."""
    for entry in catalog["streams"]:
        for each in entry["metadata"]:
            if not each["breadcrumb"]:
                each["metadata"]["selected"] = entry["tap_stream_id"] in streams
    return catalog


def told(record: Mapping[str, Any]) -> tuple:
    """Return what identifies an event of a profile in a row, as `truth` has it."""
    return (
        record["export_key"],
        record["section_id"],
        record["type_id"],
        record["correlation_id"],
        record["created_at"],
        record["source_event_ms"],
        repr(plain(record["data"])),
    )


def truth(world: World, first: date | None = None, last: date | None = None) -> list[tuple]:
    """Return the events of profiles that there are."""
    days = world.days
    return [
        (
            row["export_key"],
            row["section_id"],
            row["type_id"],
            row["correlation_id"],
            moment(row["created_ms"]),
            row["source_ms"],
            repr(plain(row["data"])),
        )
        for row in world.sandbox.profile_events(first or days[0], last or days[1])
    ]


def plain(value: Any) -> Any:
    """Return a JSON value whose numbers are floats where they have a fraction."""
    if isinstance(value, dict):
        return {name: plain(value[name]) for name in sorted(value)}
    if isinstance(value, list):
        return list(map(plain, value))
    return value if isinstance(value, (str, bool, int)) or value is None else float(value)


def moment(milliseconds: int) -> str:
    """Return a time in UTC, slowly."""
    at = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(milliseconds=milliseconds)
    text = at.strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{milliseconds % 1000:03d}Z" if milliseconds % 1000 else f"{text}Z"


def counted(rows):
    return collections.Counter(map(repr, rows))
