"""Singer messages to stdout: the SDK's own, and records by the block."""

from __future__ import annotations

import sys
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Final

import msgspec
from singer_sdk.contrib.msgspec import enc_hook
from singer_sdk.io_base import GenericSingerWriter
from singer_sdk.singerlib import Message, RecordMessage
from typing_extensions import override

from bulk_exports.outputs.pipe import writer_to
from bulk_exports.records.line_ends import unbroken

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO

    from bulk_exports.records.encode import Records

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
        return unbroken(_ENCODER.encode(message.to_dict())) + b"\n"

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
            self._stdout, self._write = sys.stdout, writer_to(sys.stdout)
        self._stdout.flush()  # whatever others have written there
        self._write(lines)
