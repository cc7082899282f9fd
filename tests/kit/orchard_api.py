"""The far side of Orchard: it makes one export at a time, allows so many requests a day, and notes everything."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from datetime import date, datetime, timedelta, timezone

from bulk_exports.sandbox import LocalVendor
from bulk_exports.sandbox.messages import Reply, error, json_reply

KEY = "right"
ROWS_A_FILE = 4


@dataclasses.dataclass
class Export:
    """What was asked for, when, and what became of it."""

    id: str
    what: str
    variant: str
    first: date
    last: date
    columns: list[str]
    created_at: float
    taken_back_at: float | None = None
    begins_at: float = 0.0
    ends_at: float = 0.0

    @property
    def days(self):
        return [self.first + timedelta(days=each) for each in range((self.last - self.first).days + 1)]


def picks(day, count, variant):
    """Return what was picked on a day, the first basket in its first moment."""
    for number in range(count):
        yield {
            "id": str(day.toordinal() * 100 + 2 * number + (variant == "rotten")),
            "variety": 'apple, "red"\nor so',
            "kilos": f"{number}.5",
            "picked_at": f"{day}T{number:02}:00:00Z",
        }


class Orchard(LocalVendor):
    """Orchard's API.

    Args:
        clock: Virtual time.
        per_day: How many requests it allows a day.
        seconds: How long it works on an export.
        count: How many baskets of a variant there are of a day.
        most: How many baskets an export has at most.

    Attributes:
        exports: All that it was asked for.
        bad_days: Every export of one of these days fails.
        fails: So does every export of one of these variants.
        hears_cancels: Whether it hears what is taken back: of a machine that went down it hears nothing any more.
    """

    def __init__(self, clock, *, per_day=1000, seconds=60.0, count=lambda _day, _variant: 3, most=10_000):
        super().__init__(clock=clock.now)
        self._now = clock.now
        self.per_day, self.seconds, self.count, self.most = per_day, seconds, count, most
        self.exports: list[Export] = []
        self.bad_days: set[date] = set()
        self.fails: set[str] = set()
        self.hears_cancels = True
        self._api = self._listen("api", ("127.0.0.1", 0), self._reply, "Orchard")
        self._files = self._listen("files", ("127.0.0.1", 0), self._file, "Orchard")

    @property
    def config(self):
        return {"api_key": KEY, "api_url": self._api.url}

    def answered(self, day):
        """Return how many requests it has answered on a day, those not counted that it refused for their number."""
        begin = datetime.combine(day, datetime.min.time(), timezone.utc).timestamp()
        api = (entry for entry in self.requests if entry.origin == "api" and entry.status != 429)
        return sum(begin <= entry.at < begin + 86_400 for entry in api)

    def state(self, export):
        """Return the word for how far an export is."""
        free_at = 0.0
        for each in self.exports:  # in a queue that moves up when one is taken back
            each.begins_at = max(each.created_at, free_at)
            each.ends_at = each.begins_at + self.seconds
            if each.taken_back_at is not None:
                each.ends_at = min(each.ends_at, max(each.taken_back_at, each.begins_at))
            free_at = each.ends_at
        now = self._now()
        if export.taken_back_at is not None and export.taken_back_at < export.begins_at + self.seconds:
            return "taken back"
        if now < export.begins_at:
            return "queued"
        if now < export.ends_at:
            return "making"
        return "failed" if self.bad_days.intersection(export.days) or export.variant in self.fails else "done"

    def truth(self, days, variants=("sound", "rotten")):
        """Return what there is of these days, by key."""
        rows = [
            {**row, "is_rotten": variant == "rotten"}
            for day in days
            for variant in variants
            for row in picks(day, self.count(day, variant), variant)
        ]
        return {int(row["id"]): (row["picked_at"], row["kilos"], row["is_rotten"]) for row in rows}

    def _reply(self, request):
        if request.headers.get("authorization") != f"Bearer {KEY}":
            return error(401, "who are you?")
        if self.answered(datetime.fromtimestamp(self._now(), timezone.utc).date()) >= self.per_day:
            return dataclasses.replace(error(429, "enough for today"), endpoint=request.method)
        if request.path == "/growers":
            return json_reply(200, {"growers": [{"id": 1, "name": "Ann"}, {"id": 2, "name": "Bo"}]})
        if request.method == "POST":
            return self._create(json.loads(request.body))
        export = next((each for each in self.exports if request.path == f"/exports/{each.id}"), None)
        if export is None:
            return error(404, "no such export")
        if request.method == "DELETE":
            export.taken_back_at = self._now() if self.hears_cancels else None
        state = self.state(export)
        files = range(-(-len(self._rows(export)) // ROWS_A_FILE)) if state == "done" else ()
        urls = [f"{self._files.url}/{export.id}/{number}" for number in files]
        return json_reply(200, {"state": state, "files": urls})

    def _create(self, body):
        first, last = date.fromisoformat(body["from"]), date.fromisoformat(body["to"])
        export = Export(
            f"0{len(self.exports)}", body["what"], body["variant"], first, last, body["columns"], self._now()
        )
        if len(export.days) > 31 or len(self._rows(export)) > self.most:
            return error(413, "too much")
        self.exports.append(export)
        return dataclasses.replace(json_reply(202, {"id": export.id}), date=first, endpoint="create")

    def _rows(self, export):
        if export.what == "trees":
            return [{"id": "1" if export.variant == "standing" else "2"}]
        rows = [row for day in export.days for row in picks(day, self.count(day, export.variant), export.variant)]
        after = export.last + timedelta(days=1)
        return rows + list(picks(after, self.count(after, export.variant), export.variant))[:1]

    def _file(self, request):
        _, name, number = request.path.split("/")
        export = next(each for each in self.exports if each.id == name)
        text = io.StringIO()
        writer = csv.DictWriter(text, export.columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(self._rows(export)[int(number) * ROWS_A_FILE :][:ROWS_A_FILE])
        return Reply(200, {"Content-Type": "text/csv"}, text.getvalue().encode(), endpoint="file")
