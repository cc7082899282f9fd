"""An Airbyte source: a vendor's connector, and what the form shows otherwise than it is set elsewhere."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from bulk_exports.airbyte.form import form, settings_of
from bulk_exports.common_settings import BUILT_IN_SETTINGS

if TYPE_CHECKING:
    import logging
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from bulk_exports.airbyte.form import Choice
    from bulk_exports.connector import Connector
    from bulk_exports.export_settings import ExportSettings


@dataclasses.dataclass(frozen=True)
class Source:
    """An Airbyte source.

    Attributes:
        connector: The vendor.
        choices: Settings that the form asks for together.
        suggestions: What the form offers for settings that are lists of names.
        foreign_settings: Settings of other doors, which would have no effect here; they are refused.
    """

    connector: Connector
    choices: Sequence[Choice] = ()
    suggestions: Mapping[str, Sequence[str]] = dataclasses.field(default_factory=dict)
    foreign_settings: Collection[str] = BUILT_IN_SETTINGS

    @property
    def name(self) -> str:
        """Name of the executable."""
        return f"source-{self.connector.name}"

    @property
    def specification(self) -> dict[str, Any]:
        """What can be set, as Airbyte asks for it."""
        vendor = self.connector
        return {
            "documentationUrl": vendor.documentation_url or f"https://pypi.org/project/{vendor.tap_name}/",
            "connectionSpecification": form(vendor.settings_schema, self.choices, self.suggestions),
        }

    def settings(
        self, filled_in: Mapping[str, Any], *, now: datetime, log: logging.Logger, only_schema: bool = False
    ) -> ExportSettings:
        """Read and check the filled-in form.

        Args:
            filled_in: The form.
            now: The present moment.
            log: Is told what is odd about them.
            only_schema: Whether required settings may be missing, because only the schema is wanted.

        Raises:
            SettingsError: It is not sound; holds every problem.
        """
        given = settings_of(filled_in, self.choices, self.foreign_settings)
        config = {name: value for name, value in given.items() if value is not None}
        if only_schema:
            config = {**self.connector.discovery_config, **config}
        settings = self.connector.read_settings(config, now=now)
        for warning in settings.warnings:
            log.warning(warning)
        return settings
