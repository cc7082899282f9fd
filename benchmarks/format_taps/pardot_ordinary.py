"""An ordinary tap for the files of an export of Account Engagement: each read with `csv.DictReader`, one by one."""

from __future__ import annotations

import codecs
import csv
from typing import TYPE_CHECKING, Any, Final

from singer_sdk.pagination import PageNumberPaginator
from typing_extensions import override

from benchmarks.ordinary_tap import EventsStream, OrdinaryTap
from benchmarks.pardot_server import FILE, FILES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import requests
    from singer_sdk.helpers.types import Context, Record
    from singer_sdk.pagination import BaseAPIPaginator

_TYPES: Final[dict[str, Callable[[str], Any]]] = {
    "integer": int,
    "string": str,
    "date-time": lambda cell: f"{cell.replace(' ', 'T')}Z",
}


class _Files(PageNumberPaginator):
    @override
    def has_more(self, response: requests.Response) -> bool:
        return self.current_value < FILES


class ActivitiesStream(EventsStream):
    """The activities of visitors."""

    name = "visitor_activities"
    primary_keys: tuple[str, ...] = ("id",)
    replication_key = "updated_at"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        declared = self.schema["properties"].items()
        self._types = {name: _TYPES[column.get("format") or column["type"][0]] for name, column in declared}

    @override
    def get_new_paginator(self) -> BaseAPIPaginator[Any]:
        """Return one page for each file."""
        return _Files(1)

    @override
    def prepare_request(self, context: Context | None, next_page_token: Any | None) -> requests.PreparedRequest:
        """Ask for a file."""
        self.path = f"{FILE}{next_page_token}.csv"
        return super().prepare_request(context, next_page_token)

    @override
    def parse_response(self, response: requests.Response) -> Iterable[Record]:
        """Yield the rows."""
        yield from csv.DictReader(codecs.getreader("utf-8")(response.raw))

    @override
    def post_process(self, row: Record, context: Context | None = None) -> Record | None:
        """Give the row the types of the schema."""
        return {name: self._types[name](cell) if cell else None for name, cell in row.items()}


class PardotTap(OrdinaryTap):
    """A tap that does nothing special."""

    stream_class = ActivitiesStream


if __name__ == "__main__":
    PardotTap.cli()
