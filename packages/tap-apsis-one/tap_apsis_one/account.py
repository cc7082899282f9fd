"""The API of one account: its token, its budgets, and what it has defined. All streams of a run share it.

Lists of definitions are short and asked for before anything else, so they are waited for here, in bounded time.
"""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import backoff
from typing_extensions import Self

from bulk_exports.engine.api import Dialect
from bulk_exports.engine.budgets import AllOf, JobCap
from bulk_exports.engine.credentials import NoCredentials, RenewedToken
from bulk_exports.engine.errors import ExportError, RateLimitedError, UnavailableError, WindowTooLargeError
from bulk_exports.engine.rate_limit import RateLimit
from tap_apsis_one import token
from tap_apsis_one import vocabulary as apsis
from tap_apsis_one.definitions import Definition, Definitions, items
from tap_apsis_one.selection import Selection

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bulk_exports.engine import Connection
    from bulk_exports.engine.answer import Answer
    from bulk_exports.engine.api import Api
    from tap_apsis_one.settings import Settings

MAX_ATTEMPTS: Final = 6
"""For one list: half a minute, if nothing comes of any of them."""
MAX_PAUSE_SECONDS: Final = 60.0
MAX_PAGES: Final = 1000
"""Of one list."""
REMEDIES: Final = (
    "The cause may be the size of the data, the complexity of the segment, or how much is asked for: choose fewer "
    "`attributes`, `tags` or `event_types`, a simpler `segment` or none, or fewer `window_days`"
)

_TOO_LARGE: Final = ("too large", "too much", "size", "narrow", "shorter", "smaller", "reduce")
_WAITING: Final = ("pending", "ongoing", "in progress", "concurrent")
_WHAT_TO_CHECK: Final = {
    300: "Check the setting `api_url`",
    400: (
        "How requests are written is not documented publicly: try another `request_shape`, or copy a whole body from "
        "APSIS One's API page into `request_body`"
    ),
    401: "Check the settings `client_id`, `client_secret` and `api_url`: a key belongs to one region",
    403: "The API key may not see these sections. Choose others in `sections`, or change the key's permissions",
    404: "Check the setting `api_url`: there is no such endpoint",
    413: "Choose fewer `sections`, `attributes` or `tags`: the request is too large, or has more sections than allowed",
}


class Account:
    """An account of APSIS One.

    Args:
        settings: What the user asked for.
        connection: Time, patience, and where to tell.

    Attributes:
        settings: What the user asked for.
        api: Sends requests, with the token.
        jobs: How many exports may be under way.
        create_limit: How soon the next export may be created.
        status_limit: How soon the next status may be asked for.
        log: Where to tell.
    """

    def __init__(self, settings: Settings, connection: Connection) -> None:
        clock, utc_now = connection.clock, connection.utc_now
        self.settings = settings
        self.log = connection.log
        self.jobs = JobCap()
        self.create_limit = AllOf(RateLimit(apsis.EVENT_EXPORTS_PER_MINUTE), self.jobs)
        self.status_limit = RateLimit(apsis.DOWNLOADS_PER_MINUTE)
        self._clock = clock
        self._lists = RateLimit(apsis.LISTS_PER_MINUTE)
        self._lock = threading.Lock()
        self._definitions: Definitions | None = None
        tokens = RateLimit(apsis.TOKENS_PER_MINUTE)

        def client(authentication: Any) -> Api:
            return connection.api(
                settings.api_url,
                dialect=Dialect(vendor=apsis.VENDOR, advice=_WHAT_TO_CHECK, meaning=self._meaning),
                authentication=authentication,
                user_agent=settings.user_agent,
            )

        self._open = client(NoCredentials())
        self.api = client(
            RenewedToken(
                lambda: token.fetch(
                    self._open,
                    tokens,
                    client_id=settings.client_id,
                    client_secret=settings.client_secret,
                    now=clock.now,
                    utc_now=utc_now,
                ),
                now=clock.now,
                secrets=(settings.client_secret,),
            )
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *trouble: object) -> None:
        """Close the connections. The account may still be used: it opens others."""
        self.api.__exit__(*trouble)
        self._open.__exit__(*trouble)

    def now(self) -> float:
        """Return seconds of the engine's clock."""
        return self._clock.now()

    @property
    def definitions(self) -> Definitions:
        """What the account has defined, asked for once.

        Raises:
            ExportError: It cannot be told.
        """
        with self._lock:
            if self._definitions is None:
                self._definitions = self._all_definitions()
            return self._definitions

    def refreshed(self) -> Definitions:
        """Return the definitions anew: a file holds a number that is not among them."""
        with self._lock:
            self._definitions = self._all_definitions()
            return self._definitions

    @property
    def selection(self) -> Selection:
        """What the settings mean in this account.

        Raises:
            SettingsError: They mean nothing in it.
            ExportError: What it has defined cannot be told.
        """
        return Selection.of(self.settings, self.definitions)

    def email_activities(self) -> Iterator[tuple[Definition, Mapping[str, Any]]]:
        """Yield the recent e-mail activities of the selected sections, each with its section."""
        for section in self.selection.sections:
            place = quote(section.discriminator, safe="")
            # The documentation spells this path in both ways.
            paths = (f"/emails/sections/{place}/activities", f"/emails/section/{place}/activities")
            for item in self._list(*paths):
                yield section, item

    def _meaning(self, answer: Answer) -> ExportError | None:
        """Recognise what only the words of an answer tell: that too much was asked for, or too many exports wait."""
        said = answer.parsed() if answer.status in {400, 413, 429} else None
        text = (
            " ".join(str(said.get(name, "")) for name in ("title", "detail")).lower() if isinstance(said, dict) else ""
        )
        if answer.status == 429:
            waits = any(words in text for words in _WAITING)
            return RateLimitedError("too many exports are under way", by=self.jobs) if waits else None
        if "section" not in text and any(words in text for words in _TOO_LARGE):
            return WindowTooLargeError(f"{apsis.VENDOR} finds the export too large (HTTP {answer.status}). {REMEDIES}")
        return None

    def _all_definitions(self) -> Definitions:
        sections = [found for item in self._list("/audience/sections") if (found := Definition.of(item))]
        listed = self._list("/audience/segments", optional=True) if self.settings.segment else ()

        def of_all(kind: str, query: str = "") -> tuple[Definition, ...]:
            return tuple(
                found
                for section in sections
                for item in self._list(f"/audience/sections/{quote(section.discriminator, safe='')}/{kind}{query}")
                if (found := Definition.of(item, section.discriminator))
            )

        return Definitions(
            sections=tuple(sections),
            attributes=of_all("attributes", "?include_keyspace_permissions=false"),
            tags=of_all("tags"),
            event_types=of_all("events"),
            segments=tuple(found for item in listed if (found := Definition.of(item))),
        )

    def _list(self, path: str, *others: str, optional: bool = False) -> Iterator[Mapping[str, Any]]:
        """Yield the items of a list, page by page should there be several.

        Args:
            path: Where it is.
            others: Where else it may be, if it is not there.
            optional: Whether it may be nowhere, and then has no items.
        """
        page: object = path
        for _ in range(MAX_PAGES):
            if not isinstance(page, str) or not page:
                return
            answer = self._asked_until_answered(page, expected={404} if others or optional else set())
            if answer.status == 404:
                if others:
                    yield from self._list(*others, optional=optional)
                return
            said = answer.parsed()
            if not isinstance(said, (dict, list)):
                raise UnavailableError(f"{apsis.VENDOR} returned no list")
            yield from items(said)
            page = said.get("next") if isinstance(said, dict) else None

    def _asked_until_answered(self, path: str, expected: set[int]) -> Answer:
        pauses = backoff.expo(max_value=MAX_PAUSE_SECONDS)
        pauses.send(None)
        for attempt in range(1, MAX_ATTEMPTS + 1):
            self._wait(self._lists.ready_at(self.now()) - self.now())
            self._lists.spend()
            try:
                return self.api.ask("GET", path, self._lists, expected=expected)
            except (UnavailableError, RateLimitedError) as error:
                if attempt == MAX_ATTEMPTS:
                    raise
                if isinstance(error, UnavailableError):
                    pause = next(pauses)
                    self.log.warning("%s; trying again in %.0f s", error, pause)
                    self._wait(pause)
        raise AssertionError  # never: the last attempt returns or raises

    def _wait(self, seconds: float) -> None:
        if seconds > 0:
            nothing: queue.SimpleQueue[None] = queue.SimpleQueue()
            self._clock.wait(nothing, until=self.now() + seconds, expecting=False)


def shared(settings: Settings, connection: Connection) -> Account:
    """Return the account of these settings: one for all streams of a run, which share its budgets and its token."""
    return connection.keep("account", lambda: Account(settings, connection))
