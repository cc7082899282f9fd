"""What was asked of Cometly, remembered in STATE: rows that were asked for differently do not belong in one table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from tap_cometly.settings import Settings

BREAKING_SETTINGS: Final = ("query_mode", "event_names", "sources", "attribution_model", "attribution_window")
"""Settings that decide what a row means, or which events there are."""


class ChangedRequestError(Exception):
    """What is asked of Cometly has changed its meaning since the days in STATE were delivered."""

    def __init__(self, changes: Collection[str]) -> None:
        super().__init__(
            f"What is asked of Cometly has changed since the days in STATE were delivered: {'; '.join(changes)}. "
            "Rows of both kinds do not belong in one table. Either keep them apart, with another state id and another "
            "table or schema (`meltano run --state-id-suffix ...`), or load every day again in the new way: with "
            "`resync: true`, or once with `meltano run --full-refresh ...`"
        )


def request_fingerprint(settings: Settings, columns: Collection[str], *, ledger: bool = True) -> dict[str, Any]:
    """Return what is asked of Cometly, in the form that STATE remembers.

    Args:
        settings: What the user asked for.
        columns: The selected columns that come from Cometly.
        ledger: Whether the stream `event_days` is selected.
    """
    return {
        "query_mode": settings.query_mode,
        "event_names": sorted(settings.event_names),
        "sources": sorted(settings.sources),
        "attribution_model": settings.attribution_model,
        "attribution_window": settings.attribution_window,
        "fields": sorted(columns),
        "timezone": settings.timezone.key if settings.timezone else None,
        "event_days": ledger,
    }


def breaking_changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return in words what changed between two requests so that their rows do not mix. Empty when they do."""
    return [
        f"`{name}` was {_shown(before.get(name))} and is {_shown(now[name])}"
        for name in BREAKING_SETTINGS
        if name in before and before[name] != now[name]
    ]


def harmless_changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return in words what changed between two requests whose rows mix well."""
    told = []
    old, new = set(before.get("fields") or now["fields"]), set(now["fields"])
    if added := sorted(new - old):
        told.append(f"new columns ({', '.join(added)}): days to come and looked-back days have them, older ones do not")
    if removed := sorted(old - new):
        told.append(f"columns no longer asked for ({', '.join(removed)}): older days keep them")
    if before.get("timezone", now["timezone"]) != now["timezone"]:
        told.append(f"`timezone` was {_shown(before['timezone'])} and is {_shown(now['timezone'])}")
    if now["event_days"] and not before.get("event_days", True):
        told.append("`event_days` is selected again: of older days it knows nothing, or no longer the truth")
    return told


def _shown(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "not set"
    return "not set" if value is None else str(value)
