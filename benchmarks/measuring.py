"""Two programs and a pipe between them, timed; and tables of what was found."""

from __future__ import annotations

import argparse
import dataclasses
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_MAXRSS_UNITS: Final = 1024**2 if sys.platform == "darwin" else 1024
"""In a megabyte."""
_SETTINGS: Final = ("TAP_", "TARGET_", "PG", "MELTANO_")
"""Beginnings of variables by which the user's own settings would take part."""
WC: Final = (shutil.which("wc") or "wc", "-l")


@dataclasses.dataclass(frozen=True)
class Run:
    """What came of a pipe.

    Attributes:
        began: When it was started, in seconds of the machine's monotonic clock.
        ended: When both programs had ended.
        megabytes: The most memory that the first program had.
        worked: For how many seconds processors worked for the first program, in all its threads.
        said: What the second one wrote to stdout.
    """

    began: float
    ended: float
    megabytes: float
    worked: float
    said: bytes

    @property
    def seconds(self) -> float:
        """How long it took, from the start of the first program to the end of the last."""
        return self.ended - self.began


def command(part: str, description: str | None, *, rows: int, rounds: int) -> argparse.ArgumentParser:
    """Return a parser of the options that most measurements have, and let this one clean up when it is stopped."""
    clean_up_when_stopped()
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{part}", description=description)
    parser.add_argument("--rows", type=int, default=rows, help=f"of an export ({rows:,})")
    parser.add_argument("--rounds", type=int, default=rounds, help=f"of which the medians are told ({rounds})")
    return parser


def clean_up_when_stopped() -> None:
    """Let ``kill`` and a closed terminal end a measurement as Ctrl-C does: `with` blocks stop what they started."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)


def pipe(source: Sequence[str], sink: Sequence[str] = WC, environment: Mapping[str, str] | None = None) -> Run:
    """Run ``source | sink``.

    Args:
        source: A command.
        sink: What reads its output.
        environment: Variables to set, besides those that there are.

    Raises:
        RuntimeError: One of them failed; the end of its stderr is told.
    """
    variables = {name: value for name, value in os.environ.items() if not name.startswith(_SETTINGS)}
    variables |= environment or {}
    with tempfile.TemporaryFile() as first_log, tempfile.TemporaryFile() as second_log:
        began = time.monotonic()
        first = subprocess.Popen(source, stdout=subprocess.PIPE, stderr=first_log, env=variables)
        try:
            second = subprocess.run(
                sink, stdin=first.stdout, stdout=subprocess.PIPE, stderr=second_log, env=variables, check=False
            )
        finally:
            if first.stdout is not None:
                first.stdout.close()  # or else the first would wait for ever, should the second have failed
            _, status, usage = os.wait4(first.pid, 0)
            first.returncode = os.waitstatus_to_exitcode(status)
        ended = time.monotonic()
        # The second first: where it fails, the first does too.
        for command, code, log in ((sink, second.returncode, second_log), (source, first.returncode, first_log)):
            if code:
                log.seek(0)
                raise RuntimeError(f"{' '.join(command)} failed ({code}):\n{log.read()[-3000:].decode()}")
    worked = usage.ru_utime + usage.ru_stime
    return Run(began, ended, usage.ru_maxrss / _MAXRSS_UNITS, worked, second.stdout)


def paired(mine: Iterable[float], others: Iterable[float]) -> float:
    """Return the median of the ratios, round by round: a machine that is busy for a while is busy for both."""
    return statistics.median(one / other for one, other in zip(mine, others, strict=True))


class Table:
    """Prints a table line by line, as its numbers come in.

    Args:
        title: What the lines are about.
        columns: Names of the other columns.
    """

    def __init__(self, title: str, *columns: str, width: int = 44) -> None:
        self._width = width
        self._widths = [max(len(name), 9) + 2 for name in columns]
        self.line(title, *columns)
        self.line("-" * (width - 2), *("-" * (each - 2) for each in self._widths))

    def line(self, name: str, *cells: str) -> None:
        """Print a line."""
        numbers = (cell.rjust(width) for cell, width in zip(cells, self._widths, strict=True))
        print(f"{name:<{self._width}}{''.join(numbers)}", flush=True)


def progress(what: str) -> None:
    """Tell on stderr what takes so long."""
    print(f"  ... {what}", file=sys.stderr, flush=True)
