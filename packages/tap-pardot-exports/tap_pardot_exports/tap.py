"""The tap: the vendor's settings, streams and client, given to the machinery of every tap for exports."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, ClassVar, Final

from typing_extensions import override

from bulk_exports.singer.tap import ExportTap
from tap_pardot_exports.config_schema import CONFIG_JSONSCHEMA
from tap_pardot_exports.settings import Settings
from tap_pardot_exports.streams import export_streams

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bulk_exports.engine import Connection
    from bulk_exports.spec import ExportStream
    from tap_pardot_exports.client import PardotClient

DISCOVERY_CONFIG: Final = {
    "business_unit_id": "0Uv000000000000AAA",
    "client_id": "none",
    "client_secret": "none",
    "refresh_token": "none",
    "username": "none",
    "private_key": "none",
}
"""The schema follows the settings, but nobody needs credentials to look at it."""


class TapPardotExports(ExportTap):
    """Singer tap for Salesforce Account Engagement (Pardot): bulk exports, exact at every border."""

    name = "tap-pardot-exports"
    package_name = "tap-pardot-exports"
    config_jsonschema = copy.deepcopy(CONFIG_JSONSCHEMA)  # the SDK adds its own settings
    discovery_config: ClassVar[Mapping[str, object]] = DISCOVERY_CONFIG

    @override
    def read_settings(self, config: Mapping[str, Any]) -> Settings:
        return Settings.from_config(config, now=self.environment.now())

    @override
    def export_streams(self, settings: Settings) -> Sequence[ExportStream]:
        return export_streams(settings)

    @override
    def connect(self, connection: Connection) -> PardotClient:
        from tap_pardot_exports.client import connect  # noqa: PLC0415 - only a run needs it

        return connect(self.settings, connection)
