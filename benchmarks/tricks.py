"""What each trick of the fast path is worth: ``python -m benchmarks.tricks``.

An export of 1,000,000 events becomes messages, with all tricks and with each of them switched off in turn, round after
round, each in a process of its own with a pipe to ``wc -l``. What a trick gains is how much more time it takes without.
Rows are asked for as they come and, in the second half of the table, with three columns deselected.

``python -m benchmarks.tricks --without NAME -- ARGUMENTS`` is the tap with one trick switched off.
"""

from __future__ import annotations

import collections
import statistics
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.day import make_file
from benchmarks.measuring import Table, command, paired, pipe, progress
from benchmarks.records import DESELECTED
from benchmarks.server import FileServer
from benchmarks.taps import OURS, Taps
from bulk_exports import interpreter
from bulk_exports.engine import download
from bulk_exports.files import content, ndjson
from bulk_exports.outputs import pipe as output
from bulk_exports.records import decoder, encode
from bulk_exports.singer import command as program
from tap_cometly.tap import TapCometly

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import IO

    from bulk_exports.engine.vendor import Link
    from bulk_exports.records.encode import Records

ROWS: Final = 1_000_000
ROUNDS: Final = 5


def _no_prefetch() -> None:
    ndjson.prefetch = iter  # type: ignore[assignment, attr-defined]
    interpreter.SWITCH_SECONDS = sys.getswitchinterval()  # type: ignore[misc]


def _fetch_first() -> None:
    as_it_arrives = download.Transfer.arriving

    def arriving(self: download.Transfer, link: Link) -> IO[bytes]:
        collections.deque(self.fetch(link), maxlen=0)
        return as_it_arrives(self, link)

    download.Transfer.arriving = arriving  # type: ignore[method-assign]


def _small_writes() -> None:
    output._Pipe.room = lambda self: self._at_once  # type: ignore[method-assign]  # noqa: SLF001


def _each_time() -> None:
    decoder._first_and_last = lambda _texts: None  # type: ignore[assignment]  # noqa: SLF001


def _always_encode() -> None:
    encode._as_they_stand = encode._written_anew  # noqa: SLF001


def _no_quotes() -> None:
    as_they_stand = encode._as_they_stand  # noqa: SLF001

    def without_integers(shape: decoder.Shape, own: dict[str, object]) -> Callable[[bytes], Records | None]:
        return (lambda _block: None) if shape.numbered else as_they_stand(shape, own)

    encode._as_they_stand = without_integers  # noqa: SLF001


def _all_raw() -> None:
    encode._CHEAP = {}  # type: ignore[misc]  # noqa: SLF001


def _small_chunks() -> None:
    content.CHUNK_BYTES = ndjson.BLOCK_BYTES  # type: ignore[misc]


TRICKS: Final[Mapping[str, Callable[[], None]]] = {
    "decompress-ahead": _no_prefetch,
    "verify-while-fetching": _fetch_first,
    "fill-the-pipe": _small_writes,
    "first-and-last-time": _each_time,
    "splice": _always_encode,
    "splice-integers": _no_quotes,
    "cheap-decoded": _all_raw,
    "large-chunks": _small_chunks,
}
"""What switches each of them off."""


def commands(folder: Path, url: str) -> Iterator[tuple[str, str, list[str]]]:
    """Yield what is measured: way of asking, trick that is switched off, command."""
    taps = Taps(folder)
    for way, deselected in (("all columns", ()), (f"{len(DESELECTED)} deselected", DESELECTED)):
        python, _, module, *arguments = taps.command(OURS, url, deselected=deselected)
        yield way, "", [python, "-m", module, *arguments]
        for trick in TRICKS:
            yield way, trick, [python, "-m", "benchmarks.tricks", "--without", trick, "--", *arguments]


def measure(rows: int, rounds: int) -> None:
    """Run every command in turn, several times, and print what each trick gains."""
    seconds: dict[tuple[str, str], list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name, FileServer(folder := Path(name)) as server:
        make_file(file := folder / "day.jsonl.gz", rows)
        measured = list(commands(folder, server.api_url(file)))
        for number in range(1, rounds + 1):
            for way, trick, tap in measured:
                progress(f"round {number} of {rounds}: {way}, without {trick or 'nothing'}")
                run = pipe(tap)
                seconds.setdefault((way, trick), []).append(run.ended - min(server.asked()))
    print(f"\nAn export of {rows:,} events to messages; medians of {rounds} rounds, ratios within a round\n")
    table = Table("without", "us/row", "gain")
    for (way, trick), times in seconds.items():
        gain = f"{paired(times, seconds[way, '']) - 1:+.1%}" if trick else ""
        table.line(f"{way}: {trick or 'nothing'}", f"{statistics.median(times) / rows * 1e6:.2f}", gain)


def main() -> None:
    """Measure, or be the tap with a trick switched off."""
    parser = command("tricks", __doc__, rows=ROWS, rounds=ROUNDS)
    parser.add_argument("--without", choices=TRICKS, help="be the tap, with this one switched off")
    parser.add_argument("arguments", nargs="*", help="for the tap")
    options = parser.parse_args()
    if options.without is None:
        measure(options.rows, options.rounds)
        return
    TRICKS[options.without]()
    sys.argv[1:] = options.arguments
    program.run_command(TapCometly)


if __name__ == "__main__":
    main()
