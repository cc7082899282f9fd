"""How long a backfill takes, beside what the rate limit makes it take: ``python -m benchmarks.backfill``.

Real time, side by side, each on a Cometly of its own at the documented limits (5 creates and 30 polls a minute, jobs of
20 seconds): 12 days one export at a time, as most taps do it, and by the installed tap. Then virtual time: 365 days,
jobs of 90 seconds, alone and beside a rival that wants half of both budgets, with one job in a thousand failing.

The law is the time of the last create that the limit permits, plus one job; see `simulation.backfill.law`.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import gzip
import json
import logging
import os
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

import requests

from simulation.backfill import backfill, law
from tap_cometly.sandbox import Sandbox

if TYPE_CHECKING:
    from datetime import date

DAYS: Final = 12
JOB_SECONDS: Final = 20
POLL_SECONDS: Final = 5
"""How often an export is asked for when they are made one at a time; the reference suggests it as a beginning."""
YEAR: Final = 365
LONG_JOB_SECONDS: Final = 90


def one_at_a_time(cometly: Sandbox, days: list[date], out: IO[bytes]) -> None:
    """Create an export, poll it until it is finished, write its rows, and only then begin with the next."""
    url = f"{cometly.api_url}/events/exports"
    with requests.Session() as api, requests.Session() as files:
        api.headers.update({"Authorization": f"Bearer {cometly.api_key}", "Accept": "application/json"})

        def ask(method: str, address: str, body: object = None) -> dict[str, str]:
            while (answer := api.request(method, address, json=body, timeout=30)).status_code == 429:
                time.sleep(float(answer.headers["Retry-After"]))
            answer.raise_for_status()
            return answer.json()  # type: ignore[no-any-return]

        for day in days:
            export = ask("POST", url, {"date": day.isoformat()})["export_id"]
            while (status := ask("GET", f"{url}/{export}"))["status"] != "completed":
                time.sleep(POLL_SECONDS)
            file = files.get(status["download_url"], headers={"Accept-Encoding": "identity"}, timeout=30)
            out.write(gzip.decompress(file.content))


def tap(cometly: Sandbox, days: list[date], out: IO[bytes]) -> None:
    """Run the program, its start and its end included."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config.json"
        settings = {"api_key": cometly.api_key, "api_url": cometly.api_url, "start_date": days[0].isoformat()}
        config.write_text(json.dumps({**settings, "timezone": "UTC"}))
        environment = {name: value for name, value in os.environ.items() if not name.startswith("TAP_COMETLY")}
        command = [sys.executable, "-m", "tap_cometly", "--config", str(config)]
        subprocess.run(command, env=environment, stdout=out, stderr=subprocess.DEVNULL, check=True)


def in_real_time() -> None:
    """Run both side by side and print how long they took."""
    today = datetime.now(timezone.utc).date()
    days = [today - timedelta(days=back) for back in range(DAYS, 0, -1)]
    least = law(DAYS, limit=5, job_seconds=JOB_SECONDS)
    print(f"{DAYS} days, jobs of {JOB_SECONDS} s, 5 creates and 30 polls a minute: {least:.0f} s by law. Real time:")
    contenders = {"one at a time": one_at_a_time, "tap-cometly": tap}
    with contextlib.ExitStack() as stack, concurrent.futures.ThreadPoolExecutor() as pool:
        spaces = {name: stack.enter_context(Sandbox(job_seconds=JOB_SECONDS)) for name in contenders}

        def timed(name: str) -> float:
            with tempfile.TemporaryFile() as out:
                began = time.monotonic()
                contenders[name](spaces[name], days, out)
                return time.monotonic() - began

        running = {pool.submit(timed, name): name for name in contenders}
        for done in concurrent.futures.as_completed(running):
            name = running[done]
            tell(f"{DAYS} days, {name}", done.result(), least, spaces[name])


def in_virtual_time() -> None:
    """Run a year alone and beside a rival, and print how long it took."""
    print(f"\n{YEAR} days, jobs of {LONG_JOB_SECONDS} s, one job in a thousand failing. Virtual time:")
    for who, share in (("alone", 0.0), ("beside a rival", 0.5)):
        result = backfill(YEAR, job_seconds=LONG_JOB_SECONDS, rival=share, failing=[YEAR // 2])
        order = "in order" if result.output.days == [day.isoformat() for day in result.days] else "NOT IN ORDER"
        print(
            f"  {YEAR} days, {who:<15} {result.seconds:7.1f} s, law {result.least:.0f} s, ratio {result.ratio:.4f}; "
            f"{order}; {result.creates} creates, {result.theirs} of the rival, {result.refusals} times 429, "
            f"{result.impatient} requests before a pause was over"
        )


def tell(what: str, seconds: float, least: float, cometly: Sandbox) -> None:
    """Print a result."""
    counts = dict.fromkeys(("create", "status", "file"), 0)
    refused = 0
    for entry in cometly.requests:
        counts[entry.endpoint] += 1
        refused += entry.status == 429
    print(
        f"  {what:<23} {seconds:7.1f} s, law {least:.0f} s, ratio {seconds / least:.4f}; {counts['create']} creates, "
        f"{counts['status']} polls, {refused} times 429",
        flush=True,
    )


if __name__ == "__main__":
    logging.disable()  # the tap in virtual time tells what it does
    in_real_time()
    in_virtual_time()
