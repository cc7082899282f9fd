"""The files that a user hands over: configuration, catalog and STATE, and what is wrong with them in words.

The SDK takes them as they are, and what is odd in them shows as an error somewhere in its depths, or not at all: a
STATE that is not one would pass for none, and reload everything.
"""

from __future__ import annotations

import io
import json
from typing import IO, Any, Final

import click

from bulk_exports.json_files import parsed, text_of

MAX_SHOWN: Final = 300
"""Characters of a message that quotes them."""

_TYPES: Final = ["array", "boolean", "integer", "null", "number", "object", "string"]
_STATE: Final[dict[str, Any]] = {
    "properties": {
        "bookmarks": {
            "type": "object",
            "additionalProperties": {"type": "object", "properties": {"partitions": {"type": "array", "maxItems": 0}}},
        }
    }
}
"""What a STATE must be; what stands in the bookmark of a stream is read when the stream is."""
_CATALOG: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["streams"],
    "properties": {"streams": {"type": "array", "items": {"$ref": "#/definitions/stream"}}},
    "definitions": {
        "stream": {
            "type": "object",
            "required": ["tap_stream_id", "schema"],
            "properties": {
                "tap_stream_id": {"type": "string"},
                "schema": {"allOf": [{"$ref": "#/definitions/schema"}, {"required": ["properties"]}]},
                "metadata": {"type": "array", "items": {"$ref": "#/definitions/metadata"}},
                "key_properties": {"type": ["array", "null"], "items": {"type": "string"}},
                "replication_key": {"type": ["string", "null"]},
                "replication_method": {"enum": ["INCREMENTAL", "FULL_TABLE", "LOG_BASED", None]},
            },
        },
        "schema": {
            "type": "object",
            "properties": {
                "type": {"if": {"type": "array"}, "then": {"items": {"enum": _TYPES}}, "else": {"enum": _TYPES}},
                "format": {"type": ["string", "null"]},
                "properties": {"type": "object", "additionalProperties": {"$ref": "#/definitions/schema"}},
            },
        },
        "metadata": {
            "type": "object",
            "required": ["breadcrumb", "metadata"],
            "properties": {
                "breadcrumb": {"type": "array", "items": {"type": "string"}},
                "metadata": {"type": "object"},
            },
        },
    },
}
"""What a catalog must be, so that the SDK and this tap can read it."""


_EXPECTED: Final = {
    "--state": (
        _STATE,
        "Hand over the last STATE that your target printed; without `--state` every day is loaded again",
    ),
    "--catalog": (_CATALOG, "Make a new one with `--discover`, and change that"),
}


def checked_file(option: str, file: IO[str] | None) -> IO[str] | None:
    """Return the file's text again if it holds what the option is for.

    Args:
        option: ``--state`` or ``--catalog``.
        file: What was handed over, if anything was.

    Raises:
        click.BadParameter: It holds something else.
    """
    if file is None:
        return None
    try:
        text = text_of(file)
        content = parsed(text)
    except UnicodeDecodeError:
        raise click.BadParameter(f"{file.name} is not UTF-8", param_hint=option) from None
    except json.JSONDecodeError:
        content = None
    except ValueError as refused:
        raise click.BadParameter(f"{file.name} cannot be used: {refused}", param_hint=option) from None
    if not isinstance(content, dict):
        raise click.BadParameter(f"{file.name} must hold a JSON object", param_hint=option)
    # `--version` and `--help` do without.
    from jsonschema import Draft7Validator  # type: ignore[import-untyped] # noqa: PLC0415
    from jsonschema.exceptions import best_match  # type: ignore[import-untyped] # noqa: PLC0415

    schema, fix = _EXPECTED[option]
    if error := best_match(Draft7Validator(schema).iter_errors(content)):
        path = repr(error.json_path)[1:-1]  # a name may hold anything
        place = f"{path[:MAX_SHOWN]}: {error.message[:MAX_SHOWN]}"
        raise click.BadParameter(f"{file.name} cannot be used: {place}. {fix}", param_hint=option)
    return io.StringIO(text)
