"""What waits for a reader can be stopped all the same."""

from __future__ import annotations

import _thread
import os
import signal
import threading

import pytest

from bulk_exports.outputs.pipe import writer_to
from simulation.patience import HANG_SECONDS

LINES = (b"a" * 999 + b"\n") * 3000


def test_a_signal_that_interrupts_no_write_is_heard_all_the_same():
    def stop(*_):
        raise SystemExit(143)

    reader, end = os.pipe()
    before = signal.signal(signal.SIGTERM, stop)
    # Such is one that the system delivers just before a wait begins: Python knows of it, and nothing wakes up.
    unnoticed = threading.Timer(0.1, _thread.interrupt_main, [signal.SIGTERM])
    too_late = threading.Timer(HANG_SECONDS, os.close, [reader])
    unnoticed.start()
    too_late.start()
    try:
        with os.fdopen(end, "w") as stdout, pytest.raises(SystemExit):
            writer_to(stdout)(LINES)
    finally:
        too_late.cancel()
        signal.signal(signal.SIGTERM, before)
        os.close(reader)
