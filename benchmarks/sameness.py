"""Whether both taps bring the same rows. What is quick because it does less would not be worth measuring."""

from __future__ import annotations

import decimal
import gzip
import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def must_bring_the_same(
    what: str, one: Sequence[str], other: Sequence[str], *, rows: int, stream: str = "events"
) -> None:
    """Run two taps and compare the rows that they bring, in messages or in files.

    Args:
        what: What they were asked for.
        one: A command.
        other: Another.
        rows: How many rows there must be.
        stream: Of which stream.

    Raises:
        RuntimeError: They do not bring the same.
    """
    first, second = list(_rows(one, stream)), list(_rows(other, stream))
    if not rows == len(first) == len(second):
        raise RuntimeError(f"{what}: {len(first):,} and {len(second):,} rows instead of {rows:,}")
    for number, (mine, theirs) in enumerate(zip(first, second, strict=True), 1):
        if mine != theirs:
            names = sorted(name for name in {*mine, *theirs} if mine.get(name, ...) != theirs.get(name, ...))
            raise RuntimeError(f"{what}: row {number} is not the same in {', '.join(names)}")


def _rows(command: Sequence[str], stream: str) -> Iterator[dict[str, Any]]:
    said = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout
    for message in map(_decoded, said.splitlines()):
        if message.get("stream") != stream:
            continue
        if message["type"] == "RECORD":
            yield _without_digest(message["record"])
        elif message["type"] == "BATCH":
            for url in message["manifest"]:
                with gzip.open(Path(urlsplit(url).path)) as file:
                    yield from map(_without_digest, map(_decoded, file))


def _without_digest(row: dict[str, Any]) -> dict[str, Any]:
    """Return the row without what the ordinary tap does not know."""
    return {name: value for name, value in row.items() if name != "day_digest"}


def _decoded(line: bytes) -> dict[str, Any]:
    return json.loads(line, parse_float=decimal.Decimal)  # type: ignore[no-any-return]
