"""`Sandbox`: one Space, its API and its files, wired together."""

from __future__ import annotations

import datetime as dt
import time
from typing import TYPE_CHECKING, ClassVar, Final

from bulk_exports.sandbox.days import Days
from bulk_exports.sandbox.limits import Budgets, Window
from bulk_exports.sandbox.links import Links
from bulk_exports.sandbox.local import LocalVendor
from tap_cometly import vocabulary
from tap_cometly.sandbox.api import BASE, Api, KeyState, Limits
from tap_cometly.sandbox.content import shelf_of
from tap_cometly.sandbox.control import Truth
from tap_cometly.sandbox.events import Events, EventsPerDay
from tap_cometly.sandbox.faults import Fault
from tap_cometly.sandbox.files import Files
from tap_cometly.sandbox.history import History
from tap_cometly.sandbox.jobs import Jobs, JobSeconds
from tap_cometly.sandbox.journeys import Journeys
from tap_cometly.sandbox.queries import CompanyQuery, ContactQuery, EventQuery, Row, Space
from tap_cometly.sandbox.quirks import Quirks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from bulk_exports.sandbox.journal import LoggedRequest
    from bulk_exports.sandbox.messages import Reply, Request

DEFAULT_KEY: Final = "sandbox-key"
_DEFAULT_PAST: Final = dt.timedelta(days=400)


def _range(first: dt.date, last: dt.date) -> tuple[dt.datetime, dt.datetime]:
    """Return the first and the last second of a stretch of days."""
    return dt.datetime.combine(first, dt.time()), dt.datetime.combine(last, dt.time(23, 59, 59))


class Sandbox(LocalVendor):
    """A local Cometly.

    Use it as a context manager, or call `start` and `stop`.

    Args:
        seed: Another number, another Space.
        timezone: IANA name of the Space's time zone.
        first_day: Days before it are empty. Default: 400 days before now.
        events_per_day: A mean, or a function from a day to its exact number of events.
        creates_per_minute: Budget of each create endpoint for each key.
        polls_per_minute: Budget of each status endpoint for each key.
        window: ``fixed`` minutes, each from the first request after the last ended, or a ``sliding`` one.
        job_seconds: How long a job takes, or a function from day and attempt number (1, 2, ...) to that.
        link_seconds: How long a link is good.
        api_key: The key, if there is only one.
        keys: Or several, each ``active`` or ``forbidden`` (403: inactive subscription).
        clock: Epoch seconds; every time the server knows comes from it.
        host: Where both origins listen.
        port: Port of the API; 0: any free one. The files origin always takes a free one.
        quirks: How to behave where Cometly's documentation is silent.
        on_request: Is called with every request as it is logged.
    """

    fault: ClassVar = Fault

    def __init__(
        self,
        *,
        seed: int = 1,
        timezone: str = "UTC",
        first_day: dt.date | None = None,
        events_per_day: EventsPerDay = 200,
        creates_per_minute: int = 5,
        polls_per_minute: int = 30,
        window: Window = "fixed",
        job_seconds: JobSeconds = 2.0,
        link_seconds: float = 900,
        api_key: str = DEFAULT_KEY,
        keys: Mapping[str, KeyState] | None = None,
        clock: Callable[[], float] = time.time,
        host: str = "127.0.0.1",
        port: int = 0,
        quirks: Quirks | None = None,
        on_request: Callable[[LoggedRequest], None] | None = None,
    ) -> None:
        super().__init__(clock=clock, on_request=on_request)
        quirks = quirks or Quirks()
        keys = dict(keys) if keys else {api_key: "active"}
        days = Days(timezone)
        self._api_origin = self._listen("api", (host, port), self._answer_api, "nginx")
        self._files_origin = self._listen("files", (host, 0), self._answer_files, "AmazonS3")
        events = Events(seed, days, first_day or days.of(clock()) - _DEFAULT_PAST, events_per_day)
        self.api_key = next(iter(keys))
        self.limits = Limits(creates_per_minute, polls_per_minute)
        self.history = History(events, Journeys(seed), days, clock)
        self._space = Space(days, events, self.history, quirks)
        shelf = shelf_of(self._space)
        self._cleanup.callback(shelf.close)
        self._jobs = Jobs(self._space, shelf, clock, job_seconds)
        links = Links(clock, link_seconds)
        self._api = Api(
            space=self._space,
            jobs=self._jobs,
            keys=keys,
            limits=self.limits,
            budgets=Budgets(clock, window),
            links=links,
            faults=self.faults,
            clock=clock,
            files_url=self._files_origin.url,
        )
        self._files = Files(jobs=self._jobs, links=links, faults=self.faults, quirks=quirks, clock=clock)
        self._steer(Truth(history=self.history, truth=self.truth, truth_of=self.truth_of).routes)

    @property
    def api_url(self) -> str:
        """What goes into the tap's ``api_url``."""
        return self._api_origin.url + BASE

    @property
    def files_url(self) -> str:
        """The origin of the links."""
        return self._files_origin.url

    def truth(
        self,
        day: dt.date,
        *,
        fields: Sequence[str] = (),
        sources: Sequence[str] = (),
        attribution_model: str | None = None,
        attribution_window: int | None = None,
        event_names: Sequence[str] = (),
        query_mode: str = "profile",
        at: float | None = None,
    ) -> Iterator[Row]:
        """Yield the rows that an export of ``day`` holds whose job ends now (or ended ``at`` that moment).

        Values are what they mean, whatever quirks do to their spelling: amounts are Decimal, identifiers integers, and
        no key is missing.

        Raises:
            ValueError: A name is unknown, or sources come without model and window.
        """
        for names, known in (
            (fields, vocabulary.FIELDS_BY_NAME),
            (sources, vocabulary.SOURCES),
            (event_names, vocabulary.EVENT_NAMES),
            ([attribution_model] if sources else (), vocabulary.ATTRIBUTION_MODELS),
            ([attribution_window] if sources else (), vocabulary.ATTRIBUTION_WINDOWS),
            ([query_mode], vocabulary.QUERY_MODES),
        ):
            for name in names:
                if name not in known:
                    raise ValueError(f"{name!r} is none of: {', '.join(map(str, known))}.")
        query = EventQuery(
            date=day,
            fields=tuple(fields),
            sources=tuple(sources),
            attribution_model=attribution_model,
            attribution_window=attribution_window,
            event_names=tuple(event_names),
            query_mode=query_mode,
        )
        moment = self._clock() if at is None else at
        return query.rows(self._space, self.history.at(moment), moment)

    def contacts(
        self,
        first: dt.date,
        last: dt.date,
        *,
        include_comet_tokens: bool = False,
        include_created_at: bool = False,
    ) -> Iterator[Row]:
        """Yield the rows of contacts that were created from one day through another."""
        start, end = _range(first, last)
        yield from self._created(
            ContactQuery(start, end, include_comet_tokens=include_comet_tokens, include_created_at=include_created_at)
        )

    def companies(self, first: dt.date, last: dt.date) -> Iterator[Row]:
        """Yield the rows of companies that were created from one day through another."""
        yield from self._created(CompanyQuery(*_range(first, last)))

    def _created(self, query: ContactQuery | CompanyQuery) -> Iterator[Row]:
        moment = self._clock()
        return query.rows(self._space, self.history.at(moment), moment)

    def truth_of(self, export_id: int) -> Iterator[Row]:
        """Yield the rows of a finished export of any kind, as they were when its job ended.

        Raises:
            LookupError: There is no such export, or it is not finished.
        """
        job = self._jobs.get(export_id)
        if self._jobs.state(job) != "completed" or job.content is None:
            raise LookupError(f"Export {export_id} is not finished.")
        return job.query.rows(self._space, job.content.past, job.ends_at, job.order)

    def _answer_api(self, request: Request) -> Reply:
        return self._api.answer(request)

    def _answer_files(self, request: Request) -> Reply:
        return self._files.answer(request)
