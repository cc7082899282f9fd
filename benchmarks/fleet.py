"""How many Spaces a machine holds: CPU seconds and memory for each, by the loader alone and on Dagster.

``python -m benchmarks.fleet``. Neither the sandboxes, which are in this process, nor PostgreSQL count: in life they
are elsewhere.
"""

from __future__ import annotations

import argparse
import contextlib
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

from demo.dagster_server import Dagster, fleet_environment
from demo.fleet import EVENTS_PER_DAY, MACHINES, follow, simulated
from demo.postgres import Postgres
from demo.tables import table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from typing_extensions import Self

PROGRAMS: Final = {
    "bin/target-postgres": "target-postgres",
    "bin/tap-cometly ": "tap-cometly",
    "-m fleet ": "loader, for all Spaces",
    "spawn_main": "run worker",
    "api grpc": "code server",
    "dagster-daemon": "daemon",
    "dagster-webserver": "web page",
}
LIST: Final = ("ps", "-A", "-ww", "-o", "rss=,args=")
SECONDS_BETWEEN_LOOKS: Final = 1


def main() -> int:
    """Measure, and print tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fleet", description=__doc__)
    parser.add_argument("--spaces", type=int, default=20, metavar="N", help="default: %(default)s")
    parser.add_argument("--days", type=int, default=30, metavar="N", help="default: %(default)s")
    parser.add_argument("--events", type=int, default=EVENTS_PER_DAY, metavar="N", help="a day; default: %(default)s")
    parser.add_argument("--at-once", type=int, default=4, metavar="N", help="of the loader; default: %(default)s")
    parser.add_argument("--only", choices=["loader", "dagster"])
    options = parser.parse_args()
    rows = []
    with Memory() as memory:
        if options.only != "dagster":
            seconds, cpu = _loader(options.spaces, options.days, options.events, options.at_once)
            rows.append((f"loader, {options.at_once} at once", f"{cpu / options.spaces:.1f}", f"{seconds:.0f}"))
        if options.only != "loader":
            _, few = _dagster(2, options.days, options.events)
            seconds, many = _dagster(2 + options.spaces, options.days, options.events)
            rows.append(("Dagster", f"{(many - few) / options.spaces:.1f}", f"{seconds:.0f}"))
            rows.append(("Dagster itself, with two Spaces", f"{few:.1f}", ""))
    print(f"\n{options.spaces} Spaces of {options.days} days, some {options.events} events a day:\n")
    print(table(["by", "CPU seconds a Space", "seconds in all"], rows))
    print()
    print(table(["program", "largest, MB"], sorted((name, f"{kb / 1024:.0f}") for name, kb in memory.largest.items())))
    return 0


def _loader(count: int, days: int, events: int, at_once: int) -> tuple[float, float]:
    with _fleet(count, days, events) as (folder, environment, _):
        began, before = time.monotonic(), _cpu()
        with (folder / "log").open("wb") as log:
            command = [sys.executable, "-m", "fleet", f"--at-once={at_once}"]
            subprocess.run(command, env=dict(environment), stdout=log, stderr=log, check=True)
        return time.monotonic() - began, _cpu() - before


def _dagster(count: int, days: int, events: int) -> tuple[float, float]:
    before = _cpu()
    with _fleet(count, days, events) as (folder, environment, machines):
        with Dagster(folder, environment, MACHINES) as dagster:
            began = time.monotonic()
            dagster.launch(machines)
            follow(dagster)
            seconds = time.monotonic() - began
            latest = {run.space: run.status for run in reversed(dagster.runs())}
            if failed := [space for space, status in latest.items() if status != "SUCCESS"]:
                sys.exit(f"Not loaded: {failed}")
        return seconds, _cpu() - before


@contextlib.contextmanager
def _fleet(count: int, days: int, events: int) -> Iterator[tuple[Path, Mapping[str, str], Mapping[str, str]]]:
    """Yield a folder, the environment, and the machine of each Space."""
    with (
        tempfile.TemporaryDirectory(prefix="fleet-") as name,
        Postgres(Path(name) / "postgres") as postgres,
        simulated(count, days, events_per_day=events) as (spaces, keys),
    ):
        environment = fleet_environment(Path(name), postgres, spaces, keys)
        yield Path(name), environment, {space: each["machine"] for space, each in spaces["spaces"].items()}


def _cpu() -> float:
    """Return the CPU seconds of all programs that were started from here and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class Memory:
    """Looks at the programs of the fleet while a ``with`` block lasts, and keeps the largest of each."""

    def __init__(self) -> None:
        self.largest: dict[str, int] = defaultdict(int)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(SECONDS_BETWEEN_LOOKS):
            listed = subprocess.run(LIST, capture_output=True, text=True, check=True).stdout
            for size, arguments in (line.split(maxsplit=1) for line in listed.splitlines() if " " in line.strip()):
                for part, program in PROGRAMS.items():
                    if part in arguments and sys.prefix in arguments:
                        self.largest[program] = max(self.largest[program], int(size))
                        break


if __name__ == "__main__":
    sys.exit(main())
