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


class LinksKeptOut:
    """In this context, no logger of the process prints a link.

    Args:
        log: A logger that is trusted, too, with all that stand below the beginning of its name.
    """

    def __init__(self, log: logging.Logger) -> None:
        self._trusted: tuple[str, ...] = (*TRUSTED, log.name.partition(".")[0])
        self._make: Any = None

    def __enter__(self) -> Self:
        self._make = logging.getLogRecordFactory()
        logging.setLogRecordFactory(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if logging.getLogRecordFactory() is self:
            logging.setLogRecordFactory(self._make)

    def trust(self, log: logging.Logger) -> None:
        """Let another logger say what it says."""
        beginning = log.name.partition(".")[0]
        if not beginning.startswith(self._trusted):
            self._trusted = (*self._trusted, beginning)

    def __call__(self, name: str, *args: Any, **kwargs: Any) -> logging.LogRecord:
        """Make a record, as the factory before did, of which only what is surely no link is left."""
        record: logging.LogRecord = self._make(name, *args, **kwargs)
        if not record.name.startswith(self._trusted):
            try:
                message = record.getMessage()
            except (TypeError, ValueError):
                message = ""
            words = message.split()[:MAX_WORDS]
            record.msg = " ".join(word if _SURE.fullmatch(word) else "[...]" for word in words)
            record.args = ()
            if record.exc_info and record.exc_info[0]:
                record.msg += f" ({record.exc_info[0].__name__})"
            record.exc_info = record.exc_text = record.stack_info = None
        return record


def keep_links_out(log: logging.Logger) -> None:
    """Let no logger of the process print a link from now on: a request may be under way when its run has ended.

    Args:
        log: A logger that is trusted, too.
    """
    make = logging.getLogRecordFactory()
    if isinstance(make, LinksKeptOut):
        make.trust(log)
    else:
        LinksKeptOut(log).__enter__()
