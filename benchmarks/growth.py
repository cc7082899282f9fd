"""Whether time grows with the rows and memory does not: ``python -m benchmarks.growth``.

The tap as it is installed, on exports of 1, 10, 100 and so on rows, timed as in `benchmarks.records`.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Final

from benchmarks.day import make_file
from benchmarks.measuring import Table, clean_up_when_stopped, progress
from benchmarks.records import Case
from benchmarks.server import FileServer
from benchmarks.taps import OURS, Taps

MOST: Final = 10_000_000
FEW: Final = 100_000


def measure(most: int) -> None:
    """Read files of growing size, once each, and print what it took."""
    print("\nGrowth of tap-cometly, all columns\n")
    table = Table("rows", "seconds", "us each more", "peak MB")
    rows, before = 1, 0.0
    while rows <= most:
        with tempfile.TemporaryDirectory(prefix="benchmark-") as name, FileServer(folder := Path(name)) as server:
            progress(f"making a file of {rows:,} rows")
            make_file(file := folder / "day.jsonl.gz", rows)
            case = Case("growth", Taps(folder).command(OURS, server.api_url(file)), rows, rows)
            case.run(server)
        seconds = rows / case.rates[0]
        # What a row costs beyond those of the line above; a few rows disappear in what any run costs.
        each = f"{(seconds - before) / (rows * 0.9) * 1e6:.2f}" if rows >= FEW else ""
        table.line(f"{rows:,}", f"{seconds:.3f}", each, f"{case.megabytes:.0f}")
        rows, before = rows * 10, seconds


def main() -> None:
    """Measure, and print."""
    clean_up_when_stopped()
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=__doc__)
    parser.add_argument("--most", type=int, default=MOST, metavar="ROWS", help="of the largest export")
    measure(parser.parse_args().most)


if __name__ == "__main__":
    main()
