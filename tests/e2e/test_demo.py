"""`make demo` as a stranger types it: in a folder with a space in its name, as an ordinary user; then `make clean`."""

from __future__ import annotations

import re
import sys

import pytest

from demo.meltano import Meltano
from simulation.patience import HANG_SECONDS
from tests.documents import block
from tests.e2e.strangers import Folder

DAYS = 30
LOOKED_BACK = 3


@pytest.fixture
def folder():
    folder = Folder({})
    yield folder
    folder.remove()


def lines_of_days(told):
    return re.findall(r"^    (\d{4}-\d\d-\d\d) (delivered|unchanged|changed) ", told, re.MULTILINE)


@pytest.mark.packages
def test_it_shows_a_month_and_a_change_leaves_a_database_and_goes_without_a_trace(folder):
    before = folder.files()
    told = folder.run(block("README.md", "sh", "make demo"))
    first, second = told.split("==> meltano run tap-cometly target-postgres")[1:]

    assert [what for _, what in lines_of_days(first)] == ["delivered"] * DAYS
    days = [day for day, _ in lines_of_days(first)]
    assert days == sorted(set(days)), "each day has a line, in order"
    assert f"{DAYS} days ({days[0]} to {days[-1]}), {DAYS} of them new or changed" in first
    changed = [(days[-1], "changed"), (days[-1], "delivered")]
    assert lines_of_days(second) == [*((day, "unchanged") for day in days[-3:-1]), *changed]
    assert f"{LOOKED_BACK} days ({days[-3]} to {days[-1]}), 1 of them new or changed" in second
    (rows, different) = re.findall(r"the table now has ([\d,]+) rows, ([\d,]+) different events", second)[0]
    assert rows == different, "nothing doubles"

    query, _psql = re.findall(r"^  (\.venv/bin/python -m demo .*)$", told, re.MULTILINE)
    assert days[-1] in folder.run(query)

    (folder.path / ".env").write_text("TAP_COMETLY_API_KEY=mine\n")
    folder.run("make clean")
    assert folder.files() - before == {".env"}


def test_what_a_run_says_is_shown_while_it_runs(tmp_path, monkeypatch):
    """A program in Meltano's place says a day, and goes on only when somebody has seen it."""
    program = tmp_path / "meltano"
    program.write_text(
        f"#!{sys.executable}\n"
        "import pathlib, sys, time\n"
        "print('2025-03-01 delivered (1 of 2): 7 rows', flush=True)\n"
        f"end = time.monotonic() + {HANG_SECONDS}\n"
        f"while not pathlib.Path({str(tmp_path / 'seen')!r}).exists():\n"
        "    if time.monotonic() > end:\n"
        "        sys.exit('nobody has seen it')\n"
        "    time.sleep(0.01)\n"  # between two looks: it ends as soon as somebody has seen the line
        "print('2025-03-02 delivered (2 of 2): 8 rows')\n"
    )
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    seen = []

    def see(line):
        seen.append(line)
        (tmp_path / "seen").touch()

    said = Meltano(tmp_path, {})("run", "tap-cometly", "target-postgres", tell=see)
    assert said.splitlines() == seen
    assert len(seen) == 2
