"""What the Makefile says and does before anything is installed, and what it removes."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from simulation.patience import HANG_SECONDS
from tests.documents import ROOT

MADE = (
    ".hypothesis/examples/1",
    ".meltano/cache/catalog.json",
    ".meltano/extractors/tap-cometly/venv/bin/python",
    ".meltano/loaders/target-postgres/venv/bin/python",
    ".meltano/logs/elt/run.log",
    ".meltano/run/tap-cometly/tap.properties.json",
    ".mypy_cache/1",
    ".pytest_cache/1",
    ".ruff_cache/1",
    ".venv/bin/python",
    "build/uv/bin/uv",
    "demo-data/postgres/PG_VERSION",
    "demo/__pycache__/postgres.cpython-311.pyc",
    "dist/tap.whl",
)
THE_USERS = (
    ".env",
    ".meltano/meltano.db",
    ".meltano/meltano.db-wal",
    ".meltano/state/prod/state.json",
    "meltano.yml",
    "output/warehouse.duckdb",
)


@pytest.fixture
def folder(tmp_path):
    """A folder with a space in its name that has the Makefile and what it reads."""
    folder = tmp_path / "a folder with a space"
    folder.mkdir()
    for name in ("Makefile", "pyproject.toml", "uv.lock"):
        shutil.copy(ROOT / name, folder)
    return folder


def make(folder, *arguments):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(
        ["make", *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=HANG_SECONDS,
        check=False,
    )


def write(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)


def files(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


def test_clean_removes_what_was_made_and_nothing_of_the_user(folder):
    write(folder, *MADE, *THE_USERS)
    done = make(folder, "clean")
    assert done.returncode == 0, done.stdout
    assert files(folder) == {"Makefile", "pyproject.toml", "uv.lock", *THE_USERS}
    assert {path.name for path in (folder / ".meltano").iterdir()} == {"meltano.db", "meltano.db-wal", "state"}


def test_clean_leaves_no_folder_of_meltano_where_the_user_has_nothing_in_it(folder):
    write(folder, *MADE)
    for _ in range(2):
        done = make(folder, "clean")
        assert done.returncode == 0, done.stdout
        assert {path.name for path in folder.iterdir()} == {"Makefile", "demo", "pyproject.toml", "uv.lock"}


@pytest.mark.parametrize(
    ("says", "told", "not_told"),
    [
        (
            "echo 'pyenv: python3.12: command not found' >&2; exit 127",
            "./python does not run (a shim of pyenv whose version is not active?)",
            "too old",
        ),
        (
            'case "$*" in *version_info*) exit 1;; --version) echo Python 3.9.1;; esac',
            "Python 3.9.1 is too old; tap-cometly needs 3.10 or newer",
            "shim",
        ),
    ],
    ids=["a shim", "an old one"],
)
def test_a_python_that_will_not_do_is_called_what_it_is(folder, says, told, not_told):
    python = folder / "python"
    python.write_text(f"#!/bin/sh\n{says}\n")
    python.chmod(0o755)
    done = make(folder, "demo", "PYTHON=./python")
    assert done.returncode
    assert told in done.stdout
    assert not_told not in done.stdout
    assert not (folder / ".venv").exists()


def test_a_python_that_is_not_there_is_named(folder):
    done = make(folder, "demo", "PYTHON=python0")
    assert done.returncode
    assert "There is no python0 here. Install Python 3.10 or newer, or name yours: make demo PYTHON=..." in done.stdout
