"""The arrows of the house: which room may use which, no circle, no vendor in a neutral room."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
KIT = ROOT / "packages" / "bulk-exports" / "bulk_exports"
TAP = ROOT / "tap_cometly"
PARDOT = ROOT / "packages" / "tap-pardot-exports" / "tap_pardot_exports"
APSIS = ROOT / "packages" / "tap-apsis-one" / "tap_apsis_one"

GROUND = {"annotations", "errors", "exact_numbers", "fields", "job_names", "json_files", "wording"}
"""What every room may use."""

ROOMS = {
    "engine": set(),
    "files": {"engine"},
    "records": {"files", "engine"},
    "windows": {"spec", "export_settings"},
    "reconcile": {"declarations", "records", "files", "windows", "engine", "spec", "export_settings"},
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
    "connector": {"declarations", "engine", "export_settings", "spec"},
    "singer": {
        "connector",
        "listing",
        "run",
        "reconcile",
        "outputs",
        "reading",
        "engine",
        "spec",
        "export_settings",
        "environment",
        "shutdown",
        "interpreter",
    },
    "airbyte": {
        "connector",
        "interpreter",
        "run",
        "listing",
        "reconcile",
        "outputs",
        "windows",
        "engine",
        "spec",
        "export_settings",
        "environment",
        "reading",
        "common_settings",
        "shutdown",
    },
    "listing": {"engine", "environment", "records", "shutdown", "spec"},
    "declarations": {"engine", "files", "records", "spec", "windows"},
    "spec": {"declarations", "engine", "files", "windows"},
    "export_settings": {"windows"},
    "environment": {"engine"},
    "reporting": {"engine", "spec", "windows"},
    "shutdown": set(),
    "interpreter": set(),
    "reading": {"windows"},
    "common_settings": {"reading", "windows"},
    "sandbox": set(),
}
"""The neutral rooms, and what each may use besides the ground and itself."""

COMETLY = {
    "vocabulary": set(),
    "config_schema": {"vocabulary"},
    "settings": {"vocabulary", "config_schema"},
    "events": {"vocabulary", "settings"},
    "client": {"events", "settings"},
    "people": {"events"},
    "streams": {"events", "people", "settings"},
    "connector": {"config_schema", "settings", "streams", "client"},
    "tap": {"connector"},
    "source": {"vocabulary", "connector"},
    "__main__": {"tap"},
    "sandbox": {"vocabulary"},
}
"""The rooms of the tap, and what each may use of it besides itself."""

PARDOT_ROOMS = {
    "vocabulary": set(),
    "codes": set(),
    "config_schema": {"vocabulary"},
    "settings": {"vocabulary", "config_schema"},
    "oauth": {"settings"},
    "calls": {"codes", "vocabulary", "settings"},
    "streams": {"vocabulary", "settings", "calls"},
    "client": {"vocabulary", "codes", "calls", "oauth", "settings", "streams"},
    "connector": {"config_schema", "settings", "streams", "client"},
    "tap": {"connector"},
    "source": {"connector"},
    "__main__": {"tap"},
    "sandbox": {"vocabulary"},
}
"""The rooms of the tap for Pardot."""

APSIS_ROOMS = {
    "vocabulary": set(),
    "config_schema": {"vocabulary"},
    "settings": {"config_schema"},
    "definitions": {"vocabulary"},
    "selection": {"vocabulary", "definitions", "settings"},
    "bodies": {"vocabulary", "definitions", "selection", "settings"},
    "query": {"bodies", "definitions", "selection", "settings"},
    "account": {"vocabulary", "definitions", "selection", "settings"},
    "client": {"vocabulary", "account", "query"},
    "decoder": {"account", "definitions"},
    "profiles": {"vocabulary", "decoder", "query", "selection", "settings"},
    "emails": {"vocabulary", "query", "selection", "settings"},
    "lists": {"vocabulary", "client", "definitions"},
    "streams": {"vocabulary", "account", "decoder", "emails", "lists", "profiles"},
    "connector": {"config_schema", "settings", "account", "client", "streams"},
    "tap": {"connector"},
    "source": {"connector"},
    "__main__": {"tap"},
    "sandbox": set(),
}
"""The rooms of the tap for APSIS One."""

PACKAGES = {KIT: {**ROOMS, **dict.fromkeys(GROUND, GROUND)}, TAP: COMETLY, PARDOT: PARDOT_ROOMS, APSIS: APSIS_ROOMS}
SANDBOXES = [path for package in PACKAGES if package != KIT for path in sorted(package.glob("sandbox/**/*.py"))]
EVERY_ROOM = [(package, room) for package, rooms in PACKAGES.items() for room in sorted(rooms)]


def sources(package: Path, *rooms: str) -> list[Path]:
    return sorted(path for room in rooms for path in (*package.glob(f"{room}.py"), *package.glob(f"{room}/**/*.py")))


def imported(path: Path, *, top_only: bool = False) -> set[str]:
    """Return the modules that a file names in its imports, those for types included unless only the top is wanted."""
    names = set()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in tree.body if top_only else ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def rooms_used(path: Path, package: Path, *, top_only: bool = False) -> set[str]:
    names = [name.split(".") for name in imported(path, top_only=top_only) if name.startswith(f"{package.name}.")]
    return {name[1] for name in names if (package / name[1]).is_dir() or (package / f"{name[1]}.py").is_file()}


def named(path: Path | str) -> str:
    return path.name if isinstance(path, Path) else path


@pytest.mark.parametrize(("package", "room"), EVERY_ROOM, ids=named)
def test_a_room_uses_those_below_it_only(package, room):
    files = sources(package, room)
    assert files
    allowed = PACKAGES[package][room] | {room} | (GROUND if package == KIT else set())
    used = {path: rooms_used(path, package) - allowed for path in files}
    assert not {str(path.relative_to(ROOT)): sorted(rooms) for path, rooms in used.items() if rooms}


@pytest.mark.parametrize("package", PACKAGES, ids=named)
def test_every_file_is_in_a_room(package):
    rooms = {path.relative_to(package).parts[0].removesuffix(".py") for path in package.rglob("*.py")}
    assert rooms - {"__init__"} == set(PACKAGES[package])


@pytest.mark.parametrize("package", PACKAGES, ids=named)
def test_no_arrow_goes_round_in_a_circle(package):
    """At run time; what only a type checker sees may look back."""
    needs = {
        room: {used for path in sources(package, room) for used in rooms_used(path, package, top_only=True)} - {room}
        for room in PACKAGES[package]
    }
    while leaves := {room for room, used in needs.items() if not used & needs.keys()}:
        needs = {room: used for room, used in needs.items() if room not in leaves}
    assert not needs


@pytest.mark.parametrize("path", sorted(KIT.rglob("*.py")), ids=lambda path: str(path.relative_to(KIT)))
def test_no_vendor_is_named_in_the_kit(path):
    text = path.read_text(encoding="utf-8")
    assert not re.findall(r"(?i:cometly|pardot|apsis)|\bSpace\b", text)  # a Space is what Cometly calls an account
    assert not [name for name in imported(path) if name.startswith("tap_")]


@pytest.mark.parametrize("package", PACKAGES, ids=named)
def test_nothing_but_the_sandbox_needs_the_sandbox(package):
    outside = [path for path in package.rglob("*.py") if path.relative_to(package).parts[0] != "sandbox"]
    assert not [path for path in outside if any(".sandbox" in name for name in imported(path))]


@pytest.mark.parametrize("path", SANDBOXES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_local_vendor_is_built_on_the_kit_s_sandbox_alone(path):
    """What it checked a tap with would otherwise be the tap itself."""
    of_kit = [name for name in imported(path) if name.startswith(f"{KIT.name}.")]
    assert not [name for name in of_kit if name.split(".")[1] != "sandbox"]


@pytest.mark.parametrize(
    ("room", "others"), [("tests", {"benchmarks"}), ("benchmarks", {"tests"}), ("simulation", {"tests", "benchmarks"})]
)
def test_tests_and_benchmarks_do_not_need_each_other(room, others):
    """What both need, the tap in virtual time, is a room of its own."""
    paths = sorted((ROOT / room).rglob("*.py"))
    assert paths
    assert not [path for path in paths if others & {name.split(".")[0] for name in imported(path)}]


def test_all_distributions_have_one_version_and_the_taps_want_just_that_kit():
    projects = [ROOT / "pyproject.toml", *sorted((ROOT / "packages").glob("*/pyproject.toml"))]
    texts = {path: path.read_text(encoding="utf-8") for path in projects}
    (version,) = {re.search(r'^version = "(.+)"$', text, re.MULTILINE)[1] for text in texts.values()}
    wanted = [path for path, text in texts.items() if f'    "singer-bulk-exports=={version}",\n' in text]
    assert wanted == [path for path in projects if path.parent.name != "bulk-exports"]
