"""stdin, stdout and stderr as somebody else left them: closed, or of no use any more."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import ClassVar, Final

from bulk_exports.errors import TapError

_STDOUT: Final = 1
_STDERR: Final = 2


class OutputError(TapError):
    """Records cannot be written where they should go: the run must stop."""

    is_passing: ClassVar[bool] = True


def open_all() -> None:
    """Make sure that all three are open.

    Where one is closed, the next file that is opened gets its number, a spool file or a connection, and what is meant
    for a reader is written into it. A closed stdin or stderr is replaced by one that says and keeps nothing.

    Raises:
        OutputError: stdout is closed, so that nobody can get the records.
    """
    closed = [descriptor for descriptor in range(_STDERR + 1) if not _is_open(descriptor)]
    while os.open(os.devnull, os.O_RDWR) <= _STDERR:  # each time the lowest number that is free
        pass
    if _STDERR in closed:
        sys.stderr = open(_STDERR, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - to the end
    if _STDOUT in closed:
        raise OutputError("stdout is closed, so that nobody can get the records: connect it with a target or a file")


def give_up_stdout() -> None:
    """Let whatever is written there from now on vanish.

    What is still in a buffer would otherwise be written at exit, into a pipe that is broken or a disk that is full.
    """
    with contextlib.suppress(OSError, AttributeError, ValueError):  # no file at all
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True
