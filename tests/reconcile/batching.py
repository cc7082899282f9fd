"""A warehouse behind a target that keeps rows back: each stream in batches of its own, STATE when all are stored.

That is how targets of the Singer SDK work. When such a target is killed, what was stored stays stored, and STATE is
older than that; what was not stored is gone.
"""

from __future__ import annotations

import collections
import dataclasses
from typing import Any

from tests.warehouses import Warehouse


@dataclasses.dataclass(frozen=True)
class Told:
    """A STATE that was told, and how many rows of events had been stored by then."""

    state: dict[str, Any]
    stored: int


class BatchingWarehouse(Warehouse):
    """A warehouse that takes rows in batches.

    Attributes:
        log: Every row of events that was ever stored, with its key, in order.
        told: The STATE that the target told last.
    """

    def __init__(self):
        super().__init__()
        self.log: list[tuple[tuple[Any, ...], dict[str, Any]]] = []
        self.told: Told | None = None

    def load(self, messages, *, batch_rows, told_after=(), killed=False):
        """Take the messages of a run in.

        Args:
            messages: As many as reach the target.
            batch_rows: How many rows a stream keeps back at most.
            told_after: Numbers of messages after which the target stores everything and tells STATE.
            killed: Whether it is killed in the end; otherwise it stores everything and tells STATE.
        """
        self._kept: dict[str, list[dict[str, Any]]] = collections.defaultdict(list)
        pending = None
        for number, message in enumerate(messages):
            if message["type"] == "STATE":
                pending = message["value"]
            elif message["type"] == "SCHEMA" and message["stream"] == "events":
                self._keys = message["key_properties"]
            elif message["type"] == "RECORD":
                kept = self._kept[message["stream"]]
                kept.append(message["record"])
                if len(kept) >= batch_rows:
                    self._store(message["stream"])
            if number in told_after:
                self._tell(pending)
        if not killed:
            self._tell(pending)

    def _store(self, stream):
        for record in self._kept.pop(stream, []):
            if stream == "events":
                key = tuple(record[key] for key in self._keys)
                self.events[key] = record
                self.log.append((key, record))
            else:
                self.days[record["event_date"]] = record

    def _tell(self, state):
        for stream in list(self._kept):
            self._store(stream)
        if state is not None:
            self.state = state
            self.told = Told(state, len(self.log))

    def overwritten_since(self, told):
        """Return the days of which a STATE says what they hold although rows were stored later that say otherwise.

        No tap can know of them: nobody told the STATE that would have said so.
        """
        bookmark = told.state["bookmarks"].get("events", {}) if told else {}
        rewrite = bookmark.get("rewrite", [])
        held = {
            each["event_date"]: each["digest"]
            for each in bookmark.get("snapshots", [])
            if each["event_date"] not in rewrite
        }
        owner: dict[tuple[Any, ...], dict[str, Any]] = {}
        overwritten = set()
        for number, (key, record) in enumerate(self.log):
            before = owner.get(key)
            if told and number >= told.stored:
                for each in filter(None, (before, record)):
                    if each["event_date"] in held and (
                        each["event_date"] != record["event_date"] or record["day_digest"] != held[each["event_date"]]
                    ):
                        overwritten.add(each["event_date"])
            owner[key] = record
        return overwritten

    def suspicious_days(self):
        """Return the days that the documented check query finds."""
        found = collections.Counter((row["event_date"], row["day_digest"]) for row in self.events.values())
        return {
            day
            for day in {row["event_date"] for row in self.events.values()} | self.days.keys()
            if day not in self.days or found[day, self.days[day]["day_digest"]] != self.days[day]["row_count"]
        }
