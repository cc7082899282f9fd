"""What is said in Airbyte's protocol beside records and STATE, as values that become lines of JSON."""

from __future__ import annotations

import contextlib
import logging
import traceback
from typing import TYPE_CHECKING, Any, Final, Literal

from typing_extensions import override

from bulk_exports.errors import TapError, refusal_of_the_system
from bulk_exports.reading import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bulk_exports.outputs.airbyte import AirbyteWriter

Status = Literal["STARTED", "RUNNING", "COMPLETE", "INCOMPLETE"]

_LEVELS: Final = (
    (logging.CRITICAL, "FATAL"),
    (logging.ERROR, "ERROR"),
    (logging.WARNING, "WARN"),
    (logging.INFO, "INFO"),
    (logging.DEBUG, "DEBUG"),
)


def connection_status(problem: str | None) -> dict[str, Any]:
    """Say whether the settings work."""
    status = {"status": "SUCCEEDED"} if problem is None else {"status": "FAILED", "message": problem}
    return {"type": "CONNECTION_STATUS", "connectionStatus": status}


def stream_status(stream: str, status: Status) -> dict[str, Any]:
    """Say how far a stream is."""
    return {"type": "STREAM_STATUS", "stream_status": {"stream_descriptor": {"name": stream}, "status": status}}


def error_trace(error: BaseException) -> dict[str, Any]:
    """Say what ended a run, and whether trying again helps. Where somebody can mend it, there is no stack to read."""
    error = refusal_of_the_system(error) or error
    told: dict[str, Any] = {"message": str(error), "internal_message": type(error).__name__}
    if isinstance(error, (TapError, SettingsError)):
        told["failure_type"] = "transient_error" if getattr(error, "is_passing", False) else "config_error"
    else:
        told["message"] = f"Something went wrong that the source did not expect: {error!r}"
        told["stack_trace"] = "".join(traceback.format_exception(type(error), error, error.__traceback__))
        told["failure_type"] = "system_error"
    return {"type": "ERROR", "error": told}


@contextlib.contextmanager
def logging_to(writer: AirbyteWriter, level: int) -> Iterator[None]:
    """In this context, write every log record of at least this level as a LOG message."""
    root = logging.getLogger()
    handler, before = LogHandler(writer), root.level
    root.addHandler(handler)
    root.setLevel(level)
    try:
        yield
    finally:
        root.setLevel(before)
        root.removeHandler(handler)


class LogHandler(logging.Handler):
    """Writes log records as LOG messages: Airbyte's own clients do not read stderr."""

    def __init__(self, writer: AirbyteWriter) -> None:
        super().__init__()
        self._writer = writer

    @override
    def emit(self, record: logging.LogRecord) -> None:
        try:
            level = next(name for least, name in _LEVELS if record.levelno >= least or least == logging.DEBUG)
            _, _, stream = record.name.partition(".") if record.name.startswith("source-") else ("", "", "")
            told = {"level": level, "message": f"{stream}: {record.getMessage()}" if stream else record.getMessage()}
            if record.exc_info:
                told["stack_trace"] = logging.Formatter().formatException(record.exc_info)
            self._writer.write({"type": "LOG", "log": told})
        except BrokenPipeError:
            raise  # nobody reads any more: the run has to end
        except Exception:  # noqa: BLE001 - as every handler does: logging must not end a run
            self.handleError(record)
