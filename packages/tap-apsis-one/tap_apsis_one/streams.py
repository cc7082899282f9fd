"""All streams of an account, as its settings and definitions want them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_apsis_one import vocabulary as apsis
from tap_apsis_one.decoder import Decoder
from tap_apsis_one.emails import email_events
from tap_apsis_one.lists import list_streams
from tap_apsis_one.profiles import profile_events, profiles

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bulk_exports.spec import ExportStream, ListStream
    from tap_apsis_one.account import Account


def streams_of(account: Account, *, asks_nobody: bool) -> Sequence[ExportStream | ListStream]:
    """Return the streams. Columns of attributes and tags are those of the account.

    Args:
        account: The account.
        asks_nobody: Whether to do without these columns: there are no credentials, or they are of no importance.

    Raises:
        SettingsError: The settings name what the account does not have.
        ExportError: What it has cannot be told.
    """
    settings, decoder = account.settings, Decoder(account)
    selection = None if asks_nobody else account.selection
    if selection and (count := selection.versions_left_out()):
        account.log.warning(
            "An export takes %d attributes: %d older versions are not asked for, and what profiles have of these only "
            "is null. Name fewer `attributes`, or fewer `sections`",
            apsis.MAX_ATTRIBUTES,
            count,
        )
    return [
        email_events(settings, selection),
        profile_events(settings, decoder),
        profiles(settings, selection, decoder),
        *list_streams(),
    ]
