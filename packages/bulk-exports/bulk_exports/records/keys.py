"""Keys of events: the vendor gives them none.

``correlation_id`` names what happened but is repeated when it is sent again, so a key is made of what does not change
between two exports of the same event: never of names, addresses or subjects, which are as on the day of the export.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import msgspec
import xxhash

from bulk_exports.engine.errors import InvalidRowsError

if TYPE_CHECKING:
    from collections.abc import Sequence

_ENCODER: Final = msgspec.json.Encoder(order="sorted", decimal_format="number")


def key_of(parts: Sequence[Any]) -> str:
    """Return a key of 128 bits in text. Two events have the same one only if all parts are the same.

    (Or by chance: of a thousand million events two share one in a run of bad luck of 1 to 10^21.)

    Raises:
        InvalidRowsError: There is half a character in them, which no file can hold.
    """
    try:
        encoded = _ENCODER.encode(parts)
    except OverflowError:  # of an integer of more than 64 bits
        encoded = json.dumps(parts, default=str, sort_keys=True).encode()
    except UnicodeEncodeError:
        raise InvalidRowsError("an event holds half a character (a lone surrogate)") from None
    return xxhash.xxh3_128_hexdigest(encoded)
