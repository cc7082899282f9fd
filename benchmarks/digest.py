"""What the digest of a day costs: ``python -m benchmarks.digest``.

An export is read and proven as the tap does it, and again with a digest that takes no time. The difference is what the
digest takes of the time of reading. Reading means decompressing the file and checking every value of it.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Final
from unittest import mock

from benchmarks.day import make_file
from benchmarks.taps import REQUEST
from tap_cometly.blocks import prove
from tap_cometly.rows import Columns
from tap_cometly.schema import OWN_COLUMNS
from tap_cometly.tap import TapCometly

ROWS: Final = 200_000
ROUNDS: Final = 11


def measure(rows: int, rounds: int) -> None:
    """Read a file both ways in turn, and print medians."""
    schema = TapCometly(config=REQUEST).events.schema["properties"]
    columns = Columns({name: each for name, each in schema.items() if name not in OWN_COLUMNS}, keys=["id"])
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        make_file(path := Path(folder, "day.jsonl.gz"), rows)
        whole, others = [], []
        for _ in range(rounds):
            whole.append(_seconds(path, columns))
            # Added up all the same, but of numbers that are there already.
            with mock.patch("tap_cometly.content.xxhash.xxh3_64_intdigest", len):
                others.append(_seconds(path, columns))
    shares = [1 - other / one for one, other in zip(whole, others, strict=True)]
    print(
        f"\nReading and proving {rows:,} rows: {statistics.median(whole) / rows * 1e6:.2f} µs a row, "
        f"of which the digest takes {statistics.median(shares):.1%} (medians of {rounds} rounds)"
    )


def _seconds(path: Path, columns: Columns) -> float:
    with path.open("rb") as file:
        began = time.process_time()
        prove((file,), columns)
        return time.process_time() - began


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.digest", description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    measure(options.rows, options.rounds)


if __name__ == "__main__":
    main()
