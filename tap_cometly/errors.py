"""Errors that end a run and whose message is all that a user needs.

::

    TapError
    ├── ExportError              an export went wrong: see `tap_cometly.engine.errors` for its kinds
    ├── UndeliveredDaysError     some days could not be delivered, all others were (`tap_cometly.run`)
    ├── ChangedRequestError      the request no longer means what it did (`tap_cometly.windows.fingerprint`)
    ├── MalformedStateError      STATE makes no sense (`tap_cometly.windows.delivered`)
    ├── WrongTimezoneError       the data contradict the setting (`tap_cometly.reconcile.timezone_check`)
    ├── DeselectedColumnError    the ledger is of no use without a column (`tap_cometly.run`)
    ├── UnusableStateError       what was handed over as STATE holds none (`tap_cometly.singer.given_state`)
    ├── UnusableSettingsError    the settings do not pass (`tap_cometly.singer.tap`)
    └── OutputError              records cannot be written (`tap_cometly.outputs.standard_streams`)

Inside the program mistakes in settings are the SDK's `ConfigValidationError`, which holds one message for each of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

NOT_ACCEPTED: Final = 2
"""Exit status where somebody must change something first; a wrong command line ends with it too."""


class TapError(Exception):
    """Ends a run with words: what happened, which day or setting, what to do next.

    Attributes:
        page: The page of the documentation that says more, from the root of the repository.
        is_passing: Whether the same run may end well later without anybody doing anything: an orchestrator tries again.
            If not, somebody must change a setting, STATE or the catalog first.
    """

    page: ClassVar[str] = "docs/troubleshooting.md"
    is_passing: ClassVar[bool] = False

    @property
    def lines(self) -> Sequence[str]:
        """What to log, the last line with the page that says more."""
        *others, last = self.problems
        return [*others, f"{last.rstrip('.')}. See {self.page}"]

    @property
    def problems(self) -> Sequence[str]:
        """What is wrong: one text for each thing, at least one."""
        return [str(self)]
