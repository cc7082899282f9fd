"""The Singer tap."""

from __future__ import annotations

from bulk_exports.singer.tap import ExportTap
from tap_cometly.connector import CONNECTOR


class TapCometly(ExportTap):
    """Singer tap for Cometly: every conversion event in your warehouse, one verified export per day."""

    connector = CONNECTOR
