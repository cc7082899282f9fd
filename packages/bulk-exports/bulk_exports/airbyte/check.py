"""The connection test: one export is created, and not waited for; where there are only lists, one is read.

Airbyte gives a test a few minutes, and an export may take longer.
"""

from __future__ import annotations

import contextlib
import dataclasses
from typing import TYPE_CHECKING, Any, Final

from bulk_exports.engine import Limits
from bulk_exports.engine.errors import RateLimitedError, UnknownJobError
from bulk_exports.errors import TapError
from bulk_exports.reading import SettingsError
from bulk_exports.spec import ExportRequest, ExportStream
from bulk_exports.windows import dates
from bulk_exports.windows.windows import Window

if TYPE_CHECKING:
    import logging
    from collections.abc import Mapping
    from datetime import datetime

    from bulk_exports.airbyte.source import Source
    from bulk_exports.engine.vendor import Vendor
    from bulk_exports.environment import Environment
    from bulk_exports.export_settings import ExportSettings

ANSWER_SECONDS: Final = 20.0
"""Whoever looks at a form does not wait longer."""
NO_JOB: Final = 0
"""Whoever may not ask for any job is told so; whoever may is told that there is no such job."""


def problem_with(
    source: Source, config: Mapping[str, Any], environment: Environment, log: logging.Logger
) -> str | None:
    """Return what keeps these settings from working, in words; None if they work.

    Key, permission, address and settings are proven by a single request. Where other exports have used up the budget of
    creating any, a key that may ask for exports must do.
    """
    now, kept = environment.now(), dict[str, Any]()
    limits = dataclasses.replace(environment.limits or Limits(), read_seconds=ANSWER_SECONDS)
    hasty = dataclasses.replace(environment, limits=limits)
    try:
        settings = source.settings(config, now=now, log=log)
        declared = source.connector.streams(settings, lambda: hasty.connection(log, kept))
        exports = [stream for stream in declared if isinstance(stream, ExportStream)]
        for stream in [*exports, *declared][:1]:
            with source.connector.connect(settings, hasty.connection(log, kept, stream=stream.name)) as client:
                if isinstance(stream, ExportStream):
                    _create(client, _request(stream, settings, now))
                else:
                    next(iter(stream.rows(client)), None)
    except (SettingsError, TapError) as error:
        return str(error)
    return None


def _request(stream: ExportStream, settings: ExportSettings, now: datetime) -> ExportRequest[Any]:
    wanted = settings.wanted(now)
    day = wanted[1] if wanted else dates.last_closed_day(now, settings.timezone)
    columns = [name for name in stream.ordered(stream.schema["properties"]) if name not in stream.foreign_columns]
    return ExportRequest(Window.single(day), stream.query_of(columns), now, *stream.variants[:1])


def _create(vendor: Vendor[ExportRequest[Any]], request: ExportRequest[Any]) -> None:
    try:
        vendor.create(request)
    except RateLimitedError:
        with contextlib.suppress(UnknownJobError):
            vendor.status(NO_JOB)
