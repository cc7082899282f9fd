"""All streams of an account, as its settings and definitions want them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_apsis_one.decoder import Decoder
from tap_apsis_one.emails import email_events
from tap_apsis_one.profiles import profile_events

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bulk_exports.spec import ExportStream
    from tap_apsis_one.account import Account


def export_streams(account: Account) -> Sequence[ExportStream]:
    """Return the streams. Columns of attributes and tags are those of the account; without credentials there are none.

    Raises:
        SettingsError: The settings name what the account does not have.
        ExportError: What it has cannot be told.
    """
    selection = None if account.settings.asks_nobody else account.selection
    decoder = Decoder(account)
    return [email_events(account.settings, selection), profile_events(account.settings, decoder)]
