"""Where the time of an export goes: ``python -m benchmarks.stages``.

Each stage is what the tap itself does, timed alone: the download over HTTP to a spool file; decompression; the check of
every value (the verification, on lines that are decompressed already); the records made of the lines; and the messages,
made of the records and written to a pipe that ``wc -l`` reads. Everything else is in memory meanwhile.
"""

from __future__ import annotations

import collections
import contextlib
import io
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import requests
from typing_extensions import override

from benchmarks.day import DAY, make_file
from benchmarks.measuring import WC, Table, command, progress
from benchmarks.server import FILE, FileServer
from benchmarks.taps import event_columns
from bulk_exports.engine.download import Transfer
from bulk_exports.engine.vendor import Link
from bulk_exports.files.ndjson import line_blocks
from bulk_exports.outputs.singer import MessageWriter
from bulk_exports.records.encode import record_blocks
from bulk_exports.records.verify import verify

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from bulk_exports.records.encode import Records

ROWS: Final = 200_000
ROUNDS: Final = 3
_OWN: Final = {"event_date": DAY.isoformat(), "day_digest": "9f64a747e1b97f13"}


class Counted(io.BytesIO):
    """A file that counts how many of its bytes were read."""

    read_bytes = 0

    @override
    def read(self, size: int | None = -1, /) -> bytes:
        piece = super().read(size)
        self.read_bytes += len(piece)
        return piece

    @override
    def readinto(self, buffer: Any, /) -> int:
        size = super().readinto(buffer)
        self.read_bytes += size
        return size


class Stages:
    """The stages of one export, each on what the one before it made.

    Args:
        url: Where the file is.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._columns = event_columns()
        self._zipped = requests.get(url, timeout=60).content
        self._plain = b"".join(line_blocks(io.BytesIO(self._zipped)))
        self._verification = verify((io.BytesIO(self._plain),), self._columns)
        self._records = list(self._encoded(io.BytesIO(self._plain)))

    def times_read(self) -> float:
        """Return how often the file is read, and decompressed, until its records are there."""
        file = Counted(self._zipped)
        verify((file,), self._columns)
        exhaust(self._encoded(file))
        return file.read_bytes / len(self._zipped)

    def download(self) -> None:
        """Fetch the file to the disk."""
        with requests.Session() as session, contextlib.closing(Transfer(session, now=time.monotonic)) as transfer:
            collections.deque(transfer.fetch(Link(self._url)), maxlen=0)

    def decompress(self) -> None:
        """Make blocks of lines of the file."""
        exhaust(line_blocks(io.BytesIO(self._zipped)))

    def check(self) -> None:
        """Prove the lines."""
        verify((io.BytesIO(self._plain),), self._columns)

    def encode(self) -> None:
        """Make records of the lines."""
        exhaust(self._encoded(io.BytesIO(self._plain)))

    def write(self) -> None:
        """Write the records as messages."""
        writer = MessageWriter()
        with subprocess.Popen(WC, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as reader:
            assert reader.stdin is not None  # noqa: S101 - it is a pipe
            with io.TextIOWrapper(reader.stdin) as stdout, contextlib.redirect_stdout(stdout):
                for records in self._records:
                    writer.write_records("events", records)

    def _encoded(self, file: io.BytesIO) -> Iterable[Records]:
        return record_blocks((file,), self._verification, self._columns, _OWN)


def exhaust(pieces: Iterable[object]) -> None:
    """Take everything, and keep nothing."""
    for _ in pieces:
        pass


def measure(rows: int, rounds: int) -> None:
    """Time every stage several times, in turn, and print medians and shares."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name, FileServer(folder := Path(name)) as server:
        progress(f"making a file of {rows:,} rows")
        make_file(file := folder / "day.jsonl.gz", rows)
        stages = Stages(server.api_url(file) + FILE)
        read = stages.times_read()
        works: dict[str, tuple[Callable[[], object], float]] = {
            "download": (stages.download, 1),
            f"decompress ({read:.0f} x)": (stages.decompress, read),
            "check": (stages.check, 1),
            "encode": (stages.encode, 1),
            "write": (stages.write, 1),
        }
        seconds: dict[str, list[float]] = {stage: [] for stage in works}
        for _ in range(rounds):
            for stage, (work, times) in works.items():
                began = time.perf_counter()
                work()
                seconds[stage].append((time.perf_counter() - began) * times)
    medians = {stage: statistics.median(each) for stage, each in seconds.items()}
    whole = sum(medians.values())
    print(f"\nStages of an export of {rows:,} events, each alone; medians of {rounds} rounds\n")
    table = Table("", "us a row", "share")
    for stage, each in medians.items():
        table.line(stage, f"{each / rows * 1e6:.3f}", f"{each / whole:.0%}")
    table.line("sum", f"{whole / rows * 1e6:.3f}", "")


def main() -> None:
    """Measure, and print."""
    options = command("stages", __doc__, rows=ROWS, rounds=ROUNDS).parse_args()
    measure(options.rows, options.rounds)


if __name__ == "__main__":
    main()
