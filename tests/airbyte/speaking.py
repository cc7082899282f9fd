"""Running the source inside the test's process; every line must be Airbyte's, and in an order that makes sense."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import io
import json
from datetime import datetime, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from airbyte_protocol.models import AirbyteMessage

from bulk_exports.airbyte.command import run_command
from bulk_exports.environment import Environment
from tap_cometly.source import SOURCE

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from bulk_exports.engine import Limits
    from simulation.virtual_time import VirtualClock

PAIR = ("events", "event_days")


@dataclasses.dataclass
class Said:
    """What the source said, and the status with which it ended."""

    status: int
    messages: list[dict[str, Any]]

    def of(self, kind: str) -> list[dict[str, Any]]:
        """Return the content of the messages of this type."""
        names = {"CONNECTION_STATUS": "connectionStatus"}
        return [message[names.get(kind, kind.lower())] for message in self.messages if message["type"] == kind]

    def records(self, stream: str = "events") -> list[dict[str, Any]]:
        return [record["data"] for record in self.of("RECORD") if record["stream"] == stream]

    @property
    def days(self) -> list[str]:
        """The event dates of the records, in order of appearance."""
        return list(dict.fromkeys(record["event_date"] for record in self.records()))

    @property
    def state(self) -> list[dict[str, Any]]:
        """What the next sync gets: the last STATE of each stream."""
        return state_after(self.messages)

    @property
    def statuses(self) -> dict[str, list[str]]:
        found = collections.defaultdict(list)
        for trace in self.of("TRACE"):
            if trace["type"] == "STREAM_STATUS":
                status = trace["stream_status"]
                found[status["stream_descriptor"]["name"]].append(status["status"])
        return dict(found)

    @property
    def error(self) -> dict[str, Any]:
        """What ended the run."""
        (error,) = [trace["error"] for trace in self.of("TRACE") if trace["type"] == "ERROR"]
        return error

    @property
    def log(self) -> str:
        return "\n".join(record["message"] for record in self.of("LOG"))


def state_after(messages: Iterable[dict[str, Any]], streams: Iterable[str] = PAIR) -> list[dict[str, Any]]:
    """Return what a destination gives back that has stored these streams up to here."""
    last = {}
    for message in messages:
        if message["type"] == "STATE":
            name = message["state"]["stream"]["stream_descriptor"]["name"]
            last[name] = {key: value for key, value in message["state"].items() if key != "sourceStats"}
    return [last[name] for name in streams if name in last]


def parsed(lines: Iterable[bytes]) -> list[dict[str, Any]]:
    """Return the messages of these lines, each of which must be one of Airbyte's protocol."""
    lines = list(lines)
    for line in lines:
        AirbyteMessage.model_validate_json(line)
    return [json.loads(line, parse_float=Decimal) for line in lines]


def check_order(messages: Iterable[dict[str, Any]]) -> None:
    """Check what the models do not know: statuses in order, records only while a stream runs, all of them counted."""
    status: dict[str, str | None] = collections.defaultdict(lambda: None)
    count = collections.Counter()
    follows = {"STARTED": {None}, "RUNNING": {"STARTED"}, "COMPLETE": {"STARTED", "RUNNING"}}
    follows["INCOMPLETE"] = follows["COMPLETE"]
    for message in messages:
        if message["type"] == "RECORD":
            stream = message["record"]["stream"]
            assert status[stream] == "RUNNING"
            count[stream] += 1
        elif message["type"] == "STATE":
            assert message["state"]["type"] == "STREAM"
            stream = message["state"]["stream"]["stream_descriptor"]["name"]
            assert status[stream] in {"STARTED", "RUNNING"}
            counted = message["state"]["sourceStats"]["recordCount"]
            assert isinstance(counted, Decimal)  # with a point, as the protocol wants it
            assert counted == count.pop(stream, 0)
        elif message["type"] == "TRACE" and message["trace"]["type"] == "STREAM_STATUS":
            told = message["trace"]["stream_status"]
            stream = told["stream_descriptor"]["name"]
            assert status[stream] in follows[told["status"]]
            status[stream] = told["status"]


class Speaker:
    """Runs the source with files in a folder, in virtual time."""

    def __init__(self, folder: Path, clock: VirtualClock, config: dict[str, Any], limits: Limits | None = None) -> None:
        self.folder = folder
        self.config = config
        self._environment = Environment(clock, limits, lambda: datetime.fromtimestamp(clock.now(), timezone.utc))

    def __call__(self, command: str, *arguments: str) -> Said:
        stdout = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
        with contextlib.redirect_stdout(stdout):
            status = run_command(SOURCE, [command, *arguments], self._environment)
        messages = parsed(stdout.buffer.getvalue().splitlines())
        check_order(messages)
        return Said(status, messages)

    def file(self, name: str, content: Any) -> str:
        path = self.folder / f"{name}.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content, default=float))
        return str(path)

    def check(self, **changes: Any) -> dict[str, Any]:
        """Return the connection status."""
        said = self("check", "--config", self.file("config", self.config | changes))
        assert said.status == 0
        (status,) = said.of("CONNECTION_STATUS")
        return status

    def discover(self, **changes: Any) -> dict[str, dict[str, Any]]:
        """Return the streams by name."""
        said = self("discover", "--config", self.file("config", self.config | changes))
        assert said.status == 0, said.messages
        (catalog,) = said.of("CATALOG")
        return {stream["name"]: stream for stream in catalog["streams"]}

    def choose(
        self, *names: str, columns: Iterable[str] | None = None, entry: dict[str, Any] | None = None, **changes: Any
    ) -> dict[str, Any]:
        """Return a configured catalog."""
        streams = []
        for name, stream in self.discover(**changes).items():
            if name in (names or PAIR):
                chosen = json.loads(json.dumps(stream))
                if columns is not None and name == "events":
                    properties = chosen["json_schema"]["properties"]
                    chosen["json_schema"]["properties"] = {column: properties[column] for column in columns}
                modes = {"sync_mode": "incremental", "destination_sync_mode": "append_dedup"}
                streams.append({"stream": chosen, **modes, **(entry or {})})
        return {"streams": streams}

    def read(self, catalog: Any = None, state: Any = None, **changes: Any) -> Said:
        """Return what a sync says."""
        arguments = ["--config", self.file("config", self.config | changes)]
        arguments += ["--catalog", self.file("catalog", self.choose(**changes) if catalog is None else catalog)]
        if state is not None:
            arguments += ["--state", self.file("state", state)]
        return self("read", *arguments)
