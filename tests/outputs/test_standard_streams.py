"""Standard streams as somebody else left them: closed, full, or set to refuse rather than to wait."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading

import pytest

from bulk_exports.outputs.singer import MessageWriter
from bulk_exports.outputs.standard_streams import OutputError
from simulation.patience import HANG_SECONDS


def test_a_pipe_that_refuses_to_wait_is_waited_for():
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    lines = b"".join(b"%d\n" % number for number in range(500_000))
    got = []
    with open(reading, "rb") as pipe, open(writing, "w", encoding="utf-8") as stdout:  # noqa: PTH123 - closes them
        reader = threading.Thread(target=lambda: got.append(pipe.read(len(lines))))
        reader.start()
        with contextlib.redirect_stdout(stdout):
            MessageWriter().write_lines(lines)
        reader.join()
    assert got == [lines]


def test_what_takes_nothing_is_told():
    nobody = os.open(os.devnull, os.O_RDONLY)
    with (
        open(nobody, "w", encoding="utf-8") as stdout,  # noqa: PTH123 - closes it
        contextlib.redirect_stdout(stdout),
        pytest.raises(OutputError, match="cannot write to stdout: Bad file descriptor"),
    ):
        MessageWriter().write_lines(b"{}\n")


PROGRAM = """if True:
    import os, sys
    from bulk_exports.outputs.standard_streams import OutputError, open_all
    report = int(sys.argv[1])
    try:
        open_all()
    except OutputError as error:
        os.write(report, str(error).encode())
    print("to stderr", file=sys.stderr)
    os.write(report, b"; next file: %d" % (os.open(os.devnull, os.O_RDONLY) > 2))
"""


@pytest.mark.parametrize(
    ("closed", "told"),
    [
        ("", "; next file: 1"),
        ("<&-", "; next file: 1"),
        ("2>&-", "; next file: 1"),
        ("<&- 2>&-", "; next file: 1"),
        (">&-", "stdout is closed"),
        ("<&- >&- 2>&-", "stdout is closed"),
    ],
)
def test_no_file_that_is_opened_later_takes_the_place_of_a_closed_one(closed, told):
    reading, writing = os.pipe()
    command = f'exec "$0" -c "$1" {writing} {closed}'
    subprocess.run(["sh", "-c", command, sys.executable, PROGRAM], check=True, pass_fds=[writing], timeout=HANG_SECONDS)
    os.close(writing)
    with open(reading, "rb") as report:  # noqa: PTH123 - closes it
        said = report.read().decode()
    assert told in said
    assert said.endswith("; next file: 1")
