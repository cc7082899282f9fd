"""A Space whose rows go through Airbyte: two streams that a destination stores, and commits, each by itself."""

from __future__ import annotations

import tempfile
from pathlib import Path

from bulk_exports.windows.delivered import DeliveredDays
from tests.airbyte.speaking import PAIR, Speaker, state_after
from tests.reconcile.space import Space
from tests.warehouses import Warehouse


class AirbyteSpace(Space):
    """The source in the place of the tap.

    Attributes:
        state: What the next sync gets.
    """

    def __init__(self, way="plain", **config):
        super().__init__(way, warehouse=Warehouse(), **config)
        self._folder = tempfile.TemporaryDirectory()
        self.source = Speaker(Path(self._folder.name), self.clock, self.config)
        self.state = []
        self.warehouse._keys = ["id", "touchpoint_id"] if way == "attributed" else ["id"]
        self._catalog = None

    def __exit__(self, *details):
        super().__exit__(*details)
        self._folder.cleanup()

    def sync(self, *, stored=(1.0, 1.0), committed=(1.0, 1.0), **config):
        """Run a sync; of the messages of each stream this share is stored, and of those this share committed."""
        self._catalog = self._catalog or self.source.choose()
        said = self.source.read(self._catalog, self.state, **config)
        committed_state = {}
        for stream, rows, share in zip(PAIR, stored, committed, strict=True):
            messages = said.messages[: round(rows * len(said.messages))]
            self.warehouse.take(
                {**message, "stream": stream, "record": message["record"]["data"]}
                for message in messages
                if message["type"] == "RECORD" and message["record"]["stream"] == stream
            )
            told = state_after(messages[: round(share * len(messages))], [stream])
            committed_state[stream] = told or [state for state in self.state if _name(state) == stream]
        self.state = [state for states in committed_state.values() for state in states]
        return said

    @property
    def delivered(self):
        """The days of which both streams say that they are delivered."""
        states = {_name(each): each["stream"]["stream_state"] for each in self.state}
        events, ledger = (
            DeliveredDays.from_state(
                {"delivered": states.get(stream, {}).get("delivered", [])},
                start=self.start,
                replication_key="event_date",
            )
            for stream in PAIR
        )
        return events & ledger


def _name(state):
    return state["stream"]["stream_descriptor"]["name"]
