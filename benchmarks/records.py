"""How fast a day becomes messages: ``python -m benchmarks.records``.

One file of 1,000,000 events of 20 columns, some 600 bytes each, is turned into messages in several ways, one after the
other and round after round, each in a process of its own with a pipe to ``wc -l``. Beside ours stand what the machine
can do at all (``zcat``, and ``igzip`` where it is installed) and an ordinary tap, written the way the SDK's template
suggests, which gets a tenth of the rows because it takes so long. Both taps read the file from the disk: no network, no
waiting for an export. A rate counts the seconds of the sync, without the start of Python.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from singer_sdk import Tap
from singer_sdk.streams import Stream
from typing_extensions import override

from tap_cometly.blocks import Proof, prove
from tap_cometly.client import EventExport
from tap_cometly.exports import Delivery
from tap_cometly.exports.ndjson import line_blocks
from tap_cometly.streams import EventsStream
from tap_cometly.sync import EventsSync
from tap_cometly.tap import TapCometly

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from singer_sdk.helpers.types import Context, Record

ROWS: Final = 1_000_000
ORDINARY_SHARE: Final = 10
ROUNDS: Final = 3
DAY: Final = date(2025, 3, 1)
FIELDS: Final = (
    "profile_id", "company_id", "event_name", "configured_name", "amount", "is_upsell", "ad_id", "ad_name", "adset_id",
    "adset_name", "campaign_id", "campaign_name", "account_name", "order_id", "order_name", "event_url",
)  # fmt: skip
CONFIG: Final[dict[str, Any]] = {
    "api_key": "none",
    "timezone": "UTC",
    "start_date": DAY.isoformat(),
    "sources": ["google_ads", "email"],
    "attribution_model": "linear",
    "attribution_window": 30,
    "fields": list(FIELDS),
}
DESELECTED: Final = ("ad_name", "order_name", "event_url")
_WC: Final = shutil.which("wc") or "wc"
MAPS: Final = {
    "stream_maps": {"events": {"event_name": "event_name.upper()"}},
    "flattening_enabled": True,
    "flattening_max_depth": 1,
}


def make_file(path: Path, rows: int) -> None:
    """Write a day as Cometly would."""
    dice = random.Random(7)  # noqa: S311 - made-up data
    words = (
        "Prospecting | Lookalike 2%",
        "Herbst Aktion - Müller",
        "Video 15s",
        "再訪問者",
        "🔥 Retargeting 🛒",
        "Main",
    )
    ads = [(str(dice.randrange(10**17, 10**18)), f"{dice.choice(words)} {number}") for number in range(500)]
    events = ("purchase", "view_content", "add_to_cart", "initiate_checkout", "sign_up", "subscribe")
    with gzip.open(path, "wb", compresslevel=6) as file:
        for number in range(rows):
            ad, adset, campaign = (dice.choice(ads) if dice.random() < 0.8 else (None, None) for _ in range(3))
            event = dice.choice(events)
            bought = event == "purchase"
            second = dice.randrange(86_400)
            row = {
                "id": 7_399_390_000_000 + number,
                "event_time_utc": f"{DAY}T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}Z",
                "touchpoint_id": 473_560_960_000_000 + dice.randrange(10**8),
                "source": "google_ads",
                "profile_id": dice.randrange(10**10),
                "company_id": dice.randrange(10**8) if dice.random() < 0.3 else None,
                "event_name": event,
                "configured_name": event,
                "amount": dice.randrange(50_000) / 100 if bought else 0,
                "is_upsell": dice.random() < 0.1,
                "ad_id": ad[0],
                "ad_name": ad[1],
                "adset_id": adset[0],
                "adset_name": adset[1],
                "campaign_id": campaign[0],
                "campaign_name": campaign[1],
                "account_name": "Main account",
                "order_id": str(dice.randrange(10**13)) if bought else None,
                "order_name": f"#{dice.randrange(10**6)}" if bought else None,
                "event_url": f"https://shop.example/{event}/collections/spring?ref={dice.randrange(10**8)}"
                f"&session={dice.getrandbits(64):016x}&campaign={campaign[0]}",
            }
            file.write(json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")


# The taps


class FileSync(EventsSync):
    """Our sync, with a file on disk in place of the exports of Cometly."""

    @override
    def deliveries(self) -> Iterator[Delivery[EventExport, Proof]]:
        with Path(os.environ["BENCHMARK_FILE"]).open("rb") as file:
            yield Delivery(
                order=EventExport(DAY, {}),
                job=1,
                files=(file,),
                proof=prove((file,), self.columns),
                file_bytes=0,
                created_at=0.0,
                ready_at=0.0,
            )


class FileEvents(EventsStream):
    """Our stream with that sync."""

    @override
    def sync_of_days(self) -> EventsSync:
        return FileSync(self)


class FileTap(TapCometly):
    """Our tap on that file."""

    @override
    def discover_streams(self) -> list[Any]:
        return [FileEvents(self, self.settings)]


class OrdinaryEvents(Stream):
    """The same rows, one by one, as the SDK's template has it: plain JSON, the SDK's own checks and its own writer."""

    name = "events"
    primary_keys = ("id", "touchpoint_id")
    replication_key = "event_time_utc"

    @override
    def get_records(self, context: Context | None) -> Iterable[Record]:
        with gzip.open(os.environ["BENCHMARK_FILE"], "rb") as file:
            for line in file:
                yield json.loads(line)

    @override
    def post_process(self, row: Record, context: Context | None = None) -> Record:
        row["event_date"] = DAY.isoformat()
        row["export_id"] = 1
        return row


class OrdinaryTap(Tap):
    """A tap that does nothing special."""

    name = "tap-ordinary"
    config_jsonschema: Mapping[str, Any] = {"type": "object", "properties": {}}

    @override
    def discover_streams(self) -> list[Any]:
        schema = FileTap(config=CONFIG).streams["events"].schema
        return [OrdinaryEvents(self, schema=schema)]


def run_tap(kind: str, options: Mapping[str, Any]) -> None:
    """Run a tap in this process, and tell how long its sync took."""
    config = {**(CONFIG if kind == "ours" else {}), **options.get("config", {})}
    tap_class = FileTap if kind == "ours" else OrdinaryTap
    catalog = tap_class(config=config).catalog_dict
    for entry in catalog["streams"][0]["metadata"]:
        if entry["breadcrumb"][-1:] and entry["breadcrumb"][-1] in options.get("deselected", ()):
            entry["metadata"] = {"inclusion": "available", "selected": False}
    tap = tap_class(config=config, catalog=catalog)
    began = time.perf_counter()
    tap.sync_all()
    print(f"seconds={time.perf_counter() - began}", file=sys.stderr)


# Measuring


class Case:
    """One way to read the file."""

    def __init__(self, name: str, command: list[str], *, rows: int, file: Path, versus: str | None = None) -> None:
        self.name = name
        self.versus = versus
        self._command = command
        self._rows = rows
        self._file = file
        self.rates: list[float] = []
        self.megabytes = 0.0

    def run(self) -> None:
        """Run it once."""
        began = time.perf_counter()
        with tempfile.TemporaryFile("w+") as told:
            first = subprocess.Popen(
                self._command,
                stdout=subprocess.PIPE,
                stderr=told,
                env={**os.environ, "BENCHMARK_FILE": str(self._file), "TAP_COMETLY_LOGLEVEL": "WARNING"},
            )
            subprocess.run([_WC, "-l"], stdin=first.stdout, stdout=subprocess.DEVNULL, check=True)
            _, status, usage = os.wait4(first.pid, 0)
            seconds = time.perf_counter() - began
            told.seek(0)
            said = told.read()
        if status:
            raise RuntimeError(f"{self.name} failed: {said[-2000:]}")
        for line in said.splitlines():
            if line.startswith("seconds="):
                seconds = float(line.removeprefix("seconds="))
        self.rates.append(self._rows / seconds)
        self.megabytes = max(self.megabytes, usage.ru_maxrss / (1024 if sys.platform == "linux" else 1024**2))

    @property
    def rate(self) -> float:
        """The median."""
        return statistics.median(self.rates)


def tap_command(kind: str, **options: Any) -> list[str]:
    """Return the command that runs a tap."""
    return [sys.executable, "-m", "benchmarks.records", "--tap", kind, json.dumps(options)]


def cases(folder: Path, rows: int) -> Iterator[Case]:
    """Yield what is measured, in order."""
    whole, part = folder / "day.jsonl.gz", folder / "tenth.jsonl.gz"
    tenth = max(rows // ORDINARY_SHARE, 1)
    make_file(whole, rows)
    with whole.open("rb") as file, gzip.open(part, "wb", compresslevel=6) as copy:
        lines = (line for block in line_blocks(file) for line in block.splitlines(keepends=True))
        copy.writelines(line for line, _ in zip(lines, range(tenth), strict=False))
    for program in filter(shutil.which, ("zcat", "igzip")):
        command = [program, str(whole)] if program == "zcat" else [program, "-dc", str(whole)]
        yield Case(f"{program} | wc -l", command, rows=rows, file=whole)
    yield Case("ordinary tap", tap_command("ordinary"), rows=tenth, file=part)
    yield Case("ordinary tap, maps and flattening", tap_command("ordinary", config=MAPS), rows=tenth, file=part)
    plain = "ordinary tap"
    yield Case("ours, all columns", tap_command("ours"), rows=rows, file=whole, versus=plain)
    yield Case("ours, 3 deselected", tap_command("ours", deselected=DESELECTED), rows=rows, file=whole, versus=plain)
    mapped = "ordinary tap, maps and flattening"
    yield Case("ours, maps and flattening", tap_command("ours", config=MAPS), rows=tenth, file=part, versus=mapped)
    for name, root in (("local", f"{folder}/batches"), ("fsspec", f"file://{folder}/batches")):
        encoding = {"format": "jsonl", "compression": "gzip"}
        batches = {"batch_config": {"encoding": encoding, "storage": {"root": root}, "batch_size": 100_000}}
        yield Case(f"ours, BATCH, {name}", tap_command("ours", config=batches), rows=rows, file=whole, versus=plain)


def measure_rates(rows: int, rounds: int) -> None:
    """Run all cases in turn, several times, and print medians and ratios."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        measured = list(cases(Path(folder), rows))
        for _ in range(rounds):
            for case in measured:
                case.run()
                shutil.rmtree(Path(folder, "batches"), ignore_errors=True)
    by_name = {case.name: case for case in measured}
    print(f"{rows:,} events, medians of {rounds} rounds\n")
    print(f"{'':36}{'records/s':>12}{'x ordinary':>12}{'x zcat':>9}{'peak MB':>9}")
    for case in measured:
        ratios = (
            # Pair by pair, so that a machine that is busy for a while is busy for both.
            statistics.median(mine / other for mine, other in zip(case.rates, by_name[name].rates, strict=True))
            for name in (case.versus or "ordinary tap", "zcat | wc -l")
        )
        ordinary, zcat = ratios
        print(f"{case.name:36}{case.rate:12,.0f}{ordinary:12.1f}{zcat:9.2f}{case.megabytes:9.0f}")


def measure_start(rounds: int) -> None:
    """Compare the start of the program with the import of the SDK."""
    program = str(Path(sys.executable).with_name("tap-cometly"))
    commands = {"import singer_sdk": [sys.executable, "-c", "import singer_sdk"]} | {
        option: [program, option] for option in ("--version", "--discover", "--about")
    }
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(rounds * 3):
        for name, command in commands.items():
            began = time.perf_counter()
            subprocess.run(command, capture_output=True, check=True)
            seconds[name].append(time.perf_counter() - began)
    print("\nstart-up")
    base = seconds["import singer_sdk"]
    for name, own in seconds.items():
        ratio = statistics.median(mine / other for mine, other in zip(own, base, strict=True))
        print(f"{name:36}{statistics.median(own):10.2f} s{ratio:12.2f} x import")


def measure_growth(most: int) -> None:
    """Read files of growing size."""
    print("\ngrowth (ours, all columns)")
    rows = 1
    while rows <= most:
        with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
            file = Path(folder, "day.jsonl.gz")
            make_file(file, rows)
            case = Case("growth", tap_command("ours"), rows=rows, file=file)
            case.run()
        print(f"{rows:12,} rows{rows / case.rate:10.3f} s{case.megabytes:8.0f} MB")
        rows *= 10


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--growth", type=int, default=0, metavar="ROWS", help="also read files of up to so many rows")
    parser.add_argument("--tap", nargs=2, metavar=("KIND", "OPTIONS"), help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.tap:
        run_tap(chosen.tap[0], json.loads(chosen.tap[1]))
        return
    measure_rates(chosen.rows, chosen.rounds)
    measure_start(chosen.rounds)
    if chosen.growth:
        measure_growth(chosen.growth)


if __name__ == "__main__":
    main()
