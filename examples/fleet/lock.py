"""Never two runs on one Space: a lock in PostgreSQL that lives as long as the last process of a run, on any machine.

The lock is an advisory one, so it belongs to a connection. The programs of a run inherit the connection (`programs`):
it stays open, and the Space locked, until the last of them has ended, also where the worker that started them was
killed and they live on for a while. Nothing can expire too early or stay behind.

Whoever ends by itself gives the lock back. After a kill PostgreSQL does it, when its server process for the connection
sees that the other side is closed: on a busy machine a moment after the last process has gone, and for that moment the
Space is still busy.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Final

import psycopg

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fleet.spaces import Space

SECONDS_OF_SILENCE: Final = 60
"""After that a connection counts as lost on both of its sides: the lock of a machine that is gone is free."""


class BusyError(Exception):
    """Another run loads the Space at this moment, on whatever machine: come again later."""


@contextlib.contextmanager
def locked(space: Space) -> Iterator[psycopg.Connection]:
    """Hold the lock of a Space for the block, and yield the connection that it belongs to.

    Raises:
        BusyError: Another run has it.
    """
    with connect() as db:
        if not _answer(db, "select pg_try_advisory_lock(hashtextextended(%s, 1))", space):
            raise BusyError(f"{space.name} is being loaded by another run.")
        yield db
        _answer(db, "select pg_advisory_unlock(hashtextextended(%s, 1))", space)


def connect() -> psycopg.Connection:
    """Connect to the database that ``FLEET_DATABASE`` names: ``postgresql://user:password@host/database``."""
    seconds = SECONDS_OF_SILENCE // 4
    server = f"-c tcp_keepalives_idle={seconds} -c tcp_keepalives_interval={seconds} -c tcp_keepalives_count=3"
    return psycopg.connect(
        os.environ["FLEET_DATABASE"],
        autocommit=True,
        options=f"{server} -c timezone=UTC",
        keepalives_idle=seconds,
        keepalives_interval=seconds,
        keepalives_count=3,
    )


def _answer(db: psycopg.Connection, query: str, space: Space) -> bool:
    return db.execute(query, [space.name]).fetchone() == (True,)
