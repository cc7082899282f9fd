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


def common(name: str, description: str, **otherwise: Any) -> th.Property[Any]:
    """Return the JSON Schema of a setting that every tap has.

    Args:
        name: Name of the setting.
        description: What it means for this vendor.
        otherwise: What is otherwise than usual: title, default, examples, or ``wrapped``, its type.
    """
    wrapped, usual = _COMMON[name]
    return th.Property(name, description=description, **{"wrapped": wrapped, **usual, **otherwise})


def read(
    config: Mapping[str, Any],
    now: datetime,
    *,
    schema: Schema,
    readers: Mapping[str, Reader] | None = None,
    where_the_zone_is_shown: str = "UTC",
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
    problems += also(given, values)
    if problems:
        raise SettingsError(problems)
    return {**values, "warnings": tuple(warnings(given, values, now, schema=schema))}


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
    most, looked_back = values.get("max_exports_per_run"), (values.get("lookback_days") or 0) + is_open
    if most is not None and most <= looked_back:
        fix = f"Set it to {looked_back + 1} at least, or lower `lookback_days`: otherwise no new day would ever come."
        found = f"{most}, with {looked_back} days that every run exports again"
        wrong = RuleError("must be greater than `lookback_days` (and the open day)", found=found, fix=fix)
        yield f"max_exports_per_run: {wrong}"


def warnings(given: Mapping[str, object], values: Mapping[str, Any], now: datetime, *, schema: Schema) -> Iterator[str]:
    """Yield what is odd about settings, yet no reason to stop.

    Args:
        given: What the user wrote.
        values: What was read of it.
        now: The present moment.
        schema: JSON Schema of the configuration.
    """
    known = (*schema["properties"], *BUILT_IN_SETTINGS)
    for name in given:
        if name not in known:
            yield f"{name}: unknown setting{suggestion(name, known)}; it has no effect"
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
