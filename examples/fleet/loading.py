"""Loads a Space: ``tap-cometly | target-postgres``, under a lock, STATE in the same database. Knows no orchestrator."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from typing import TYPE_CHECKING, Any, Final

from fleet import ledger
from fleet.lock import locked
from fleet.programs import lines, started

if TYPE_CHECKING:
    from fleet.ledger import Day
    from fleet.spaces import Space

NOT_ACCEPTED: Final = 2
READER_IS_GONE: Final = 141


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
        BusyError: Another run loads the Space.
    """
    with locked(space) as db:
        state = ledger.read_state(db, space)
        given = {"config": space.config(), **({"state": state} if state else {})}
        with (
            started("tap-cometly", db, given) as tap,
            started("target-postgres", db, {"config": _target_config(space)}, stdin=tap.stdout) as target,
        ):
            last_words = {tap.stderr: "", target.stderr: ""}
            for source, line in lines(db, [target.stdout, tap.stderr, target.stderr]):
                if source is target.stdout:  # a STATE that the target has made true
                    ledger.write_state(db, space, json.loads(line))
                else:
                    last_words[source] = line.split(" | ", 3)[-1]  # without time, level and logger
                    print(f"{space.name}: {line}", file=sys.stderr, flush=True)
        ledger.make_view(db, space)
        days = ledger.untold_days(db, space)
    if tap.returncode not in {0, READER_IS_GONE}:
        return Outcome(days, last_words[tap.stderr], is_passing=tap.returncode != NOT_ACCEPTED)
    if target.returncode or tap.returncode:
        problem = f"target-postgres, exit status {target.returncode}: {last_words[target.stderr]}"
        return Outcome(days, problem, is_passing=True)
    return Outcome(days)


def _target_config(space: Space) -> dict[str, Any]:
    return {
        "sqlalchemy_url": os.environ["FLEET_DATABASE"].replace("postgresql://", "postgresql+psycopg://", 1),
        "default_target_schema": space.schema,
        "use_copy": True,
        "validate_records": False,  # the tap has checked every value
        "sanitize_null_text_characters": True,
    }
