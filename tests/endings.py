"""The commands inside the test's process: the status with which they end, and what they tell."""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import io
import logging
import sys
import warnings
from typing import TYPE_CHECKING
from unittest.mock import patch

from bulk_exports.singer.command import run_command
from simulation.tapping import tap_class
from tap_cometly.tap import TapCometly

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bulk_exports.engine import Limits
    from simulation.virtual_time import VirtualClock


@dataclasses.dataclass(frozen=True)
class Ended:
    """How a command ended.

    Attributes:
        status: With which status.
        told: The lines on stderr.
        written: What it wrote to stdout.
    """

    status: int
    told: list[str]
    written: bytes


def tap_in(clock: VirtualClock, limits: Limits | None = None) -> type[TapCometly]:
    """Return a tap for the command line that lives in virtual time."""
    make = tap_class(clock, limits)

    class Tap(TapCometly):
        def __init__(self, *args, **options) -> None:
            super().__init__(*args, **make.keywords, **options)

    return Tap


def ended(tap: type[TapCometly], *arguments: object) -> Ended:
    """Run the command ``tap-cometly``, and leave the process as it was."""
    told, written = io.StringIO(), io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with _as_it_was(), contextlib.redirect_stderr(told), contextlib.redirect_stdout(written):
        try:
            with patch.object(sys, "argv", [tap.name, *map(str, arguments)]):
                run_command(tap)
            status = 0
        except SystemExit as end:
            status = end.code or 0
        written.flush()
    return Ended(status, told.getvalue().splitlines(), written.buffer.getvalue())


@contextlib.contextmanager
def _as_it_was() -> Iterator[None]:
    """Undo in the end what a command may do to its process, which is one of its own."""
    root = logging.getLogger()
    handlers, level, hook, interval = root.handlers[:], root.level, sys.excepthook, sys.getswitchinterval()
    try:
        with warnings.catch_warnings(), patch.object(gc, "freeze"):
            yield
    finally:
        logging.captureWarnings(capture=False)
        sys.excepthook = hook
        sys.setswitchinterval(interval)
        root.handlers[:] = handlers
        root.setLevel(level)
