"""The command ``source-cometly``: Cometly's settings, streams and client, given to the machinery of every source."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from bulk_exports import interpreter
from bulk_exports.airbyte.command import run_command
from bulk_exports.airbyte.form import Choice, Option
from bulk_exports.airbyte.source import Source
from tap_cometly import vocabulary as cometly
from tap_cometly.config_schema import CONFIG_JSONSCHEMA
from tap_cometly.settings import Settings
from tap_cometly.streams import streams

if TYPE_CHECKING:
    from bulk_exports.engine import Connection
    from tap_cometly.client import CometlyClient


def connect(settings: Settings, connection: Connection) -> CometlyClient:
    """Open the client."""
    from tap_cometly import client  # noqa: PLC0415 - neither spec nor discover need it

    return client.connect(settings, connection)


SOURCE: Final = Source(
    name="source-cometly",
    documentation_url="https://pypi.org/project/tap-cometly/",
    settings_schema=CONFIG_JSONSCHEMA,
    read_settings=lambda config, now: Settings.from_config(config, now=now),
    export_streams=streams,
    connect=connect,
    choices=[
        Choice(
            name="attribution",
            key="rows",
            title="Attribution",
            description="Whether a row is an event, or the credit that an event gives to a touchpoint.",
            options=[
                Option("events", "One row per event"),
                Option(
                    "credit",
                    "One row per event and credited touchpoint",
                    ("sources", "attribution_model", "attribution_window"),
                ),
            ],
        )
    ],
    suggestions={"sources": cometly.SOURCES},
    discovery_config={"api_key": "none"},
)


def main() -> None:
    """Run the source; `run_command` says with which status it ends."""
    interpreter.tune()
    sys.exit(run_command(SOURCE, sys.argv[1:]))


if __name__ == "__main__":
    main()
