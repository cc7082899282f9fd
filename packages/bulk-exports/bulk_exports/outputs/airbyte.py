"""Airbyte messages to stdout: any message, and records by the block."""

from __future__ import annotations

import collections
import sys
import threading
from typing import TYPE_CHECKING, Any, Final

import msgspec

from bulk_exports.outputs.pipe import writer_to

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bulk_exports.records.encode import Records

_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")
_PLACE: Final = msgspec.Raw(b"\n")
"""Where the record of a message goes; nothing else that is encoded holds an end of line."""


class AirbyteWriter:
    """Writes messages to what is stdout when it is made. Any thread may write: a log line never lands within another.

    Args:
        now: Tells the present moment, in milliseconds since 1970.
    """

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._stdout = sys.stdout
        self._write = writer_to(sys.stdout)
        self._lock = threading.RLock()
        self._since_state: collections.Counter[str] = collections.Counter()

    def write(self, message: Mapping[str, Any]) -> None:
        """Write a message; it has left the process when this returns."""
        self._write_lines(_ENCODER.encode(message) + b"\n")

    def write_trace(self, trace: Mapping[str, Any]) -> None:
        """Write what is told of the run itself."""
        self.write({"type": "TRACE", "trace": {**trace, "emitted_at": float(self._now())}})

    def write_records(self, stream: str, records: Records) -> None:
        """Write the RECORD messages of these records."""
        message = {"type": "RECORD", "record": {"stream": stream, "data": _PLACE, "emitted_at": self._now()}}
        self._since_state[stream] += records.count
        self._write_lines(records.between(*_ENCODER.encode(message).split(b"\n")))

    def write_record(self, stream: str, record: Mapping[str, Any]) -> None:
        """Write a single record."""
        self._since_state[stream] += 1
        self.write({"type": "RECORD", "record": {"stream": stream, "data": record, "emitted_at": self._now()}})

    def write_state(self, stream: str, state: Mapping[str, object]) -> None:
        """Write a STATE of a stream, and of how many records it speaks: those since the last one."""
        content = {
            "type": "STREAM",
            "stream": {"stream_descriptor": {"name": stream}, "stream_state": state},
            "sourceStats": {"recordCount": float(self._since_state.pop(stream, 0))},
        }
        self.write({"type": "STATE", "state": content})

    def _write_lines(self, lines: bytes) -> None:
        with self._lock:
            self._stdout.flush()  # whatever others have written there
            self._write(lines)
