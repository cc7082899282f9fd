"""The configuration as one validated, frozen object: every rule that can be checked before the first call.

`Settings.from_config` reads each setting by itself, then looks at what they say together. It reports all problems at
once, as ``setting: rule; what was found. What to do.``, and never shows the secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from bulk_exports import common_settings, reading
from bulk_exports.export_settings import ExportSettings
from bulk_exports.reading import RuleError, listed, suggestion
from tap_apsis_one.config_schema import CONFIG_JSONSCHEMA

if TYPE_CHECKING:
    from datetime import datetime

    from bulk_exports.reading import Reader, Schema

UTC: Final = ZoneInfo("UTC")
"""In which the vendor counts days."""
SETTLE: Final = timedelta(hours=1)
"""A day is closed for so long before it is exported: the vendor takes some minutes for what it has received."""
PLACEHOLDER: Final = "none"
"""Stands for credentials where only the schema is wanted: nobody is asked."""
WINDOW_KEYS: Final = ("start_at", "end_at")
STREAMS_WITH_BODIES: Final = ("profiles", "profile_events", "email_events")


@dataclass(frozen=True, kw_only=True)
class Settings(ExportSettings):
    """What the user asked for, complete with defaults and free of contradictions.

    Attributes:
        client_id: ID of the API key.
        client_secret: Its secret.
        api_url: Without a trailing slash.
        sections: Names; None for all.
        segment: A name; None for all profiles.
        attributes: Names; None for all.
        tags: Names.
        event_types: Names; None for all.
        email_attributes: Names.
        email_tags: Names.
        window_days: Days that an export covers at most.
        request_shape: How requests name what they ask for.
        request_body: Whole bodies by stream.
        user_agent: How to introduce ourselves.
    """

    client_id: str
    client_secret: str = field(repr=False)
    api_url: str
    sections: tuple[str, ...] | None
    segment: str | None
    attributes: tuple[str, ...] | None
    tags: tuple[str, ...]
    event_types: tuple[str, ...] | None
    email_attributes: tuple[str, ...]
    email_tags: tuple[str, ...]
    window_days: int
    request_shape: str
    request_body: Mapping[str, Mapping[str, Any]]
    user_agent: str

    @classmethod
    def from_config(cls, config: Mapping[str, Any], *, now: datetime) -> Settings:
        """Read and check a configuration, whether or not the SDK has validated it.

        Args:
            config: Settings by name. None is the same as leaving a setting out.
            now: The present moment, to know which dates lie in the future.

        Raises:
            SettingsError: With every problem at once.
        """
        return cls(
            **common_settings.read(
                config,
                now,
                schema=CONFIG_JSONSCHEMA,
                readers=_READERS,
                otherwise={
                    "tags": (),
                    "email_attributes": (),
                    "email_tags": (),
                    "request_body": {},
                    "user_agent": f"tap-apsis-one/{version('tap-apsis-one')}",
                    "timezone": UTC,
                    "settle": SETTLE,
                },
            )
        )

    @property
    def asks_nobody(self) -> bool:
        """Whether there are no credentials, because only the schema is wanted."""
        return self.client_id == self.client_secret == PLACEHOLDER


def _bodies(value: object, schema: Schema) -> Mapping[str, Mapping[str, Any]]:
    """Take bodies of requests by stream."""
    example = f"Write it like {schema['examples'][0]}."
    if not isinstance(value, Mapping) or not all(isinstance(body, Mapping) for body in value.values()):
        raise RuleError("must be an object with a body for each stream", found=repr(value)[:80], fix=example)
    if unknown := [name for name in value if name not in STREAMS_WITH_BODIES]:
        found = f"{unknown[0]!r}{suggestion(unknown[0], STREAMS_WITH_BODIES)}"
        raise RuleError(f"must name streams with exports: {listed(STREAMS_WITH_BODIES)}", found=found, fix=example)
    return value


_credential: Final = reading.secret(
    to_get="Make a key in APSIS One under Account settings, API keys.",
    to_copy="Copy it alone, without quotes, from APSIS One under Account settings, API keys.",
)
_READERS: Final[Mapping[str, Reader]] = {
    "client_id": _credential,
    "client_secret": _credential,
    "request_body": _bodies,
}
