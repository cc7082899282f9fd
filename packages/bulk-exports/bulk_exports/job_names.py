"""What vendors call their jobs. STATE remembers it, so that a later run can ask for the very same job."""

from __future__ import annotations

from typing import Final, TypeAlias

JobName: TypeAlias = int | str
"""A whole number, or a text; nothing secret, because STATE is no safe."""
MAX_CHARACTERS: Final = 1_000
MAX_DIGITS: Final = 40


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
