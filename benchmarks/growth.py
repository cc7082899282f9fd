"""Whether time grows with the rows and memory does not: ``python -m benchmarks.growth``.

The tap as it is installed, on exports of 1, 10, 100 and so on rows, timed as in `benchmarks.records`.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Final

from benchmarks.day import make_file
from benchmarks.measuring import Table, progress
from benchmarks.records import Case
from benchmarks.server import FileServer
from benchmarks.taps import OURS, Taps

MOST: Final = 10_000_000


def measure(most: int) -> None:
    """Read files of growing size, once each, and print what it took."""
    print("\nGrowth of tap-cometly, all columns\n")
    table = Table("rows", "seconds", "us a row", "peak MB")
    rows = 1
    while rows <= most:
        with tempfile.TemporaryDirectory(prefix="benchmark-") as name, FileServer(folder := Path(name)) as server:
            progress(f"making a file of {rows:,} rows")
            make_file(file := folder / "day.jsonl.gz", rows)
            case = Case("growth", Taps(folder).command(OURS, server.api_url(file)), rows, rows)
            case.run(server)
        seconds = rows / case.rates[0]
        table.line(f"{rows:,}", f"{seconds:.3f}", f"{seconds / rows * 1e6:,.2f}", f"{case.megabytes:.0f}")
        rows *= 10


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=__doc__)
    parser.add_argument("--most", type=int, default=MOST, metavar="ROWS", help="of the largest export")
    measure(parser.parse_args().most)


if __name__ == "__main__":
    main()
