"""Our tap, with events of profiles in one JSON object."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar, Final

from benchmarks.format_files import row_of
from bulk_exports.fields import Field, Measures
from bulk_exports.files.json_object import JsonObject
from bulk_exports.spec import Windows
from tap_cometly.connector import CONNECTOR
from tap_cometly.events import events
from tap_cometly.tap import TapCometly

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from bulk_exports.connector import Connector
    from bulk_exports.engine import Connection
    from bulk_exports.files.json_parts import Part
    from bulk_exports.spec import ExportStream
    from tap_cometly.settings import Settings

FIELDS: Final = (
    Field("id", "string", "", nullable=False),
    Field("export_key", "string", ""),
    Field("section_id", "string", ""),
    Field("type_id", "string", ""),
    Field("created_ms", "integer", ""),
    Field("source_event_ms", "integer", ""),
    Field("data", "object", ""),
)


def _rows(part: Part) -> Iterable[Mapping[str, object]]:
    key, section = part.keys
    return (row_of(key, section, part.value),)


def _streams(settings: Settings, _connection: Callable[[], Connection]) -> Sequence[ExportStream]:
    paths = (("profiles", None, "sections", None, "events", None),)
    return [
        dataclasses.replace(
            events(settings),
            fields=FIELDS,
            left_out=(),
            key=("id",),
            measures=Measures(key="id"),
            windows=Windows(snapshot=True, rows_outside="taken"),
            format=JsonObject(parts={"event": paths}, rows=_rows),
            window_field=None,
            version_field=None,
            ledger=None,
        )
    ]


class JsonTap(TapCometly):
    """The tap."""

    connector: ClassVar[Connector] = dataclasses.replace(CONNECTOR, export_streams=_streams)


if __name__ == "__main__":
    JsonTap.cli()
