"""The targets into which whole pipelines load: those of the project, installed by Meltano."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.measuring import progress
from demo.meltano import PROJECT, Meltano

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def program(target: str) -> Path:
    """Return the program of a target."""
    return PROJECT / f".meltano/loaders/{target}/venv/bin/{target}"


def install(targets: Sequence[str], folder: Path) -> None:
    """Install those targets that are not there yet.

    Args:
        targets: Their names in meltano.yml.
        folder: Where Meltano may keep what it needs meanwhile.
    """
    if missing := [target for target in targets if not program(target).exists()]:
        progress(f"installing {', '.join(missing)}")
        Meltano(folder, {})("install", *missing)
