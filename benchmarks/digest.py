"""What the digest of a day costs: ``python -m benchmarks.digest``.

An export is read and proven as the tap does it, and the digest alone is made of the same lines, block by block. Reading
means decompressing the file and checking every value of it.
"""

from __future__ import annotations

import io
import statistics
import tempfile
import time
from pathlib import Path
from typing import IO, Final

from benchmarks.day import make_file
from benchmarks.measuring import command, paired
from benchmarks.taps import REQUEST
from tap_cometly.blocks import prove
from tap_cometly.content import Tally
from tap_cometly.exports.ndjson import line_blocks
from tap_cometly.rows import Columns
from tap_cometly.schema import OWN_COLUMNS
from tap_cometly.tap import TapCometly

ROWS: Final = 200_000
ROUNDS: Final = 11


def measure(rows: int, rounds: int) -> None:
    """Read a file both ways in turn, and print medians."""
    schema = TapCometly(config=REQUEST).events.schema["properties"]
    columns = Columns({name: each for name, each in schema.items() if name not in OWN_COLUMNS}, keys=["id"])
    reading, digesting = [], []
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        make_file(path := Path(folder, "day.jsonl.gz"), rows)
        for _ in range(rounds):
            with path.open("rb") as file:
                began = time.perf_counter()
                prove((file,), columns)
                reading.append(time.perf_counter() - began)
                digesting.append(_digest_seconds(file))
    print(
        f"\nReading and proving {rows:,} rows: {statistics.median(reading) / rows * 1e6:.2f} µs a row, of which the "
        f"digest takes {paired(digesting, reading):.1%} (medians of {rounds} rounds)"
    )


def _digest_seconds(file: IO[bytes]) -> float:
    tally = Tally(amounts=False, times=False)
    seconds = 0.0
    for block in line_blocks(file):
        lines = io.BytesIO(block).readlines()
        began = time.perf_counter()
        tally.add_all(lines, (), ())
        seconds += time.perf_counter() - began
    return seconds


def main() -> None:
    """Measure, and print."""
    options = command("digest", __doc__, rows=ROWS, rounds=ROUNDS).parse_args()
    measure(options.rows, options.rounds)


if __name__ == "__main__":
    main()
