"""The settings, streams and client of Account Engagement, for both doors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bulk_exports.connector import Connector
from tap_pardot_exports.config_schema import CONFIG_JSONSCHEMA
from tap_pardot_exports.settings import Settings
from tap_pardot_exports.streams import export_streams

if TYPE_CHECKING:
    from bulk_exports.engine import Connection
    from tap_pardot_exports.client import PardotClient


def _connect(settings: Settings, connection: Connection) -> PardotClient:
    from tap_pardot_exports.client import PardotClient  # noqa: PLC0415 - only what sends requests needs it

    return PardotClient(settings, connection)


CONNECTOR: Final = Connector(
    name="pardot-exports",
    settings_schema=CONFIG_JSONSCHEMA,
    read_settings=Settings.from_config,
    export_streams=lambda settings, _connection: export_streams(settings),
    connect=_connect,
    documents="",  # from the root of the repository
    # The schema follows the settings, but nobody needs credentials to look at it.
    discovery_config={
        "business_unit_id": "0Uv000000000000AAA",
        "client_id": "none",
        "client_secret": "none",
        "refresh_token": "none",
        "username": "none",
        "private_key": "none",
    },
)
