"""What a whole pipeline does: ``python -m benchmarks.pipes``.

An export of 100,000 events goes into a real PostgreSQL and into DuckDB, through the targets that meltano.yml names, by
an ordinary tap (`benchmarks.ordinary_tap`) and by ours, in turn and round after round. A rate counts the seconds from
the start of the tap to the end of the target: the start of both programs and the wait for the export are in it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import shutil
import statistics
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import duckdb

from benchmarks.day import make_file
from benchmarks.loaders import install, program
from benchmarks.measuring import Table, command, paired, pipe, progress
from benchmarks.server import FileServer
from benchmarks.taps import ORDINARY, OURS, Taps
from demo.postgres import Postgres

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROWS: Final = 100_000
ROUNDS: Final = 3
BATCH_ROWS: Final = 10_000
SCHEMA: Final = "benchmark"
_COUNT: Final = f"select count(*) from {SCHEMA}.events"  # noqa: S608 - our own name
_AS_RECOMMENDED: Final = {"use_copy": True, "validate_records": False}


class IntoPostgres:
    """Loads into PostgreSQL.

    Args:
        postgres: The server.
        settings: Of the target.
    """

    def __init__(self, postgres: Postgres, **settings: Any) -> None:
        self._postgres = postgres
        self.name = "target-postgres"
        self.settings = {"sqlalchemy_url": postgres.url, "default_target_schema": SCHEMA, **settings}

    def clear(self) -> None:
        """Remove what was loaded."""
        with self._postgres.connect() as connection:
            connection.execute(f"drop schema if exists {SCHEMA} cascade".encode())

    def count(self) -> int:
        """Return how many rows were loaded."""
        with self._postgres.connect() as connection:
            answer = connection.execute(_COUNT.encode()).fetchone()
        return int(answer[0]) if answer else 0


class IntoDuckDB:
    """Loads into DuckDB.

    Args:
        folder: Where the database is to be.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / "warehouse.duckdb"
        self.name = "target-duckdb"
        self.settings = {"filepath": str(self._file), "default_target_schema": SCHEMA}

    def clear(self) -> None:
        """Remove what was loaded."""
        self._file.unlink(missing_ok=True)

    def count(self) -> int:
        """Return how many rows were loaded."""
        with duckdb.connect(str(self._file), read_only=True) as connection:
            answer = connection.execute(_COUNT).fetchone()
        return int(answer[0]) if answer else 0


@dataclasses.dataclass
class Lane:
    """A target, how it is set, and how both taps fill it.

    Attributes:
        name: What it is called.
        target: The target.
        tap_settings: What both taps are told.
        rates: Rows per second by tap, a number for each round.
    """

    name: str
    target: IntoPostgres | IntoDuckDB
    tap_settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    rates: dict[str, list[float]] = dataclasses.field(default_factory=lambda: {ORDINARY: [], OURS: []})

    def run(self, tap: str, command: list[str], folder: Path, rows: int) -> None:
        """Load once, into nothing.

        Raises:
            RuntimeError: It failed, or not all rows were loaded.
        """
        config = folder / "target.json"
        config.write_text(json.dumps(self.target.settings), encoding="utf-8")
        self.target.clear()
        # As in meltano.yml: with INSERT, the target writes times in the session's zone.
        loaded = pipe(command, [str(program(self.target.name)), f"--config={config}"], {"PGTZ": "UTC"})
        if self.target.count() != rows:
            raise RuntimeError(f"{self.name}, {tap}: {self.target.count():,} rows were loaded instead of {rows:,}")
        self.rates[tap].append(rows / loaded.seconds)


def lanes(folder: Path, postgres: Postgres) -> Iterator[Lane]:
    """Yield what is measured, in order."""
    encoding = {"format": "jsonl", "compression": "gzip"}
    storage = {"root": str(folder / "batches")}
    batches = {"batch_config": {"encoding": encoding, "storage": storage, "batch_size": BATCH_ROWS}}
    yield Lane("PostgreSQL, INSERT", IntoPostgres(postgres))
    yield Lane("PostgreSQL, COPY", IntoPostgres(postgres, use_copy=True))
    yield Lane("PostgreSQL, COPY, no validation", IntoPostgres(postgres, **_AS_RECOMMENDED))
    yield Lane("PostgreSQL, INSERT, BATCH", IntoPostgres(postgres), batches)
    yield Lane("PostgreSQL, COPY, BATCH", IntoPostgres(postgres, use_copy=True), batches)
    yield Lane("DuckDB", IntoDuckDB(folder))


def measure(rows: int, rounds: int) -> None:
    """Load in all ways in turn, several times, and print medians and ratios."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="benchmark-")))
        install(("target-postgres", "target-duckdb"), folder)
        server = stack.enter_context(FileServer(folder))
        progress(f"making a file of {rows:,} rows")
        make_file(file := folder / "day.jsonl.gz", rows)
        postgres = stack.enter_context(Postgres(folder / "postgres"))
        taps = Taps(folder)
        measured = list(lanes(folder, postgres))
        for number in range(1, rounds + 1):
            for lane in measured:
                for tap in lane.rates:
                    progress(f"round {number} of {rounds}: {tap} into {lane.name}")
                    (folder / "batches").mkdir()
                    command = taps.command(tap, server.api_url(file), dict(lane.tap_settings))
                    lane.run(tap, command, folder, rows)
                    shutil.rmtree(folder / "batches")
    print(
        f"\nA pipeline of {rows:,} events, tap and target; rows/s, medians of {rounds} rounds, ratios within a round\n"
    )
    table = Table("", "ordinary tap", "tap-cometly", "x ordinary")
    for lane in measured:
        ordinary, ours = lane.rates[ORDINARY], lane.rates[OURS]
        medians = (f"{statistics.median(rates):,.0f}" for rates in (ordinary, ours))
        table.line(lane.name, *medians, f"{paired(ours, ordinary):.2f}")


def main() -> None:
    """Measure, and print."""
    options = command("pipes", __doc__, rows=ROWS, rounds=ROUNDS).parse_args()
    measure(options.rows, options.rounds)


if __name__ == "__main__":
    main()
