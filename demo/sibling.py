"""What the demos of the other vendors' taps have in common: a database, Meltano, and what is shown of a run."""

from __future__ import annotations

import re
import shutil
import sys
import time
from typing import TYPE_CHECKING, Final

import psycopg

from demo.meltano import PROJECT, Meltano, MeltanoError
from demo.postgres import Postgres, PostgresError
from demo.tables import table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

_WINDOW: Final = re.compile(r"\d{4}-\d\d-\d\d (?:to \d{4}-\d\d-\d\d )?(?:\(\w+\) )?(?:delivered|unchanged) .*")


def ended(tour: Callable[[], None]) -> int:
    """Run a demo; return with which status it ends."""
    try:
        tour()
    except (MeltanoError, PostgresError, psycopg.Error) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 1
    return 0


def new_database(folder: Path) -> Postgres:
    """Return an empty database in a folder that has nothing else; stop the one of an earlier demo."""
    postgres = Postgres(folder / "postgres")
    postgres.erase()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return postgres


def load_and_show(
    tap: str,
    folder: Path,
    settings: Mapping[str, object],
    postgres: Postgres,
    *,
    schema: str,
    queries: Mapping[str, str],
) -> None:
    """Install a tap with Meltano, load with it, and show the answers to queries, each below its title.

    Args:
        tap: The plugin.
        folder: Where Meltano works.
        settings: The settings of the tap, by name.
        postgres: The database, which runs.
        schema: The schema of its tables.
        queries: The queries by their titles.
    """
    began = time.monotonic()
    prefix = tap.upper().replace("-", "_")
    meltano = Meltano(
        folder,
        {
            **{f"{prefix}_{name.upper()}": str(value) for name, value in settings.items()},
            "TARGET_POSTGRES_SQLALCHEMY_URL": postgres.url,
            "TARGET_POSTGRES_DEFAULT_TARGET_SCHEMA": schema,
        },
    )
    say(f"meltano install {tap} target-postgres")
    meltano("install", tap, "target-postgres")
    say(f"meltano run {tap} target-postgres")
    meltano("run", tap, "target-postgres", tell=_show_window)
    for title, query in queries.items():
        print(f"\n{title}\n")
        with postgres.connect() as connection:
            answer = connection.execute(query)
            print(table([column.name for column in answer.description or ()], answer.fetchall()))
    seconds, place = time.monotonic() - began, folder.relative_to(PROJECT)
    print(f"\nDone in {seconds:.0f} seconds. The database stays in {place}/.")
    print(f"Your own account: packages/{tap}/README.md says how, and what is not certain without one.")


def say(what: str) -> None:
    """Say what comes now."""
    print(f"\n==> {what}", flush=True)


def _show_window(line: str) -> None:
    """Show of Meltano's log what the tap says of a window."""
    if found := _WINDOW.search(line):
        print(f"    {found[0]}", flush=True)
