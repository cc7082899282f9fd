"""Errors that end a run and whose message is all that a user needs.

::

    TapError
    ├── ExportError              an export went wrong: see `tap_cometly.engine.errors` for its kinds
    ├── UndeliveredDaysError     some days could not be delivered, all others were (`tap_cometly.run`)
    ├── ChangedRequestError      the request no longer means what it did (`tap_cometly.windows.fingerprint`)
    ├── MalformedStateError      STATE makes no sense (`tap_cometly.windows.delivered`)
    ├── WrongTimezoneError       the data contradict the setting (`tap_cometly.reconcile.timezone_check`)
    ├── DeselectedColumnError    the ledger is of no use without a column (`tap_cometly.run`)
    └── OutputError              records cannot be written (`tap_cometly.outputs.standard_streams`)

Mistakes in settings are the SDK's `ConfigValidationError`, which holds one message for each of them.
"""

from __future__ import annotations


class TapError(Exception):
    """Ends a run with words: what happened, which day or setting, what to do next."""
