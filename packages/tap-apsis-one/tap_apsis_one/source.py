"""The command ``source-apsis-one``: the settings, streams and client of APSIS One, as an Airbyte source."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Final

from bulk_exports import interpreter
from bulk_exports.airbyte.command import run_command
from bulk_exports.airbyte.source import Source
from tap_apsis_one.config_schema import CONFIG_JSONSCHEMA
from tap_apsis_one.settings import PLACEHOLDER, Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bulk_exports.engine import Connection
    from bulk_exports.spec import ExportStream, ListStream
    from tap_apsis_one.client import ApsisClient

_LOG: Final = logging.getLogger("source-apsis-one")


def export_streams(settings: Settings) -> Sequence[ExportStream | ListStream]:
    """Return the streams that these settings bring in their account."""
    from tap_apsis_one import account, streams  # noqa: PLC0415 - `spec` needs neither

    with account.connect(settings, None, None, _LOG) as opened:
        return streams.streams_of(opened, asks_nobody=settings.asks_nobody)


def connect(settings: Settings, connection: Connection) -> ApsisClient:
    """Open the client."""
    from tap_apsis_one import account  # noqa: PLC0415 - neither spec nor discover need it
    from tap_apsis_one.client import ApsisClient  # noqa: PLC0415

    opened = connection.keep(
        "account",
        lambda: account.connect(
            settings, connection.clock, connection.limits, connection.log, utc_now=connection.utc_now
        ),
    )
    return ApsisClient(opened)


SOURCE: Final = Source(
    name="source-apsis-one",
    documentation_url="https://pypi.org/project/tap-apsis-one/",
    settings_schema=CONFIG_JSONSCHEMA,
    read_settings=lambda config, now: Settings.from_config(config, now=now),
    export_streams=export_streams,
    connect=connect,
    discovery_config={"client_id": PLACEHOLDER, "client_secret": PLACEHOLDER},
)


def main() -> None:
    """Run the source; `run_command` says with which status it ends."""
    interpreter.tune()
    sys.exit(run_command(SOURCE, sys.argv[1:]))


if __name__ == "__main__":
    main()
