"""The demo's PostgreSQL starts wherever the user may work, also as root in a folder that nobody else may enter."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from demo import postgres
from demo.postgres import Postgres, PostgresError


@pytest.fixture
def private_folder():
    """A folder of mode 700, as the home of root is."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o700)
        yield Path(folder)


@pytest.mark.slow
def test_it_starts_in_a_folder_that_others_may_not_enter(private_folder):
    with Postgres(private_folder / "deeper" / "data") as server, server.connect() as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize("words", ["setpriv: set process securebits failed: Operation not permitted"])
def test_a_root_without_rights_is_told_what_helps(private_folder, monkeypatch, words):
    setpriv = private_folder / "setpriv"
    setpriv.write_text(f"#!/bin/sh\necho '{words}' >&2\nexit 127\n")
    setpriv.chmod(0o755)
    monkeypatch.setenv("PATH", f"{private_folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(PostgresError, match="use another user, or a folder that everybody may enter") as caught:
        Postgres(private_folder / "data").__enter__()
    assert words in str(caught.value)
    assert postgres._not_as_root()[0] == str(setpriv)
