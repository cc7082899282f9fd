"""What a vendor gives to the doors: values and three functions. A Singer tap and an Airbyte source are made of it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Protocol

from bulk_exports import declarations

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime

    from bulk_exports.engine import Connection
    from bulk_exports.export_settings import ExportSettings
    from bulk_exports.spec import ExportStream, ListStream


class ReadSettings(Protocol):
    """Reads a configuration."""

    def __call__(self, config: Mapping[str, Any], *, now: datetime) -> ExportSettings:
        """Read and check a configuration.

        Args:
            config: Settings by name, as the user wrote them.
            now: The present moment.

        Raises:
            SettingsError: It is not sound; holds every problem.
        """


@dataclasses.dataclass(frozen=True, kw_only=True)
class Connector:
    """A vendor, as both doors want it.

    Attributes:
        name: Name of the vendor in those of the executables, such as ``acme`` in ``tap-acme`` and ``source-acme``.
        settings_schema: JSON Schema of the settings.
        read_settings: Reads and checks a configuration; the other two functions are given what it returns.
        export_streams: Returns the streams that these settings bring, the most important first: it has the budgets
            first. Given what makes a connection, should the vendor be asked what there is; raises `SettingsError` if
            the settings contradict that.
        connect: Opens the vendor's client for one stream: a `Vendor` for exports, and what `ListStream.rows` takes.
        discovery_config: What takes the place of required settings that are missing, where only the schema is wanted.
        documentation_url: Where people can read about it; None for its page on PyPI.
        documents: What stands before the names of the kit's pages, such as ``docs/state.md``, to which errors refer, so
            that its users find them; None for no reference.
    """

    name: str
    settings_schema: Mapping[str, Any]
    read_settings: ReadSettings
    export_streams: Callable[[Any, Callable[[], Connection]], Sequence[ExportStream | ListStream]]
    connect: Callable[[Any, Connection], AbstractContextManager[Any]]
    discovery_config: Mapping[str, object] = dataclasses.field(default_factory=dict)
    documentation_url: str | None = None
    documents: str | None = None

    @property
    def tap_name(self) -> str:
        """Name of the tap, its executable and its distribution."""
        return f"tap-{self.name}"

    def streams(self, settings: Any, connection: Callable[[], Connection]) -> Sequence[ExportStream | ListStream]:
        """Return the streams that these settings bring, with their ledgers no two of one name.

        Args:
            settings: What `read_settings` has returned.
            connection: Makes a connection, should the vendor be asked what there is.

        Raises:
            SettingsError: The settings contradict what there is.
            DeclarationError: Two have the same name: one of them would be left out, and nobody told.
        """
        streams = tuple(self.export_streams(settings, connection))
        for error in declarations.of_all(streams):
            raise error
        return streams
