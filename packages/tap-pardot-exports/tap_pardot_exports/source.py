"""The command ``source-pardot-exports``: settings, streams and client, given to the machinery of every source."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from bulk_exports import interpreter
from bulk_exports.airbyte.command import run_command
from bulk_exports.airbyte.source import Source
from tap_pardot_exports.config_schema import CONFIG_JSONSCHEMA
from tap_pardot_exports.settings import Settings
from tap_pardot_exports.streams import export_streams
from tap_pardot_exports.tap import DISCOVERY_CONFIG

if TYPE_CHECKING:
    from bulk_exports.engine import Connection
    from tap_pardot_exports.client import PardotClient


def connect(settings: Settings, connection: Connection) -> PardotClient:
    """Open the client."""
    from tap_pardot_exports import client  # noqa: PLC0415 - neither spec nor discover need it

    return client.connect(settings, connection)


SOURCE: Final = Source(
    name="source-pardot-exports",
    documentation_url="https://pypi.org/project/tap-pardot-exports/",
    settings_schema=CONFIG_JSONSCHEMA,
    read_settings=lambda config, now: Settings.from_config(config, now=now),
    export_streams=export_streams,
    connect=connect,
    discovery_config=DISCOVERY_CONFIG,
)


def main() -> None:
    """Run the source; `run_command` says with which status it ends."""
    interpreter.tune()
    sys.exit(run_command(SOURCE, sys.argv[1:]))


if __name__ == "__main__":
    main()
