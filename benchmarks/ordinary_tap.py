"""An ordinary tap for the same export, as the SDK's template and most taps have it: ``RESTStream``, row by row.

The template gives the address, the credentials, `parse_response` and `post_process`; the usual way to read a large
gzipped file of JSON lines with `requests` is to stream it through `gzip.GzipFile` and to give each line to
`json.loads`. (Taps that take the whole response into memory first are a fifth quicker, and need gigabytes.) Everything
else is the SDK's default: type conformance, selection, stream maps, state, BATCH, writer.
"""

from __future__ import annotations

import decimal
import gzip
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from singer_sdk import RESTStream, Tap
from singer_sdk import typing as th
from singer_sdk.authenticators import BearerTokenAuthenticator
from typing_extensions import override

from benchmarks.day import DAY
from benchmarks.server import FILE

if TYPE_CHECKING:
    from collections.abc import Iterable

    import requests
    from singer_sdk.helpers.types import Context, Record
    from singer_sdk.pagination import BaseAPIPaginator
    from singer_sdk.streams import Stream


class EventsStream(RESTStream[Any]):
    """The events of a day."""

    name = "events"
    path = FILE
    primary_keys: tuple[str, ...] = ("id", "touchpoint_id")
    replication_key = "event_date"

    @property
    @override
    def url_base(self) -> str:
        """The address of the API."""
        return str(self.config["api_url"])

    @property
    @override
    def authenticator(self) -> BearerTokenAuthenticator:
        """The credentials."""
        return BearerTokenAuthenticator(token=self.config["auth_token"])

    @property
    @override
    def requests_session(self) -> requests.Session:
        """The session; it streams, or else every response would be taken into memory whole."""
        session = super().requests_session
        session.stream = True
        return session

    @override
    def get_new_paginator(self) -> BaseAPIPaginator[Any] | None:
        """Return None: the file has one page."""
        return None

    @override
    def parse_response(self, response: requests.Response) -> Iterable[Record]:
        """Yield the rows."""
        with gzip.GzipFile(fileobj=response.raw) as file:
            for line in file:
                # As in the template: amounts keep their digits.
                yield json.loads(line, parse_float=decimal.Decimal)

    @override
    def post_process(self, row: Record, context: Context | None = None) -> Record | None:
        """Give the row the types of the schema, and what the file does not say."""
        row["touchpoint_id"] = str(row["touchpoint_id"])
        row["event_date"] = DAY.isoformat()
        row["day_digest"] = "9f64a747e1b97f13"
        return row


class OrdinaryTap(Tap):
    """A tap that does nothing special."""

    name = "tap-ordinary"
    stream_class: ClassVar[type[EventsStream]] = EventsStream
    config_jsonschema: ClassVar[dict[str, Any]] = th.PropertiesList(
        th.Property("api_url", th.StringType, required=True),
        th.Property("auth_token", th.StringType, required=True, secret=True),
        th.Property("schema", th.StringType, required=True, description="File with the stream's JSON schema"),
    ).to_dict()

    @override
    def discover_streams(self) -> list[Stream]:
        """Return the stream, with the schema of the tap that it is compared with."""
        schema = json.loads(Path(self.config["schema"]).read_text(encoding="utf-8"))
        return [self.stream_class(self, schema=schema)]


if __name__ == "__main__":
    OrdinaryTap.cli()
