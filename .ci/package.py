"""Builds all wheels and sdists, and tries them in fresh environments: what needs no settings and no network."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent
DIST: Final = ROOT / "dist"
UV: Final = str(Path(sys.executable).with_name("uv"))
KIT: Final = "singer_bulk_exports"
KINDS: Final = (".whl", ".tar.gz")
NO_NETWORK: Final = {
    "ALL_PROXY": "http://127.0.0.1:9",
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "HTTP_PROXY": "http://127.0.0.1:9",
}
PROGRAMS: Final = """
import importlib.metadata, sys
print(*(each.name for each in importlib.metadata.distribution(sys.argv[1]).entry_points))
"""
CODE: Final = """
import hashlib, importlib.util, pathlib, sys
for name in sys.argv[1:]:
    folder = pathlib.Path(importlib.util.find_spec(name).origin).parent
    for path in sorted(folder.rglob("*.py")):
        print(path.relative_to(folder), hashlib.sha256(path.read_bytes()).hexdigest())
"""


def main() -> int:
    """Build and try."""
    shutil.rmtree(DIST, ignore_errors=True)
    _run(UV, "build", "--quiet", "--all-packages", f"--out-dir={DIST}", str(ROOT))
    taps = sorted({path.name.partition("-")[0] for path in DIST.glob("tap_*")})
    with tempfile.TemporaryDirectory(prefix="packages-") as folder:
        for tap in taps:
            for kind in KINDS:
                _try(tap, kind, Path(folder))
        _try_pip(Path(folder))
    return 0


def _try(tap: str, kind: str, folder: Path) -> None:
    """Install a tap and the kit from files of a kind, and start every program of it."""
    (kit,), (package,) = DIST.glob(f"{KIT}-*{kind}"), DIST.glob(f"{tap}-*{kind}")
    environment = folder / f"{tap}{kind}"
    _run(UV, "venv", "--quiet", f"--python={sys.executable}", str(environment))
    _run(UV, "pip", "install", "--quiet", f"--python={environment}", str(kit), str(package))
    python = str(environment / "bin" / "python")
    programs = _run(python, "-c", PROGRAMS, tap, cwd=folder).split()
    for program in programs:
        _run(str(environment / "bin" / program), *_harmless(program), cwd=folder, **NO_NETWORK)
    print(f"{package.name}: installs; {_described(environment / 'bin' / tap.replace('_', '-'), folder)}")
    if kind == ".whl":
        with_uvx = {**NO_NETWORK, "UV_OFFLINE": "1"}  # what was just installed is in its cache
        for program in programs:
            # The kit by its path: one found by name and version would be the first of that version in uv's cache.
            uvx = (UV, "tool", "run", f"--with={kit}", f"--from={package}", program)
            _run(*uvx, *_harmless(program), cwd=folder, **with_uvx)
        print(f"`uvx --from` starts {', '.join(programs)}")


def _harmless(program: str) -> tuple[str, ...]:
    """Return what a program can do without settings."""
    if program.startswith("source-"):
        return ("spec",)
    return ("--help",) if program.endswith("-sandbox") else ("--version",)


def _described(tap: Path, folder: Path) -> str:
    version = _run(str(tap), "--version", cwd=folder).strip()
    settings = json.loads(_run(str(tap), "--about", "--format=json", cwd=folder, **NO_NETWORK))["settings"][
        "properties"
    ]
    streams = json.loads(_run(str(tap), "--discover", cwd=folder, **NO_NETWORK))["streams"]
    names = ", ".join(stream["tap_stream_id"] for stream in streams)
    return f"{version}; {len(settings)} settings; streams: {names}"


def _try_pip(folder: Path) -> None:
    """Install the tap by its name, as people do with pip, which finds the kit beside it."""
    environment = folder / "pip"
    _run(sys.executable, "-m", "venv", str(environment))
    pip = (str(environment / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    _run(*pip, f"--find-links={DIST}", "tap-cometly")
    print(f"pip: installs; {_described(environment / 'bin' / 'tap-cometly', folder)}")
    for program in ("tap-cometly", "source-cometly"):
        _run(UV, "tool", "run", "--from", str(ROOT), program, *_harmless(program))
    code = ("python", "-c", CODE, "tap_cometly", "bulk_exports")
    if _run(UV, "tool", "run", "--from", str(ROOT), *code) != _run(sys.executable, *code[1:]):
        sys.exit("`uvx --from .` starts code that is not this checkout's: look at `cache-keys` in pyproject.toml")
    print("`uvx --from .` starts both programs from the checkout")


def _run(*command: str, cwd: Path | None = None, **environment: str) -> str:
    result = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        sys.exit(f"`{' '.join(command)}` failed:\n{result.stdout}{result.stderr}")
    return result.stdout


if __name__ == "__main__":
    sys.exit(main())
