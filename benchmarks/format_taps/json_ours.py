"""Our tap, with events of profiles in one JSON object."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from typing_extensions import override

from benchmarks.format_files import rows_of
from bulk_exports.fields import Field, Measures
from bulk_exports.files.json_object import JsonObject
from tap_cometly.events import DAY_DIGEST, EVENT_DATE, events
from tap_cometly.tap import TapCometly

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bulk_exports.files.json_parts import Part
    from bulk_exports.spec import ExportStream
    from tap_cometly.settings import Settings

FIELDS: Final = (
    Field("id", "string", "", nullable=False),
    EVENT_DATE,
    Field("export_key", "string", ""),
    Field("section_id", "string", ""),
    Field("type_id", "string", ""),
    Field("created_ms", "integer", ""),
    Field("source_event_ms", "integer", ""),
    Field("data", "object", ""),
    DAY_DIGEST,
)


def _rows(part: Part) -> Iterator[Mapping[str, object]]:
    key, section = part.keys
    return rows_of(key, section, part.value)


class JsonTap(TapCometly):
    """The tap."""

    @override
    def export_streams(self, settings: Settings) -> Sequence[ExportStream]:
        paths = (("profiles", None, "sections", None, "events", None),)
        file_format = JsonObject(parts={"event": paths}, rows=_rows)
        stream = dataclasses.replace(events(settings), fields=FIELDS, key=("id",), format=file_format)
        return [dataclasses.replace(stream, measures=Measures(key="id"))]


if __name__ == "__main__":
    JsonTap.cli()
