"""The Singer tap."""

from __future__ import annotations

from bulk_exports.singer.tap import ExportTap
from tap_pardot_exports.connector import CONNECTOR


class TapPardotExports(ExportTap):
    """Singer tap for Salesforce Account Engagement (Pardot): bulk exports, exact at every border."""

    connector = CONNECTOR
