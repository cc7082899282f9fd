"""What can go wrong with an export, and whose trouble it is.

::

    ExportError
    ├── of one request: it is tried in another way, or fails, and the others go on
    │   ├── UnknownJobError        the vendor does not know the job
    │   ├── LinkExpiredError       the link is not honoured (any more)
    │   ├── WindowTooLargeError    the vendor does not export so much at a time
    │   ├── InvalidAnswerError     the vendor contradicts itself
    │   ├── CorruptFileError       the file is not what the vendor wrote
    │   └── InvalidRowsError       the file is whole, its rows cannot be taken
    ├── of the moment: the same is tried again later
    │   ├── RateLimitedError       the request budget is used up
    │   └── UnavailableError       network, vendor or file store are in trouble
    └── of the whole run (StoppingError): it ends
        ├── RequestRejectedError   key, permission or settings are not accepted
        ├── QuotaUsedUpError       the vendor's requests of the day are used up
        ├── WrongClockError        the clocks here and there are hours apart
        ├── StuckError             a budget waits for an answer that cannot come
        ├── ClientMistakeError     the vendor's client says what the engine does not know
        └── LocalLimitError        this machine does not give what is needed
            └── SpoolError         the local disk is full or not writable
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from bulk_exports.errors import TapError

if TYPE_CHECKING:
    from bulk_exports.engine.budgets import Budget


class ExportError(TapError):
    """Something about an export went wrong; the text is meant for the user.

    Attributes:
        pause_seconds: For how long another attempt can be of no use, if that is known.
    """

    is_passing: ClassVar[bool] = True
    pause_seconds = 0.0


class StoppingError(ExportError):
    """No later request of this run can do better: the whole run must stop."""

    is_passing: ClassVar[bool] = False


class RequestRejectedError(StoppingError):
    """The vendor will refuse every further request too."""

    page: ClassVar[str] = "docs/troubleshooting.md#refused-requests"


class QuotaUsedUpError(StoppingError):
    """Nothing is left of what the vendor allows for a day: what was delivered stays, the rest is for another day."""

    is_passing: ClassVar[bool] = True


class RateLimitedError(ExportError):
    """The budget is used up; it is the budget that knows how long to wait.

    Args:
        message: What happened.
        by: Which budget it is, where one request needs several; None for the first of them.

    Attributes:
        by: Which budget it is.
    """

    def __init__(self, message: str, *, by: Budget | None = None) -> None:
        super().__init__(message)
        self.by = by


class UnavailableError(ExportError):
    """The network, the vendor or its file store is in trouble; worth another attempt."""


class UnknownJobError(ExportError):
    """The vendor does not know the job: not yet, or not any more."""


class LinkExpiredError(ExportError):
    """The file store does not honour the link (any more); a fresh one is needed."""


class WindowTooLargeError(ExportError):
    """The vendor does not export so many days, or rows, at a time: smaller windows are asked for instead."""


class InvalidAnswerError(ExportError):
    """The vendor's answer contradicts what it said before: the request fails."""


class CorruptFileError(ExportError):
    """The file is not what the vendor wrote: cut short, altered, or no such file at all."""


class InvalidRowsError(ExportError):
    """The file is whole but its content cannot be taken; fetching it again would not help."""


class WrongClockError(StoppingError):
    """The clocks of this machine and of the vendor are so far apart that nobody knows which days have ended."""


class StuckError(StoppingError):
    """A budget waits for the answer to a request that nobody has sent: the vendor's client counts wrongly."""


class ClientMistakeError(StoppingError, TypeError):
    """The vendor's client says what the engine does not know: its developer has to mend it."""


class LocalLimitError(StoppingError):
    """This machine does not give the process what it needs."""

    is_passing: ClassVar[bool] = True

    page: ClassVar[str] = "docs/troubleshooting.md#disk-and-memory"


class SpoolError(LocalLimitError):
    """The local disk does not take the file."""
