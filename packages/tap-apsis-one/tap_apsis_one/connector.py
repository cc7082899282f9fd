"""The settings, streams and client of APSIS One, for both doors. All of them share one account, with its budgets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bulk_exports.connector import Connector
from tap_apsis_one.config_schema import CONFIG_JSONSCHEMA
from tap_apsis_one.settings import PLACEHOLDER, Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bulk_exports.engine import Connection
    from bulk_exports.spec import ExportStream, ListStream
    from tap_apsis_one.client import ApsisClient


def _export_streams(settings: Settings, connection_of: Callable[[], Connection]) -> Sequence[ExportStream | ListStream]:
    from tap_apsis_one import account, streams  # noqa: PLC0415 - neither `--version` nor `--about` needs them

    connection = connection_of()
    with account.shared(settings, connection) as opened:
        return streams.streams_of(opened, asks_nobody=connection.asks_nobody or settings.asks_nobody)


def _connect(settings: Settings, connection: Connection) -> ApsisClient:
    from tap_apsis_one import account, client  # noqa: PLC0415 - only what sends requests needs them

    return client.ApsisClient(account.shared(settings, connection))


CONNECTOR: Final = Connector(
    name="apsis-one",
    settings_schema=CONFIG_JSONSCHEMA,
    read_settings=Settings.from_config,
    export_streams=_export_streams,
    connect=_connect,
    documents="",  # from the root of the repository
    discovery_config={"client_id": PLACEHOLDER, "client_secret": PLACEHOLDER},
)
