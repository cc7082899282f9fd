"""Messages to stdout: many at once, each line whole, nothing left behind in a buffer.

A write to a pipe that is full stops in the middle, and if the process is ended there, the reader is left with half a
message. So a line never depends on a write that may have to wait: into an empty pipe goes as much as it can hold, and
into any other one no more at a time than the system puts into a pipe in one piece (``PIPE_BUF``, 4096 bytes
on Linux). Either is taken entirely or not at all, even if the process is killed. Only a single line that is longer
than that has to be left to luck.
"""

from __future__ import annotations

import contextlib
import os
import select
import stat
import struct
import sys
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Final

import msgspec
from singer_sdk.contrib.msgspec import enc_hook
from singer_sdk.io_base import GenericSingerWriter
from singer_sdk.singerlib import Message, RecordMessage
from typing_extensions import override

if sys.platform != "win32":
    import fcntl
    import termios

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO

    from tap_cometly.blocks import Records

PIPE_BYTES: Final = 1024 * 1024
"""Wanted capacity of the pipe to the target, which Linux grants: the tap need not stop whenever the target does."""

_ENCODER: Final = msgspec.json.Encoder(enc_hook=enc_hook, decimal_format="number")


_PLACE: Final = msgspec.Raw(b"\n")
"""Where the record of a message goes; nothing else that is encoded holds an end of line."""


class MessageWriter(GenericSingerWriter[bytes, Message]):
    """Writes the SDK's messages, and records by the block."""

    def __init__(self) -> None:
        super().__init__()
        self._stdout: TextIO | None = None
        self._write: Callable[[bytes], None] | None = None

    @override
    def serialize_message(self, message: Message) -> bytes:
        return _ENCODER.encode(message.to_dict()) + b"\n"

    @override
    def write_message(self, message: Message) -> None:
        """Write a message; it has left the process when this returns."""
        self.write_lines(self.format_message(message))

    def write_records(self, stream: str, records: Records) -> None:
        """Write the RECORD messages of these records."""
        message = RecordMessage(stream, _PLACE, time_extracted=datetime.now(timezone.utc))  # type: ignore[arg-type]
        self.write_lines(records.between(*_ENCODER.encode(message.to_dict()).split(b"\n")))

    def write_lines(self, lines: bytes) -> None:
        """Write whole lines; they have left the process when this returns.

        Raises:
            BrokenPipeError: Nobody reads any more.
        """
        if self._write is None or self._stdout is not sys.stdout:
            self._stdout, self._write = sys.stdout, _writer_to(sys.stdout)
        self._stdout.flush()  # whatever others have written there
        self._write(lines)


def _writer_to(stdout: TextIO) -> Callable[[bytes], None]:
    """Return what writes bytes there at once."""
    try:
        descriptor = stdout.fileno()
    except OSError:  # no file at all: something that another program put in its place

        def write_through(lines: bytes) -> None:
            stdout.buffer.write(lines)
            stdout.buffer.flush()

        return write_through

    takes = _Pipe(descriptor).takes if stat.S_ISFIFO(os.fstat(descriptor).st_mode) else len

    def write(lines: bytes) -> None:
        start = 0
        while start < len(lines):
            end = start + takes(lines)
            if end < len(lines):
                # Back to the end of a line, or on to it where the line is longer than that.
                end = lines.rfind(b"\n", start, end) + 1 or lines.find(b"\n", end) + 1 or len(lines)
            start += os.write(descriptor, lines[start:end])

    return write


class _Pipe:
    """How much a pipe takes now without having to wait."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._at_once = getattr(select, "PIPE_BUF", 512)
        self._capacity = self._at_once
        if sys.platform == "linux":
            with contextlib.suppress(OSError):  # more than an administrator allows
                fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
            self._capacity = fcntl.fcntl(descriptor, fcntl.F_GETPIPE_SZ)

    def takes(self, _lines: bytes) -> int:
        if sys.platform == "win32":
            return self._at_once
        waiting = fcntl.ioctl(self._descriptor, termios.FIONREAD, bytes(struct.calcsize("i")))
        return self._at_once if any(waiting) else self._capacity
