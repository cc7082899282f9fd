"""What can go wrong with an export, and whose trouble it is.

::

    ExportError
    ├── of one request: it is tried in another way, or fails, and the others go on
    │   ├── UnknownJobError        the vendor does not know the job
    │   ├── LinkExpiredError       the link is not honoured (any more)
    │   ├── CorruptFileError       the file is not what the vendor wrote
    │   └── InvalidRowsError       the file is whole, its rows cannot be taken
    ├── of the moment: the same is tried again later
    │   ├── RateLimitedError       the request budget is used up
    │   └── UnavailableError       network, vendor or file store are in trouble
    └── of the whole run: it stops
        ├── RequestRejectedError   key, permission or settings are not accepted
        └── SpoolError             the local disk is full or not writable
"""

from __future__ import annotations

from typing import ClassVar

from tap_cometly.errors import TapError


class ExportError(TapError):
    """Something about an export went wrong; the text is meant for the user."""

    is_passing: ClassVar[bool] = True


class RequestRejectedError(ExportError):
    """The vendor will refuse every further request too: the whole run must stop."""

    is_passing: ClassVar[bool] = False


class RateLimitedError(ExportError):
    """The budget is used up; it is the budget that knows how long to wait."""


class UnavailableError(ExportError):
    """The network, the vendor or its file store is in trouble; worth another attempt."""


class UnknownJobError(ExportError):
    """The vendor does not know the job: not yet, or not any more."""


class LinkExpiredError(ExportError):
    """The file store does not honour the link (any more); a fresh one is needed."""


class CorruptFileError(ExportError):
    """The file is not what the vendor wrote: cut short, altered, or no such file at all."""


class InvalidRowsError(ExportError):
    """The file is whole but its content cannot be taken; fetching it again would not help."""


class SpoolError(ExportError):
    """The local disk does not take the file: the whole run must stop."""
