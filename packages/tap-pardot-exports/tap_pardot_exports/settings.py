"""The configuration as one validated, frozen object: every rule checked before the first call.

`Settings.from_config` reads each setting by itself, then looks at what they say together. It reports all problems at
once, as ``setting: rule; what was found. What to do.``, and never shows a secret.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

from bulk_exports import common_settings, reading
from bulk_exports.export_settings import ExportSettings
from bulk_exports.reading import RuleError, suggestion
from tap_pardot_exports import vocabulary as pardot
from tap_pardot_exports.config_schema import CONFIG_JSONSCHEMA

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from bulk_exports.reading import Reader, Schema

_OURS: Final[Mapping[str, Schema]] = dict(CONFIG_JSONSCHEMA["properties"])
_UNIT: Final = re.compile(r"0Uv[0-9A-Za-z]{15}")
_FIELD_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.]{0,99}")
_NEEDED: Final = {
    "refresh_token": ("refresh_token",),
    "client_credentials": ("client_secret",),
    "jwt": ("username", "private_key"),
}


@dataclass(frozen=True, kw_only=True)
class Settings(ExportSettings):
    """What the user asked for, complete with defaults and free of contradictions.

    Attributes:
        business_unit_id: The business unit.
        client_id: The connected app.
        client_secret: Its secret.
        refresh_token: What it got for the user.
        auth_flow: How tokens are asked for.
        username: The user, for a signed assertion.
        private_key: With what it is signed.
        login_url: Where tokens are given; without a trailing slash.
        api_url: Where the API is; without a trailing slash.
        file_hosts: Domains that may see the token.
        api_version: 3, 4 or 5; None to find out.
        window_days: How many days an export covers at most; None for each object's own.
        poll_seconds: After how many seconds an export is first asked for.
        deleted_rows: Whether deleted records are asked for, and marked.
        activities_by: By which time activities are asked for.
        custom_fields: More fields, by stream.
        user_agent: How to introduce ourselves.
    """

    business_unit_id: str
    client_id: str
    client_secret: str | None = field(default=None, repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    auth_flow: str
    username: str | None = None
    private_key: str | None = field(default=None, repr=False)
    login_url: str
    api_url: str
    file_hosts: tuple[str, ...]
    api_version: int | None
    window_days: int | None = None
    poll_seconds: int
    deleted_rows: bool
    activities_by: str
    custom_fields: Mapping[str, tuple[str, ...]]
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
            days_per_export=min(thing.window_days for thing in pardot.OBJECTS),
            exports_per_window=1 if config.get("deleted_rows") is False or config.get("api_version") == "5" else 2,
            where_the_zone_is_shown="what the user's profile in Account Engagement shows",
            otherwise={"custom_fields": {}, "user_agent": f"tap-pardot-exports/{version('tap-pardot-exports')}"},
            also=_conflicts,
        )
        spoken, settle = values.pop("api_version"), values.pop("safety_minutes")
        return cls(**values, api_version=None if spoken == "auto" else int(spoken), settle=settle)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What may not be shown."""
        return tuple(filter(None, (self.client_secret, self.refresh_token, self.private_key)))


# -- Reading one setting -----------------------------------------------------------------------------------------------


def _unit(value: object, schema: Schema) -> str:
    if value is None:
        fix = "It is in Salesforce Setup, Business Unit Setup."
        raise RuleError("is required", found="none", fix=fix)
    text = reading.read_text(value, schema)
    if not _UNIT.fullmatch(text):
        fix = "Copy it from Salesforce Setup, Business Unit Setup: it is no account number and no domain."
        raise RuleError("must be 18 characters that begin with 0Uv", found=repr(text), fix=fix)
    return text


def _version(value: object, schema: Schema) -> str:
    if isinstance(value, int):
        raise RuleError("must be text", found=f"the number {value}", fix=f'Put it in quotes: "{value}".')
    return str(reading.read_choice(value, schema))


def _custom_fields(value: object, _schema: Schema) -> Mapping[str, tuple[str, ...]]:
    fix = 'Write it like {"prospects": ["Region"]}.'
    if not isinstance(value, dict):
        raise RuleError("must be an object", found=repr(value), fix=fix)
    for stream, names in value.items():
        if stream not in pardot.BY_STREAM:
            meant = suggestion(stream, pardot.BY_STREAM)
            raise RuleError("must name streams", found=f"{stream!r}{meant}", fix=fix)
        if not isinstance(names, (list, tuple)) or not all(
            isinstance(name, str) and _FIELD_NAME.fullmatch(name) for name in names
        ):
            raise RuleError("must hold lists of field names", found=repr(names), fix=fix)
    return {stream: tuple(dict.fromkeys(names)) for stream, names in value.items()}


_TO_COPY: Final = "Copy it alone, without quotes, from the connected app."
_secret: Final = reading.secret(to_get=_TO_COPY, to_copy=_TO_COPY)
_READERS: Final[Mapping[str, Reader]] = {
    "business_unit_id": _unit,
    "client_id": _secret,
    "client_secret": _secret,
    "refresh_token": _secret,
    "private_key": reading.secret(to_get=_TO_COPY, to_copy=_TO_COPY, one_word=False),
    "login_url": reading.read_api_url,
    "file_hosts": reading.read_hosts,
    "api_version": _version,
    "safety_minutes": reading.read_minutes,
    "custom_fields": _custom_fields,
}


# -- What settings say together ----------------------------------------------------------------------------------------


def _conflicts(_given: Mapping[str, object], values: Mapping[str, Any]) -> Iterator[str]:
    flow = values["auth_flow"]
    for name in _NEEDED.get(flow, ()):
        if values[name] is None:
            wrong = RuleError(
                f"is required with `auth_flow` {flow}", found="none", fix="Set it, or choose another flow."
            )
            yield f"{name}: {wrong}"
