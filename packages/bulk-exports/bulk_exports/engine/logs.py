"""No library prints a link: what others log is passed on only as far as it surely holds none.

With its signature, a link is a secret, and so are its host and path. Libraries log request lines, headers that they
cannot read, and errors that quote them, each at a level and in a form of its own. So it is not looked for what is bad:
of a record of any logger that is not on the list, only words that cannot be part of an address are left.
"""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any, Final

from typing_extensions import Self

if TYPE_CHECKING:
    from types import TracebackType

TRUSTED: Final = ("tap-", "tap_", "singer_sdk")
"""Loggers that say only what they are told to, by the beginning of their names.

Not the root: whoever calls `logging.warning` speaks in its name.
"""

MAX_WORDS: Final = 100
_SURE: Final = re.compile(r"[A-Za-z][A-Za-z'-]{0,30}[.,:;!]?|[0-9]{1,4}[.,:;]?|-")


_ATTRIBUTES: Final = frozenset(vars(logging.makeLogRecord({})))
"""What every record has. What a library adds with ``extra=``, some formatters print, and nobody knows what it is."""


class LinksKeptOut:
    """In this context, no logger of the process prints a link.

    Records are looked at where all loggers pass them on to their handlers: when a record is made, what ``extra=`` adds
    to it is not there yet, and of one that comes from elsewhere (`logging.makeLogRecord`) nothing is.

    Args:
        log: A logger that is trusted, too, with all that stand below the beginning of its name.
    """

    def __init__(self, log: logging.Logger) -> None:
        self._trusted: tuple[str, ...] = (*TRUSTED, log.name.partition(".")[0])
        self._before: Any = None
        self._handle: Any = None

    def __enter__(self) -> Self:
        before = self._before = logging.Logger.handle

        def handle(logger: logging.Logger, record: logging.LogRecord) -> None:
            self._remove_links(record)
            before(logger, record)

        self._handle = handle
        handle.keeper = self  # type: ignore[attr-defined] # found by who comes next
        logging.Logger.handle = handle  # type: ignore[method-assign, assignment]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if logging.Logger.handle is self._handle:
            logging.Logger.handle = self._before  # type: ignore[method-assign]

    def trust(self, log: logging.Logger) -> None:
        """Let another logger say what it says."""
        beginning = log.name.partition(".")[0]
        if not beginning.startswith(self._trusted):
            self._trusted = (*self._trusted, beginning)

    def _remove_links(self, record: logging.LogRecord) -> None:
        """Leave of a record only what is surely no link."""
        if str(record.name).startswith(self._trusted):
            return
        try:
            message = record.getMessage()
        except Exception:  # noqa: BLE001 - whatever the text of somebody else's object may raise
            message = ""
        words = message.split()[:MAX_WORDS]
        record.msg = " ".join(word if _SURE.fullmatch(word) else "[...]" for word in words)
        record.args = ()
        if record.exc_info and record.exc_info[0]:
            record.msg += f" ({record.exc_info[0].__name__})"
        record.exc_info = record.exc_text = record.stack_info = None
        for name in vars(record).keys() - _ATTRIBUTES:
            delattr(record, name)


def keep_links_out(log: logging.Logger) -> None:
    """Let no logger of the process print a link from now on: a request may be under way when its run has ended.

    Args:
        log: A logger that is trusted, too.
    """
    keeper: LinksKeptOut | None = getattr(logging.Logger.handle, "keeper", None)
    if keeper:
        keeper.trust(log)
    else:
        LinksKeptOut(log).__enter__()
