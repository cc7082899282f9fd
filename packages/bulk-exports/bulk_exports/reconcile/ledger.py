"""The ledger: one row per day, saying what the day holds now.

No vendor of exports feeds deletions or changes. But every row carries the digest of its day, and the ledger says for
each day which digest is true today. So ``events JOIN event_days USING (event_date, day_digest)`` is the current truth:
rows that vanished at the vendor fall out of it.
"""

from __future__ import annotations

import dataclasses
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from bulk_exports.declarations import DeclarationError, of_columns
from bulk_exports.exact_numbers import EXACT
from bulk_exports.fields import Field

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from bulk_exports.records.summary import DaySummary
    from bulk_exports.spec import ExportStream
    from bulk_exports.windows.bookmark import DaySnapshot

_OF_THE_EXPORT: Final = (
    Field("exported_at", "timestamp", "When it was taken.", nullable=False),
    Field("checked_at", "timestamp", "When the day was last compared with {vendor}.", nullable=False),
    Field("revision", "integer", "1 when first delivered, and one more with every change.", nullable=False),
    Field("is_open", "boolean", "Whether the day was still running when it was exported.", nullable=False),
)
_MOST_DIGITS_SHOWN: Final = 30
"""Nobody reads a total with more."""
_TIMEZONE: Final = Field("timezone", "string", "The setting of that name when the day was exported.")


def ledger_fields(stream: ExportStream) -> tuple[Field, ...]:
    """Return the columns of a stream's ledger; none if it has no ledger.

    Raises:
        DeclarationError: What the vendor declares of it gives two columns the same name.
    """
    if not (stream.ledger and stream.window_field and stream.version_field):
        return ()
    rows, measures, described = stream.name, stream.measures, dataclasses.replace
    amount = f"Exact sum of their `{measures.amount}`; null where `{measures.amount}` is not asked for."
    fields = (
        described(stream.window_field, description=stream.ledger.day),
        described(stream.version_field, description=f"Names what the day holds: rows of `{rows}` with it are true."),
        Field("row_count", "integer", "How many rows that are.", nullable=False),
        *([Field(f"{measures.amount}_total", "number", amount)] if measures.amount else ()),
        Field(f"first_{measures.time}", "timestamp", "Earliest event of the day; null for a day without events."),
        Field(f"last_{measures.time}", "timestamp", "Latest event of the day; null for a day without events."),
        Field("export_id", stream.ledger.names_of_exports, "The export that brought these rows.", nullable=False),
        *(described(field, description=field.description.format(vendor=stream.vendor)) for field in _OF_THE_EXPORT),
        *stream.ledger.query_fields,
        _TIMEZONE,
    )
    for rule in of_columns(fields):
        raise DeclarationError(stream.ledger.name, rule)
    return fields


def ledger_row(
    stream: ExportStream,
    day: date,
    summary: DaySummary,
    snapshot: DaySnapshot,
    asked: Mapping[str, Any],
    *,
    checked_at: str,
    is_open: bool,
) -> dict[str, Any]:
    """Return the row of a day.

    Args:
        stream: Whose day it is.
        day: The day.
        summary: What the vendor says of it now.
        snapshot: What the target holds of it.
        asked: What was asked of the vendor, as it stands in the ledger, and ``timezone``.
        checked_at: The present moment, RFC 3339 in UTC.
        is_open: Whether the day has not ended yet.
    """
    measures = stream.measures
    return {
        **dict(zip(stream.own_columns, (day.isoformat(), summary.digest), strict=True)),
        "row_count": summary.rows,
        **({f"{measures.amount}_total": summary.amount_total} if measures.amount else {}),
        f"first_{measures.time}": summary.first_time,
        f"last_{measures.time}": summary.last_time,
        "export_id": snapshot.export_id,
        "exported_at": snapshot.exported_at,
        "checked_at": checked_at,
        "revision": snapshot.revision,
        "is_open": is_open,
        **asked,
    }


def change(window: object, before: DaySnapshot, summary: DaySummary, revision: int) -> str:
    """Return in words how a day, or a longer window, changed since it was last delivered."""
    parts = [f"{_grouped(before.row_count)} → {_grouped(summary.rows)} rows"]
    if before.amount_total is not None and summary.amount_total is not None:
        parts.append(f"amount {_grouped(before.amount_total)} → {_grouped(summary.amount_total)}")
    since = before.exported_at[:16].replace("T", " ")
    return f"{window} changed since {since} UTC: {', '.join(parts)} (revision {revision})"


def _grouped(number: int | Decimal) -> str:
    """Return a number with spaces between thousands, and an amount with cents at least."""
    text = f"{number:,}"
    if isinstance(number, Decimal):
        exponent = int(number.as_tuple().exponent)
        if max(number.adjusted(), -exponent) > _MOST_DIGITS_SHOWN:
            return f"{number:.6e}"
        fraction = EXACT.remainder(number, Decimal(1))
        text = f"{number:,f}" if fraction and exponent not in {-1, -2} else f"{number:,.2f}"
    return text.replace(",", " ")
