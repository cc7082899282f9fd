"""The codes of the vendor's errors, and what each of them means for a run: they decide, not the HTTP status.

The vendor answers some failures with HTTP 200, and others with one status for several reasons. Version 5 has the code
in ``code``; versions 3 and 4 have it in ``@attributes.err_code`` of JSON, or in XML to whoever did not ask for JSON.
"""

from __future__ import annotations

import enum
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bulk_exports.engine.answer import Answer

_XML: Final = re.compile(rb'<err\s+code="(\d{1,6})"\s*>(.{0,2000}?)</err>', re.DOTALL)


class Act(enum.Enum):
    """What to do about a code. All that is no other act stops the run: somebody must change something."""

    REFRESH = "get another token, once"
    WAIT = "wait, and try the same again"
    QUOTA = "stop: nothing is left today"
    RETRY = "try the same again after a while"
    TIMED_OUT = "ask for less, or try again"
    GONE = "the export is not there: not yet, or not any more"
    STOP = "stop"


TOKEN: Final = 184
WRONG_VERSION: Final = frozenset({88, 89})
"""Version 4 is wanted instead of 3; 3 instead of 4."""
WRONG_VALUE: Final = 177
WRONG_ARGUMENT: Final = 175
"""In version 5 it may be the spelling."""
FIELDS_MISSING: Final = frozenset({13, 153, 224})
"""Version 5 may want to be told which fields of an export are to be read."""
ABILITIES: Final = frozenset({46, 49, 203})
REQUEST_FAULTS: Final = frozenset({7, 8, 71, 153, 154, 166, 174, 175, 176, 177, 180})
"""What was asked for is at fault, so that it should be shown."""


_REQUEST: Final = "Please report it with the next lines of the log; `api_version` may help meanwhile"
_SETUP: Final = (
    "Check `business_unit_id` (18 characters, begins with 0Uv) and `api_url`: production is https://pi.pardot.com, "
    "sandboxes and developer orgs are https://pi.demo.pardot.com"
)
_ABILITY: Final = (
    "The API user lacks an ability (Salesforce: Account Engagement user role). Give it, or deselect the stream"
)
_FIELDS: Final = (
    "The account does not export a field that was asked for. Deselect it, or remove it from `custom_fields`"
)
_NO_ACCESS: Final = (
    "A fresh token is not accepted either. The connected app needs the scope `pardot_api`, and its user must be linked "
    "to the business unit"
)

CODES: Final[Mapping[int, tuple[Act, str]]] = {
    2: (Act.STOP, "The address is not known to the vendor. Check `api_url` and `api_version`"),
    7: (Act.STOP, _REQUEST),
    8: (Act.STOP, _REQUEST),
    13: (Act.STOP, _REQUEST),
    16: (Act.GONE, ""),
    46: (Act.STOP, _ABILITY),
    49: (Act.STOP, _ABILITY),
    66: (Act.WAIT, "Too many requests of the account at the same time"),
    71: (Act.STOP, _REQUEST),
    88: (Act.STOP, "The account wants version 4 of the API. Set `api_version` to 4 or auto"),
    89: (Act.STOP, "The account cannot use version 4 of the API. Set `api_version` to 3 or auto"),
    122: (Act.QUOTA, "The account's API calls of the day are used up"),
    153: (Act.STOP, _REQUEST),
    154: (Act.STOP, _REQUEST),
    166: (Act.STOP, _REQUEST),
    174: (Act.STOP, "The account cannot select records this way. For activities, set `activities_by` to created_at"),
    175: (Act.STOP, _REQUEST),
    176: (Act.STOP, _REQUEST),
    177: (Act.STOP, _REQUEST),
    178: (Act.GONE, ""),
    180: (Act.STOP, _FIELDS),
    181: (Act.STOP, _SETUP),
    182: (Act.STOP, _SETUP),
    183: (Act.RETRY, ""),
    TOKEN: (Act.REFRESH, _NO_ACCESS),
    192: (Act.GONE, ""),
    198: (Act.STOP, "The address is not known to the vendor. Check `api_url` and `api_version`"),
    199: (Act.STOP, _SETUP),
    201: (Act.STOP, _SETUP),
    202: (Act.WAIT, "Too many requests in this minute"),
    203: (Act.STOP, _ABILITY),
    214: (Act.TIMED_OUT, ""),
    224: (Act.STOP, _REQUEST),
    231: (Act.STOP, _REQUEST),
    232: (Act.STOP, _REQUEST),
}
"""What is done, and what the user is told where that is to be done by the user."""


def code_of(answer: Answer) -> tuple[int, str] | None:
    """Return code and words of an error, in whichever form they come; None where an answer holds none."""
    said = answer.parsed()
    if isinstance(said, dict):
        if "err" in said:
            attributes = said.get("@attributes")
            code = attributes.get("err_code") if isinstance(attributes, dict) else None
            return _number(code), str(said["err"])
        if "code" in said and "message" in said:
            return _number(said["code"]), str(said["message"])
    elif said is None and (found := _XML.search(answer.content[:4096])):
        return int(found[1]), found[2].decode(errors="replace")
    return None


def _number(code: object) -> int:
    """Return a code, in digits or in text; 0 where it is none."""
    text = str(code)
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 6 and not isinstance(code, bool) else 0
