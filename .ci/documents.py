"""Writes what the code says of settings into meltano.yml, README.md, plugins of packages and the Hub's definition."""

from __future__ import annotations

import json
import re
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import hub
from tap_apsis_one import config_schema as apsis_one
from tap_cometly.config_schema import CONFIG_JSONSCHEMA
from tap_pardot_exports import config_schema as pardot

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT: Final = Path(__file__).parent.parent
SETTINGS: Final[Mapping[str, Any]] = CONFIG_JSONSCHEMA["properties"]
PACKAGES: Final[Mapping[str, Mapping[str, Any]]] = {
    "tap-apsis-one": apsis_one.CONFIG_JSONSCHEMA,
    "tap-pardot-exports": pardot.CONFIG_JSONSCHEMA,
}
"""Taps with a plugin of their own, which meltano.yml includes."""


def main() -> int:
    """Rewrite all; tests/test_documents.py and tests/test_hub.py check the result by themselves."""
    settings = "".join(_meltano_setting(name, schema) for name, schema in SETTINGS.items())
    _replace("meltano.yml", after="    settings:\n", before="\n  loaders:", by=settings)
    for package, schemas in PACKAGES.items():
        settings = "".join(_meltano_setting(name, schema) for name, schema in schemas["properties"].items())
        _replace(f"packages/{package}/plugin.meltano.yml", after="    settings:\n", before=None, by=settings)
    rows = "".join(_readme_row(name, schema) for name, schema in SETTINGS.items())
    _replace("README.md", after="| setting | default | what it is |\n| --- | --- | --- |\n", before="\n", by=rows)
    return hub.main()


def _replace(name: str, *, after: str, before: str | None, by: str) -> None:
    file = ROOT / name
    text = file.read_text(encoding="utf-8")
    begin = text.index(after) + len(after)
    if before is None:
        file.write_text(text[:begin] + by, encoding="utf-8")
        return
    end = re.compile(f"^{re.escape(before)}", re.MULTILINE).search(text, begin)
    if end is None:
        sys.exit(f"{name} has no {before!r} after {after!r}")
    file.write_text(text[:begin] + by + text[end.start() :], encoding="utf-8")


def _meltano_setting(name: str, schema: Mapping[str, Any]) -> str:
    kind = next(each for each in schema["type"] if each != "null")
    choices = [each for each in schema.get("enum", ()) if each is not None]
    if schema.get("format") == "date":
        kind = "date_iso8601"
    elif choices and kind == "string":  # Meltano would hand over a number chosen in the environment as text
        kind = "options"
    lines = [f"- name: {name}", f"  kind: {kind}"]
    if schema.get("secret"):
        lines.append("  sensitive: true")
    lines += [f"  label: {schema['title']}", "  description: >-"]
    lines += ["    " + line for line in textwrap.wrap(schema["description"], 108, break_on_hyphens=False)]
    if "default" in schema:
        lines.append(f"  value: {_as_text(schema['default'])}")
    if kind == "options":
        lines.append("  options:")
        texts = [f"'{choice}'" if choice.isdigit() else choice for choice in choices]  # YAML would read a number
        lines += [line for text in texts for line in (f"  - label: {text}", f"    value: {text}")]
    return textwrap.indent("\n".join(lines) + "\n", "    ")


def _as_text(default: object) -> str:
    return json.dumps(default).strip('"')


def _readme_row(name: str, schema: Mapping[str, Any]) -> str:
    default = "required" if name in CONFIG_JSONSCHEMA["required"] else ""
    if "default" in schema:
        default = f"`{_as_text(schema['default'])}`"
    return f"| `{name}` | {default} | {re.split(r'(?<=[.]) ', schema['description'])[0]} |\n"


if __name__ == "__main__":
    sys.exit(main())
