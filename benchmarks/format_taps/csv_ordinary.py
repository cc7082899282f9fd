"""An ordinary tap for a CSV file: streamed through `gzip` and `csv.DictReader`, each cell given its column's type."""

from __future__ import annotations

import csv
import decimal
import gzip
import io
from typing import TYPE_CHECKING, Any, Final

from typing_extensions import override

from benchmarks.ordinary_tap import EventsStream, OrdinaryTap

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import requests
    from singer_sdk.helpers.types import Context, Record

_TYPES: Final[dict[str, Callable[[str], Any]]] = {
    "integer": int,
    "number": decimal.Decimal,
    "boolean": lambda cell: cell == "1",
    "string": str,
}


class CsvStream(EventsStream):
    """The events of a day."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        types = {name: declared["type"] for name, declared in self.schema["properties"].items()}
        self._types = {name: _TYPES[kind if isinstance(kind, str) else kind[0]] for name, kind in types.items()}

    @override
    def parse_response(self, response: requests.Response) -> Iterable[Record]:
        """Yield the rows."""
        with gzip.GzipFile(fileobj=response.raw) as file:
            yield from csv.DictReader(io.TextIOWrapper(file, encoding="utf-8-sig", newline=""))

    @override
    def post_process(self, row: Record, context: Context | None = None) -> Record | None:
        """Give the row the types of the schema, and what the file does not say."""
        return super().post_process(
            {name: self._types[name](cell) if cell else None for name, cell in row.items()}, context
        )


class CsvTap(OrdinaryTap):
    """A tap that does nothing special."""

    stream_class = CsvStream


if __name__ == "__main__":
    CsvTap.cli()
