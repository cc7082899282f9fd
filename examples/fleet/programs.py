"""Starts the programs of a run, each with a hold on the connection that has the lock, and reads what they say."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import shutil
import subprocess
import sys
import tempfile
from typing import IO, TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import psycopg

SECONDS_TO_END: Final = 10


@contextlib.contextmanager
def started(
    program: str, db: psycopg.Connection, files: Mapping[str, Any], stdin: IO[bytes] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a program, wait for its end at the end of the block, and see to its end if the block fails.

    Args:
        program: Its name; it is looked for beside this Python first.
        db: The connection that it is to hold, too.
        files: What it is given, by the option that takes the file: ``config``, ``state``.
        stdin: The output of another program; nothing if left out.
    """
    with contextlib.ExitStack() as stack:
        # Files without a name: no key stays on a disk when this process is killed, and no variable or .env has a say.
        given = {option: stack.enter_context(_nameless_file(content)) for option, content in files.items()}
        here = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])  # noqa: PTH120
        process = subprocess.Popen(
            [
                shutil.which(program, path=here) or program,
                *(f"--{option}=/dev/fd/{file.fileno()}" for option, file in given.items()),
            ],
            stdin=stdin or subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=(db.fileno(), *(file.fileno() for file in given.values())),
            env={**os.environ, "PGTZ": "UTC"},
        )
    if stdin:
        stdin.close()  # else the tap would not notice that the target is gone
    with process:
        try:
            yield process
            process.wait()
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(SECONDS_TO_END)
            process.kill()


def lines(db: psycopg.Connection, pipes: list[Any]) -> Iterator[tuple[Any, str]]:
    """Yield the lines of all pipes as they come, each with its pipe, until all are closed.

    Raises:
        psycopg.OperationalError: The connection is lost, and with it the lock.
    """
    with selectors.DefaultSelector() as selector:
        selector.register(db, selectors.EVENT_READ)
        for pipe in pipes:
            selector.register(pipe, selectors.EVENT_READ, bytearray())
        while len(selector.get_map()) > 1:
            for key, _ in selector.select():
                if key.fileobj is db:
                    db.execute("select")  # what is there to read is a notice, or the end
                    continue
                begun: bytearray = key.data
                chunk = os.read(key.fd, 1 << 16)
                begun += chunk or b"\n"
                *whole, rest = begun.split(b"\n")
                begun[:] = rest
                yield from ((key.fileobj, line.decode(errors="replace")) for line in whole if line.strip())
                if not chunk:
                    selector.unregister(key.fileobj)


@contextlib.contextmanager
def _nameless_file(content: Any) -> Iterator[IO[bytes]]:
    with tempfile.TemporaryFile() as file:
        file.write(json.dumps(content, default=str).encode())
        file.seek(0)
        yield file
