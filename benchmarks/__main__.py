"""Everything that is measured about speed, one after the other: ``python -m benchmarks``, or ``make bench``.

The machine should have nothing else to do. The parts, each a command of its own (``python -m benchmarks.PART``):

records  an export to messages and to files, beside an ordinary tap and what the machine can do
stages   where the time goes: download, decompress, check, encode, write
growth   from one row to ten millions
tricks   what each trick of the fast path is worth
startup  --version, --discover and --about, beside the import of the SDK
formats  a CSV file and one large JSON object to messages, each beside an ordinary tap
pardot   an export of Account Engagement in four CSV files, beside an ordinary tap
pipes    whole pipelines into PostgreSQL and DuckDB, beside an ordinary tap
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import os
import platform
import signal
import subprocess
import sys
from typing import Final

PARTS: Final = ("records", "stages", "tricks", "growth", "startup", "pipes", "formats", "pardot")


def main() -> int:
    """Run what was asked for; return 1 if a part of it failed."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, metavar="PART")
    parser.add_argument("--without", nargs="+", choices=PARTS, default=(), metavar="PART")
    parser.add_argument("--rows", help="of the export in `records` (1,000,000)")
    parser.add_argument("--most", help="rows of the largest export in `growth` (10,000,000)")
    parser.add_argument("--pipe-rows", help="of the export in `pipes` (100,000)")
    parser.add_argument("--rounds", help="of each part (3; startup 9)")
    chosen = parser.parse_args()
    options = {
        "records": {"--rows": chosen.rows, "--rounds": chosen.rounds},
        "stages": {"--rounds": chosen.rounds},
        "tricks": {"--rows": chosen.rows, "--rounds": chosen.rounds},
        "growth": {"--most": chosen.most},
        "startup": {"--rounds": chosen.rounds},
        "formats": {"--rows": chosen.rows, "--rounds": chosen.rounds},
        "pardot": {"--rows": chosen.rows, "--rounds": chosen.rounds},
        "pipes": {"--rows": chosen.pipe_rows, "--rounds": chosen.rounds},
    }
    print(
        f"tap-cometly {importlib.metadata.version('tap-cometly')}, singer-sdk "
        f"{importlib.metadata.version('singer-sdk')}, Python {platform.python_version()}, {platform.system()} "
        f"{platform.machine()}, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}",
        flush=True,
    )
    failed = False
    for part in PARTS:
        if part in chosen.only and part not in chosen.without:
            given = [text for name, value in options[part].items() if value for text in (name, value)]
            code = run([sys.executable, "-m", f"benchmarks.{part}", *given])
            if code == -signal.SIGINT:
                return 128 + signal.SIGINT
            failed |= bool(code)
    return int(failed)


def run(command: list[str]) -> int:
    """Run a part, which cleans up after itself however it ends, and return how it ended."""
    with subprocess.Popen(command) as process:
        signal.signal(signal.SIGTERM, lambda *_: process.terminate())
        while True:
            with contextlib.suppress(KeyboardInterrupt):  # Ctrl-C reaches the part, too
                return process.wait()


if __name__ == "__main__":
    sys.exit(main())
