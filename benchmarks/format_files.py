"""Exports in other formats: the events of `benchmarks.day` as CSV, and events nested in profiles as one JSON object.

Every file begins with the same rows, so that a shorter one is the beginning of a longer one.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
from typing import TYPE_CHECKING, Any, Final

from benchmarks.day import make_file

if TYPE_CHECKING:
    from pathlib import Path

SECTION: Final = "4100"
_EVENTS_OF_A_PROFILE: Final = 8
_GIANT_SHARE: Final = 5
"""Every fifth event is of one profile."""


def make_csv(path: Path, rows: int) -> None:
    """Write the events of a day as CSV: null is empty, true is 1."""
    make_file(lines := path.with_name(f"{path.name}.jsonl.gz"), rows)
    with gzip.open(lines) as source, gzip.open(path, "wb", compresslevel=6) as target:
        text = io.TextIOWrapper(target, encoding="utf-8", newline="")
        writer = csv.writer(text)
        for number, line in enumerate(source):
            row = json.loads(line)
            if not number:
                writer.writerow(row)
            writer.writerow([_cell(value) for value in row.values()])
        text.flush()
    lines.unlink()


def _cell(value: object) -> object:
    return int(value) if isinstance(value, bool) else value


def make_json(path: Path, rows: int) -> None:
    """Write events of profiles, most with a few, one with a fifth of all."""
    dice = random.Random(1)  # noqa: S311 - made-up data
    giant = rows // _GIANT_SHARE
    others = rows - giant
    with path.open("w", encoding="utf-8") as file:
        file.write('{"profiles":{')
        for number, first in enumerate(range(0, others, _EVENTS_OF_A_PROFILE)):
            count = min(_EVENTS_OF_A_PROFILE, others - first)
            file.write(f'"{number:08x}-72dc":{json.dumps(_profile(dice, count), ensure_ascii=False)},')
        file.write(f'"ffffffff-72dc":{{"sections":{{"{SECTION}":{{"attributes":{{}},"events":[')
        for number in range(giant):
            file.write(("," if number else "") + json.dumps(_event(dice)))
        file.write("]}}}}}")


def _profile(dice: random.Random, events: int) -> dict[str, Any]:
    attributes = {"492850": {"value": dice.choice(("Åsa", "李雷", "Jörg"))}, "497364": {"value": dice.random() * 2}}
    return {"sections": {SECTION: {"attributes": attributes, "events": [_event(dice) for _ in range(events)]}}}


def _event(dice: random.Random) -> dict[str, Any]:
    moment = 1_769_756_356_865 + dice.randrange(10**9)
    data: dict[str, object] = {"activityId": f"{dice.getrandbits(64):016x}", "device": "MOBILE", "location": "SE"}
    if dice.random() < 0.1:
        data["value"] = dice.randrange(10_000) / 100
    return {
        "correlationId": f"{dice.getrandbits(64):016x}-{dice.getrandbits(64):016x}",
        "sourceEventTime": moment,
        "typeId": str(dice.randrange(531_000, 531_100)),
        "createdAt": moment + dice.randrange(10**5),
        "data": data,
    }


def row_of(key: str, section: str, event: dict[str, Any]) -> dict[str, Any]:
    """Return the row of an event, as both taps make it."""
    return {
        "id": event["correlationId"],
        "export_key": key,
        "section_id": section,
        "type_id": event["typeId"],
        "created_ms": event["createdAt"],
        "source_event_ms": event["sourceEventTime"],
        "data": event["data"],
    }
