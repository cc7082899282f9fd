"""Cometly's settings, streams and client, for both doors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bulk_exports.connector import Connector
from tap_cometly.config_schema import CONFIG_JSONSCHEMA
from tap_cometly.settings import Settings
from tap_cometly.streams import streams

if TYPE_CHECKING:
    from bulk_exports.engine import Connection
    from tap_cometly.client import CometlyClient


def _connect(settings: Settings, connection: Connection) -> CometlyClient:
    from tap_cometly.client import CometlyClient  # noqa: PLC0415 - only what sends requests needs it

    return CometlyClient(settings, connection)


CONNECTOR: Final = Connector(
    name="cometly",
    settings_schema=CONFIG_JSONSCHEMA,
    read_settings=Settings.from_config,
    export_streams=lambda settings, _connection: streams(settings),
    connect=_connect,
    documents="",  # from the root of the repository
    discovery_config={"api_key": "none"},  # the schema follows the settings, but nobody needs a key to look at it
)
