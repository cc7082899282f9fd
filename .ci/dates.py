"""Runs the tests in virtual time on days on which calendars and clocks do something.

On all of these days, or the quick ones of them on two days (``--two``) by rotation.

The machine's clock is moved, for the tests and for every program that they start (`tests.moments`, moved_clock.c).
All of them run, so that nobody has to know which of them the date may touch; property tests try a tenth of their
examples, since what they vary is not the date.
"""

from __future__ import annotations

import datetime as dt
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parent.parent
SOURCE: Final = ROOT / ".ci" / "moved_clock.c"
LIBRARY: Final = ROOT / "build" / "moved_clock.so"
HELP: Final = (
    "These tests need Linux and a C compiler, `cc`, for the clock that they move.\n"
    "On Debian and Ubuntu: apt-get install gcc libc6-dev."
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
    make_clock()
    two = of_the_day(dt.datetime.now(dt.timezone.utc).date())
    chosen, tests = (two, "not slow and not long") if "--two" in sys.argv[1:] else (MOMENTS, "not slow")
    return max([run(moment, tests) for moment in chosen])


def make_clock() -> None:
    """Compile the clock that is moved."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or sys.platform != "linux":
        sys.exit(HELP)
    LIBRARY.parent.mkdir(exist_ok=True)
    command = [compiler, "-shared", "-fPIC", "-O2", f"-o{LIBRARY}", str(SOURCE), "-ldl"]
    if subprocess.run(command, check=False).returncode:
        sys.exit(HELP)


def of_the_day(day: dt.date) -> tuple[Moment, Moment]:
    """Return two moments; every one has its turn within a week."""
    first = 2 * day.toordinal() % len(MOMENTS)
    return MOMENTS[first], MOMENTS[(first + 1) % len(MOMENTS)]


def run(moment: Moment, tests: str) -> int:
    """Run tests at this moment, and return whether they fail."""
    print(f"==> {moment.what}: {moment.when}, the machine in {moment.zone}", flush=True)
    began = time.monotonic()
    environment = {
        "LD_PRELOAD": str(LIBRARY),
        "TEST_MOMENT": moment.when,
        "TZ": moment.zone,
        "SOAK": os.environ.get("SOAK", EXAMPLES),
    }
    pytest = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "auto", "--dist", "worksteal"]
    done = subprocess.run([*pytest, "-m", tests], cwd=ROOT, env={**os.environ, **environment}, check=False)
    print(f"    {'FAILED' if done.returncode else 'passed'} in {time.monotonic() - began:.0f} s", flush=True)
    return bool(done.returncode)


if __name__ == "__main__":
    sys.exit(main())
