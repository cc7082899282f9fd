"""What the digests of a day cost: ``python -m benchmarks.digest``.

An export is read and verified as the tap does it, with one of the digests left out and with both. Reading means
decompressing the file and checking every value of it.
"""

from __future__ import annotations

import dataclasses
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final
from unittest import mock

from benchmarks.day import make_file
from benchmarks.measuring import command, paired
from benchmarks.taps import event_columns
from bulk_exports.records.digest import LinesDigest
from bulk_exports.records.verify import verify
from bulk_exports.windows.bookmark import DaySnapshot

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bulk_exports.records.columns import Columns
    from bulk_exports.records.summary import DaySummary

ROWS: Final = 200_000
ROUNDS: Final = 11


def measure(rows: int, rounds: int) -> None:
    """Read a file in each way in turn, and print medians."""
    columns = event_columns()
    plain, lines, both = [], [], []
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        make_file(path := Path(folder, "day.jsonl.gz"), rows)
        with path.open("rb") as file:
            before = _snapshot(verify((file,), columns).summary)
        for _ in range(rounds):
            both.append(_seconds(path, columns))
            lines.append(_seconds(path, columns, before))
            with mock.patch.object(LinesDigest, "add", _nothing):
                # The digest of no lines at all is that of the columns: there is no second pass for it.
                nothing = dataclasses.replace(before, lines_digest=LinesDigest(columns.all).hexdigest())
                plain.append(_seconds(path, columns, nothing))
    print(f"\nReading {rows:,} rows without a digest: {statistics.median(plain) / rows * 1e6:.2f} us a row")
    print(f"  with the digest of the lines, as for a day that is the same again: {paired(lines, plain) - 1:+.1%}")
    print(f"  with that of the values too, as for a day that is going to be written: {paired(both, plain) - 1:+.1%}")
    print(f"(medians of {rounds} rounds)")


def _nothing(_digest: LinesDigest, _lines: Iterable[bytes]) -> None:
    """Add nothing. A mock would remember every call."""


def _snapshot(content: DaySummary) -> DaySnapshot:
    return DaySnapshot(
        export_id=1,
        digest=content.digest,
        lines_digest=content.lines_digest,
        row_count=content.rows,
        amount_total=content.amount_total,
        exported_at="2025-03-02T06:00:00Z",
        revision=1,
    )


def _seconds(path: Path, columns: Columns, before: DaySnapshot | None = None) -> float:
    with path.open("rb") as file:
        began = time.perf_counter()
        verify((file,), columns, before=before)
        return time.perf_counter() - began


def main() -> None:
    """Measure, and print."""
    options = command("digest", __doc__, rows=ROWS, rounds=ROUNDS).parse_args()
    measure(options.rows, options.rounds)


if __name__ == "__main__":
    main()
