"""What a vendor gives to be an Airbyte source: values and three functions. Everything else is done for it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from bulk_exports.common_settings import BUILT_IN_SETTINGS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime

    from bulk_exports.airbyte.form import Choice
    from bulk_exports.engine import Connection
    from bulk_exports.spec import ExportStream, ListStream

    Connect = Callable[[Any, Connection], AbstractContextManager[Any]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source:
    """An Airbyte source.

    Attributes:
        name: Name of the executable, such as ``source-acme``.
        documentation_url: Where people can read about it.
        settings_schema: JSON Schema of the settings.
        read_settings: Reads and checks a configuration, given the present moment; returns what the other two take (an
            `ExportSettings`), or raises `SettingsError`.
        export_streams: Returns the streams that these settings bring.
        connect: Opens the vendor's client for one stream: a `Vendor` for exports, and what `ListStream.rows` takes.
        choices: Settings that the form asks for together.
        suggestions: What the form offers for settings that are lists of names.
        foreign_settings: Settings of other doors, which would have no effect here; they are refused.
        discovery_config: What takes the place of required settings that are missing, where only the schema is wanted.
    """

    name: str
    documentation_url: str
    settings_schema: Mapping[str, Any]
    read_settings: Callable[[Mapping[str, Any], datetime], Any]
    export_streams: Callable[[Any], Sequence[ExportStream | ListStream]]
    connect: Connect
    choices: Sequence[Choice] = ()
    suggestions: Mapping[str, Sequence[str]] = dataclasses.field(default_factory=dict)
    foreign_settings: Collection[str] = BUILT_IN_SETTINGS
    discovery_config: Mapping[str, object] = dataclasses.field(default_factory=dict)
