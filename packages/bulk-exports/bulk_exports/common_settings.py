"""The settings that every tap for exports has: their types and defaults, how they are read, and what they say together.

A vendor's schema takes those that it wants from `common`, with words of its own; `read` reads a configuration.
"""

from __future__ import annotations

import collections
from typing import TYPE_CHECKING, Any, Final

from singer_sdk import typing as th

from bulk_exports import reading
from bulk_exports.reading import RuleError, SettingsError, suggestion
from bulk_exports.windows import dates
from bulk_exports.wording import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from bulk_exports.fields import Field
    from bulk_exports.reading import Reader, Schema

BUILT_IN_SETTINGS: Final = (
    "batch_config",
    "emit_activate_version_messages",
    "faker_config",
    "flattening_enabled",
    "flattening_max_depth",
    "flattening_max_key_length",
    "flattening_separator",
    "stream_map_config",
    "stream_maps",
)
"""Settings that the SDK gives every tap."""

_COMMON: Final[Mapping[str, tuple[th.JSONTypeHelper[Any], dict[str, Any]]]] = {
    "start_date": (th.DateType(), {"title": "Start date", "examples": ["2026-01-31"]}),
    "end_date": (th.DateType(), {"title": "End date", "examples": ["2026-12-31"]}),
    "timezone": (th.StringType(), {"title": "Timezone", "examples": ["America/New_York", "Europe/Berlin"]}),
    "lookback_days": (th.IntegerType(minimum=0, maximum=365), {"default": 3, "title": "Lookback (days)"}),
    "include_open_day": (th.BooleanType(), {"default": False, "title": "Include the open day"}),
    "backfill_order": (
        th.StringType(),
        {
            "default": "oldest_first",
            "allowed_values": ["oldest_first", "newest_first"],
            "title": "Backfill order",
        },
    ),
    "resync": (th.BooleanType(), {"default": False, "title": "Resync when the request changes"}),
    "max_exports_in_flight": (
        th.IntegerType(minimum=1, maximum=100),
        {"default": 30, "title": "Most exports in flight"},
    ),
    "max_exports_per_run": (
        th.IntegerType(minimum=1, maximum=100_000),
        {"title": "Most exports in a run", "examples": [60]},
    ),
    "export_timeout": (
        th.IntegerType(minimum=1, maximum=1440),
        {"default": 30, "title": "Export timeout (minutes)"},
    ),
    "api_url": (th.StringType(), {"title": "API URL"}),
    "user_agent": (th.StringType(), {"title": "User agent"}),
}

_READERS: Final[Mapping[str, Reader]] = {
    "timezone": reading.read_zone,
    "export_timeout": reading.read_minutes,
    "queue_timeout": reading.read_minutes,
    "api_url": reading.read_api_url,
    "user_agent": reading.read_header,
}
"""What reads those of them for which their type does not say it all."""
_OTHERWISE: Final = ("title", "default", "examples", "allowed_values", "required", "secret", "wrapped")


def common(name: str, description: str, **otherwise: Any) -> th.Property[Any]:
    """Return the JSON Schema of a setting that every tap has.

    Args:
        name: Name of the setting.
        description: What it means for this vendor.
        otherwise: What is otherwise than usual: title, default, examples, allowed_values, required, secret, or
            ``wrapped``, its type.

    Raises:
        TypeError: There is no such thing. The SDK would write it into the schema, where it means nothing.
    """
    for word in otherwise.keys() - set(_OTHERWISE):
        raise TypeError(f"The setting `{name}` has no {word!r}{suggestion(word, _OTHERWISE)}")
    wrapped, usual = _COMMON[name]
    return th.Property(name, description=description, **{"wrapped": wrapped, **usual, **otherwise})


def read(
    config: Mapping[str, Any],
    now: datetime,
    *,
    schema: Schema,
    readers: Mapping[str, Reader] | None = None,
    where_the_zone_is_shown: str = "UTC",
    days_per_export: int = 1,
    exports_per_window: int = 1,
    otherwise: Mapping[str, object] | None = None,
    also: Callable[[Mapping[str, object], Mapping[str, Any]], Iterable[str]] = lambda _given, _values: (),
) -> dict[str, Any]:
    """Read and check a configuration, whether or not the SDK has validated it.

    Args:
        config: Settings by name, as the user wrote them. None is the same as leaving a setting out.
        now: The present moment, to know which dates lie in the future.
        schema: JSON Schema of the configuration.
        readers: What reads the vendor's own settings, where their type does not say it all.
        where_the_zone_is_shown: What ``timezone`` should be set to.
        days_per_export: How many days an export covers, where no setting ``window_days`` says so; where streams differ,
            the fewest.
        exports_per_window: How many exports these days take: one for each variant; where streams differ, the most.
        otherwise: What is true of settings that are not set, or that nobody can set, where `ExportSettings` says
            otherwise.
        also: Returns what the vendor's settings say together that cannot be, given what `conflicts` is given.

    Returns:
        All settings, each in its own type, and as ``warnings`` what is odd, yet no reason to stop.

    Raises:
        SettingsError: With every problem at once.
    """
    given = {name: value for name, value in config.items() if value is not None}
    values, problems = reading.read_all(given, schema, {**_READERS, **(readers or {})})
    values |= {name: value for name, value in (otherwise or {}).items() if values.get(name) is None}
    problems += conflicts(given, values, now, where_the_zone_is_shown=where_the_zone_is_shown)
    problems += _too_few_exports(values, values.get("window_days") or days_per_export, exports_per_window)
    problems += also(given, values)
    unknown = list(_unknown(given, schema))
    if problems:
        raise SettingsError([*problems, *unknown])  # a setting that is missing may be one of these, misspelt
    return {**values, "warnings": (*unknown, *warnings(values, now))}


def conflicts(
    given: Mapping[str, object], values: Mapping[str, Any], now: datetime, *, where_the_zone_is_shown: str
) -> Iterator[str]:
    """Yield what settings that every tap has say together that cannot be.

    Args:
        given: What the user wrote.
        values: What could be read of it. A setting that is wrong by itself is None, so that it causes no second
            complaint.
        now: The present moment, to know which dates lie in the future.
        where_the_zone_is_shown: What ``timezone`` should be set to.
    """
    start, end, tz = values.get("start_date"), values.get("end_date"), values.get("timezone")
    if start and end and start > end:
        wrong = RuleError("must not lie after `end_date`", found=f"{start} after {end}", fix="Change one of the two.")
        yield f"start_date: {wrong}"
    if end and end > (today := dates.today(now, tz)):
        where = f"in {tz}" if tz else "at the earliest place on Earth"
        fix = "Leave the setting out to export up to the last closed day."
        yield f"end_date: {RuleError('must not lie in the future', found=f'{end}; today is {today} {where}', fix=fix)}"
    is_open = bool(values.get("include_open_day"))
    if is_open and "timezone" not in given and tz is None:
        fix = f"Set `timezone` to {where_the_zone_is_shown}."
        yield f"include_open_day: {RuleError('needs `timezone`, to know which day it is', found='none', fix=fix)}"


def _too_few_exports(values: Mapping[str, Any], days_per_export: int, exports_per_window: int) -> Iterator[str]:
    """Yield why ``max_exports_per_run`` would let no new day come: a run first looks at days again."""
    most = values.get("max_exports_per_run")
    again = -(-(values.get("lookback_days") or 0) // days_per_export) + bool(values.get("include_open_day"))
    if most is not None and max(most // exports_per_window, 1) <= again:
        least = (again + 1) * exports_per_window
        fix = f"Set it to {least} at least, or lower `lookback_days`: otherwise no new day would ever come."
        found = f"{most}, with {counted(again * exports_per_window, 'export')} of days that every run exports again"
        rule = "must be greater than what `lookback_days` (and the open day) takes"
        yield f"max_exports_per_run: {RuleError(rule, found=found, fix=fix)}"


def _unknown(given: Mapping[str, object], schema: Schema) -> Iterator[str]:
    """Yield which settings there are none of, and what was probably meant."""
    known = (*schema["properties"], *BUILT_IN_SETTINGS)
    for name in given:
        if name not in known:
            yield f"{name}: unknown setting{suggestion(name, known)}; it has no effect"


def warnings(values: Mapping[str, Any], now: datetime) -> Iterator[str]:
    """Yield what is odd about the values of settings, yet no reason to stop.

    Args:
        values: What was read.
        now: The present moment.
    """
    if (start := values.get("start_date")) and start > dates.today(now, values.get("timezone")):
        yield f"start_date: {start} lies in the future; nothing is exported until that day has ended"


def problems_of_columns(fields: Sequence[Field], setting: str, *, stream: str, most: int) -> Iterator[str]:
    """Yield why a stream cannot have columns that follow from what the user has set.

    Args:
        fields: The columns.
        setting: Name of the setting that adds columns.
        stream: Its name.
        most: How many columns an export can have.
    """
    if len(fields) > most:
        fix = "Name fewer: the vendor takes no more in one export."
        wrong = RuleError(f"`{stream}` must have at most {most} columns", found=f"{len(fields)}", fix=fix)
        yield f"{setting}: {wrong}"
    counts = collections.Counter(field.name for field in fields)
    if repeated := sorted(name for name, count in counts.items() if count > 1):
        found = f"two fields that become {repeated[0]!r}"
        wrong = RuleError(f"`{stream}` must have each column once", found=found, fix="Remove one of them.")
        yield f"{setting}: {wrong}"
