"""How fast an export becomes messages: ``python -m benchmarks.records``.

A file of 1,000,000 events of 20 columns is fetched over HTTP from a server on this machine and turned into messages in
several ways, in turn and round after round, each in a process of its own with a pipe to ``wc -l``. Ours is the tap as
it is installed: it creates the export, asks for it, downloads it, proves it and writes it. Beside it stand an ordinary
tap (`benchmarks.ordinary_tap`) on the same file, asked for the same, which gets the first tenth of the rows because it
takes so long; the Airbyte source, whose messages are longer; and what the machine can do with the file at all:
``zcat``, and ``igzip`` where it is installed.

The time of a tap begins when it asks for the file and ends when its last message was read and it has ended: before that
an export has to be waited for, which takes what it takes. How long that was, with the start of the program, is in the
last column. "x same" compares with the ordinary tap that was asked for the same, "x ordinary" with the one that was
asked for all columns as records.
"""

from __future__ import annotations

import dataclasses
import shutil
import statistics
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks.day import make_file
from benchmarks.measuring import Table, command, paired, pipe, progress
from benchmarks.sameness import must_bring_the_same
from benchmarks.server import FileServer
from benchmarks.taps import ORDINARY, OURS, Taps

if TYPE_CHECKING:
    from collections.abc import Iterator

ROWS: Final = 1_000_000
ORDINARY_SHARE: Final = 10
ROUNDS: Final = 3
BATCH_ROWS: Final = 100_000
PLAIN: Final = "all columns"
SOURCE_NAME: Final = "source-cometly, all columns"
FEW_ROWS: Final = 1000
"""For a look at what both taps bring, before anything is measured."""
DESELECTED: Final = ("ad_name", "order_name", "event_url")
MAPS: Final[dict[str, Any]] = {
    "stream_maps": {"events": {"event_name": "event_name.upper()"}},
    "flattening_enabled": True,
    "flattening_max_depth": 1,
}


@dataclasses.dataclass
class Case:
    """One way to read a file.

    Attributes:
        name: What it is called.
        command: What is run.
        rows: How many rows the file has.
        lines: How many lines must come out at least.
        versus: What it is compared with.
        rates: Rows per second, a number for each round.
        megabytes: The most memory it ever had; no less than the benchmark has, from which the system counts on.
        before: Seconds until the file was asked for, each round.
        worked: Seconds of processors for a row, each round: what others do on the machine matters less to them.
    """

    name: str
    command: list[str]
    rows: int
    lines: int
    versus: Case | None = None
    rates: list[float] = dataclasses.field(default_factory=list)
    megabytes: float = 0.0
    before: list[float] = dataclasses.field(default_factory=list)
    worked: list[float] = dataclasses.field(default_factory=list)

    def run(self, server: FileServer) -> None:
        """Run it once.

        Raises:
            RuntimeError: It failed, or fewer lines came out than must.
        """
        run = pipe(self.command)
        if int(run.said) < self.lines:
            raise RuntimeError(f"{self.name}: {int(run.said):,} lines came out instead of {self.lines:,}")
        begun = min(server.asked(), default=run.began)  # what reads the file itself is under way at once
        self.rates.append(self.rows / (run.ended - begun))
        self.before.append(begun - run.began)
        self.worked.append(run.worked / self.rows)
        self.megabytes = max(self.megabytes, run.megabytes)


def cases(folder: Path, rows: int, server: FileServer, *, share: int, like: str) -> Iterator[Case]:
    """Yield what is measured, in order."""
    whole, part = folder / "day.jsonl.gz", folder / "part.jsonl.gz"
    few = max(rows // share, 1)
    make_file(whole, rows)
    make_file(part, few)
    taps = Taps(folder)
    for program in filter(shutil.which, ("zcat", "igzip")):
        yield Case(f"{program} | wc -l", [program, "-dc", str(whole)], rows, rows)
    for feature, (settings, deselected) in features(folder, like).items():
        rows_a_line = BATCH_ROWS if "batch_config" in settings else 1
        ordinary = Case(
            f"ordinary tap, {feature}",
            taps.command(ORDINARY, server.api_url(part), settings, deselected=deselected),
            rows=few,
            lines=-(-few // rows_a_line),
        )
        ours = Case(
            f"tap-cometly, {feature}",
            taps.command(OURS, server.api_url(whole), settings, deselected=deselected),
            rows=rows,
            lines=-(-rows // rows_a_line),
            versus=ordinary,
        )
        yield from (ordinary, ours)
    if not like or like in SOURCE_NAME:
        yield Case(SOURCE_NAME, taps.source_command(server.api_url(whole)), rows=rows, lines=rows)


def features(folder: Path, like: str = "") -> dict[str, tuple[dict[str, Any], tuple[str, ...]]]:
    """Return what both taps are asked for, by names like this one: settings, and columns that are deselected."""
    every: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
        PLAIN: ({}, ()),
        f"{len(DESELECTED)} columns deselected": ({}, DESELECTED),
        "stream map and flattening": (MAPS, ()),
        "BATCH, local": (_batches(str(folder / "batches")), ()),
        "BATCH, fsspec": (_batches(f"file://{folder}/batches"), ()),
    }
    return {name: asked for name, asked in every.items() if like in name}


def compare_taps(folder: Path, server: FileServer, like: str) -> None:
    """See to it that both taps bring the same, whatever they are asked for."""
    make_file(file := folder / "few.jsonl.gz", FEW_ROWS)
    taps = Taps(folder)
    for feature, (settings, deselected) in features(folder, like).items():
        commands = (
            taps.command(tap, server.api_url(file), settings, deselected=deselected) for tap in (ORDINARY, OURS)
        )
        (folder / "batches").mkdir()
        must_bring_the_same(feature, *commands, rows=FEW_ROWS)
        shutil.rmtree(folder / "batches")
    server.asked()


def _batches(root: str) -> dict[str, Any]:
    encoding = {"format": "jsonl", "compression": "gzip"}
    return {"batch_config": {"encoding": encoding, "storage": {"root": root}, "batch_size": BATCH_ROWS}}


def measure(rows: int, rounds: int, *, share: int = ORDINARY_SHARE, like: str = "") -> None:
    """Run all cases in turn, several times, and print medians and ratios."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name, FileServer(folder := Path(name)) as server:
        progress("comparing what both taps bring")
        compare_taps(folder, server, like)
        progress(f"making files of {rows:,} rows")
        measured = list(cases(folder, rows, server, share=share, like=like))
        for number in range(1, rounds + 1):
            for case in measured:
                progress(f"round {number} of {rounds}: {case.name}")
                (folder / "batches").mkdir()
                case.run(server)
                shutil.rmtree(folder / "batches")
    by_name = {case.name: case for case in measured}
    zcat, ordinary = by_name.get("zcat | wc -l"), by_name.get(f"ordinary tap, {PLAIN}")
    print(f"\nAn export of {rows:,} events to messages; medians of {rounds} rounds, ratios within a round\n")
    table = Table("", "rows", "rows/s", "x same", "x ordinary", "x zcat", "peak MB", "s before")
    for case in measured:
        table.line(
            case.name,
            f"{case.rows:,}",
            f"{statistics.median(case.rates):,.0f}",
            f"{paired(case.rates, case.versus.rates):.1f}" if case.versus else "",
            f"{paired(case.rates, ordinary.rates):.1f}" if ordinary else "",
            f"{paired(case.rates, zcat.rates):.2f}" if zcat else "",
            f"{case.megabytes:.0f}" if case.command[0] == sys.executable else "",
            f"{statistics.median(case.before):.1f}",
        )


def main() -> None:
    """Measure, and print."""
    parser = command("records", __doc__, rows=ROWS, rounds=ROUNDS)
    parser.add_argument("--ordinary-share", type=int, default=ORDINARY_SHARE, help="which part of them it gets")
    parser.add_argument("--like", default="", metavar="TEXT", help="only what has this in its name, such as BATCH")
    options = parser.parse_args()
    measure(options.rows, options.rounds, share=options.ordinary_share, like=options.like)


if __name__ == "__main__":
    main()
