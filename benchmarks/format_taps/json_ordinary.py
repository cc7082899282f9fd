"""An ordinary tap for a JSON object that does not fit into memory: a profile at a time, by `ijson.kvitems`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ijson
from typing_extensions import override

from benchmarks.day import DAY
from benchmarks.format_files import rows_of
from benchmarks.ordinary_tap import EventsStream, OrdinaryTap

if TYPE_CHECKING:
    from collections.abc import Iterable

    import requests
    from singer_sdk.helpers.types import Context, Record


class JsonStream(EventsStream):
    """The events of profiles."""

    primary_keys = ("id",)

    @override
    def parse_response(self, response: requests.Response) -> Iterable[Record]:
        """Yield the rows."""
        for key, profile in ijson.kvitems(response.raw, "profiles"):
            for section, content in profile["sections"].items():
                for event in content.get("events", ()):
                    yield from rows_of(key, section, event)

    @override
    def post_process(self, row: Record, context: Context | None = None) -> Record | None:
        """Add what the file does not say."""
        row["event_date"] = DAY.isoformat()
        row["day_digest"] = "9f64a747e1b97f13"
        return row


class JsonTap(OrdinaryTap):
    """A tap that does nothing special."""

    stream_class = JsonStream


if __name__ == "__main__":
    JsonTap.cli()
