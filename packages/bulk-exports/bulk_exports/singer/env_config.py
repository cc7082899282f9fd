"""Settings from environment variables, read so that a value which is none is explained like every other mistake.

The SDK's own reading ends in a traceback for a number that is none, and takes every word but "true" for false.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from singer_sdk.configuration._dict_config import parse_environment_config

if TYPE_CHECKING:
    from collections.abc import Mapping

_WORDS: Final = {
    **dict.fromkeys(("true", "1", "yes", "on"), True),
    **dict.fromkeys(("false", "0", "no", "off"), False),
}


def settings_in_environment(config_jsonschema: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Return the settings that environment variables hold; what is not of its setting's type stays text.

    Args:
        config_jsonschema: Every setting.
        prefix: What the variables begin with.
    """
    properties = config_jsonschema["properties"]
    # As text all of them can be read; lists keep their type, because the SDK knows a second way to write them.
    as_text = {
        name: schema if "array" in _types(schema) else {"type": ["string", "null"]}
        for name, schema in properties.items()
    }
    found = parse_environment_config({"properties": as_text}, prefix)
    return {name: _read(value, _types(properties[name])) for name, value in found.items()}


def _types(schema: Mapping[str, Any]) -> list[str]:
    kind = schema.get("type", [])
    return [kind] if isinstance(kind, str) else list(kind)


def _read(value: Any, types: list[str]) -> Any:
    """Return a text as what it says, if it is of the right type; otherwise as it is, for the setting to refuse it."""
    if not isinstance(value, str):
        return value
    if "integer" in types and re.fullmatch(r"\s*[+-]?\d+\s*", value, re.ASCII):
        return int(value)
    if "boolean" in types:
        return _WORDS.get(value.strip().lower(), value)
    if "object" in types:
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value
