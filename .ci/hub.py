"""Writes hub/tap-cometly.yml: what Meltano Hub must know of the tap, made of what ``tap-cometly --about`` says.

The Hub wants its definitions with sorted keys, and each leaf of a nested setting as a setting of its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FILE: Final = Path(__file__).parent.parent / "hub" / "tap-cometly.yml"
VARIANT: Final = "tap-cometly"
"""Name of the organisation that maintains the tap; the definition's file in the Hub is called like it."""

_BEGINNING: Final = "# Made by `make documents`. Where it belongs, and what else the Hub needs: see CONTRIBUTING.md.\n"


def main() -> int:
    """Write the definition."""
    FILE.write_text(_BEGINNING + as_yaml(definition(about())), encoding="utf-8")
    return 0


def about() -> Any:
    """Return what the tap says of itself."""
    program = Path(sys.executable).with_name("tap-cometly")
    told = subprocess.run([program, "--about", "--format=json"], capture_output=True, check=True, text=True)
    return json.loads(told.stdout)


def as_yaml(content: object) -> str:
    """Return it in the form that the Hub's linter wants."""
    return yaml.safe_dump(content, sort_keys=True, allow_unicode=True, width=120)


def definition(about: Mapping[str, Any]) -> dict[str, Any]:
    """Return the Hub's definition of the tap."""
    schema = about["settings"]
    return {
        "capabilities": sorted(about["capabilities"]),
        "definition": "which imports conversion events and their attribution through Cometly's asynchronous exports",
        "description": "Marketing attribution",
        "domain_url": "https://docs.cometly.com/api-reference",
        "executable": about["name"],
        "keywords": ["api", "attribution", "marketing", "meltano_sdk"],
        "label": "Cometly",
        "log_parser": "singer-sdk",
        "logo_url": "/assets/logos/extractors/cometly.png",
        "maintenance_status": "active",
        "name": about["name"],
        "namespace": about["name"].replace("-", "_"),
        "pip_url": about["name"],
        "quality": "silver",
        "select": ["events.*", "event_days.*"],
        "settings": sorted(_settings(schema["properties"]), key=lambda setting: str(setting["name"])),
        "settings_group_validation": [schema["required"]],
        "supported_python_versions": about["supported_python_versions"],
        "variant": VARIANT,
    }


def _settings(properties: Mapping[str, Mapping[str, Any]], prefix: str = "") -> Iterator[dict[str, Any]]:
    for name, schema in properties.items():
        parts = schema.get("properties")
        if parts and name != "stream_maps":
            yield from _settings(parts, f"{prefix}{name}.")
        else:
            yield _setting(prefix + name, schema)


def _setting(name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    kind = _kind(schema)
    setting = {"name": name, "kind": kind, "label": schema["title"], "description": schema.get("description", "")}
    if schema.get("secret"):
        setting["sensitive"] = True
    if "default" in schema:
        setting["value"] = schema["default"]
    if kind == "options":
        setting["options"] = [{"label": each, "value": each} for each in schema["enum"] if each is not None]
    return setting


def _kind(schema: Mapping[str, Any]) -> str:
    """Return the Hub's word for the type of a setting. What may be of several types is text."""
    kind = next((each for each in schema.get("type", ()) if each != "null"), "string")
    if schema.get("format") == "date":
        return "date_iso8601"
    if "enum" in schema and kind == "string":  # Meltano would hand over a number chosen in the environment as text
        return "options"
    return str(kind)


if __name__ == "__main__":
    sys.exit(main())
