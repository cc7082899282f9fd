"""The day ledger: one row per event date, saying what the day holds now.

Cometly has no feed of deletions or changes. But every event row carries the digest of its day, and this stream says for
each day which digest is true today. So ``events JOIN event_days USING (event_date, day_digest)`` is the current truth:
rows that vanished at Cometly fall out of it.
"""

from __future__ import annotations

import dataclasses
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from singer_sdk.streams import Stream
from typing_extensions import override

from tap_cometly.fields import Field, json_schema
from tap_cometly.schema import EVENT_DATE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date

    from singer_sdk.helpers.types import Context, Record

    from tap_cometly.records.summary import DaySummary
    from tap_cometly.tap import TapCometly
    from tap_cometly.windows.bookmark import DaySnapshot

FIELDS: Final = (
    dataclasses.replace(EVENT_DATE, description="The calendar day, in the Space's timezone."),
    Field("day_digest", "string", "Names what the day holds: rows of `events` with it are true.", nullable=False),
    Field("row_count", "integer", "How many rows that are.", nullable=False),
    Field("amount_total", "number", "Exact sum of their `amount`; null where `amount` is not asked for."),
    Field("first_event_time_utc", "timestamp", "Earliest event of the day; null for a day without events."),
    Field("last_event_time_utc", "timestamp", "Latest event of the day; null for a day without events."),
    Field("export_id", "integer", "The export that brought these rows.", nullable=False),
    Field("exported_at", "timestamp", "When it was taken.", nullable=False),
    Field("checked_at", "timestamp", "When the day was last compared with Cometly.", nullable=False),
    Field("revision", "integer", "1 when first delivered, and one more with every change.", nullable=False),
    Field("is_open", "boolean", "Whether the day was still running when it was exported.", nullable=False),
    Field("query_mode", "string", "What was asked of Cometly: the setting of that name."),
    Field("attribution_model", "string", "What was asked of Cometly: the setting of that name."),
    Field("attribution_window", "integer", "What was asked of Cometly: the setting of that name, in days."),
    Field("sources", "string", "What was asked of Cometly: the setting of that name, separated by commas."),
    Field("event_names", "string", "What was asked of Cometly: the setting of that name, separated by commas."),
    Field("fields", "string", "What was asked of Cometly: the columns, separated by commas."),
    Field("timezone", "string", "The setting of that name when the day was exported."),
)


class EventDaysStream(Stream):
    """One row per event date: which export is true now, what it holds, what was asked."""

    name = "event_days"
    primary_keys = (EVENT_DATE.name,)
    replication_key = EVENT_DATE.name

    def __init__(self, tap: TapCometly) -> None:
        super().__init__(tap, schema=json_schema(FIELDS))
        self.tap = tap

    @override
    def get_records(self, context: Context | None) -> Iterable[Record]:
        """Yield nothing: rows are written between the events of their day and its STATE, which speaks for both."""
        if not self.tap.events.selected:
            self.logger.warning("`event_days` is written together with `events`, which is not selected: nothing to do")
        return ()

    @override
    def _write_state_message(self) -> None:
        """Write no STATE: it comes at the ends of days only, from the events stream."""

    def write(self, row: Record) -> None:
        """Write the row of a day now."""
        self._write_record_message(row)


def ledger_row(
    day: date, summary: DaySummary, snapshot: DaySnapshot, asked: Mapping[str, Any], *, checked_at: str, is_open: bool
) -> Record:
    """Return the row of a day.

    Args:
        day: The event date.
        summary: What Cometly says of it now.
        snapshot: What the target holds of it.
        asked: What was asked of Cometly.
        checked_at: The present moment, RFC 3339 in UTC.
        is_open: Whether the day has not ended yet.
    """
    return {
        "event_date": day.isoformat(),
        "day_digest": summary.digest,
        "row_count": summary.rows,
        "amount_total": summary.amount_total,
        "first_event_time_utc": summary.first_event_time,
        "last_event_time_utc": summary.last_event_time,
        "export_id": snapshot.export_id,
        "exported_at": snapshot.exported_at,
        "checked_at": checked_at,
        "revision": snapshot.revision,
        "is_open": is_open,
        **{name: _text(asked[name]) for name in ("query_mode", "attribution_model", "timezone")},
        "attribution_window": asked["attribution_window"],
        **{name: ",".join(asked[name]) or None for name in ("sources", "event_names", "fields")},
    }


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def change(day: date, before: DaySnapshot, summary: DaySummary, revision: int) -> str:
    """Return in words how a day changed since it was last delivered."""
    parts = [f"{_grouped(before.row_count)} → {_grouped(summary.rows)} rows"]
    if before.amount_total is not None and summary.amount_total is not None:
        parts.append(f"amount {_grouped(before.amount_total)} → {_grouped(summary.amount_total)}")
    since = before.exported_at[:16].replace("T", " ")
    return f"{day} changed since {since} UTC: {', '.join(parts)} (revision {revision})"


def _grouped(number: int | Decimal) -> str:
    """Return a number with spaces between thousands, and an amount with cents at least."""
    text = f"{number:,}"
    if isinstance(number, Decimal):
        text = f"{number:,f}" if number % 1 and number.as_tuple().exponent not in {-1, -2} else f"{number:,.2f}"
    return text.replace(",", " ")
