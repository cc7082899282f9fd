"""A warehouse in memory: a target that upserts on the key, its STATE, and the view of the current truth."""

from __future__ import annotations

from typing import Any


class Warehouse:
    """What a target would hold after some runs.

    Attributes:
        events: The plain table, by key.
        days: The ledger, by event date.
        state: What the next run gets.
        written: How many rows of events were ever written.
    """

    def __init__(self):
        self.events: dict[tuple[Any, ...], dict[str, Any]] = {}
        self.days: dict[str, dict[str, Any]] = {}
        self.state: dict[str, Any] | None = None
        self.written = 0
        self._keys: list[str] = []

    def take(self, messages):
        """Take messages in, as far as they got."""
        for message in messages:
            if message["type"] == "STATE":
                self.state = message["value"]
            elif message["type"] == "SCHEMA" and message["stream"] == "events":
                self._keys = message["key_properties"]
            elif message["type"] == "RECORD" and message["stream"] == "events":
                record = message["record"]
                self.events[tuple(record[key] for key in self._keys)] = record
                self.written += 1
            elif message["type"] == "RECORD":
                self.days[message["record"]["event_date"]] = message["record"]

    @property
    def bookmark(self):
        return ((self.state or {}).get("bookmarks") or {}).get("events") or {}

    def view(self):
        """`events JOIN event_days USING (event_date, day_digest)`, without the digest."""
        return sorted_rows(
            {name: value for name, value in row.items() if name != "day_digest"}
            for row in self.events.values()
            if self.days.get(row["event_date"], {}).get("day_digest") == row["day_digest"]
        )


def merged(state, before):
    """Return a STATE as Meltano keeps it after `--full-refresh`: merged into the one before it, object by object."""
    if not (isinstance(state, dict) and isinstance(before, dict)):
        return state
    return {**before, **{key: merged(value, before.get(key)) for key, value in state.items()}}


def truth(cometly, days, **asked):
    """Return what the view should show of these days."""
    rows = [{"event_date": day.isoformat(), **row} for day in days for row in cometly.truth(day, **asked)]
    for row in rows:
        if "touchpoint_id" in row:  # text, whatever Cometly sends
            row["touchpoint_id"] = str(row["touchpoint_id"])
    return sorted_rows(rows)


def sorted_rows(rows):
    return sorted(rows, key=lambda row: (row["id"], row.get("touchpoint_id", ""), row["event_date"]))
