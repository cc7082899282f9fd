"""Lines to stdout: many at once, each line whole, nothing left behind in a buffer.

A write to a pipe that is full stops in the middle, and if the process is ended there, the reader is left with half a
message. So a line never depends on a write that may have to wait: into a pipe goes as much as there is surely room for,
or, where it is full, no more than the system puts into it in one piece (``PIPE_BUF``, 4096 bytes on Linux). Either is
taken entirely or not at all, even if the process is killed. Only a single line that is longer than that has to be left
to luck.
"""

from __future__ import annotations

import collections
import contextlib
import functools
import mmap
import os
import select
import stat
import struct
import sys
from typing import TYPE_CHECKING, Final

from bulk_exports.outputs.standard_streams import OutputError

if sys.platform != "win32":
    import fcntl
    import termios

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO


MAX_DEAF_MILLISECONDS: Final = 1000
"""After so long at most a signal is heard that came at the wrong moment."""
PIPE_BYTES: Final = 1024 * 1024
"""Wanted capacity of the pipe to the target, which Linux grants: the tap need not stop whenever the target does."""

_COUNT: Final = struct.Struct("i")


def writer_to(stdout: TextIO) -> Callable[[bytes], None]:
    """Return what writes bytes there at once."""
    try:
        descriptor = stdout.fileno()
    except OSError:  # no file at all: something that another program put in its place

        def write_through(lines: bytes) -> None:
            stdout.buffer.write(lines)
            stdout.buffer.flush()

        return write_through

    if stat.S_ISFIFO(os.fstat(descriptor).st_mode):
        pipe = _Pipe(descriptor)
        room, write = pipe.room, pipe.write
    else:
        room, write = None, functools.partial(os.write, descriptor)

    def write_all(lines: bytes) -> None:
        start = 0
        view = memoryview(lines)
        while start < len(lines):
            end = start + room() if room else len(lines)
            if end < len(lines):
                # Back to the end of a line, or on to it where the line is longer than that.
                end = lines.rfind(b"\n", start, end) + 1 or lines.find(b"\n", end) + 1 or len(lines)
            start += _written(write, view[start:end], descriptor)

    return write_all


def _written(write: Callable[[memoryview], int], content: memoryview, descriptor: int) -> int:
    """Write, and return how much was written: nothing where it had to be waited for room."""
    try:
        return write(content)
    except BrokenPipeError:
        raise
    except OSError as error:
        if isinstance(error, BlockingIOError):
            # The other side has set the descriptor to refuse rather than to wait. So we wait here.
            _wait_for_room(descriptor)
            return 0
        raise OutputError(
            f"cannot write to stdout: {error.strerror or error}. What was written so far may end within a line; the "
            "next run goes on after the last STATE in it"
        ) from None


def _wait_for_room(descriptor: int) -> None:
    """Wait until something can be written, a second at a time.

    A signal that arrives in the moment before a wait begins interrupts nothing: its handler runs when the wait is over.
    """
    if sys.platform == "win32":
        return
    room = select.poll()
    room.register(descriptor, select.POLLOUT)
    while not room.poll(MAX_DEAF_MILLISECONDS):
        pass


class _Pipe:
    """The pipe to the target, of which it is known how much it takes without having to wait.

    Linux keeps what is written in pages, and fills a page up or begins another one with each write.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._at_once = getattr(select, "PIPE_BUF", 512)
        self._pages = 0
        self._written: collections.deque[int] = collections.deque()
        self._waiting = 0
        if sys.platform == "linux":
            with contextlib.suppress(OSError):  # more than an administrator allows
                fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
            self._pages = fcntl.fcntl(descriptor, fcntl.F_GETPIPE_SZ) // mmap.PAGESIZE

    def room(self) -> int:
        """Return how many bytes can be written: into free pages, or in one piece if it has to wait for any."""
        if sys.platform == "win32" or not self._pages:
            return self._at_once
        (waiting,) = _COUNT.unpack(fcntl.ioctl(self._descriptor, termios.FIONREAD, bytes(_COUNT.size)))
        # What was written first is read first.
        while self._written and self._waiting - self._written[0] >= waiting:
            self._waiting -= self._written.popleft()
        if waiting > self._waiting:  # somebody else has written, who knows into how many pages
            return self._at_once
        taken = sum(-(-count // mmap.PAGESIZE) for count in self._written)
        return max((self._pages - taken) * mmap.PAGESIZE, self._at_once)

    def write(self, content: memoryview) -> int:
        """Write, and return how much was written."""
        count = os.write(self._descriptor, content)
        if self._pages:
            self._written.append(count)
            self._waiting += count
        return count
