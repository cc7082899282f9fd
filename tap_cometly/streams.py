"""Everything that can be read from a Space, the events first: they have the budgets before all others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_cometly.events import events
from tap_cometly.people import COMPANIES, CONTACTS

if TYPE_CHECKING:
    from bulk_exports.spec import ExportStream
    from tap_cometly.settings import Settings


def streams(settings: Settings) -> list[ExportStream]:
    """Return the streams that these settings bring."""
    return [events(settings), CONTACTS, COMPANIES]
