"""The tap: Cometly's settings, streams and client, given to the machinery of every tap for exports."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, ClassVar

from typing_extensions import override

from bulk_exports.singer.tap import ExportTap
from tap_cometly.config_schema import CONFIG_JSONSCHEMA
from tap_cometly.settings import Settings
from tap_cometly.streams import streams

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bulk_exports.engine import Connection
    from bulk_exports.spec import ExportStream
    from tap_cometly.client import CometlyClient


class TapCometly(ExportTap):
    """Singer tap for Cometly: every conversion event in your warehouse, one verified export per day."""

    name = "tap-cometly"
    package_name = "tap-cometly"
    config_jsonschema = copy.deepcopy(CONFIG_JSONSCHEMA)  # the SDK adds its own settings
    discovery_config: ClassVar[Mapping[str, object]] = {"api_key": "none"}

    @override
    def read_settings(self, config: Mapping[str, Any]) -> Settings:
        return Settings.from_config(config, now=self.environment.now())

    @override
    def export_streams(self, settings: Settings) -> Sequence[ExportStream]:
        return streams(settings)

    @override
    def connect(self, connection: Connection) -> CometlyClient:
        from tap_cometly.client import connect  # noqa: PLC0415 - only a run needs it

        return connect(self.settings, connection)
