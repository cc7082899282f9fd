"""Stopping in good order: a signal asks, the sync stops at the next row, and nothing new is written.

What a target has been given so far ends with whole messages, and the last STATE speaks only of whole days, so there
is nothing to save. A signal handler therefore writes nothing: it may well run while the process is blocked in a
write to a pipe that nobody reads.
"""

from __future__ import annotations

import contextlib
import os
import signal
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

GRACE_SECONDS: Final = 5
"""The reader may take so long to accept the row that is being written; after that the process ends regardless."""


class Shutdown:
    """The wish of somebody outside that the sync ends."""

    def __init__(self) -> None:
        self._signal: int | None = None
        self._wake: Callable[[BaseException], None] | None = None

    @property
    def exit_status(self) -> int:
        """Exit status of a run that was cut short: 128 plus the signal's number."""
        return 128 + (self._signal or signal.SIGTERM)

    def request(self, signum: int) -> None:
        """Ask the sync to stop. For signal handlers; further signals change nothing."""
        if self._signal is not None:
            return
        self._signal = signum
        signal.signal(signal.SIGALRM, lambda *_: os._exit(self.exit_status))
        signal.alarm(GRACE_SECONDS)
        if self._wake is not None:
            self._wake(SystemExit(self.exit_status))

    @contextlib.contextmanager
    def asked_for_by_signals(self) -> Iterator[None]:
        """In this context, SIGINT and SIGTERM ask the sync to stop."""
        signals = (signal.SIGINT, signal.SIGTERM)
        before = [signal.signal(number, lambda signum, _frame: self.request(signum)) for number in signals]
        try:
            yield
        finally:
            for number, handler in zip(signals, before, strict=True):
                signal.signal(number, handler)

    def end_by_signal(self) -> None:
        """End the process by the signal that asked for it, for whoever looks at more than a number.

        This returns only where nothing is ended by a signal, as it is with the first process of a container.
        """
        if self._signal is not None:
            signal.signal(self._signal, signal.SIG_DFL)
            os.kill(os.getpid(), self._signal)

    def check(self) -> None:
        """Stop here if so wished.

        Raises:
            SystemExit: With the exit status that says which signal it was.
        """
        if self._signal is not None:
            raise SystemExit(self.exit_status)

    @contextlib.contextmanager
    def told_to(self, tell: Callable[[], None]) -> Iterator[None]:
        """Call ``tell`` at the end of this context if by then somebody has asked the sync to stop."""
        try:
            yield
        finally:
            if self._signal is not None:
                tell()

    @contextlib.contextmanager
    def passed_to(self, wake: Callable[[BaseException], None]) -> Iterator[None]:
        """While in this context, also call ``wake`` with the `SystemExit`: it must end whatever wait is going on."""
        self._wake = wake
        try:
            self.check()
            yield
        finally:
            self._wake = None
