"""Errors that end a run and whose message is all that a user needs.

::

    TapError
    ├── ExportError              an export went wrong: see `bulk_exports.engine.errors` for its kinds
    ├── UndeliveredDaysError     some days could not be delivered, all others were (`bulk_exports.run`)
    ├── ChangedRequestError      the request no longer means what it did (`bulk_exports.windows.fingerprint`)
    ├── MalformedStateError      STATE makes no sense (`bulk_exports.windows.delivered`)
    ├── WrongTimezoneError       the data contradict the setting (`bulk_exports.reconcile.timezone_check`)
    ├── DeselectedColumnError    the ledger is of no use without a column (`bulk_exports.run`)
    ├── UnusableStateError       what was handed over as STATE holds none (`bulk_exports.singer.given_state`)
    ├── UnusableSettingsError    the settings do not pass (`bulk_exports.singer.tap`)
    ├── StreamsError             several streams were not read to their end
    ├── OutputError              records cannot be written (`bulk_exports.outputs.standard_streams`)
    └── SystemRefusalError       the system gives the process no more of something

Inside the program mistakes in settings are the SDK's `ConfigValidationError`, which holds one message for each of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NOT_ACCEPTED: Final = 2
"""Exit status where somebody must change something first; a wrong command line ends with it too."""
_NO_THREAD: Final = "can't start new thread"
"""Python's words where the system has no memory for another thread, or does not allow it."""


class TapError(Exception):
    """Ends a run with words: what happened, which day or setting, what to do next.

    Attributes:
        page: The page of the documentation that says more, from the root of the repository.
        is_passing: Whether the same run may end well later without anybody doing anything: an orchestrator tries again.
            If not, somebody must change a setting, STATE or the catalog first.
    """

    page: ClassVar[str] = "docs/troubleshooting.md"
    is_passing: ClassVar[bool] = False

    def lines(self, documents: str | None) -> Sequence[str]:
        """Return what to log, the last line with the page that says more.

        Args:
            documents: Where pages are, to be put before their names; None where there are none.
        """
        *others, last = self.problems
        if documents is None:
            return self.problems
        return [*others, f"{last}{'' if last.endswith(('.', '!', '?')) else '.'} See {documents}{self.page}"]

    @property
    def problems(self) -> Sequence[str]:
        """What is wrong: one text for each thing, at least one."""
        return [str(self)]


class StreamsError(TapError):
    """Several streams could not be read, or not to their end; all others were.

    Args:
        errors: What happened to each, by its name.
    """

    is_passing: ClassVar[bool] = True

    def __init__(self, errors: Mapping[str, TapError]) -> None:
        self._errors = errors
        super().__init__("; ".join(self.problems))

    @property
    @override
    def problems(self) -> Sequence[str]:
        return [f"{stream}: {problem}" for stream, error in self._errors.items() for problem in error.problems]


def raise_for(errors: Mapping[str, TapError]) -> None:
    """Raise what kept streams from being read to their end; nothing if nothing did.

    Args:
        errors: What happened, by the names of streams.

    Raises:
        TapError: The error itself where there is one, or all say the same.
    """
    if errors:
        different = {str(error) for error in errors.values()}
        raise StreamsError(errors) if len(different) > 1 else next(iter(errors.values()))


class SystemRefusalError(TapError):
    """The system gives the process no more of something, wherever that was noticed."""

    page: ClassVar[str] = "docs/troubleshooting.md#disk-and-memory"
    is_passing: ClassVar[bool] = True


def refusal_of_the_system(error: BaseException) -> SystemRefusalError | None:
    """Return what an error means that Python raises where the system refuses to go on; None if it is another one."""
    if isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and str(error) == _NO_THREAD):
        return SystemRefusalError(
            "The memory that this process may have is used up, or the number of its threads. Give it more, or set "
            "`max_exports_in_flight` lower"
        )
    if isinstance(error, OSError):
        # Those of libraries for the network, which have no number, may quote a link.
        said = type(error).__name__ if error.errno is None else str(error)
        return SystemRefusalError(f"The system refuses to go on: {said}")
    return None
