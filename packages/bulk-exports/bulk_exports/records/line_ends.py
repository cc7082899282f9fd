"""One record, one line, whoever reads it.

JSON takes a bare carriage return for white space, and lets U+2028, U+2029 and U+0085 stand in text as they are. Readers
differ: Python's text mode ends a line at the first of them, Node's readline and Python's ``str.splitlines`` at all of
them, and hand half a record on. Whatever leaves the tap holds none of them: the first says nothing, and the others have
escapes that mean the same.
"""

from __future__ import annotations

import re
from typing import Final

_CARRIAGE_RETURN: Final = b"\r"
_MEANT_AS_TEXT: Final = (
    # The first byte alone is found at the speed of memory where it is rare, and a pattern of one byte at half of it.
    (b"\xe2", re.compile(rb"\xe2(?=\x80[\xa8\xa9])"), {"\u2028": b"\\u2028", "\u2029": b"\\u2029"}),
    (b"\xc2", re.compile(rb"\xc2(?=\x85)"), {"\x85": b"\\u0085"}),
)


def unbroken(lines: bytes) -> bytes:
    r"""Return lines of valid JSON so that nobody takes anything but ``\n`` for an end of line."""
    if _CARRIAGE_RETURN in lines:
        # Within text it would have to be escaped, so that these are white space, but for the one of a Windows line end.
        lines = lines.replace(b"\r\n", b"\n").replace(_CARRIAGE_RETURN, b" ")
    for first_byte, pattern, escapes in _MEANT_AS_TEXT:
        if first_byte in lines and pattern.search(lines):
            for character, escape in escapes.items():
                lines = lines.replace(character.encode(), escape)
    return lines
