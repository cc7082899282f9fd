"""The Spaces of the fleet, as ``spaces.yaml`` describes them."""

from __future__ import annotations

import dataclasses
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclasses.dataclass(frozen=True)
class Space:
    """One Space: its settings for the tap, and which environment variables hold its secrets."""

    name: str
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    secrets: Mapping[str, str] = dataclasses.field(default_factory=dict)
    machine: str = ""
    """Which machine loads it, where nothing else spreads runs over several."""

    def __post_init__(self) -> None:
        if not re.fullmatch("[a-z][a-z0-9_]{0,39}", self.name):
            raise ValueError(
                f"{self.name!r} cannot name a Space: it names a schema too, so only a-z, 0-9 and _ will do."
            )

    @property
    def schema(self) -> str:
        """Where its tables are."""
        return f"cometly_{self.name}"

    @property
    def first_day(self) -> str | None:
        """Its ``start_date``, if it has one."""
        return str(self.settings["start_date"])[:10] if "start_date" in self.settings else None

    def config(self) -> dict[str, Any]:
        """Return the tap's configuration. A secret that is not there is left out; the tap says that it is missing."""
        found = {setting: os.environ[name] for setting, name in self.secrets.items() if name in os.environ}
        return {**self.settings, **found}


def spaces(path: Path | None = None) -> dict[str, Space]:
    """Return the Spaces of this machine by their names: all of them where ``FLEET_MACHINE`` is not set.

    They are described in the file that ``FLEET_SPACES`` names, or in ours.
    """
    path = path or Path(os.environ.get("FLEET_SPACES") or Path(__file__).with_name("spaces.yaml"))
    machine = os.environ.get("FLEET_MACHINE")
    described = yaml.safe_load(path.read_text(encoding="utf-8"))
    common = described.get("settings") or {}
    found = [
        Space(name, **{**each, "settings": {**common, **each.get("settings", {})}})
        for name, each in described["spaces"].items()
    ]
    ours = {space.name: space for space in found if not machine or space.machine == machine}
    if not ours:
        raise ValueError(f"{path} has no Space" + (f" of the machine {machine!r} (FLEET_MACHINE)." if machine else "."))
    return ours
