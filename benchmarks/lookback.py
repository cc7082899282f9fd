"""What it costs to look back: ``python -m benchmarks.lookback``.

A real PostgreSQL holds 30 days of 100,000 events, and on ten mornings all of them are looked at again. Before three of
these mornings one event of one day is edited at Cometly: 3 of 300 looked-back days are changed ones, 1 %. Beside the
mean of these mornings stands one on which every row is written again, as a tap must that does not know what it wrote;
that costs the same whatever has changed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from demo.meltano import PROJECT, Meltano
from demo.postgres import Postgres
from tap_cometly.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

DAYS: Final = 30
ROWS: Final = 100_000
MORNINGS: Final = 10
CHANGED_SHARE: Final = 0.01
"""Of the looked-back days of all mornings; but on one morning at least a day has changed, and on one none has."""


class Lane:
    """A database, and what the tap remembers of it."""

    def __init__(self, folder: Path, postgres: Postgres, settings: dict[str, Any]) -> None:
        self.schema = folder.name
        folder.mkdir()
        self._folder = folder
        self._postgres = postgres
        self.state: dict[str, Any] = {}
        self._config = folder / "tap.json"
        self._config.write_text(json.dumps(settings), encoding="utf-8")
        self._target = folder / "target.json"
        target = {"sqlalchemy_url": postgres.url, "default_target_schema": self.schema, "use_copy": True}
        self._target.write_text(json.dumps({**target, "validate_records": False}), encoding="utf-8")

    def run(self) -> tuple[float, int]:
        """Pipe the tap into the target; return seconds, and how many rows of events were written."""
        begin = datetime.now(timezone.utc).replace(tzinfo=None)
        began = time.monotonic()
        state = self._folder / "state.json"
        state.write_text(json.dumps(self.state), encoding="utf-8")
        tap = [sys.executable, "-m", "tap_cometly", f"--config={self._config}", f"--state={state}"]
        target = PROJECT / ".meltano/loaders/target-postgres/venv/bin/target-postgres"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("TAP_COMETLY")}
        with (
            (self._folder / "log").open("ab") as log,
            subprocess.Popen(tap, env=environment, stdout=subprocess.PIPE, stderr=log, cwd=PROJECT) as source,
        ):
            done = subprocess.run(
                [str(target), f"--config={self._target}"],
                stdin=source.stdout,
                stdout=subprocess.PIPE,
                stderr=log,
                check=True,
            )
        self.state = json.loads(done.stdout.splitlines()[-1])
        seconds = time.monotonic() - began
        written = f"select count(*) from {self.schema}.events where _sdc_batched_at >= %s"  # noqa: S608 - our own name
        with self._postgres.connect() as connection:
            answer = connection.execute(written.encode(), [begin]).fetchone()
        return seconds, answer[0] if answer else 0


def side_by_side(days: int, rows: int) -> None:
    """Look back both ways, and print what it took."""
    last = datetime.now(timezone.utc).date() - timedelta(days=1)
    first = last - timedelta(days=days - 1)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        Meltano(folder, {})("install", "target-postgres")
        cometly = stack.enter_context(
            Sandbox(
                timezone="UTC",
                first_day=first,
                events_per_day=lambda _day: rows,
                creates_per_minute=6000,
                polls_per_minute=60000,
                job_seconds=0,
            )
        )
        postgres = stack.enter_context(Postgres(folder / "postgres"))
        lane = Lane(
            folder / "cometly",
            postgres,
            {
                "api_url": cometly.api_url,
                "api_key": cometly.api_key,
                "timezone": "UTC",
                "start_date": first.isoformat(),
                "lookback_days": days,
            },
        )
        tell(f"first load of {days} days of {rows:,} rows", *lane.run())
        looked_back(cometly, lane, [first + timedelta(days=number) for number in range(days)])
        del lane.state["bookmarks"]["events"]["days"]  # nothing to compare with
        tell("a morning with every row written again", *lane.run())


def looked_back(cometly: Sandbox, lane: Lane, days: Sequence[date]) -> None:
    """Look back on some mornings, before some of which one day changes; print what a morning took."""
    changes = min(max(round(len(days) * MORNINGS * CHANGED_SHARE), 1), MORNINGS - 1)
    quiet, busy = [], []
    for morning in range(MORNINGS):
        number, is_due = divmod(morning * changes, MORNINGS)
        if is_due < changes:  # the changes are spread evenly over the mornings, and over the days
            event = next(cometly.truth(days[(number + 1) * len(days) // (changes + 1)]))["id"]
            cometly.history.edit(event, amount=f"{morning}.77")
            busy.append(lane.run())
        else:
            quiet.append(lane.run())
    tell(f"a morning on which no day has changed, mean of {len(quiet)}", *_means(quiet))
    tell(f"a morning on which 1 of {len(days)} has, mean of {len(busy)}", *_means(busy))
    share = f"{changes} of {len(days) * MORNINGS} days changed, {changes / len(days) / MORNINGS:.1%}"
    tell(f"all {MORNINGS} mornings ({share}), mean", *_means([*quiet, *busy]))


def _means(results: Sequence[tuple[float, int]]) -> tuple[float, float]:
    seconds, rows = zip(*results, strict=True)
    return statistics.mean(seconds), statistics.mean(rows)


def tell(what: str, seconds: float, rows: float) -> None:
    """Print a result."""
    print(f"  {what:<60} {seconds:7.1f} s {rows:12,.0f} rows written", flush=True)


def main() -> None:
    """Measure both."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.lookback", description=__doc__)
    parser.add_argument("--days", type=int, default=DAYS)
    parser.add_argument("--rows", type=int, default=ROWS, help="of each day")
    options = parser.parse_args()
    print(f"Lookback of {options.days} days into PostgreSQL ({os.cpu_count()} processors):")
    side_by_side(options.days, options.rows)


if __name__ == "__main__":
    main()
