"""The Singer tap."""

from __future__ import annotations

from bulk_exports.singer.tap import ExportTap
from tap_apsis_one.connector import CONNECTOR


class TapApsisOne(ExportTap):
    """Singer tap for APSIS One: profiles, their events, and e-mail events, from its asynchronous exports."""

    connector = CONNECTOR
