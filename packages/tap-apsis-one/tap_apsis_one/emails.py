"""The stream `email_events`: what the CSV file of a report becomes.

Its columns follow the request: behind those that are always there come attributes and tags, headed by their name and,
in parentheses, by the number of their version. The number decides: names change, and may be there twice.
"""

from __future__ import annotations

import functools
import operator
import re
from typing import TYPE_CHECKING, Final

from bulk_exports.engine.errors import InvalidRowsError
from bulk_exports.fields import Measures
from bulk_exports.files.csv import Csv
from bulk_exports.records.epoch import of_cells, of_timestamp, plain_cells
from bulk_exports.records.keys import key_of
from bulk_exports.spec import ExportStream, Windows
from tap_apsis_one import vocabulary as apsis
from tap_apsis_one.query import ApsisQuery

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bulk_exports.files.csv import Table
    from tap_apsis_one.selection import Column, Selection
    from tap_apsis_one.settings import Settings

_HEADING: Final = re.compile(r"(.*) \(version_id: (\d+)\)", re.DOTALL)
_IDENTITY: Final = (
    "correlation_id",
    "type",
    "activity_id",
    "split_id",
    "event_time",
    "server_time",
    "link_id",
    "bounce_code",
)
"""What does not change between two exports of the same event."""
_NUMBERS: Final = frozenset({"event_time", "server_time", "bounce_code"})
"""Which of them are numbers, be they written as they may; what names a link may be any text."""


def email_events(settings: Settings, selection: Selection | None) -> ExportStream:
    """Declare the stream.

    Args:
        settings: What the user wants.
        selection: Which attributes and tags events carry along; None where nobody was asked what there is.
    """
    extras = selection.email_columns() if selection else {}
    return ExportStream(
        name="email_events",
        vendor=apsis.VENDOR,
        fields=(*apsis.EMAIL_EVENTS, *(column.field(name) for name, column in extras.items())),
        key=(apsis.EVENT_KEY.name,),
        measures=Measures(key=apsis.EVENT_KEY.name, time="server_time"),
        windows=Windows(max_days=settings.window_days, rows_outside="told"),
        query=functools.partial(ApsisQuery.of, settings, "email_events", columns_of=extras),
        creates_per_minute=apsis.EVENT_EXPORTS_PER_MINUTE,
        format=Csv(derive=Derived(extras)),
    )


class Derived:
    """Makes the columns of the stream from those of the file, some thousand rows at a time.

    Args:
        extras: Attributes and tags by the names of their columns.
    """

    def __init__(self, extras: Mapping[str, Column]) -> None:
        self._extras = {
            version.id: (name, age, _reader(version.kind, is_tag=column.is_tag))
            for name, column in extras.items()
            for definition in column.definitions
            for age, version in enumerate(definition.versions)
        }

    def __call__(self, table: Table) -> Table:
        """Return the columns of the stream."""
        made: dict[str, Sequence[str]] = {name: table[name] for name in apsis.EMAIL_CELLS if name in table}
        if "server_time" in table:
            made["server_ms"] = plain_cells(table["server_time"])
            made["server_time"] = of_cells(table["server_time"], may_be_unknown=False)
        if "event_time" in table:
            made["event_ms"] = plain_cells(table["event_time"])
            made["event_time"] = of_cells(table["event_time"], may_be_unknown=True)
        made["event_key"] = _keys(table)
        versions: dict[str, list[tuple[int, list[str]]]] = {}
        for heading, cells in table.items():
            if heading in apsis.EMAIL_CELLS:
                continue
            number = _HEADING.fullmatch(heading)
            known = self._extras.get(number[2]) if number else None
            if known is None:
                made[heading] = cells
            else:
                column, age, read = known
                versions.setdefault(column, []).append((age, [*map(read, cells)]))
        for column, found in versions.items():  # of several versions that have a value, the newest is right
            made[column] = functools.reduce(_first, (cells for _, cells in sorted(found, key=operator.itemgetter(0))))
        return made


def _keys(table: Table) -> list[str]:
    if missing := [name for name in _IDENTITY if name not in table]:
        raise InvalidRowsError(f"the header lacks columns by which events are told apart: {', '.join(missing)}")
    columns = [plain_cells(table[name]) if name in _NUMBERS else table[name] for name in _IDENTITY]
    addresses = table.get("address", [""] * len(columns[0]))
    return [
        key_of(identity if identity[0] else (*identity, address))
        for identity, address in zip(zip(*columns, strict=True), addresses, strict=True)
    ]


def _first(cells: Sequence[str], others: Sequence[str]) -> list[str]:
    return [cell or other for cell, other in zip(cells, others, strict=True)]


def _as_it_is(cell: str) -> str:
    return cell


def _presence(cell: str) -> str:
    return "true" if cell else "false"


def _timestamp(cell: str) -> str:
    return str(of_timestamp(cell))


def _reader(kind: str, *, is_tag: bool) -> Callable[[str], str]:
    if is_tag:
        return _presence
    return _timestamp if kind == "timestamp" else _as_it_is
