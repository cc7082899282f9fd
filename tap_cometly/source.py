"""The Airbyte source."""

from __future__ import annotations

import sys
from typing import Final

from bulk_exports.airbyte.command import main_of
from bulk_exports.airbyte.form import Choice, Option
from bulk_exports.airbyte.source import Source
from tap_cometly import vocabulary as cometly
from tap_cometly.connector import CONNECTOR

SOURCE: Final = Source(
    CONNECTOR,
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
)


def main() -> None:
    """Run the source, and end with its exit status."""
    sys.exit(main_of(SOURCE))


if __name__ == "__main__":
    main()
