"""Loads a Space: ``tap-cometly | target-postgres``, under a lock, STATE in the same database. Knows no orchestrator.

The lock belongs to a connection, and both programs inherit that connection: it stays open, and the Space locked, until
the last of them has ended, even where this process is killed and they live on for a while.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import selectors
import shutil
import subprocess
import sys
import tempfile
from typing import IO, TYPE_CHECKING, Any, Final

from fleet import ledger

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

    from fleet.ledger import Day
    from fleet.spaces import Space

NOT_ACCEPTED: Final = 2
READER_IS_GONE: Final = 141
SECONDS_TO_END: Final = 10


class BusyError(Exception):
    """Another run loads the Space at this moment, on whatever machine: come again later."""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of a run.

    Attributes:
        days: What it touched.
        problem: Why it failed, if it did.
        is_passing: Whether the same run may end well later, without anybody doing anything.
    """

    days: list[Day]
    problem: str | None = None
    is_passing: bool = False


def load(space: Space) -> Outcome:
    """Load what is due.

    Raises:
        BusyError: Somebody else is at it.
    """
    with ledger.connect() as db:
        if not ledger.lock(db, space):
            raise BusyError(f"{space.name} is being loaded by another run.")
        state = ledger.read_state(db, space)
        given = {"config": space.config(), **({"state": state} if state else {})}
        with (
            _started("tap-cometly", db, given) as tap,
            _started("target-postgres", db, {"config": _target_config(space)}, stdin=tap.stdout) as target,
        ):
            last = _follow(db, space, tap, target)
        ledger.make_view(db, space)
        days = ledger.untold_days(db, space)
    if tap.returncode not in {0, READER_IS_GONE}:
        return Outcome(days, last[tap], is_passing=tap.returncode != NOT_ACCEPTED)
    if target.returncode or tap.returncode:
        return Outcome(days, f"target-postgres, exit status {target.returncode}: {last[target]}", is_passing=True)
    return Outcome(days)


def _target_config(space: Space) -> dict[str, Any]:
    return {
        "sqlalchemy_url": os.environ["FLEET_DATABASE"].replace("postgresql://", "postgresql+psycopg://", 1),
        "default_target_schema": space.schema,
        "use_copy": True,
        "validate_records": False,  # the tap has checked every value
        "sanitize_null_text_characters": True,
    }


@contextlib.contextmanager
def _started(
    program: str, db: psycopg.Connection, given: dict[str, Any], stdin: IO[bytes] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a program that holds the connection too, and end it with the block."""
    with contextlib.ExitStack() as files:
        # Nameless files: keys are on no disk when this process is killed, and no variable or .env file has a say.
        passed = {option: files.enter_context(tempfile.TemporaryFile()) for option in given}
        for option, file in passed.items():
            file.write(json.dumps(given[option], default=str).encode())
            file.seek(0)
        here = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])  # noqa: PTH120
        process = subprocess.Popen(
            [
                shutil.which(program, path=here) or program,
                *(f"--{option}=/dev/fd/{file.fileno()}" for option, file in passed.items()),
            ],
            stdin=stdin or subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=(db.fileno(), *(file.fileno() for file in passed.values())),
            env={**os.environ, "PGTZ": "UTC"},
        )
    if stdin:
        stdin.close()  # else the tap would not notice that the target is gone
    with process:
        try:
            yield process
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(SECONDS_TO_END)
            process.kill()


def _follow(
    db: psycopg.Connection, space: Space, tap: subprocess.Popen[bytes], target: subprocess.Popen[bytes]
) -> dict[subprocess.Popen[bytes], str]:
    """Keep each STATE that the target has made true, repeat what both say, and return the last that each said."""
    last = {tap: "", target: ""}
    for source, line in _lines(db, [target.stdout, tap.stderr, target.stderr]):
        if source is target.stdout:
            ledger.write_state(db, space, json.loads(line))
        else:
            last[tap if source is tap.stderr else target] = line.split(" | ", 3)[-1]  # without time, level and logger
            print(f"{space.name}: {line}", file=sys.stderr, flush=True)
    tap.wait()
    target.wait()
    return last


def _lines(db: psycopg.Connection, pipes: list[Any]) -> Iterator[tuple[Any, str]]:
    """Yield the lines of all pipes as they come.

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
                *lines, rest = begun.split(b"\n")
                begun[:] = rest
                yield from ((key.fileobj, line.decode(errors="replace")) for line in lines if line.strip())
                if not chunk:
                    selector.unregister(key.fileobj)
