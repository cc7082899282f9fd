"""The configuration as one validated, frozen object: every rule of the API, checked before the first call.

`Settings.from_config` reads each setting by itself, then looks at what they say together. It reports all problems at
once, as ``setting: rule; what was found. What to do.``, and never shows the key. Types, ranges, choices and defaults
come from `tap_cometly.config_schema`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

from bulk_exports import common_settings, reading
from bulk_exports.export_settings import ExportSettings
from bulk_exports.reading import RuleError, listed, suggestion
from tap_cometly import vocabulary as cometly
from tap_cometly.config_schema import CONFIG_JSONSCHEMA

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from bulk_exports.reading import Reader, Schema

_OURS: Final[Mapping[str, Schema]] = dict(CONFIG_JSONSCHEMA["properties"])
_AUTOMATIC_COLUMNS: Final = {
    "id": "in every row",
    "event_time_utc": "in every row",
    "event_date": "in every row",
    "day_digest": "in every row",
    "touchpoint_id": "with `sources`",
    "source": "with `sources` and an ad hierarchy field",
}


@dataclass(frozen=True, kw_only=True)
class Settings(ExportSettings):
    """What the user asked for, complete with defaults and free of contradictions.

    Attributes:
        api_key: Key of the Space.
        requested_fields: What to send as ``fields``; may be empty, then nothing is sent.
        query_mode: Whether events come by contact or by company.
        event_names: Empty for all events.
        sources: Empty for no attribution.
        attribution_model: Set exactly when ``sources`` is.
        attribution_window: In days, 0 for lifetime; set exactly when ``sources`` is.
        api_url: Without a trailing slash.
        user_agent: How to introduce ourselves.
    """

    api_key: str = field(repr=False)
    requested_fields: tuple[str, ...]
    query_mode: str
    event_names: tuple[str, ...]
    sources: tuple[str, ...]
    attribution_model: str | None
    attribution_window: int | None
    api_url: str
    user_agent: str

    @classmethod
    def from_config(cls, config: Mapping[str, Any], *, now: datetime) -> Settings:
        """Read and check a configuration, whether or not the SDK has validated it.

        Args:
            config: Settings by name, as the SDK hands them over. None is the same as leaving a setting out.
            now: The present moment, to know which dates lie in the future.

        Raises:
            SettingsError: With every problem at once.
        """
        values = common_settings.read(
            config,
            now,
            schema=CONFIG_JSONSCHEMA,
            readers=_READERS,
            where_the_zone_is_shown="what the Cometly app shows for the Space",
            otherwise={"event_names": (), "sources": (), "user_agent": f"tap-cometly/{version('tap-cometly')}"},
            also=_conflicts,
        )
        values["warnings"] += tuple(_warnings(values))
        requested = _requested(values.pop("fields"), attributed=bool(values["sources"]))
        return cls(**values, requested_fields=requested)

    @property
    def attributed(self) -> bool:
        """Whether rows are touchpoints credited with events (the key is `id` and `touchpoint_id`), not events."""
        return bool(self.sources)


# -- Reading one setting -----------------------------------------------------------------------------------------------


_READERS: Final[Mapping[str, Reader]] = {
    "api_key": reading.secret(
        to_get="Generate a key in Cometly under Integrations, Cometly API.",
        to_copy="Copy it alone, without quotes or `Bearer`, from Cometly under Integrations, Cometly API.",
    ),
}


# -- What settings say together ----------------------------------------------------------------------------------------
# `given` holds what the user wrote, `values` what could be read of it. A setting that is wrong by itself is missing in
# `values`, so that it causes no second complaint.


def _conflicts(given: Mapping[str, object], values: Mapping[str, Any]) -> Iterator[str]:
    attributed = "sources" in given
    for name in ("attribution_model", "attribution_window"):
        if attributed and name not in given:
            fix = f"Choose one of {listed(_OURS[name]['enum'])}."
            yield f"{name}: {RuleError('is required with `sources`', found='none', fix=fix)}"
        if not attributed and name in given:
            fix = f"Set `sources`, or remove `{name}`."
            yield f"{name}: {RuleError('is allowed only with `sources`', found='no `sources`', fix=fix)}"
    hierarchy = [name for name in values["fields"] or () if name in cometly.HIERARCHY_NAMES]
    if hierarchy and not attributed:
        found = f"{listed(hierarchy)} without"
        fix = "Set `sources`, `attribution_model` and `attribution_window`, or remove these fields."
        yield f"fields: {RuleError('ad hierarchy fields need `sources`', found=found, fix=fix)}"


def _warnings(values: Mapping[str, Any]) -> Iterator[str]:
    for setting, known in (
        ("fields", (*cometly.REQUESTABLE_NAMES, *_AUTOMATIC_COLUMNS)),
        ("event_names", cometly.EVENT_NAMES),
        ("sources", cometly.SOURCES),
    ):
        for name in values[setting] or ():
            if name not in known:
                meant = suggestion(name, known)
                yield f"{setting}: unknown name {name!r}{meant}; Cometly may know it, so it is sent as it is"
    for name in values["fields"] or ():
        if name in _AUTOMATIC_COLUMNS:
            yield f"fields: {name!r} comes by itself {_AUTOMATIC_COLUMNS[name]}; it is not asked for, remove it"


def _requested(fields: tuple[str, ...] | None, *, attributed: bool) -> tuple[str, ...]:
    """Return what to ask Cometly for: what the user listed, or everything that can be had."""
    if fields is not None:
        return tuple(name for name in fields if name not in _AUTOMATIC_COLUMNS)
    return tuple(name for name in cometly.REQUESTABLE_NAMES if attributed or name not in cometly.HIERARCHY_NAMES)
