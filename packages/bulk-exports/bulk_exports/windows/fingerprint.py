"""What the vendor was asked for, as STATE remembers it: rows of different requests do not belong in one table."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar, Final

from bulk_exports.errors import TapError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


MAX_SHOWN: Final = 1000
ALWAYS_ADDED: Final = ("timezone", "ledger")
ADDED: Final = (*ALWAYS_ADDED, "variants")
"""What a run says of its request beside what the query says."""


class ChangedRequestError(TapError):
    """What the vendor is asked for has changed its meaning since the days in STATE were delivered."""

    page: ClassVar[str] = "docs/state.md#when-the-request-changes"

    def __init__(self, vendor: str, changes: Collection[str]) -> None:
        super().__init__(
            f"The request to {vendor} has changed since the days in STATE were delivered: {'; '.join(changes)}. "
            "Rows of both kinds do not belong in one table. Either keep them apart, with another state id and another "
            "table or schema (`meltano run --state-id-suffix ...`), or load every day again in the new way: with "
            "`resync: true`, or once with `meltano run --full-refresh ...`"
        )


def as_remembered(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return a request as STATE gives it back, whoever has read it: tuples are lists, decimals are numbers.

    Raises:
        TypeError: It holds what JSON cannot hold.
        ValueError: It holds itself.
    """
    remembered: dict[str, Any] = json.loads(json.dumps(dict(request), default=_number), parse_constant=str)
    return remembered


def _number(value: object) -> float:
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(f"it holds a {type(value).__name__}, which JSON has not")


def breaking_changes(before: Mapping[str, Any], now: Mapping[str, Any], names: Collection[str]) -> list[str]:
    """Return in words what changed between two requests so that their rows do not mix. Empty when they do.

    Args:
        before: The request that STATE remembers.
        now: The request of this run.
        names: What decides what a row means, or which rows there are.
    """
    return [
        f"`{name}` was {_shown(before.get(name))} and is {_shown(now[name])}"
        for name in names
        if name in before and before[name] != now[name]
    ]


def harmless_changes(before: Mapping[str, Any], now: Mapping[str, Any], *, ledger: str | None) -> list[str]:
    """Return in words what changed between two requests whose rows mix well.

    Args:
        before: The request that STATE remembers.
        now: The request of this run.
        ledger: Name of the stream that is the ledger; None if there is none.
    """
    told = []
    old, new = set(before.get("fields") or now["fields"]), set(now["fields"])
    if added := sorted(new - old):
        told.append(f"new columns ({', '.join(added)}): new and looked-back days have them, older days do not")
    if removed := sorted(old - new):
        told.append(f"columns that are no longer requested ({_cut(', '.join(removed))}): older days keep them")
    old, new = set(before.get("variants") or ()), set(now.get("variants") or ())
    if old and (added := sorted(new - old)):
        told.append(f"`{', '.join(added)}` is asked for, too: days without it are asked for again, for it alone")
    if new and (removed := sorted(old - new)):
        told.append(f"`{', '.join(removed)}` is no longer asked for: older days keep it")
    if before.get("timezone", now["timezone"]) != now["timezone"]:
        told.append(f"`timezone` was {_shown(before['timezone'])} and is {_shown(now['timezone'])}")
    if now["ledger"] and not before.get("ledger", True):
        told.append(
            f"`{ledger}` is selected again: it has no up-to-date rows for days delivered without it; "
            "run once with `--full-refresh`"
        )
    return told


def _shown(value: object) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)
    return _cut(text) or "not set"


def _cut(text: str) -> str:
    """Return what may come from a STATE that somebody wrote by hand, in no more words than a message has room for."""
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."
