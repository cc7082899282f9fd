"""What there is to read, as Airbyte lists it (`discover`), and what somebody chose of it (the configured catalog)."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from bulk_exports.errors import TapError
from bulk_exports.fields import json_schema
from bulk_exports.reconcile.ledger import ledger_fields
from bulk_exports.spec import ExportStream, ListStream

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


class CatalogError(TapError):
    """The configured catalog cannot be read, or asks for what there is not."""


@dataclasses.dataclass(frozen=True)
class ConfiguredStream:
    """What somebody chose of a stream.

    Attributes:
        columns: Names of the chosen columns; None for all.
        full_refresh: Whether everything is read again.
        generation: Which reading of everything this is; None where the platform does not count.
    """

    columns: frozenset[str] | None = None
    full_refresh: bool = False
    generation: int | None = None

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> ConfiguredStream:
        """Read an entry of the configured catalog. A schema that names no column deselects none."""
        properties = (entry["stream"].get("json_schema") or {}).get("properties")
        return cls(
            frozenset(properties) if properties else None,
            entry.get("sync_mode") == "full_refresh",
            entry.get("generation_id"),
        )


def discovered(streams: Sequence[ExportStream | ListStream]) -> dict[str, Any]:
    """Return Airbyte's catalog."""
    return {"streams": [entry for stream in streams for entry in _entries(stream)]}


def configured(catalog: object, streams: Sequence[ExportStream | ListStream]) -> dict[str, ConfiguredStream]:
    """Return what was chosen, by the names of the streams.

    Raises:
        CatalogError: It is no configured catalog, or names a stream that there is not.
    """
    try:
        chosen = {entry["stream"]["name"]: ConfiguredStream.of(entry) for entry in catalog["streams"]}  # type: ignore[index]
    except (AttributeError, KeyError, TypeError):
        raise CatalogError(
            "The file given with --catalog is no configured catalog: it must hold an object with `streams`, each of "
            "them with a `stream` that has a `name`. Discover the streams again, and choose among them"
        ) from None
    known = [name for stream in streams for name in stream.names]
    if unknown := sorted(chosen.keys() - set(known)):
        raise CatalogError(
            f"The configured catalog names streams that there are not: {', '.join(unknown)}. There are: "
            f"{', '.join(known)}. Refresh the source's schema"
        )
    return chosen


def chosen_columns(stream: ExportStream | ListStream, chosen: ConfiguredStream | None) -> dict[str, Mapping[str, Any]]:
    """Return the schemas of the columns to ask for: those chosen, and those without which rows are of no use."""
    columns: dict[str, Mapping[str, Any]] = stream.schema["properties"]
    if chosen is None or chosen.columns is None:
        return columns
    wanted = {*chosen.columns, *(stream.needed_columns if isinstance(stream, ExportStream) else stream.key)}
    return {name: schema for name, schema in columns.items() if name in wanted}


def _entries(stream: ExportStream | ListStream) -> Iterator[dict[str, Any]]:
    if isinstance(stream, ListStream):
        yield _entry(stream.name, stream.schema, stream.key, "")
        return
    yield _entry(stream.name, stream.schema, stream.key, stream.cursor)
    if stream.ledger:
        yield _entry(stream.ledger.name, json_schema(ledger_fields(stream)), (stream.cursor,), stream.cursor)


def _entry(name: str, schema: Mapping[str, Any], key: Sequence[str], cursor: str) -> dict[str, Any]:
    return {
        "name": name,
        "json_schema": {
            "type": "object",
            "additionalProperties": True,
            "properties": {column: _column(each) for column, each in schema["properties"].items()},
        },
        "supported_sync_modes": ["full_refresh", "incremental"] if cursor else ["full_refresh"],
        **({"source_defined_cursor": True, "default_cursor_field": [cursor]} if cursor else {}),
        "source_defined_primary_key": [[column] for column in key],
        "is_resumable": bool(cursor),
    }


def _column(schema: Mapping[str, Any]) -> dict[str, Any]:
    zoned = {"airbyte_type": "timestamp_with_timezone"} if schema.get("format") == "date-time" else {}
    return {**schema, **zoned}
