"""What the files of an export hold: rows as CSV, as the vendor writes them, or as the quirks have it."""

from __future__ import annotations

import csv
import dataclasses
import datetime as dt
import io
from typing import TYPE_CHECKING, Any, Final

from bulk_exports.sandbox.dice import roll

if TYPE_CHECKING:
    import zoneinfo
    from collections.abc import Iterator

    from bulk_exports.sandbox.shelf import Form
    from tap_pardot_exports.sandbox.queries import Query
    from tap_pardot_exports.sandbox.quirks import Quirks
    from tap_pardot_exports.sandbox.world import World
    from tap_pardot_exports.vocabulary import PardotField

BYTE_ORDER_MARK: Final = "\ufeff"


@dataclasses.dataclass(frozen=True)
class Content:
    """A file: its rows as they were at a moment.

    Attributes:
        query: What was asked for.
        moment: When the export was made, in epoch seconds.
        number: Which of the files.
        files: How many there are.
    """

    query: Query
    moment: float
    number: int
    files: int


class Writer:
    """Writes files."""

    def __init__(self, world: World, zone: zoneinfo.ZoneInfo, quirks: Quirks) -> None:
        self._world = world
        self._zone = zone
        self._quirks = quirks

    def rows(self, query: Query, moment: float) -> Iterator[dict[str, Any]]:
        """Return the records that a query selects."""
        inclusive = self._quirks.bounds == "inclusive"

        def wanted(created_at: int, updated_at: int, deleted: bool) -> bool:  # noqa: FBT001
            at = updated_at if query.cursor == "updated_at" else created_at
            inside = query.after <= at <= query.before if inclusive else query.after < at < query.before
            return inside and query.deleted in {"all", str(deleted).lower()}

        return self._world.rows(query.thing, moment - self._quirks.data_lag, wanted)

    def lines(self, content: Content, form: Form) -> Iterator[bytes]:
        """Yield the lines of a file; one with a line break in a cell is one all the same."""
        quirks, query = self._quirks, content.query
        columns: list[tuple[str, PardotField | None]] = list(query.fields)
        if quirks.headers == "shuffled":
            columns.sort(key=lambda column: roll(content.number, len(column[0]), *column[0].encode()))
        names = [name for name, _ in columns] + list(quirks.new_columns)
        more = ["new"] * len(quirks.new_columns)
        if quirks.repeated_column:
            names, more = [*names, names[0]], [*more, "repeated"]
        mark = BYTE_ORDER_MARK if quirks.byte_order_mark else ""
        yield (mark + self._line(names)).encode()
        rows = list(self.rows(query, content.moment))
        rows.sort(key=lambda row: roll(row["id"], form.order))
        for place, row in enumerate(rows):
            is_here = place % content.files == content.number
            is_here_too = quirks.doubled_rows and place % 7 == 0 and (place + 1) % content.files == content.number
            for _ in range(is_here + is_here_too):
                cells = [self._cell(row, name, field, query.version) for name, field in columns]
                yield self._line([*cells, *more]).encode()

    def _line(self, cells: list[str]) -> str:
        line = io.StringIO()
        all_quoted = self._quirks.quotes == "all"
        csv.writer(line, quoting=csv.QUOTE_ALL if all_quoted else csv.QUOTE_MINIMAL).writerow(cells)
        return line.getvalue().removesuffix("\r\n")

    def _cell(self, row: dict[str, Any], name: str, field: PardotField | None, version: int) -> str:
        value = row.get(name) if field is None else row[field.name]
        if value is None:
            return ""
        if isinstance(value, bool):
            return str(value).lower() if version == 5 else str(int(value))
        if field and field.kind == "timestamp":
            local = dt.datetime.fromtimestamp(value, self._zone)
            if version == 5 and self._quirks.times == "offset":
                return local.isoformat()
            return local.strftime("%Y-%m-%d %H:%M:%S")
        return str(value)
