"""Three days of a Space, of which the middle one meets the faults, and everything that a run left behind."""

from __future__ import annotations

import copy
import dataclasses
import functools
import json
import logging
import traceback
from typing import TYPE_CHECKING, Any

import pytest

from bulk_exports.engine import Limits
from bulk_exports.engine.errors import ExportError
from bulk_exports.environment import Environment
from bulk_exports.run import UndeliveredDaysError
from simulation.patience import HANG_SECONDS
from simulation.tapping import Output, days_before, sync, tap_class
from simulation.virtual_time import VirtualClock
from tap_cometly.sandbox import Fault, Quirks, Sandbox
from tap_cometly.tap import TapCometly
from tap_cometly.vocabulary import HIERARCHY_NAMES, REQUESTABLE_NAMES
from tests import long_ago

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import date

    from tap_cometly.sandbox import LoggedRequest

KEY = "a-key-that-nobody-may-see"
FIELDS = [name for name in REQUESTABLE_NAMES if name not in HIERARCHY_NAMES]
IMPATIENCE_SECONDS = 2
"""Where a fault is silence, which is waited for. A machine that is busy for a moment must not look like one."""
TROUBLE_SECONDS = 60
"""Where time is real, trouble ends much sooner."""
SILENT = {"stall", "trickle", "slow_close"}


class World:
    """A Space, the tap's settings for its last three days, and the outcome of every run.

    Args:
        clock: Virtual time of both sides; None: real time (for programs, and for faults that are slow but not silent).
        options: For the sandbox.
    """

    def __init__(self, clock: VirtualClock | None, monkeypatch: pytest.MonkeyPatch, **options: Any) -> None:
        virtual = {"events_per_day": 60, "clock": clock.time, "job_seconds": 20} if clock else {}
        self.clock = clock
        self.cometly = Sandbox(**{"api_key": KEY, **(virtual or long_ago.space(events_per_day=60)), **options})
        self.days = days_before(clock, 3) if clock else long_ago.last_days(3)
        self.middle = self.days[1]
        self.config = {
            "api_key": KEY,
            "api_url": self.cometly.api_url,
            "timezone": "UTC",
            **({"start_date": self.days[0].isoformat()} if clock else long_ago.asked_for(self.days)),
            "lookback_days": 0,
        }
        self.patience = HANG_SECONDS
        self.impatience = IMPATIENCE_SECONDS
        self.outputs: list[Output] = []
        self.secrets = [KEY]  # a list, which may grow while somebody looks at it: the Space may still be at work
        sign = self.cometly._api._links.sign

        def remembering(path: str) -> str:
            link = sign(path)
            self.secrets.extend(pair.partition("=")[2] for pair in link.split("&") if "Signature=" in pair)
            return link

        monkeypatch.setattr(self.cometly._api._links, "sign", remembering)

    def inject(self, *faults: Fault) -> None:
        """Let the faults hit the day in the middle."""
        for fault in faults:
            aimed = copy.copy(fault)
            aimed.day = fault.day or self.middle
            if aimed.kind in SILENT:
                self.patience = self.impatience
            self.cometly.inject(aimed)

    @property
    def tap(self) -> Callable[..., TapCometly]:
        """The tap, as patient as the faults allow."""
        limits = Limits(read_seconds=self.patience)
        if self.clock:
            return tap_class(self.clock, limits)
        limits = dataclasses.replace(limits, trouble_seconds=TROUBLE_SECONDS)
        return functools.partial(TapCometly, environment=Environment(limits=limits))

    def run(self, *, state: dict[str, Any] | None = None, **changes: Any) -> Output:
        """Run the tap; an error that is told to the user ends up in the output."""
        output = sync({**self.config, **changes}, state=state, tap=self.tap, catch=(ExportError, UndeliveredDaysError))
        self.outputs.append(output)
        return output

    def requests(self, endpoint: str, day: date | None = None) -> list[LoggedRequest]:
        """Return what was asked for a day (the middle one), in order."""
        day = day or self.middle
        return [entry for entry in self.cometly.requests if entry.endpoint == endpoint and entry.date == day]

    def truth(self, *days: date) -> list[dict[str, Any]]:
        """Return every row of the days (all of them)."""
        return by_id(
            {"event_date": day.isoformat(), **row}
            for day in days or self.days
            for row in self.cometly.truth(day, fields=FIELDS)
        )

    def told(self, log: str) -> str:
        """Return everything that the runs wrote anywhere, tracebacks with their chains included."""
        errors = [output.error for output in self.outputs if output.error]
        return "\n".join(
            [log]
            + [json.dumps(output.messages, default=str) for output in self.outputs]
            + ["".join(traceback.format_exception(error)) for error in errors]
        )

    def assert_secrets_are_kept(self, log: str) -> None:
        told = self.told(log)
        for secret in self.secrets:
            assert secret not in told
        assert "X-Amz-" not in told
        for entry in self.cometly.requests:
            assert entry.had_authorization == (entry.origin == "api"), entry


def by_id(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows as they can be compared: without the number of the export, in the order of their key."""
    bare = [{name: value for name, value in row.items() if name != "day_digest"} for row in rows]
    return sorted(bare, key=lambda row: row["id"])


@dataclasses.dataclass(frozen=True)
class Case:
    """A line of the table: what goes wrong, and what must become of the day that it hits.

    Attributes:
        name: For the test's name.
        faults: In the order in which they happen.
        exports: How many exports of the day are created.
        downloads: How many requests for its file are sent; None: as many as it takes.
        fails: The day is not delivered, for a reason with these words.
        stops: The run stops at once, for a reason with these words.
        quirks: Of the Space.
        options: Further options of the sandbox.
        real_time: Nothing but real time shows the fault.
        patience: Longest silence, in seconds of real time, where silence is the fault.
        slow: It takes seconds.
    """

    name: str
    faults: tuple[Fault, ...] = ()
    exports: int = 1
    downloads: int | None = None
    fails: str | None = None
    stops: str | None = None
    quirks: Quirks = dataclasses.field(default_factory=Quirks)
    options: dict[str, Any] = dataclasses.field(default_factory=dict)
    real_time: bool = False
    patience: float = IMPATIENCE_SECONDS
    slow: bool = False


def cases(table: Iterable[Case]) -> pytest.MarkDecorator:
    """Run a test with every line."""
    lines = [pytest.param(case, id=case.name, marks=[pytest.mark.slow] if case.slow else []) for case in table]
    return pytest.mark.parametrize("case", lines)


def play(case: Case, monkeypatch: pytest.MonkeyPatch, log: pytest.LogCaptureFixture) -> Iterator[World]:
    """Make the world of a case and look for secrets when all is over."""
    log.set_level(logging.DEBUG)
    clock = None if case.real_time else VirtualClock()
    world = World(clock, monkeypatch, quirks=case.quirks, **case.options)
    world.impatience = case.patience
    with world.cometly:
        world.inject(*case.faults)
        yield world
        world.assert_secrets_are_kept(log.text)
