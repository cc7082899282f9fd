"""Our tap, with its events in CSV files."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from typing_extensions import override

from bulk_exports.files.csv import Csv
from tap_cometly.events import events
from tap_cometly.tap import TapCometly

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bulk_exports.spec import ExportStream
    from tap_cometly.settings import Settings


class CsvTap(TapCometly):
    """The tap."""

    @override
    def export_streams(self, settings: Settings) -> Sequence[ExportStream]:
        return [dataclasses.replace(events(settings), format=Csv())]


if __name__ == "__main__":
    CsvTap.cli()
