"""What ``--about`` says to people: every setting with all that there is to know about it.

The SDK's own text names type and variable of each setting only; its Markdown and JSON say everything.
"""

from __future__ import annotations

import json
import textwrap
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from singer_sdk.about import AboutInfo

_WIDTH: Final = 100


def about_text(info: AboutInfo) -> str:
    """Return it."""
    lines = [
        f"{info.name} {info.version}",
        *_wrapped(info.description or "", ""),
        "",
        f"Python {', '.join(info.supported_python_versions or ())}; Meltano SDK {info.sdk_version}",
        *_wrapped(f"Capabilities: {', '.join(str(capability) for capability in info.capabilities)}", ""),
    ]
    for name, schema in info.settings["properties"].items():
        required = name in info.settings.get("required", ())
        lines += ["", f"{name} ({_kind(schema)}{', required' if required else ''})"]
        lines += [line for text in _told(schema) for line in _wrapped(text)]
        lines.append(f"    In the environment: {info.env_var_prefix}{name.upper()}")
    return "\n".join(lines)


def _told(schema: Mapping[str, Any]) -> Iterator[str]:
    if description := schema.get("description"):
        yield description
    if choices := [choice for choice in schema.get("enum", ()) if choice is not None]:
        yield f"One of: {', '.join(map(str, choices))}"
    if "minimum" in schema:
        yield f"From {schema['minimum']} to {schema['maximum']}"
    if "default" in schema:
        yield f"Default: {_shown(schema['default'])}"
    elif examples := schema.get("examples"):
        yield f"Example: {_shown(examples[0])}"


def _kind(schema: Mapping[str, Any]) -> str:
    types = schema.get("type", "object")
    kind = next((each for each in types if each != "null"), "null") if isinstance(types, list) else types
    return str(schema.get("format", kind))


def _shown(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _wrapped(text: str, indent: str = "    ") -> list[str]:
    return textwrap.wrap(
        text, _WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False, break_long_words=False
    )
