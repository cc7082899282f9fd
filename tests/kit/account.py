"""An account at Orchard, a target that updates rows by their key, and runs through either door, in virtual time."""

from __future__ import annotations

import contextlib
import functools
import io
import json
import tempfile
import threading
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

from bulk_exports.airbyte.command import run_command
from bulk_exports.environment import Environment
from bulk_exports.errors import TapError
from simulation.tapping import days_before, parse
from simulation.virtual_time import VirtualClock
from tests.kit.orchard import SOURCE, TapOrchard
from tests.kit.orchard_api import Orchard

DAY = 86_400.0


class KilledError(BaseException):
    """Nothing more is written."""


class Pipe(io.BytesIO):
    """Takes so many lines; with the next one the run ends."""

    def __init__(self, room):
        super().__init__()
        self._room = room

    def write(self, data):
        lines = bytes(data).splitlines(keepends=True)
        if self._room is None:
            return super().write(data)
        super().write(b"".join(lines[: self._room]))
        self._room -= min(len(lines), self._room)
        if not self._room:
            raise KilledError
        return len(data)


class Account:
    """An account, and what it is asked by runs.

    Args:
        days: For how many days there is something to export.
        streams: The names of the selected streams.
        deselected: Names of columns.
        config: Settings.
        options: For Orchard.

    Attributes:
        table: What the target holds of the picks, by key.
        state: The last STATE that it has been given; None before the first.
        error: The last words of the last run; None if it ended well.
        on_message: Is told of each message before the target takes it.
    """

    def __init__(self, *, days=40, streams=("picks",), deselected=(), config=None, **options):
        self.clock = VirtualClock()
        self.days = days_before(self.clock, days)
        self.orchard = Orchard(self.clock, **options)
        self.streams, self.deselected = streams, frozenset(deselected)
        self.config = {"start_date": str(self.days[0]), "end_date": str(self.days[-1]), **(config or {})}
        self.config |= self.orchard.config
        self.environment = Environment(self.clock, None, self.now)
        self.tap = functools.partial(TapOrchard, environment=self.environment)
        self.source = SOURCE
        self.on_message = lambda message: None
        self.table, self.rows, self.state, self.error, self.messages = {}, {}, None, None, []

    def __enter__(self):
        self.orchard.start()
        return self

    def __exit__(self, *_):
        self.orchard.stop()

    def now(self):
        return datetime.fromtimestamp(self.clock.now(), timezone.utc)

    def run(self, door="singer", *, room=None, is_killed=False):
        """Run until all is done or so many lines are written; of a run that is killed nobody hears any more."""
        self.orchard.hears_cancels = not is_killed
        stdout = io.TextIOWrapper(Pipe(room), encoding="utf-8", write_through=True)
        self.error = None
        with contextlib.redirect_stdout(stdout), contextlib.suppress(KilledError):
            (self._singer if door == "singer" else self._airbyte)()
        for thread in threading.enumerate():
            if thread.name.startswith("create "):  # of a machine that goes down nothing more is heard
                thread.join()
        self.orchard.hears_cancels = True
        written = stdout.buffer.getvalue()
        stdout.detach()
        self.messages = [*map(plain, parse(written[: written.rfind(b"\n") + 1].splitlines()))]
        for message in self.messages:
            self.on_message(message)
            self.take(message)

    def take(self, message):
        kind, stream, content = message
        if kind == "RECORD":
            self.rows.setdefault(stream, {})[content["id"]] = content
            if stream == "picks":
                self.table[content["id"]] = (content["picked_at"], str(content["kilos"]), content.get("is_rotten"))
        elif kind == "STATE":
            self.state = content

    def _singer(self):
        try:
            catalog = self.tap(config=self.config).catalog_dict
            for entry in catalog["streams"]:
                for metadata in entry["metadata"]:
                    if not metadata["breadcrumb"]:
                        metadata["metadata"]["selected"] = entry["tap_stream_id"] in self.streams
                    elif metadata["breadcrumb"][-1] in self.deselected:
                        metadata["metadata"]["selected"] = False
            self.tap(config=self.config, state=self.state, catalog=catalog).sync_all()
        except TapError as error:
            self.error = str(error)

    def _airbyte(self):
        with tempfile.TemporaryDirectory() as folder:

            def file(name, content):
                path = Path(folder) / f"{name}.json"
                path.write_text(json.dumps(content, default=float))
                return [f"--{name}", str(path)]

            catalog = {"streams": [*map(self._chosen, self.streams)]}
            arguments = [*file("config", self.config), *file("catalog", catalog)]
            arguments += file("state", [self.state]) if self.state else []
            if run_command(self.source, ["read", *arguments], self.environment):
                self.error = "see TRACE"

    def _chosen(self, name):
        stream = next(each for each in self.source.connector.export_streams(None, None) if each.name == name)
        columns = {each: {} for each in stream.schema["properties"] if each not in self.deselected}
        schema = {"name": name, "json_schema": {"properties": columns}}
        return {"stream": schema, "sync_mode": "incremental", "destination_sync_mode": "append_dedup"}

    @property
    def bookmark(self):
        """What STATE says of the picks."""
        return bookmark(self.state)

    def asked(self, *, since=0):
        """Return what was asked for: variant, first and last day of every export of picks."""
        return [(each.variant, each.first, each.last) for each in self.orchard.exports[since:] if each.what == "picks"]

    def truth(self, **which):
        return self.orchard.truth(self.days, **which)


def plain(message):
    """Return type, stream and content of a message of either door; STATE as the next run gets it."""
    kind = message["type"]
    content = message.get(kind.lower())
    if kind == "RECORD":
        record = message["record"]
        return (kind, message["stream"], record) if "stream" in message else (kind, record["stream"], record["data"])
    if kind == "STATE":
        value = message.get("value")
        return kind, None, value if value is not None else {k: v for k, v in content.items() if k != "sourceStats"}
    if kind == "TRACE":
        return kind, None, content
    return kind, None, message


def bookmark(state):
    """Return what a STATE of either door says of the picks."""
    if not state:
        return {}
    return state["bookmarks"]["picks"] if "bookmarks" in state else state["stream"]["stream_state"]


def delivered(state):
    """Return the days that a STATE of either door calls delivered."""
    return days_between(bookmark(state).get("delivered", ()))


def days_between(stretches):
    """Return all days of pairs of a first and a last day, as they are written."""
    found = set()
    for first, last in stretches:
        day = date.fromisoformat(first)
        while day <= date.fromisoformat(last):
            found.add(day)
            day += timedelta(days=1)
    return found
