"""An ordinary tap for a JSON object that does not fit into memory: a profile at a time, by `ijson.kvitems`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ijson
from typing_extensions import override

from benchmarks.format_files import row_of
from benchmarks.ordinary_tap import EventsStream, OrdinaryTap

if TYPE_CHECKING:
    from collections.abc import Iterable

    import requests
    from singer_sdk.helpers.types import Context, Record


class JsonStream(EventsStream):
    """The events of profiles."""

    primary_keys = ("id",)
    replication_key = None  # type: ignore[assignment]  # it is one of the days of events

    @override
    def parse_response(self, response: requests.Response) -> Iterable[Record]:
        """Yield the rows."""
        for key, profile in ijson.kvitems(response.raw, "profiles"):
            for section, content in profile["sections"].items():
                for event in content.get("events", ()):
                    yield row_of(key, section, event)

    @override
    def post_process(self, row: Record, context: Context | None = None) -> Record | None:
        """Return the row as it is."""
        return row


class JsonTap(OrdinaryTap):
    """A tap that does nothing special."""

    stream_class = JsonStream


if __name__ == "__main__":
    JsonTap.cli()
