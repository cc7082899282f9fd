"""The Airbyte source."""

from __future__ import annotations

import sys
from typing import Final

from bulk_exports.airbyte.command import main_of
from bulk_exports.airbyte.source import Source
from tap_pardot_exports.connector import CONNECTOR

SOURCE: Final = Source(CONNECTOR)


def main() -> None:
    """Run the source, and end with its exit status."""
    sys.exit(main_of(SOURCE))


if __name__ == "__main__":
    main()
