"""What a vendor declares of a stream of exports. Everything else is done for it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from typing_extensions import override

from bulk_exports.fields import Field, Measures, json_schema

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from datetime import date

    from bulk_exports.files.format import Format


class Query(Protocol):
    """What is asked of the vendor for every window of a stream: columns and filters."""

    @property
    def breaking(self) -> Collection[str]:
        """Names in the fingerprint that decide what a row means, or which rows there are."""

    def fingerprint(self) -> Mapping[str, Any]:
        """Return the query as STATE remembers it: JSON values by name, ``fields`` among them."""

    def ledger_values(self) -> Mapping[str, Any]:
        """Return the query as it stands in a row of the ledger, by the names of `Ledger.query_fields`."""


QueryT = TypeVar("QueryT", bound=Query)


@dataclasses.dataclass(frozen=True)
class ExportRequest(Generic[QueryT]):
    """What one export is asked for: a query, for one window.

    Attributes:
        day: The window: a calendar day in the vendor's timezone.
        query: Columns and filters.
    """

    day: date
    query: QueryT = dataclasses.field(compare=False)

    @override
    def __str__(self) -> str:
        """Return the day, which is how people name an export."""
        return self.day.isoformat()


@dataclasses.dataclass(frozen=True)
class Ledger:
    """A stream that says for each window which version of it is true.

    Attributes:
        name: Name of the stream.
        query_fields: Columns with what was asked; see `Query.ledger_values`.
    """

    name: str
    query_fields: tuple[Field, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExportStream:
    """A stream whose rows come in exports, one for each window.

    Attributes:
        name: Name of the stream.
        vendor: What people call the vendor.
        fields: All columns, in the order in which they are declared.
        key: The columns whose values no two rows share.
        window_field: The column that says which window a row came from; the replication key.
        version_field: The column that names what the window held; with both the ledger is joined.
        measures: Columns that mean something everywhere.
        ledger: The stream that says which version of a window is true.
        query: Makes the query from the names of the selected columns.
        in_order: Puts names of columns into an order that is always the same, whatever a catalog did to it.
        creates_per_minute: How many exports may be created a minute, as the vendor documents it.
        format: How the files of its exports are written; None for NDJSON.
    """

    name: str
    vendor: str
    fields: tuple[Field, ...]
    key: tuple[str, ...]
    window_field: Field
    version_field: Field
    measures: Measures
    ledger: Ledger
    query: Callable[[Collection[str]], Query]
    in_order: Callable[[Collection[str]], list[str]]
    creates_per_minute: int
    format: Format | None = None

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON Schema of the rows."""
        return json_schema(self.fields)

    @property
    def own_columns(self) -> tuple[str, str]:
        """The columns that do not come from the vendor, and with which the ledger is joined."""
        return self.window_field.name, self.version_field.name
