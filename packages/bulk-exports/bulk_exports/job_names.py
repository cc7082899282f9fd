"""What vendors call their jobs. STATE remembers it, so that a later run can ask for the very same job."""

from __future__ import annotations

import hashlib
import re
from typing import Final, TypeAlias

JobName: TypeAlias = int | str
"""A whole number, or a text; nothing secret, because STATE is no safe."""
MAX_CHARACTERS: Final = 1_000
MAX_DIGITS: Final = 40
MAX_SHOWN: Final = 60
"""Characters of a name that are part of a file's name."""


def job_name(found: object) -> JobName:
    """Return the name of a job just as it is: ``"007"`` stays a text.

    Raises:
        ValueError: STATE cannot hold it, or nobody could have made it.
    """
    if isinstance(found, str) and 0 < len(found) <= MAX_CHARACTERS and found.isprintable():
        return found
    if isinstance(found, int) and not isinstance(found, bool) and abs(found) < 10**MAX_DIGITS:
        return found
    raise ValueError(
        f"must be a whole number of up to {MAX_DIGITS} digits, or a text of up to {MAX_CHARACTERS} printable characters"
    )


def in_file_name(job: JobName) -> str:
    """Return the name of a job as a part of a file's name: of ASCII letters and digits, and short. No two are alike."""
    text = str(job)
    plain = re.sub(r"[^A-Za-z0-9]+", "-", text)
    if plain == text and len(text) <= MAX_SHOWN:
        return text
    return f"{plain[:MAX_SHOWN]}-{hashlib.blake2b(text.encode(errors='surrogatepass'), digest_size=8).hexdigest()}"
