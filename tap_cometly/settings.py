"""The configuration as one validated, frozen object: every rule of the API, checked before the first call.

`Settings.from_config` reads each setting by itself, then looks at what they say together. It reports all problems at
once, as ``setting: rule; what was found. What to do.``, and never shows the key. Types, ranges, choices and defaults
come from `tap_cometly.config_schema`.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from urllib.parse import urlsplit

from tap_cometly import vocabulary as cometly
from tap_cometly.config_schema import BUILT_IN_SETTINGS, CONFIG_JSONSCHEMA
from tap_cometly.export_settings import ExportSettings
from tap_cometly.windows import dates

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime
    from zoneinfo import ZoneInfo

Schema: TypeAlias = Mapping[str, Any]

EARLIEST_DAY: Final = date(2000, 1, 1)
"""No Space has older events. A year mistyped as 0206 would else cost one export for each of 660,000 empty days."""

_OURS: Final[Mapping[str, Schema]] = dict(CONFIG_JSONSCHEMA["properties"])
_AUTOMATIC_COLUMNS: Final = {
    "id": "in every row",
    "event_time_utc": "in every row",
    "event_date": "in every row",
    "day_digest": "in every row",
    "touchpoint_id": "with `sources`",
    "source": "with `sources` and an ad hierarchy field",
}


class _RuleError(ValueError):
    """Why a value cannot be used; the name of its setting is put before it."""

    def __init__(self, rule: str, *, found: str, fix: str) -> None:
        super().__init__(f"{rule}; found {found}. {fix}")


class SettingsError(Exception):
    """The configuration cannot be used.

    Attributes:
        problems: Everything that is wrong with it, one text each. None of them shows the key.
    """

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(["The configuration cannot be used:", *(f"- {text}" for text in self.problems)]))


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
        given = {name: value for name, value in config.items() if value is not None}
        values: dict[str, Any] = dict.fromkeys(_OURS) | {
            "event_names": (),
            "sources": (),
            "user_agent": f"tap-cometly/{version('tap-cometly')}",
        }
        problems: list[str] = []
        for name, read in _READERS.items():
            value = given.get(name, _OURS[name].get("default"))
            if value is not None or name in CONFIG_JSONSCHEMA["required"]:
                try:
                    values[name] = read(value, _OURS[name])
                except ValueError as error:
                    problems.append(f"{name}: {error}")
        problems += _conflicts(given, values, now)
        if problems:
            raise SettingsError(problems)
        warnings = tuple(_warnings(given, values, now))
        requested = _requested(values.pop("fields"), attributed=bool(values["sources"]))
        return cls(**values, requested_fields=requested, warnings=warnings)

    @property
    def attributed(self) -> bool:
        """Whether rows are touchpoints credited with events (the key is `id` and `touchpoint_id`), not events."""
        return bool(self.sources)


# -- Reading one setting -----------------------------------------------------------------------------------------------
# A reader takes a value and its schema, and returns it in its own type or raises ValueError: rule, what was found, fix.


def _text(value: object, _schema: Schema) -> str:
    if not isinstance(value, str):
        raise _RuleError("must be text", found=repr(value), fix="Put it in quotes.")
    if not value.strip():
        raise _RuleError("must not be blank", found=repr(value), fix="Leave the setting out to get its default.")
    return value


def _header(value: object, schema: Schema) -> str:
    text = _text(value, schema)
    if not (text.isascii() and text.isprintable()):
        raise _RuleError("must be one line of ASCII", found=repr(text), fix="Use English letters and punctuation only.")
    return text


def _api_key(value: object, _schema: Schema) -> str:
    """Check the key without putting any of it into a message."""
    fix = "Copy it alone, without quotes or `Bearer`, from Cometly under Integrations, Cometly API."
    if value is None:
        raise _RuleError("is required", found="none", fix="Generate a key in Cometly under Integrations, Cometly API.")
    if not isinstance(value, str):
        raise _RuleError("must be text", found=f"a value of type {type(value).__name__}", fix=fix)
    if not value.strip():
        raise _RuleError("must not be blank", found="nothing in it", fix=fix)
    if any(character.isspace() for character in value):
        raise _RuleError("must hold no white space", found="a space, tab or line break in it", fix=fix)
    if not (value.isascii() and value.isprintable()):
        raise _RuleError("must be plain ASCII", found="a character in it that no key has", fix=fix)
    return value


def _day(value: object, _schema: Schema) -> date:
    try:
        day = dates.parse_day(value)
    except ValueError as error:
        raise ValueError(f"{error} Write it as YYYY-MM-DD.") from None
    if day < EARLIEST_DAY:
        fix = "Name the first day that has events: every day costs one export."
        raise _RuleError(f"must not lie before {EARLIEST_DAY}", found=f"{day}", fix=fix)
    return day


def _zone(value: object, schema: Schema) -> ZoneInfo:
    name = _text(value, schema)
    try:
        return dates.zone(name)
    except ValueError as error:
        raise ValueError(f"{error} Leave the setting out if you do not know it.") from None


def _choice(value: object, schema: Schema) -> Any:
    allowed = schema["enum"]
    if any(value == choice and type(value) is type(choice) for choice in allowed):
        return value
    meant = cometly.nearest(value, map(str, allowed)) if isinstance(value, str) else None
    hint = f"Did you mean {meant}?" if meant else "Choose one of them."
    raise _RuleError(f"must be one of {_listed(allowed)}", found=repr(value), fix=hint)


def _boolean(value: object, _schema: Schema) -> bool:
    if isinstance(value, bool):
        return value
    raise _RuleError("must be true or false", found=repr(value), fix="Write it without quotes.")


def _whole_number(value: object, schema: Schema) -> int:
    least, most = schema["minimum"], schema["maximum"]
    if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
        return value
    fix = f"Write it in digits, without quotes; the default is {schema['default']}."
    raise _RuleError(f"must be a whole number from {least} to {most}", found=repr(value), fix=fix)


def _minutes(value: object, schema: Schema) -> timedelta:
    return timedelta(minutes=_whole_number(value, schema))


def _names(value: object, schema: Schema) -> tuple[str, ...]:
    least, most = schema["minItems"], schema["maxItems"]
    example = f"Write it like {json.dumps(schema['examples'][0])}."
    if not isinstance(value, (list, tuple)):
        raise _RuleError("must be a list of names", found=repr(value), fix=example)
    if odd := [item for item in value if not isinstance(item, str) or not item.strip()]:
        raise _RuleError("must hold names only", found=repr(odd[0]), fix=example)
    names = tuple(item.strip() for item in value)
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated or not least <= len(names) <= most:
        again = f", {_listed(repeated)} more than once" if repeated else ""
        default = schema["description"].rpartition("Default: ")[2]
        fix = f"Change the list, or leave the setting out for its default: {default}"
        raise _RuleError(f"must hold {least} to {most} different names", found=f"{len(names)}{again}", fix=fix)
    return names


def _api_url(value: object, schema: Schema) -> str:
    """Check where the key will go. What may hold a secret (user, password, query) is not shown."""
    text = _text(value, schema)
    fix = f"Leave the setting out for {schema['default']}."
    if not (text.isascii() and text.isprintable()) or {" ", "\\"} & set(text):
        raise _RuleError("must be plain ASCII without white space or backslash", found="another character", fix=fix)
    try:
        parts = urlsplit(text)
        host, _port = parts.hostname, parts.port
    except ValueError:
        raise _RuleError("must be an address", found="a host or port that cannot be read", fix=fix) from None
    if {"@", "?", "#"} & set(text):
        raise _RuleError(
            "must have no user, query or fragment", found="one of them", fix=f"The key has its own place. {fix}"
        )
    if parts.scheme not in {"https", "http"} or not host:
        raise _RuleError("must be https:// and a host", found=repr(text), fix=fix)
    if parts.scheme == "http" and not _is_loopback(host):
        raise _RuleError(
            "must begin with https:// unless the host is this machine (localhost, 127.0.0.1)",
            found=f"http://{host}, where the key would travel in the clear",
            fix="Use https://.",
        )
    return text.rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


_READERS: Final[Mapping[str, Callable[[object, Schema], object]]] = {
    "api_key": _api_key,
    "start_date": _day,
    "end_date": _day,
    "timezone": _zone,
    "fields": _names,
    "query_mode": _choice,
    "event_names": _names,
    "sources": _names,
    "attribution_model": _choice,
    "attribution_window": _choice,
    "lookback_days": _whole_number,
    "include_open_day": _boolean,
    "backfill_order": _choice,
    "resync": _boolean,
    "max_exports_in_flight": _whole_number,
    "export_timeout": _minutes,
    "api_url": _api_url,
    "user_agent": _header,
}


# -- What settings say together ----------------------------------------------------------------------------------------
# `given` holds what the user wrote, `values` what could be read of it. A setting that is wrong by itself is missing in
# `values`, so that it causes no second complaint.


def _conflicts(given: Mapping[str, object], values: Mapping[str, Any], now: datetime) -> Iterator[str]:
    start, end, tz = values["start_date"], values["end_date"], values["timezone"]
    if start and end and start > end:
        wrong = _RuleError("must not lie after `end_date`", found=f"{start} after {end}", fix="Change one of the two.")
        yield f"start_date: {wrong}"
    if end and end > (today := dates.today(now, tz)):
        where = f"in {tz}" if tz else "at the earliest place on Earth"
        fix = "Leave the setting out to export up to the last closed day."
        yield f"end_date: {_RuleError('must not lie in the future', found=f'{end}; today is {today} {where}', fix=fix)}"
    attributed = "sources" in given
    for name in ("attribution_model", "attribution_window"):
        if attributed and name not in given:
            fix = f"Choose one of {_listed(_OURS[name]['enum'])}."
            yield f"{name}: {_RuleError('is required with `sources`', found='none', fix=fix)}"
        if not attributed and name in given:
            fix = f"Set `sources`, or remove `{name}`."
            yield f"{name}: {_RuleError('is allowed only with `sources`', found='no `sources`', fix=fix)}"
    if values["include_open_day"] and "timezone" not in given:
        fix = "Set `timezone` to what the Cometly app shows for the Space."
        yield f"include_open_day: {_RuleError('needs `timezone`, to know which day it is', found='none', fix=fix)}"
    hierarchy = [name for name in values["fields"] or () if name in cometly.HIERARCHY_NAMES]
    if hierarchy and not attributed:
        found = f"{_listed(hierarchy)} without"
        fix = "Set `sources`, `attribution_model` and `attribution_window`, or remove these fields."
        yield f"fields: {_RuleError('ad hierarchy fields need `sources`', found=found, fix=fix)}"


def _warnings(given: Mapping[str, object], values: Mapping[str, Any], now: datetime) -> Iterator[str]:
    known_settings = (*_OURS, *BUILT_IN_SETTINGS)
    for name in given:
        if name not in known_settings:
            yield f"{name}: unknown setting{_suggestion(name, known_settings)}; it has no effect"
    if (start := values["start_date"]) and start > dates.today(now, values["timezone"]):
        yield f"start_date: {start} lies in the future; nothing is exported until that day has ended"
    for setting, known in (
        ("fields", (*cometly.REQUESTABLE_NAMES, *_AUTOMATIC_COLUMNS)),
        ("event_names", cometly.EVENT_NAMES),
        ("sources", cometly.SOURCES),
    ):
        for name in values[setting] or ():
            if name not in known:
                meant = _suggestion(name, known)
                yield f"{setting}: unknown name {name!r}{meant}; Cometly may know it, so it is sent as it is"
    for name in values["fields"] or ():
        if name in _AUTOMATIC_COLUMNS:
            yield f"fields: {name!r} comes by itself {_AUTOMATIC_COLUMNS[name]}; it is not asked for, remove it"


def _requested(fields: tuple[str, ...] | None, *, attributed: bool) -> tuple[str, ...]:
    """Return what to ask Cometly for: what the user listed, or everything that can be had."""
    if fields is not None:
        return tuple(name for name in fields if name not in _AUTOMATIC_COLUMNS)
    return tuple(name for name in cometly.REQUESTABLE_NAMES if attributed or name not in cometly.HIERARCHY_NAMES)


def _suggestion(name: str, known: Iterable[str]) -> str:
    meant = cometly.nearest(str(name), known)
    return f" (did you mean {meant!r}?)" if meant else ""


def _listed(items: Iterable[object]) -> str:
    return ", ".join(map(str, items))
