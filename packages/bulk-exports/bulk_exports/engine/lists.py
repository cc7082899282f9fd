"""What an API lists: short, asked for before anything else, and so waited for where it is wanted, in bounded time."""

from __future__ import annotations

import queue
from typing import TYPE_CHECKING, Any, Final

import backoff

from bulk_exports.engine.errors import InvalidAnswerError, RateLimitedError, UnavailableError
from bulk_exports.engine.rate_limit import MAX_PAUSE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from bulk_exports.engine.answer import Answer
    from bulk_exports.engine.api import Api
    from bulk_exports.engine.budgets import Budget
    from bulk_exports.engine.connection import Connection

MAX_ATTEMPTS: Final = 6
"""For one page: half a minute, if nothing comes of any of them."""
MAX_BACKOFF_SECONDS: Final = 60.0
MAX_PAGES: Final = 1000
"""Of one list."""


class Lists:
    """The lists of an API.

    Args:
        api: The API.
        budget: How many pages may be asked for.
        connection: Time and log.
        items: The key under which an answer has its items; an answer may be the bare list, too.
        next_page: The key under which it has the address of the page that follows.
    """

    def __init__(
        self, api: Api, budget: Budget, connection: Connection, *, items: str = "items", next_page: str = "next"
    ) -> None:
        self._api = api
        self._budget = budget
        self._connection = connection
        self._items = items
        self._next_page = next_page

    def items(self, path: str, *others: str, optional: bool = False) -> Iterator[Mapping[str, Any]]:
        """Yield the items of a list, page by page should there be several.

        Args:
            path: Where it is.
            others: Where else it may be, if it is not there.
            optional: Whether it may be nowhere, and then has no items.

        Raises:
            UnavailableError: It is not to be had, or is no list.
            InvalidAnswerError: It does not end.
            RequestRejectedError: Who asks may not see it.
        """
        seen: set[str] = set()
        page: str | None = path
        while page:
            seen.add(page)
            found = self._asked_until_answered(page, expected={404} if others or optional else set())
            if found is None:
                if others:
                    yield from self.items(*others, optional=optional)
                return
            listed, page = found
            yield from (each for each in listed if isinstance(each, dict))
            if page and (page in seen or len(seen) >= MAX_PAGES):
                raise InvalidAnswerError(f"a list of the vendor has no end: its page {len(seen)} names another one")

    def _page(self, answer: Answer) -> tuple[list[Any], str | None]:
        """Return the items of a page, and where the next one is.

        Raises:
            UnavailableError: It is no page.
        """
        said = answer.parsed()
        if isinstance(said, list):
            return said, None
        listed = said.get(self._items) if isinstance(said, dict) else None
        following = said.get(self._next_page) if isinstance(said, dict) else None
        if not isinstance(listed, list) or not isinstance(following, (str, type(None))):
            raise UnavailableError(f"the vendor returned no list (HTTP {answer.status})")
        return listed, following

    def _asked_until_answered(self, path: str, expected: Collection[int]) -> tuple[list[Any], str | None] | None:
        """Return a page; None if there is none, and that was expected. What is no list may be one a little later."""
        pauses = backoff.expo(max_value=MAX_BACKOFF_SECONDS)
        pauses.send(None)  # the generator's protocol: the first value is no pause
        for attempt in range(1, MAX_ATTEMPTS + 1):
            now = self._connection.clock.now()
            self._wait(min(self._budget.ready_at(now) - now, MAX_PAUSE_SECONDS))
            self._budget.spend()
            try:
                answer = self._api.ask("GET", path, self._budget, expected=expected)
                return None if answer.status in expected else self._page(answer)
            except (UnavailableError, RateLimitedError) as error:
                if attempt == MAX_ATTEMPTS:
                    raise
                if isinstance(error, UnavailableError):
                    pause = max(next(pauses), error.pause_seconds)
                    self._connection.log.warning("%s; trying again in %.0f s", error, pause)
                    self._wait(pause)
        raise AssertionError  # never: the last attempt returns or raises

    def _wait(self, seconds: float) -> None:
        if seconds > 0:
            clock, nothing = self._connection.clock, queue.SimpleQueue[None]()
            clock.wait(nothing, until=clock.now() + seconds, expecting=False)
