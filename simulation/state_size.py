"""How large STATE becomes: ``python -m simulation.state_size``. Three years of daily runs, a day in fifty changing."""

from __future__ import annotations

import json
from datetime import date, timedelta
from decimal import Decimal

from bulk_exports.windows.bookmark import Bookmark, DaySnapshot
from bulk_exports.windows.windows import Window

YEARS = 3


def bookmark_after(days: int, *, lookback_days: int) -> Bookmark:
    """Return the bookmark after so many daily runs."""
    request = {
        "query_mode": "profile",
        "event_names": [],
        "sources": [],
        "attribution_model": None,
        "attribution_window": None,
        "fields": ["amount", "company_id", "configured_name", "event_name", "event_time_utc", "event_url", "id"],
        "timezone": "America/Argentina/ComodRivadavia",
        "ledger": True,
    }
    first = date(2025, 1, 1)
    bookmark = Bookmark("event_date", since=first, request=request)
    for number in range(days):
        day = first + timedelta(days=number)
        for looked_at in (*(each for each in bookmark.snapshots if not each.toordinal() % 50), day):
            before = bookmark.snapshots.get(looked_at)
            snapshot = DaySnapshot(
                export_id=90_000_000 + number,
                digest=f"{number * 0x9E3779B97F4A7C15 % 2**64:016x}",
                lines_digest=f"{number * 0x9E3779B97F4A7C15 % 2**64:016x}",
                row_count=100_000 + number,
                amount_total=Decimal(f"{1_000_000 + number}.50"),
                exported_at=f"{day}T06:00:00Z",
                revision=before.revision + 1 if before else 1,
            )
            bookmark = bookmark.with_delivered(Window.single(looked_at), snapshot, lookback_days=lookback_days)
    return bookmark


def size(bookmark: Bookmark) -> int:
    """Return how many bytes the stream has in STATE."""
    return len(json.dumps(bookmark.to_state()))


if __name__ == "__main__":
    for lookback in (0, 3, 30, 365):
        first, last = (size(bookmark_after(days, lookback_days=lookback)) for days in (366, YEARS * 365))
        print(f"lookback_days {lookback:>3}: STATE has {first:,} bytes after a year, {last:,} after {YEARS} years")
