"""The two taps as programs, asked for the same: ours as it is installed, and the ordinary one."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final

from benchmarks.day import DAY, FIELDS
from bulk_exports.environment import utc_now
from bulk_exports.records.columns import Columns
from tap_cometly.events import events
from tap_cometly.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

OURS: Final = "tap_cometly"
SOURCE: Final = "tap_cometly.source"
ORDINARY: Final = "benchmarks.ordinary_tap"
REQUEST: Final[dict[str, Any]] = {
    "api_key": "none",
    "timezone": "UTC",
    "start_date": DAY.isoformat(),
    "end_date": DAY.isoformat(),
    "sources": ["google_ads", "email"],
    "attribution_model": "linear",
    "attribution_window": 30,
    "fields": list(FIELDS),
}


class Taps:
    """Makes the commands that run the taps.

    Args:
        folder: Where their settings and catalogs are kept.
        ours: The module that is run for ours.
        ordinary: The module that is run for the ordinary one.
    """

    def __init__(self, folder: Path, *, ours: str = OURS, ordinary: str = ORDINARY) -> None:
        self._modules = {OURS: ours, ORDINARY: ordinary}
        self._folder = folder
        self._schema = folder / "schema.json"
        self._made = 0

    def command(
        self, tap: str, api_url: str, settings: dict[str, Any] | None = None, *, deselected: Collection[str] = ()
    ) -> list[str]:
        """Return the command that runs a tap.

        Args:
            tap: `OURS` or `ORDINARY`.
            api_url: The API with the export.
            settings: Those that every tap has, such as ``stream_maps``.
            deselected: Columns that are not wanted.
        """
        if tap == OURS:
            config = {**REQUEST, "api_url": api_url}
        else:
            if not self._schema.exists():
                catalog = self._discover(self._program(OURS, REQUEST))
                self._schema.write_text(json.dumps(_events(catalog)["schema"]), encoding="utf-8")
            config = {"api_url": api_url, "auth_token": "none", "schema": str(self._schema)}
        program = self._program(tap, {**config, **(settings or {})})
        if not deselected:
            return program
        catalog = self._discover(program)
        for entry in _events(catalog)["metadata"]:
            if entry["breadcrumb"][-1:] and entry["breadcrumb"][-1] in deselected:
                entry["metadata"]["selected"] = False
        return [*program, f"--catalog={self._written(catalog)}"]

    def source_command(self, api_url: str) -> list[str]:
        """Return the command that runs the Airbyte source, which is asked for what the taps are asked for."""
        catalog = {"streams": [{"stream": {"name": name}} for name in ("events", "event_days")]}
        files = [
            f"--config={self._written({**REQUEST, 'api_url': api_url})}",
            f"--catalog={self._written(catalog)}",
        ]
        return [sys.executable, "-m", SOURCE, "read", *files]

    def _program(self, tap: str, config: dict[str, Any]) -> list[str]:
        return [sys.executable, "-m", self._modules[tap], f"--config={self._written(config)}"]

    def _discover(self, program: list[str]) -> dict[str, Any]:
        found = subprocess.run([*program, "--discover"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
        return json.loads(found.stdout)  # type: ignore[no-any-return]

    def _written(self, content: object) -> Path:
        self._made += 1
        path = self._folder / f"{self._made}.json"
        path.write_text(json.dumps(content), encoding="utf-8")
        return path


def _events(catalog: dict[str, Any]) -> dict[str, Any]:
    return next(entry for entry in catalog["streams"] if entry["tap_stream_id"] == "events")


def event_columns() -> Columns:
    """Return the columns of the export that is measured, as a run of the tap has them."""
    stream = events(Settings.from_config({"api_key": "none", **REQUEST}, now=utc_now()))
    properties = stream.schema["properties"]
    vendors = {name: properties[name] for name in properties if name not in stream.own_columns}
    return Columns(vendors, keys=stream.key, measures=stream.measures)
