"""`Sandbox`: one account, its API and its files, wired together."""

from __future__ import annotations

import datetime as dt
import json
import time
from typing import TYPE_CHECKING, Any, ClassVar, Final

from bulk_exports.sandbox.control import ndjson
from bulk_exports.sandbox.limits import Budgets
from bulk_exports.sandbox.links import Links
from bulk_exports.sandbox.local import LocalVendor
from tap_apsis_one.sandbox.api import Api, Limits
from tap_apsis_one.sandbox.asked import Asked
from tap_apsis_one.sandbox.content import Writer, row_of
from tap_apsis_one.sandbox.exports import Exports
from tap_apsis_one.sandbox.faults import Fault
from tap_apsis_one.sandbox.files import Files
from tap_apsis_one.sandbox.happenings import Happenings
from tap_apsis_one.sandbox.population import SECTIONS, Population
from tap_apsis_one.sandbox.quirks import Quirks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from bulk_exports.sandbox.journal import LoggedRequest
    from bulk_exports.sandbox.limits import Window
    from bulk_exports.sandbox.messages import Reply, Request

DEFAULT_ID: Final = "sandbox-client"
DEFAULT_SECRET: Final = "sandbox-client-secret"  # noqa: S105 - it opens nothing
_DEFAULT_PAST: Final = dt.timedelta(days=400)


class Sandbox(LocalVendor):
    """A local APSIS One.

    Use it as a context manager, or call `start` and `stop`.

    Args:
        seed: Another number, another account.
        profiles: How many profiles it has.
        events_per_day: Events of profiles a day, or a function from a day to that.
        emails_per_day: Events of e-mails a day, or a function from a day to that.
        first_day: Days before it are empty. Default: 400 days before now.
        job_seconds: How long an export takes, or a function from what was asked for and the number of the attempt.
        token_seconds: How long a token is good.
        link_seconds: How long a link is good.
        limits: Requests a minute, exports at a time, rows of an export.
        window: Kind of minute.
        keys: Secrets by client ID.
        clock: Epoch seconds; every time the server knows comes from it.
        host: Where both origins listen.
        port: Port of the API; 0: any free one. The files origin always takes a free one.
        quirks: How to behave where the documentation is silent.
        on_request: Is called with every request as it is logged.
    """

    fault: ClassVar = Fault

    def __init__(
        self,
        *,
        seed: int = 1,
        profiles: int = 200,
        events_per_day: int | Callable[[dt.date], int] = 200,
        emails_per_day: int | Callable[[dt.date], int] = 200,
        first_day: dt.date | None = None,
        job_seconds: float | Callable[[Asked, int], float] = 2.0,
        token_seconds: float = 86_400.0,
        link_seconds: float = 900.0,
        limits: Limits | None = None,
        window: Window = "fixed",
        keys: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.time,
        host: str = "127.0.0.1",
        port: int = 0,
        quirks: Quirks | None = None,
        on_request: Callable[[LoggedRequest], None] | None = None,
    ) -> None:
        super().__init__(clock=clock, on_request=on_request)
        quirks = quirks or Quirks()
        # Before anything is made that must be cleaned up: they fail when the port is taken.
        api_origin = self._listen("api", (host, port), self._answer_api, "apsis")
        files_origin = self._listen("files", (host, 0), self._answer_files, "store")
        today = dt.datetime.fromtimestamp(clock(), dt.timezone.utc).date()
        self.keys = dict(keys) if keys else {DEFAULT_ID: DEFAULT_SECRET}
        self.limits = limits or Limits()
        self.population = Population(seed, profiles)
        self.happenings = Happenings(
            self.population, first_day or today - _DEFAULT_PAST, events_per_day, emails_per_day
        )
        self._writer = Writer(self.population, self.happenings, quirks)
        self.exports = Exports(self._writer, clock, job_seconds, drift=quirks.drift)
        self.exports.revision = lambda: self.happenings.revision
        self._cleanup.callback(self.exports.shelf.close)
        links = Links(clock, link_seconds)
        self._url = api_origin.url
        self._api = Api(
            population=self.population,
            writer=self._writer,
            exports=self.exports,
            quirks=quirks,
            keys=self.keys,
            limits=self.limits,
            budgets=Budgets(clock, window),
            links=links,
            faults=self.faults,
            clock=clock,
            token_seconds=token_seconds,
            url=api_origin.url,
            files_url=files_origin.url,
        )
        self._files = Files(exports=self.exports, links=links, faults=self.faults, quirks=quirks, clock=clock)
        self.files_url = files_origin.url
        self._steer({r"GET truth": self._tell_truth, r"POST revoke": lambda _: self.revoke_tokens()})

    @property
    def api_url(self) -> str:
        """What goes into the tap's ``api_url``."""
        return self._url

    @property
    def credentials(self) -> dict[str, str]:
        """What goes into the tap's settings."""
        client_id, client_secret = next(iter(self.keys.items()))
        return {"client_id": client_id, "client_secret": client_secret, "api_url": self.api_url}

    def _answer_api(self, request: Request) -> Reply:
        return self._api.answer(request)

    def _answer_files(self, request: Request) -> Reply:
        return self._files.answer(request)

    def revoke_tokens(self) -> None:
        """Let no token that was given so far be good any more."""
        self._api.revoke()

    def profile_events(self, first: dt.date, last: dt.date) -> Iterator[Mapping[str, Any]]:
        """Yield the events of profiles that were received on these days, of profiles that show up by their identity."""
        asked = Asked("profiles", *_bounds(first, last), events=self._every_event_type())
        for event in self._writer.events(asked, asked.end_ms):
            if self._shows_up(event.profile, event.section):
                yield row_of(event, self.population, self._writer.type_number(event))

    def email_events(self, first: dt.date, last: dt.date) -> Iterator[Mapping[str, str]]:
        """Yield the events of e-mails that were received on these days, by the columns that are always there."""
        asked = Asked("emails", *_bounds(first, last))
        return (self._writer.cells(event) for event in self._writer.emails(asked, asked.end_ms))

    def profiles(self) -> Iterator[tuple[str, str, Mapping[str, Any], set[str]]]:
        """Yield export key, section, values by discriminator, and tags of each profile and section."""
        for profile in range(self.population.profiles):
            for at, (number, _, _) in enumerate(SECTIONS):
                if self._shows_up(profile, at):
                    population = self.population
                    yield (
                        population.export_key(profile),
                        number,
                        population.values(profile, at),
                        population.tagged(profile, at),
                    )

    def _shows_up(self, profile: int, at: int) -> bool:
        return self.population.is_in(profile, at)  # everybody has a mobile

    def _every_event_type(self) -> tuple[str, ...]:
        return tuple(number for each in self.population.event_types() for number in each.versions)

    def _tell_truth(self, request: Request) -> Reply:
        query = request.query
        first = dt.date.fromisoformat(query.get("first", ""))
        last = dt.date.fromisoformat(query.get("last", query["first"]))
        rows = (
            self.profile_events(first, last)
            if query.get("stream") == "profile_events"
            else self.email_events(first, last)
        )
        return ndjson(json.dumps(row, ensure_ascii=False) for row in rows)


def _bounds(first: dt.date, last: dt.date) -> tuple[int, int]:
    begin = dt.datetime.combine(first, dt.time.min, dt.timezone.utc)
    end = dt.datetime.combine(last + dt.timedelta(days=1), dt.time.min, dt.timezone.utc)
    return int(begin.timestamp() * 1000), int(end.timestamp() * 1000)
