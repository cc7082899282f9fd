"""The arrows of the house: which room may use which, no circle, no vendor in a neutral room."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "tap_cometly"

GROUND = {"errors", "exact_numbers", "fields", "wording"}
"""What every room may use."""

ROOMS = {
    "engine": set(),
    "files": {"engine"},
    "records": {"files", "engine"},
    "windows": {"spec", "export_settings"},
    "reconcile": {"records", "files", "windows", "engine", "spec", "export_settings"},
    "outputs": {"records"},
    "run": {
        "reconcile",
        "outputs",
        "records",
        "windows",
        "engine",
        "spec",
        "export_settings",
        "environment",
        "reporting",
        "shutdown",
    },
    "singer": {"run", "reconcile", "outputs", "engine", "spec", "export_settings", "environment", "shutdown"},
    "airbyte": {
        "run",
        "reconcile",
        "outputs",
        "windows",
        "engine",
        "spec",
        "environment",
        "reading",
        "shutdown",
    },
    "spec": {"files"},
    "export_settings": {"windows"},
    "environment": {"engine"},
    "reporting": {"engine", "spec"},
    "shutdown": set(),
    "interpreter": set(),
    "reading": {"windows"},
}
"""The neutral rooms, and what each may use besides the ground and itself."""

VENDORS = {
    "vocabulary": set(),
    "config_schema": {"vocabulary"},
    "settings": {"vocabulary", "config_schema", "windows", "export_settings", "reading"},
    "events": {"vocabulary", "settings", "spec"},
    "client": {"events", "settings", "engine", "environment", "spec"},
    "tap": {"reading", "config_schema", "events", "settings", "client", "singer", "engine", "spec"},
    "source": {"vocabulary", "config_schema", "settings", "events", "client", "airbyte", "engine", "interpreter"},
    "__main__": {"tap", "singer", "outputs", "interpreter"},
}
"""The rooms of the vendor."""

ARROWS = {**ROOMS, **VENDORS}


def room_of(path: Path) -> str:
    first, *_ = path.relative_to(PACKAGE).parts
    return first.removesuffix(".py")


def sources(*names: str) -> list[Path]:
    return sorted(path for name in names for path in (*PACKAGE.glob(f"{name}.py"), *PACKAGE.glob(f"{name}/**/*.py")))


def imported(path: Path) -> set[str]:
    """Return the modules that a file names in its imports, those for types included."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def rooms_used(path: Path) -> set[str]:
    parts = [name.split(".") for name in imported(path) if name.startswith("tap_cometly.")]
    return {name[1] for name in parts if (PACKAGE / name[1]).is_dir() or (PACKAGE / f"{name[1]}.py").is_file()}


@pytest.mark.parametrize("room", ARROWS)
def test_a_room_uses_those_below_it_only(room):
    files = sources(room)
    assert files
    used = {path: rooms_used(path) - ARROWS[room] - GROUND - {room} for path in files}
    assert not {str(path.relative_to(ROOT)): sorted(rooms) for path, rooms in used.items() if rooms}


def test_every_file_is_in_a_room():
    rooms = {room_of(path) for path in PACKAGE.rglob("*.py")} - {"__init__", "sandbox"}
    assert rooms == {*ARROWS, *GROUND}


def test_no_arrow_goes_round_in_a_circle():
    """At run time; what only a type checker sees may look back."""
    needs = {room: {used for path in sources(room) for used in rooms_at_run_time(path)} - {room} for room in ARROWS}
    while leaves := {room for room, used in needs.items() if not used & needs.keys()}:
        needs = {room: used for room, used in needs.items() if room not in leaves}
    assert not needs


def rooms_at_run_time(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    top = [
        node
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tap_cometly.")
    ]
    return {node.module.split(".")[1] for node in top}


@pytest.mark.parametrize("path", sources(*ROOMS, *GROUND), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_vendor_is_named_in_a_neutral_room(path):
    text = path.read_text(encoding="utf-8").replace("tap_cometly", "")
    assert not re.findall(r"(?i)cometly|pardot|apsis", text)
    assert not rooms_used(path) & VENDORS.keys()


def test_the_tap_needs_no_sandbox():
    tap = [path for path in PACKAGE.rglob("*.py") if room_of(path) != "sandbox"]
    assert not [path for path in tap if any(name.startswith("tap_cometly.sandbox") for name in imported(path))]


def test_the_sandbox_shares_nothing_but_words_with_the_tap():
    used = {room for path in sources("sandbox") for room in rooms_used(path)}
    assert used <= {"vocabulary", "sandbox"}


@pytest.mark.parametrize(
    ("room", "others"), [("tests", {"benchmarks"}), ("benchmarks", {"tests"}), ("simulation", {"tests", "benchmarks"})]
)
def test_tests_and_benchmarks_do_not_need_each_other(room, others):
    """What both need, the tap in virtual time, is a room of its own."""
    paths = sorted((ROOT / room).rglob("*.py"))
    assert paths
    assert not [path for path in paths if others & {name.split(".")[0] for name in imported(path)}]
