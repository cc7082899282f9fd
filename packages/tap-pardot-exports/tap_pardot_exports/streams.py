"""The six streams: what a row looks like, and what must be asked of the vendor to get it."""

from __future__ import annotations

import dataclasses
from datetime import timedelta, timezone
from typing import TYPE_CHECKING, Any, Final

from bulk_exports.common_settings import problems_of_columns
from bulk_exports.engine.polling import Polling
from bulk_exports.fields import Measures
from bulk_exports.files.csv import Csv
from bulk_exports.reading import SettingsError
from bulk_exports.spec import ExportStream, Variant, Windows
from bulk_exports.windows import dates
from tap_pardot_exports import vocabulary as pardot
from tap_pardot_exports.vocabulary import PardotField, PardotObject

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import tzinfo

    from bulk_exports.spec import ExportRequest
    from tap_pardot_exports.calls import Manner
    from tap_pardot_exports.settings import Settings

CREATES_PER_MINUTE: Final = 30
"""The vendor names no limit. One export is made at a time, so that this is never in the way."""
CALLS_PER_EXPORT: Final = 8
"""As a rule: a create, four polls, three files."""
LIVING: Final = Variant("living", {pardot.IS_DELETED: False})
DELETED: Final = Variant("deleted", {pardot.IS_DELETED: True})
"""Versions 3 and 4 do not say of a record that it is deleted: the deleted ones are asked for by themselves."""
_ONE_SECOND: Final = timedelta(seconds=1)
_WRITTEN: Final = "%Y-%m-%d %H:%M:%S"


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExportQuery:
    """What is asked of the vendor for every window of a stream. The one place that knows how it is spelt.

    Attributes:
        thing: The kind of record.
        cursor: By which time records are asked for.
        columns: The columns that are wanted.
        zone: In whose time bounds are written.
        settle: How long after a moment the vendor knows what happened before it.
    """

    thing: PardotObject
    cursor: str
    columns: tuple[PardotField, ...]
    zone: tzinfo
    settle: timedelta

    @property
    def breaking(self) -> Collection[str]:
        """What decides which rows there are: days that were delivered without deleted rows lack them."""
        return ("object", "cursor", "timezone", *(["deleted"] if self._wants_deleted else []))

    @property
    def _wants_deleted(self) -> bool:
        """Whether the vendor is asked for deleted rows together with the others, as version 5 can be."""
        return self.thing.knows_deleted and any(field.name == pardot.IS_DELETED for field in self.columns)

    def fields(self, version: int) -> list[str]:
        """Return the names of the columns in the spelling of a version; those that it lacks are not asked for."""
        new = version == 5 or self.thing.always_new
        names = (field.new if new else field.old for field in self.columns)
        return [name for name in names if name]

    def bounds(self, request: ExportRequest[ExportQuery]) -> tuple[str, str]:
        """Return the times after and before which records are asked for, by the clocks of the user's zone.

        Bounds are exclusive, as far as is known: asked from a second before, a row of the first moment comes either
        way. What comes besides is left out when the file is read. Both are times that clocks did show: what a vendor
        makes of a midnight that they skipped nobody knows.
        """
        begin, end = dates.window_bounds(request.window.first, request.window.last, self.zone)
        after = begin.astimezone(timezone.utc) - _ONE_SECOND
        known = request.planned_at.astimezone(timezone.utc) - self.settle
        before = max(after + 2 * _ONE_SECOND, min(end.astimezone(timezone.utc), known))
        return after.astimezone(self.zone).strftime(_WRITTEN), before.astimezone(self.zone).strftime(_WRITTEN)

    def body(self, request: ExportRequest[ExportQuery], manner: Manner) -> dict[str, Any]:
        """Return the body of the request for an export, as the account wants to be spoken to."""
        version = manner.version
        after, before = self.bounds(request)
        stem = self.cursor.removesuffix("_at")
        arguments = {f"{stem}_after": after, f"{stem}_before": before}
        if request.variant == DELETED:
            arguments["deleted"] = "true"
        elif version == 5 and self._wants_deleted:
            arguments["deleted"] = "all"
        return {
            "object": self.thing.new_name if version == 5 else self.thing.name,
            "fields": self.fields(version),
            "procedure": {
                "name": f"filter_by_{self.cursor}",
                "arguments": {manner.spell(name): value for name, value in arguments.items()},
            },
        }

    def fingerprint(self) -> dict[str, Any]:
        """Return the query as STATE remembers it; the zone comes from the settings."""
        return {
            "object": self.thing.name,
            "cursor": self.cursor,
            "fields": sorted(field.name for field in self.columns),
            "deleted": self._wants_deleted,
        }

    def ledger_values(self) -> dict[str, Any]:
        """There is no ledger."""
        return {}


def export_streams(settings: Settings) -> list[ExportStream]:
    """Declare the streams that these settings bring.

    Raises:
        SettingsError: More fields than an export can have.
    """
    return [_stream(thing, settings) for thing in pardot.OBJECTS]


def _stream(thing: PardotObject, settings: Settings) -> ExportStream:
    fields = _fields(thing, settings)
    cursor = settings.activities_by if thing is pardot.VISITOR_ACTIVITY else thing.cursors[0]
    by_name = {field.name: field for field in fields}
    zone = settings.timezone or timezone.utc
    return ExportStream(
        name=thing.stream,
        vendor="Account Engagement",
        fields=fields,
        key=("id",),
        measures=Measures(key="id", time=cursor),
        windows=Windows(
            max_days=settings.window_days or thing.window_days,
            rows_move=cursor == "updated_at",
            rows_outside="left out",
        ),
        query=lambda selected: ExportQuery(
            thing=thing,
            cursor=cursor,
            columns=tuple(by_name[name] for name in by_name if name in {*selected, "id", cursor}),
            zone=zone,
            settle=settings.settle,
        ),
        variants=_variants(thing, settings),
        jobs_last=timedelta(days=pardot.DATA_DAYS),
        calls_per_export=CALLS_PER_EXPORT,
        creates_per_minute=CREATES_PER_MINUTE,
        polling=Polling(
            first_seconds=settings.poll_seconds,
            min_gap_seconds=settings.poll_seconds / 2,
            max_gap_seconds=settings.poll_seconds * 4,
        ),
        format=Csv(zone=zone, named=_spellings(fields)),
    )


def _variants(thing: PardotObject, settings: Settings) -> tuple[Variant, ...]:
    """Return the exports that a window takes; the one without deleted rows is the first of them, by itself or not."""
    if settings.api_version == 5 or all(field.name != pardot.IS_DELETED for field in thing.fields):
        return ()
    return (LIVING, DELETED) if settings.deleted_rows else (dataclasses.replace(LIVING, values={}),)


def _fields(thing: PardotObject, settings: Settings) -> tuple[PardotField, ...]:
    """Return the columns that there are in the version that is spoken, and those that the settings add."""
    new = settings.api_version == 5 or thing.always_new
    fields = [field for field in thing.fields if new or field.old or field.name == pardot.IS_DELETED]
    if not settings.deleted_rows:
        fields = [field for field in fields if field.name != pardot.IS_DELETED]
    known = {name for field in fields for name in (field.name, field.old, field.new)}
    more = [name for name in settings.custom_fields.get(thing.stream, ()) if name not in known]
    for name in more:
        column = pardot.snake(name).replace(".", "_").replace("__", "_")
        fields.append(PardotField(column, "string", "By the setting `custom_fields`.", old=name, new=name))
    columns = problems_of_columns(fields, "custom_fields", stream=thing.stream, most=pardot.MAX_FIELDS)
    if problems := list(columns):
        raise SettingsError(problems)
    return tuple(fields)


def _spellings(fields: Collection[PardotField]) -> Mapping[str, str]:
    """Return the column for every other way in which a header may call it."""
    return {spelling: field.name for field in fields for spelling in (field.old, field.new) if spelling}
