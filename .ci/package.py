"""Builds all wheels and sdists, and tries them in fresh environments: what needs no settings and no network."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import distribution
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent
DIST: Final = ROOT / "dist"
UV: Final = str(Path(sys.executable).with_name("uv"))
ENTRY_POINTS: Final = {
    "tap-cometly": ("--version",),
    "source-cometly": ("spec",),
    "tap-cometly-sandbox": ("--help",),
}
"""Every program of the package, and what it can do without settings."""
NO_NETWORK: Final = {
    "ALL_PROXY": "http://127.0.0.1:9",
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "HTTP_PROXY": "http://127.0.0.1:9",
}


def main() -> int:
    """Build and try."""
    if ENTRY_POINTS.keys() != {each.name for each in distribution("tap-cometly").entry_points}:
        sys.exit("The package has other programs than are tried here")
    shutil.rmtree(DIST, ignore_errors=True)
    _run(UV, "build", "--quiet", "--all-packages", f"--out-dir={DIST}", str(ROOT))
    with tempfile.TemporaryDirectory(prefix="tap-cometly-") as folder:
        for package in sorted(DIST.glob("tap_cometly-*")):
            environment = Path(folder) / package.suffix.strip(".")
            _run(UV, "venv", "--quiet", f"--python={sys.executable}", str(environment))
            kit = next(DIST.glob(f"singer_bulk_exports-*{package.suffix}"))
            _run(UV, "pip", "install", "--quiet", f"--python={environment}", str(kit), str(package))
            for name, arguments in ENTRY_POINTS.items():
                _run(str(environment / "bin" / name), *arguments, cwd=folder, **NO_NETWORK)
            tap = str(environment / "bin" / "tap-cometly")
            version = _run(tap, "--version", cwd=folder).strip()
            settings = json.loads(_run(tap, "--about", "--format=json", cwd=folder, **NO_NETWORK))["settings"][
                "properties"
            ]
            streams = json.loads(_run(tap, "--discover", cwd=folder, **NO_NETWORK))["streams"]
            names = ", ".join(stream["tap_stream_id"] for stream in streams)
            print(f"{package.name}: installs; {version}; {len(settings)} settings; streams: {names}")
        wheel = next(DIST.glob("tap_cometly-*.whl"))
        with_uvx = {**NO_NETWORK, "UV_OFFLINE": "1"}  # what was just installed is in its cache
        for name, arguments in ENTRY_POINTS.items():
            _run(UV, "tool", "run", f"--find-links={DIST}", f"--from={wheel}", name, *arguments, cwd=folder, **with_uvx)
        print(f"`uvx --from` starts {', '.join(ENTRY_POINTS)}")
    return 0


def _run(*command: str, cwd: str | None = None, **environment: str) -> str:
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
