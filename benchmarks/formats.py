"""How fast files of other formats become messages: ``python -m benchmarks.formats csv`` and ``... json``.

csv   1,000,000 events of 20 columns in a gzipped CSV file. The ordinary tap reads it with `csv.DictReader`.
json  1,000,000 events of 100,000 profiles in one JSON object, 200,000 of them in one profile. The ordinary tap reads it
      with `ijson.kvitems`, a profile at a time.

Ours is the tap as it is installed, given a stream with another format: it creates the export, asks for it, downloads
it, proves it whole and writes it. The ordinary tap gets the first tenth of the rows, because it takes so long. The time
of a tap begins when it asks for the file and ends when its last message was read and it has ended; "CPU us" is what the
processors worked for a row, start of the program included, which tells more on a machine that has other things to do.
"""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path
from typing import Final

from benchmarks.format_files import make_csv, make_json
from benchmarks.measuring import Table, command, paired, progress
from benchmarks.records import FEW_ROWS, ORDINARY_SHARE, ROUNDS, ROWS, Case
from benchmarks.sameness import must_bring_the_same
from benchmarks.server import FileServer
from benchmarks.taps import ORDINARY, OURS, Taps

FORMATS: Final = {"csv": (make_csv, ".csv.gz"), "json": (make_json, ".json")}


def measure(name: str, rows: int, rounds: int, *, share: int = ORDINARY_SHARE) -> None:
    """Run both taps in turn, several times, and print medians and ratios."""
    make, ending = FORMATS[name]
    with tempfile.TemporaryDirectory(prefix="benchmark-") as place, FileServer(folder := Path(place)) as server:
        module = f"benchmarks.format_taps.{name}"
        taps = Taps(folder, ours=f"{module}_ours", ordinary=f"{module}_ordinary")

        def case(title: str, tap: str, rows: int) -> Case:
            file = folder / f"{rows}{ending}"
            if not file.exists():
                make(file, rows)
            return Case(f"{title}, {name}", taps.command(tap, server.api_url(file)), rows, rows)

        progress("comparing what both taps bring")
        pair = [case("", tap, FEW_ROWS).command for tap in (OURS, ORDINARY)]
        must_bring_the_same(name, *pair, rows=FEW_ROWS)
        server.asked()
        progress(f"making files of {rows:,} rows")
        ordinary = case("ordinary tap", ORDINARY, max(rows // share, 1))
        ours = case("tap-cometly", OURS, rows)
        for number in range(1, rounds + 1):
            for each in (ordinary, ours):
                progress(f"round {number} of {rounds}: {each.name}")
                each.run(server)
    print_pair(ordinary, ours, rounds)


def print_pair(ordinary: Case, ours: Case, rounds: int) -> None:
    """Print what an ordinary tap and ours took."""
    print(f"\nAn export of {ours.rows:,} rows to messages; medians of {rounds} rounds, ratios within a round\n")
    table = Table("", "rows", "rows/s", "x ordinary", "CPU us", "x CPU", "peak MB", "s before")
    for each in (ordinary, ours):
        table.line(
            each.name,
            f"{each.rows:,}",
            f"{statistics.median(each.rates):,.0f}",
            f"{paired(each.rates, ordinary.rates):.1f}",
            f"{statistics.median(each.worked) * 1e6:.1f}",
            f"{paired(ordinary.worked, each.worked):.1f}",
            f"{each.megabytes:.0f}",
            f"{statistics.median(each.before):.1f}",
        )


def main() -> None:
    """Measure, and print."""
    parser = command("formats", __doc__, rows=ROWS, rounds=ROUNDS)
    parser.add_argument("format", choices=FORMATS, nargs="?", help="only this one")
    parser.add_argument("--ordinary-share", type=int, default=ORDINARY_SHARE, help="which part of them it gets")
    options = parser.parse_args()
    for name in [options.format] if options.format else FORMATS:
        measure(name, options.rows, options.rounds, share=options.ordinary_share)


if __name__ == "__main__":
    main()
