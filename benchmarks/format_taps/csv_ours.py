"""Our tap, with its events in CSV files."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from bulk_exports.files.csv import Csv
from tap_cometly.connector import CONNECTOR
from tap_cometly.events import events
from tap_cometly.tap import TapCometly

if TYPE_CHECKING:
    from bulk_exports.connector import Connector


class CsvTap(TapCometly):
    """The tap."""

    connector: ClassVar[Connector] = dataclasses.replace(
        CONNECTOR, export_streams=lambda settings, _: [dataclasses.replace(events(settings), format=Csv())]
    )


if __name__ == "__main__":
    CsvTap.cli()
