"""Which way into a warehouse is the fastest: ``python -m benchmarks.targets``.

An export of 100,000 events goes into PostgreSQL, DuckDB and, where the machine has it, MariaDB, in each of the ways
that docs/targets.md names, in turn and round after round. A rate counts the seconds from the start of the tap until the
rows can be asked for in a table of the database, the start of every program among them. Where the machine has other
things to do, go by the rows for each second that processors worked (for tap, target and loader; a database server is
not counted), which hardly depend on it. The statements and the program
that load without a target are those that are printed in the documents.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks.day import make_file
from benchmarks.loaders import install, program
from benchmarks.measuring import WC, Run, Table, command, paired, pipe, progress
from benchmarks.server import FileServer
from benchmarks.taps import OURS, REQUEST, Taps
from demo import mariadb
from demo.environments import environment
from demo.meltano import PROJECT
from demo.postgres import Postgres

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROWS: Final = 100_000
ROUNDS: Final = 3
SCHEMA: Final = "cometly"
DLT: Final = ("dlt[duckdb,sqlalchemy]==1.31.0", "pymysql")
TARGETS: Final = ("target-postgres", "target-duckdb", "target-jsonl")
AS_RECOMMENDED: Final = {"use_copy": True, "validate_records": False}
BATCH_ROWS: Final = 100_000
"""As in docs/batch.md."""

_NOW: Final = f"select count(*) from {SCHEMA}.events join {SCHEMA}.event_days using (event_date, day_digest)"  # noqa: S608
_VIEW_AND_TABLE: Final = """
import duckdb, sys
with duckdb.connect("warehouse.duckdb") as connection:
    for statement in sys.argv[1:]:
        connection.execute(statement)
"""
_INTO_FILE_THEN: Final = 'cd "$1" && shift && cat > messages.jsonl && exec "$@"'
_INTO_TARGET_THEN: Final = 'cd "$1" && "$2" --config=target.json > state.jsonl && shift 2 && exec "$@"'
_ASK_DUCKDB: Final = """
import duckdb, sys
with duckdb.connect("warehouse.duckdb", read_only=True) as connection:
    print(connection.execute(sys.argv[1]).fetchone()[0])
"""
_ASK_MARIADB: Final = """
import pymysql, sys
with pymysql.connect(host="127.0.0.1", port=int(sys.argv[2]), user=sys.argv[3], password=sys.argv[4]) as connection:
    cursor = connection.cursor()
    for statement in sys.argv[1].split(";"):
        cursor.execute(statement)
    print((cursor.fetchone() or [0])[0])
"""


@dataclasses.dataclass
class Way:
    """A way into a database.

    Attributes:
        database: The database.
        name: What the way is called.
        load: Loads into an empty database, with its files in an empty folder.
        count: Returns how many rows are true now.
        rates: Rows per second, a number for each round.
        worked: Rows per second of processors, likewise.
    """

    database: str
    name: str
    load: Callable[[Path], Run]
    count: Callable[[Path], int]
    rates: list[float] = dataclasses.field(default_factory=list)
    worked: list[float] = dataclasses.field(default_factory=list)


class Ways:
    """Makes the ways.

    Args:
        taps: Makes commands of the tap.
        api_url: The API with the export.
        postgres: A server.
        server: A MariaDB; None: the machine has none.
    """

    def __init__(self, taps: Taps, api_url: str, postgres: Postgres, server: mariadb.MariaDB | None) -> None:
        self._taps, self._api_url = taps, api_url
        self._postgres, self._mariadb = postgres, server
        self._dlt = environment("dlt", *DLT) / "python"

    def __iter__(self) -> Iterator[Way]:
        """Yield them, the plain one of each database first."""
        yield self._postgres_way("target-postgres as it comes")
        yield self._postgres_way("target-postgres, no validation, COPY", **AS_RECOMMENDED)
        yield self._postgres_way("the same with BATCH files", batches=True, **AS_RECOMMENDED)
        yield self._duckdb_way("target-duckdb as it comes")
        yield self._duckdb_way("target-duckdb, batches of 10,000", batch_size_rows=10_000)
        yield Way("DuckDB", "dlt", self._load_with_dlt, self._count_of_dlt)
        yield Way("DuckDB", "files of target-jsonl, read_json", self._load_lines, _table_in_duckdb)
        yield Way("DuckDB", "BATCH files, read_json", self._load_files, _table_in_duckdb)
        if self._mariadb:
            yield Way("MariaDB", "dlt", self._load_mariadb, self._count_mariadb)

    def _tap(self, **settings: Any) -> list[str]:
        return self._taps.command(OURS, self._api_url, settings)

    def _postgres_way(self, name: str, *, batches: bool = False, **settings: Any) -> Way:
        def load(folder: Path) -> Run:
            with self._postgres.connect() as connection:
                connection.execute(f"drop schema if exists {SCHEMA} cascade".encode())
            config = {"sqlalchemy_url": self._postgres.url, "default_target_schema": SCHEMA, **settings}
            tap = self._tap(**_batches(folder)) if batches else self._tap()
            return pipe(tap, [str(program("target-postgres")), _written(folder, config)], {"PGTZ": "UTC"})

        def count(_folder: Path) -> int:
            with self._postgres.connect() as connection:
                answer = connection.execute(_NOW.encode()).fetchone()
            return int(answer[0]) if answer else 0

        return Way("PostgreSQL", name, load, count)

    def _duckdb_way(self, name: str, **settings: Any) -> Way:
        def load(folder: Path) -> Run:
            file = str(folder / "warehouse.duckdb")
            config = {"filepath": file, "default_target_schema": SCHEMA, "flush_all_streams": True, **settings}
            return pipe(self._tap(), [str(program("target-duckdb")), _written(folder, config)])

        def count(folder: Path) -> int:
            return _asked(folder, [sys.executable, "-c", _ASK_DUCKDB, _NOW])

        return Way("DuckDB", name, load, count)

    def _load_files(self, folder: Path) -> Run:
        statements = [
            _printed("docs/batch.md", "create or replace view"),
            _printed("docs/batch.md", "create or replace table"),
        ]
        sink = ["sh", "-c", _INTO_FILE_THEN, "sh", str(folder), sys.executable, "-c", _VIEW_AND_TABLE, *statements]
        return pipe(self._tap(**_batches(folder)), sink)

    def _load_lines(self, folder: Path) -> Run:
        _written(folder, {"destination_path": ".", "do_timestamp_file": False})
        statements = [
            _printed("docs/current-truth.md", "create or replace view events_now"),
            _printed("docs/batch.md", "create or replace table"),
        ]
        then = [sys.executable, "-c", _VIEW_AND_TABLE, *statements]
        return pipe(
            self._tap(), ["sh", "-c", _INTO_TARGET_THEN, "sh", str(folder), str(program("target-jsonl")), *then]
        )

    def _load_with_dlt(self, folder: Path, destination: str | None = None) -> Run:
        program = _printed("docs/targets.md", '"""Loads both streams with dlt', language="python")
        if destination:
            program = program.replace('dlt.destinations.duckdb("warehouse.duckdb")', destination)
        (folder / "load.py").write_text(program, encoding="utf-8")
        settings = {**REQUEST, "api_url": self._api_url}
        variables = {f"TAP_COMETLY_{name.upper()}": _as_text(value) for name, value in settings.items()}
        variables["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        # Not what it keeps of its own in the home of whoever measures.
        variables |= {"HOME": str(folder), "DLT_DATA_DIR": str(folder), "RUNTIME__DLTHUB_TELEMETRY": "false"}
        return pipe(["sh", "-c", 'cd "$1" && exec "$2" load.py', "sh", str(folder), str(self._dlt)], WC, variables)

    def _count_of_dlt(self, folder: Path) -> int:
        return _asked(folder, [str(self._dlt), "-c", _ASK_DUCKDB, _NOW])

    def _load_mariadb(self, folder: Path) -> Run:
        assert self._mariadb is not None  # noqa: S101 - or else this is no way
        self._ask_mariadb(
            folder, "; ".join(f"drop database if exists {name}" for name in (SCHEMA, f"{SCHEMA}_staging"))
        )
        return self._load_with_dlt(folder, f'dlt.destinations.sqlalchemy("mysql+pymysql://{self._mariadb.address}")')

    def _count_mariadb(self, folder: Path) -> int:
        return self._ask_mariadb(folder, _NOW)

    def _ask_mariadb(self, folder: Path, statements: str) -> int:
        assert self._mariadb is not None  # noqa: S101 - or else this is no way
        who = (str(self._mariadb.port), mariadb.USER, mariadb.PASSWORD)
        return _asked(folder, [str(self._dlt), "-c", _ASK_MARIADB, statements, *who])


def _table_in_duckdb(folder: Path) -> int:
    return _asked(folder, [sys.executable, "-c", _ASK_DUCKDB, "select count(*) from events"])


def _asked(folder: Path, program: list[str]) -> int:
    return int(subprocess.run(program, cwd=folder, stdout=subprocess.PIPE, check=True).stdout)


def _batches(folder: Path) -> dict[str, Any]:
    encoding = {"format": "jsonl", "compression": "gzip"}
    storage = {"root": str(folder / "files")}
    return {"batch_config": {"encoding": encoding, "storage": storage, "batch_size": BATCH_ROWS}}


def _written(folder: Path, config: dict[str, Any]) -> str:
    """Write a target's settings; return the option that names them."""
    file = folder / "target.json"
    file.write_text(json.dumps(config), encoding="utf-8")
    return f"--config={file}"


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _printed(page: str, beginning: str, *, language: str = "sql") -> str:
    """Return the block of code of a document that begins so."""
    text = (PROJECT / page).read_text(encoding="utf-8")
    blocks: list[str] = re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    (found,) = (block for block in blocks if block.startswith(beginning))
    return found


def versions(server: mariadb.MariaDB | None) -> Iterator[str]:
    """Yield what was measured, with its version."""
    for target, packages in (
        ("target-postgres", ["meltanolabs-target-postgres"]),
        ("target-duckdb", ["target-duckdb", "duckdb"]),
        ("target-jsonl", ["target-jsonl"]),
    ):
        yield _versions(str(program(target).parent / "python"), packages)
    yield _versions(str(environment("dlt", *DLT) / "python"), ["dlt", "duckdb"])
    yield "read_json by " + _versions(sys.executable, ["duckdb"])
    if server:
        told = subprocess.run([mariadb.found("mariadbd"), "--version"], stdout=subprocess.PIPE, text=True, check=True)
        yield "MariaDB " + told.stdout.partition("Ver ")[2].partition(" ")[0]


def _versions(python: str, packages: list[str]) -> str:
    code = (
        "import importlib.metadata as m, sys; print(*(f'{name} {m.version(name)}' for name in sys.argv[1:]), sep=', ')"
    )
    return subprocess.run([python, "-c", code, *packages], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def _worked() -> float:
    """Return for how many seconds processors have worked for the programs that were started here and have ended."""
    times = os.times()
    return times.children_user + times.children_system


def measure(rows: int, rounds: int) -> None:
    """Load in all ways in turn, several times, and print medians and ratios."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="benchmark-")))
        install(TARGETS, folder)
        api = stack.enter_context(FileServer(folder))
        progress(f"making a file of {rows:,} rows")
        make_file(file := folder / "day.jsonl.gz", rows)
        postgres = stack.enter_context(Postgres(folder / "postgres"))
        server = stack.enter_context(mariadb.MariaDB(folder / "mariadb")) if mariadb.is_installed() else None
        if not server:
            progress(mariadb.MISSING)
        ways = list(Ways(Taps(folder), api.api_url(file), postgres, server))
        told = "; ".join(versions(server))
        for number in range(1, rounds + 1):
            for way in ways:
                progress(f"round {number} of {rounds}: {way.database}, {way.name}")
                (place := folder / "loaded").mkdir()
                before = _worked()
                loaded = way.load(place)
                way.worked.append(rows / (_worked() - before))
                if (count := way.count(place)) != rows:
                    raise RuntimeError(f"{way.database}, {way.name}: {count:,} rows are there instead of {rows:,}")
                way.rates.append(rows / loaded.seconds)
                progress(f"    {way.rates[-1]:,.0f} rows/s, {way.worked[-1]:,.0f} by a processor")
                shutil.rmtree(place)
    print(f"\nA day of {rows:,} events into a table; medians of {rounds} rounds, ratios within a round\n{told}\n")
    table = Table("", "rows/s", "x plain", "by CPU", "x plain")
    plain: dict[str, Way] = {}
    for way in ways:
        first = plain.setdefault(way.database, way)
        pairs = ((way.rates, first.rates), (way.worked, first.worked))
        cells = [
            cell for mine, its in pairs for cell in (f"{statistics.median(mine):,.0f}", f"{paired(mine, its):.2f}")
        ]
        table.line(f"{way.database}: {way.name}", *cells)


def main() -> None:
    """Measure, and print."""
    options = command("targets", __doc__, rows=ROWS, rounds=ROUNDS).parse_args()
    measure(options.rows, options.rounds)


if __name__ == "__main__":
    main()
