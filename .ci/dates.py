"""Runs the quick tests on days on which calendars and clocks do something: on all, or on two (``--two``) by rotation.

The machine's time is faked with libfaketime, for the tests and for every program that they start (`tests.moments`).
All quick tests run, so that nobody has to know which of them the date may touch; property tests try a tenth of their
examples, since what they vary is not the date.
"""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parent.parent
PLACES: Final = ("lib/*/faketime", "lib*/faketime", "local/lib/faketime")
"""Where libfaketime may be, below /usr."""
HELP: Final = (
    "There is no libfaketime on this machine, and without it these tests cannot run.\n"
    "On Debian and Ubuntu: apt-get install libfaketime. Elsewhere the package is often called the same."
)
EXAMPLES: Final = "0.1"


class Moment(NamedTuple):
    """When the tests run, and where the machine is."""

    what: str
    when: str
    zone: str


MOMENTS: Final = (
    Moment("the last second of a year", "2026-12-31T23:59:59+00:00", "UTC"),
    Moment("February 29", "2028-02-29T12:00:00+00:00", "UTC"),
    Moment("a Monday that has just begun", "2026-11-30T00:00:30+00:00", "UTC"),
    Moment("a Sunday that has just begun", "2026-11-29T00:00:30+00:00", "UTC"),
    Moment("clocks go forward in New York", "2027-03-14T06:59:59+00:00", "America/New_York"),
    Moment("clocks go back in New York", "2027-11-07T05:59:59+00:00", "America/New_York"),
    Moment("clocks go forward on Lord Howe", "2027-10-02T15:29:59+00:00", "Australia/Lord_Howe"),
    Moment("clocks go back on Lord Howe", "2027-04-03T14:59:59+00:00", "Australia/Lord_Howe"),
    Moment("a year and a Monday in November", "2027-11-22T09:00:00+00:00", "UTC"),
    Moment("where days begin first", "2026-12-31T10:00:30+00:00", "Pacific/Kiritimati"),
    Moment("where days end last", "2027-02-28T11:59:59+00:00", "Etc/GMT+12"),
)


def main() -> int:
    """Run them one after another; a failure does not keep the others from running."""
    library = find()
    if library is None:
        sys.exit(HELP)
    chosen = of_the_day(dt.datetime.now(dt.timezone.utc).date()) if "--two" in sys.argv[1:] else MOMENTS
    return max([run(moment, library) for moment in chosen])


def find() -> Path | None:
    """Return libfaketime."""
    return next((found for place in PLACES for found in Path("/usr").glob(f"{place}/libfaketime.so.1")), None)


def of_the_day(day: dt.date) -> tuple[Moment, Moment]:
    """Return two moments; every one has its turn within a week."""
    first = 2 * day.toordinal() % len(MOMENTS)
    return MOMENTS[first], MOMENTS[(first + 1) % len(MOMENTS)]


def run(moment: Moment, library: Path) -> int:
    """Run the quick tests at this moment, and return whether they fail."""
    print(f"==> {moment.what}: {moment.when}, the machine in {moment.zone}", flush=True)
    began = time.monotonic()
    environment = {
        "LD_PRELOAD": str(library),
        "FAKETIME": "+0",
        "FAKETIME_NO_CACHE": "1",  # each test moves it
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",  # the clock of pauses and limits
        "NO_FAKE_STAT": "1",  # or Python would compile every module again
        "TEST_MOMENT": moment.when,
        "TZ": moment.zone,
        "SOAK": os.environ.get("SOAK", EXAMPLES),
    }
    pytest = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "auto", "--dist", "worksteal"]
    done = subprocess.run([*pytest, "-m", "not slow"], cwd=ROOT, env={**os.environ, **environment}, check=False)
    print(f"    {'FAILED' if done.returncode else 'passed'} in {time.monotonic() - began:.0f} s", flush=True)
    return bool(done.returncode)


if __name__ == "__main__":
    sys.exit(main())
