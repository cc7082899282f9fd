"""The API of one account: its token, its budgets, and what it has defined. All streams of a run share it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from typing_extensions import Self

from bulk_exports.engine.api import Dialect
from bulk_exports.engine.budgets import AllOf, JobCap
from bulk_exports.engine.credentials import NoCredentials, RenewedToken
from bulk_exports.engine.errors import ExportError, RateLimitedError, UnavailableError, WindowTooLargeError
from bulk_exports.engine.lists import Lists
from bulk_exports.engine.oauth import fetch_token
from bulk_exports.engine.rate_limit import RateLimit
from tap_apsis_one import vocabulary as apsis
from tap_apsis_one.definitions import Definition, Definitions
from tap_apsis_one.selection import Selection

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bulk_exports.engine import Connection
    from bulk_exports.engine.answer import Answer
    from bulk_exports.engine.api import Api
    from tap_apsis_one.settings import Settings

TOKEN_PATH: Final = "/oauth/token"  # noqa: S105 - an address
REMEDIES: Final = (
    "The cause may be the size of the data, the complexity of the segment, or how much is asked for: choose fewer "
    "`attributes`, `tags` or `event_types`, a simpler `segment` or none, or fewer `window_days`"
)

_TOO_LARGE: Final = ("too large", "too much", "too big", "too many", "narrow", "shorter", "smaller", "reduce", "exceed")
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
        job_cap: How many exports may be under way.
        create_limit: How soon the next export may be created.
        status_limit: How soon the next status may be asked for.
        log: Where to tell.
    """

    def __init__(self, settings: Settings, connection: Connection) -> None:
        self.settings = settings
        self.log = connection.log
        self.job_cap = JobCap()
        self.create_limit = AllOf(RateLimit(apsis.EVENT_EXPORTS_PER_MINUTE), self.job_cap)
        self.status_limit = RateLimit(apsis.DOWNLOADS_PER_MINUTE)
        self._lock = threading.Lock()
        self._definitions: Definitions | None = None
        tokens = RateLimit(apsis.TOKENS_PER_MINUTE)
        grant = {
            "grant_type": "client_credentials",
            "client_id": settings.client_id,
            "client_secret": settings.client_secret,
        }

        def client(authentication: Any) -> Api:
            return connection.api(
                settings.api_url,
                dialect=Dialect(vendor=apsis.VENDOR, advice=_WHAT_TO_CHECK, meaning=self._meaning),
                authentication=authentication,
                user_agent=settings.user_agent,
            )

        self._open = client(NoCredentials((settings.client_secret,)))
        self.api = client(
            RenewedToken(
                lambda: fetch_token(self._open, TOKEN_PATH, tokens, connection, body=grant),
                now=connection.clock.now,
                secrets=(settings.client_secret,),
            )
        )
        self._lists = Lists(self.api, RateLimit(apsis.LISTS_PER_MINUTE), connection)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *trouble: object) -> None:
        """Close the connections. The account may still be used: it opens others."""
        self.api.__exit__(*trouble)
        self._open.__exit__(*trouble)

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
            for item in self._lists.items(*paths):
                yield section, item

    def _meaning(self, answer: Answer) -> ExportError | None:
        """Recognise what only the words of an answer tell: that too much was asked for, or too many exports wait."""
        said = answer.parsed() if answer.status in {400, 413, 429} else None
        words = [str(said.get(name) or "") for name in ("title", "detail")] if isinstance(said, dict) else []
        text = " ".join(words).lower()
        if answer.status == 429:
            waits = any(each in text for each in _WAITING)
            return RateLimitedError("too many exports are under way", by=self.job_cap) if waits else None
        if "section" not in text and any(each in text for each in _TOO_LARGE):
            told = self.api.words(words[-1] or words[0]).rstrip(".")
            return WindowTooLargeError(
                f"{apsis.VENDOR} finds the export too large (HTTP {answer.status}: {told}). {REMEDIES}"
            )
        return None

    def _all_definitions(self) -> Definitions:
        items, sections = self._lists.items, Definition.all_of(self._lists.items("/audience/sections"))
        if not sections:
            raise UnavailableError(f"{apsis.VENDOR} lists no sections, of which each account has one at least")

        def of_all(kind: str) -> tuple[Definition, ...]:
            lists = ((each, f"/audience/sections/{quote(each.discriminator, safe='')}/{kind}") for each in sections)
            return tuple(found for each, path in lists for found in Definition.all_of(items(path), each.discriminator))

        return Definitions(
            sections=sections,
            attributes=of_all("attributes?include_keyspace_permissions=false"),
            tags=of_all("tags"),
            event_types=of_all("events"),
            segments=Definition.all_of(items("/audience/segments", optional=True)) if self.settings.segment else (),
        )


def shared(settings: Settings, connection: Connection) -> Account:
    """Return the account of these settings: one for all streams of a run, which share its budgets and its token."""
    return connection.keep("account", lambda: Account(settings, connection))
