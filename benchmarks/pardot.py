"""How fast an export of Account Engagement becomes messages: ``python -m benchmarks.pardot``.

1,000,000 visitor activities in four CSV files, whose times are written in the zone of the user who asked. Ours is
`tap-pardot-exports` as it is installed: it gets a token, creates the export, asks for it, downloads all files, proves
them, leaves out what lies outside of the window, and writes the rest. The ordinary tap knows the addresses of the files
and reads them with `csv.DictReader`; it gets the first tenth of the rows, because it takes so long. The time of a tap
begins when it asks for the first file and ends when its last message was read and it has ended.
"""

from __future__ import annotations

import csv
import json
import random
import subprocess
import sys
import tempfile
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Final

from benchmarks.formats import print_pair
from benchmarks.measuring import command, progress
from benchmarks.pardot_server import FILES
from benchmarks.records import FEW_ROWS, ORDINARY_SHARE, ROUNDS, ROWS, Case
from benchmarks.sameness import must_bring_the_same
from benchmarks.server import FileServer
from tap_pardot_exports.vocabulary import VISITOR_ACTIVITY

STREAM: Final = VISITOR_ACTIVITY.stream
BEGIN: Final = datetime(2026, 1, 1, tzinfo=timezone.utc)
DAYS: Final = 30
SETTINGS: Final = {
    "business_unit_id": "0Uv000000000001CAA",
    "client_id": "none",
    "client_secret": "none",
    "refresh_token": "none",
    "timezone": "UTC",
    "start_date": "2026-01-01",
    "end_date": "2026-01-30",
    "poll_seconds": 1,
}


def make_files(folder: Path, rows: int) -> Path:
    """Write so many rows into the files of an export; return the folder."""
    folder.mkdir()
    names = [field.old for field in VISITOR_ACTIVITY.fields if field.old]
    dice = random.Random(rows)  # noqa: S311 - made-up data
    for number in range(FILES):
        with (folder / f"{number + 1}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(names)
            mine = range(number * rows // FILES, (number + 1) * rows // FILES)
            # One by one: what this process once had in memory counts as the least that those have that it starts.
            writer.writerows([_cell(name, row, dice) for name in names] for row in mine)
    return folder


def _cell(name: str, row: int, dice: random.Random) -> object:
    moment = BEGIN + timedelta(days=DAYS * dice.random())
    known: dict[str, object] = {
        "id": 7_000_000_000 + row,
        "prospect_id": dice.randrange(10**8),
        "visitor_id": dice.randrange(10**8),
        "type": dice.randrange(1, 40),
        "type_name": dice.choice(("Click", "View", "Email", "Form", "Visit")),
        "details": f"https://www.example.com/products/{dice.randrange(10**6)}",
        "campaign_id": dice.randrange(10**5),
        "created_at": f"{moment:%Y-%m-%d %H:%M:%S}",
        "updated_at": f"{moment:%Y-%m-%d %H:%M:%S}",
    }
    return known[name] if name in known else dice.randrange(10**6) if dice.random() < 0.2 else ""


class Taps:
    """Makes the commands that run both taps.

    Args:
        folder: Where their settings and catalogs are kept.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made = 0

    def ours(self, url: str) -> list[str]:
        """Return the command that runs ours."""
        program = [sys.executable, "-m", "tap_pardot_exports"]
        program.append(f"--config={self._written({**SETTINGS, 'api_url': url, 'login_url': url})}")
        found = subprocess.run([*program, "--discover"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
        streams = [stream for stream in json.loads(found.stdout)["streams"] if stream["tap_stream_id"] == STREAM]
        self._schema = self._written(streams[0]["schema"])
        return [*program, f"--catalog={self._written({'streams': streams})}"]

    def ordinary(self, url: str) -> list[str]:
        """Return the command that runs the ordinary one."""
        self.ours(url)  # finds the schema
        config = {"api_url": url, "auth_token": "none", "schema": str(self._schema)}
        return [sys.executable, "-m", "benchmarks.format_taps.pardot_ordinary", f"--config={self._written(config)}"]

    def _written(self, content: Any) -> Path:
        self._made += 1
        path = self._folder / f"{self._made}.json"
        path.write_text(json.dumps(content), encoding="utf-8")
        return path


def main() -> None:
    """Measure, and print."""
    options = command("pardot", __doc__, rows=ROWS, rounds=ROUNDS).parse_args()
    few = max(options.rows // ORDINARY_SHARE, FILES)
    with tempfile.TemporaryDirectory(prefix="benchmark-") as place:
        taps = Taps(folder := Path(place))
        progress(f"making files of {options.rows:,} rows")
        with (
            FileServer(make_files(folder / "few", FEW_ROWS), "benchmarks.pardot_server") as third,
            FileServer(make_files(folder / "part", few), "benchmarks.pardot_server") as part,
            FileServer(make_files(folder / "whole", options.rows), "benchmarks.pardot_server") as whole,
        ):
            progress("comparing what both taps bring")
            both = taps.ours(third.url), taps.ordinary(third.url)
            must_bring_the_same("pardot", *both, rows=FEW_ROWS, stream=STREAM)
            ordinary = Case("ordinary tap", taps.ordinary(part.url), few, few)
            ours = Case("tap-pardot-exports", taps.ours(whole.url), options.rows, options.rows)
            for number in range(1, options.rounds + 1):
                for case, server in ((ordinary, part), (ours, whole)):
                    progress(f"round {number} of {options.rounds}: {case.name}")
                    case.run(server)
    print_pair(ordinary, ours, options.rounds)


if __name__ == "__main__":
    main()
