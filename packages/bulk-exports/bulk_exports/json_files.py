"""JSON that somebody hands over as a file, read within bounds: of its length, and of how deep it is nested."""

from __future__ import annotations

import json
from typing import IO, Any, Final

MAX_CHARACTERS: Final = 64 * 1024 * 1024
"""A file may be so long. A STATE of ten years takes some kilobytes, and a device has no end."""
MAX_LEVELS: Final = 100
"""Files may be nested so deep. What is done with them takes a few calls for each level."""


def text_of(file: IO[str]) -> str:
    """Return the text of a file, without a byte order mark.

    Raises:
        ValueError: It is too long, or not UTF-8 (a `UnicodeDecodeError`).
    """
    text = file.read(MAX_CHARACTERS + 1)
    if len(text) > MAX_CHARACTERS:
        raise ValueError(f"it is longer than {MAX_CHARACTERS // (1024 * 1024)} million characters")
    return text.removeprefix("\ufeff")


def parsed(text: str) -> Any:
    """Return the value that a text holds.

    Raises:
        ValueError: It holds no JSON (a `json.JSONDecodeError`), an absurd number, or is nested too deep.
    """
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        raise
    except RecursionError:
        raise ValueError(too_deep()) from None
    except ValueError:  # in words about Python
        raise ValueError("it holds a number of more digits than any has") from None
    if levels(value) > MAX_LEVELS:
        raise ValueError(too_deep())
    return value


def levels(value: object) -> int:
    """Return how deep a JSON value is nested, but no more than one level beyond `MAX_LEVELS`."""
    depth, level = 0, [value]
    while level := [each for each in level if isinstance(each, (dict, list))]:
        depth += 1
        if depth > MAX_LEVELS:
            break
        level = [inner for outer in level for inner in (outer.values() if isinstance(outer, dict) else outer)]
    return depth


def too_deep() -> str:
    """Say so."""
    return f"it is nested deeper than {MAX_LEVELS} levels"
