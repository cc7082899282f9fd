"""`Sandbox`: one business unit, its login, its API and its files, wired together."""

from __future__ import annotations

import datetime as dt
import json
import time
import zoneinfo
from typing import TYPE_CHECKING, Any, ClassVar, Final

from bulk_exports.sandbox.control import body_of, ndjson
from bulk_exports.sandbox.days import Days, utc_text
from bulk_exports.sandbox.local import LocalVendor
from bulk_exports.sandbox.messages import json_reply
from bulk_exports.sandbox.shelf import Shelf
from tap_pardot_exports import vocabulary as pardot
from tap_pardot_exports.sandbox.api import Account, Api
from tap_pardot_exports.sandbox.content import Writer
from tap_pardot_exports.sandbox.faults import Fault
from tap_pardot_exports.sandbox.jobs import Jobs, JobSeconds
from tap_pardot_exports.sandbox.login import Login
from tap_pardot_exports.sandbox.quirks import Quirks
from tap_pardot_exports.sandbox.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from bulk_exports.sandbox.journal import LoggedRequest
    from bulk_exports.sandbox.messages import Reply, Request

UNIT: Final = "0Uv000000000001CAA"
CLIENT_ID: Final = "sandbox-app"
CLIENT_SECRET: Final = "sandbox-app-secret"  # noqa: S105 - of a sandbox
REFRESH_TOKEN: Final = "sandbox-refresh-token"  # noqa: S105 - of a sandbox
_DEFAULT_PAST: Final = dt.timedelta(days=60)


class Sandbox(LocalVendor):
    """A local Account Engagement.

    Use it as a context manager, or call `start` and `stop`. `world` is what there is in it, and can be changed;
    `login` gives the tokens; `jobs` is the queue, in which others may stand, too.

    Args:
        seed: Another number, another business unit.
        timezone: IANA name of the API user's time zone.
        first_day: Before it there was nothing. Default: 60 days before now.
        per_day: How many records of each kind a day brings, or a function of stream and day.
        job_seconds: How long an export takes once it is its turn, or a function of stream and attempt.
        files: Into how many files the rows of an export are split at most.
        token_seconds: How long a token is good.
        calls_per_day: Quota, which begins anew at the account's midnight.
        versions: Which versions of the API the account may use.
        custom_fields: Names of fields besides the usual ones; their cells are empty unless a record was given them.
        refused_procedures: What the account does not answer, such as ``visitorActivity.filter_by_updated_at``.
        denied: Objects whose ability the user lacks, such as ``prospect``.
        check_assertion: Says whether a signed assertion is good; by itself, none is.
        clock: Epoch seconds; every time the server knows comes from it.
        host: Where all origins listen.
        port: Port of the API; 0: any free one.
        login_port: Port of the login; 0: any free one.
        quirks: How to behave where the vendor's documentation is silent.
        on_request: Is called with every request as it is logged.
    """

    fault: ClassVar = Fault

    def __init__(
        self,
        *,
        seed: int = 1,
        timezone: str = "UTC",
        first_day: dt.date | None = None,
        per_day: int | Callable[[str, dt.date], int] = 20,
        job_seconds: JobSeconds = 30.0,
        files: int = 3,
        token_seconds: float = 7200.0,
        calls_per_day: int = 25_000,
        versions: Collection[int] = (4, 5),
        custom_fields: Collection[str] = (),
        refused_procedures: Collection[str] = (),
        denied: Collection[str] = (),
        check_assertion: Callable[[str], bool] = lambda _assertion: False,
        clock: Callable[[], float] = time.time,
        host: str = "127.0.0.1",
        port: int = 0,
        login_port: int = 0,
        quirks: Quirks | None = None,
        on_request: Callable[[LoggedRequest], None] | None = None,
    ) -> None:
        super().__init__(clock=clock, on_request=on_request)
        quirks = quirks or Quirks()
        days = Days(timezone)
        zone = zoneinfo.ZoneInfo(timezone)
        api = self._listen("api", (host, port), self._answer_api, "Account Engagement")
        login = self._listen("login", (host, login_port), self._answer_login, "Salesforce")
        store = self._listen("store", (host, 0), self._answer_store, "store")
        self.api_url, self.login_url, self.store_url = api.url, login.url, store.url
        self.login = Login(
            client_id=CLIENT_ID,
            client_secret=CLIENT_SECRET,
            refresh_token=REFRESH_TOKEN,
            seconds=token_seconds,
            faults=self.faults,
            quirks=quirks,
            clock=clock,
            check_assertion=check_assertion,
        )
        self.world = World(
            seed,
            days,
            first_day or days.of(clock()) - _DEFAULT_PAST,
            per_day,
            clock,
            deleting_updates=quirks.deleting_updates,
        )
        self.jobs = Jobs(clock, job_seconds)
        writer = Writer(self.world, zone, quirks)
        shelf = Shelf("pardot-sandbox", ".csv", writer.lines)
        self._cleanup.callback(shelf.close)
        self.api = Api(
            account=Account(
                unit=UNIT,
                versions=frozenset(versions),
                calls_per_day=calls_per_day,
                custom_fields=frozenset(custom_fields),
                refused_procedures=frozenset(refused_procedures),
                denied=frozenset(denied),
                files=files,
            ),
            login=self.login,
            jobs=self.jobs,
            writer=writer,
            shelf=shelf,
            faults=self.faults,
            quirks=quirks,
            days=days,
            clock=clock,
            urls=lambda: (self.api_url, self.store_url),
        )
        self._days = days
        self._steer(self._routes())

    @property
    def config(self) -> dict[str, Any]:
        """Settings with which the tap finds its way here."""
        return {
            "api_url": self.api_url,
            "login_url": self.login_url,
            "business_unit_id": UNIT,
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "refresh_token": REFRESH_TOKEN,
        }

    @property
    def secrets(self) -> set[str]:
        """What nobody may see."""
        return {CLIENT_SECRET, REFRESH_TOKEN, self.login.refresh_token, *self.login.tokens}

    def truth(self, stream: str, *, at: float | None = None) -> Iterator[dict[str, Any]]:
        """Yield the records that there are now, or were at a moment: all columns, times in UTC as text."""
        thing = pardot.BY_STREAM[stream]
        times = [field.name for field in thing.fields if field.kind == "timestamp"]
        for row in self.world.rows(thing, self._clock() if at is None else at):
            yield {**row, **{name: utc_text(row[name]) for name in times if row[name] is not None}}

    def _routes(self) -> dict[str, Callable[..., Any]]:
        """What the control endpoint can do besides.

        ``GET truth?stream=prospects`` tells the records; ``POST records`` with ``{"stream": ..., "values": {...}}``
        makes one, ``PATCH records/5`` changes one, ``DELETE records/5`` with ``{"stream": ...}`` deletes one;
        ``POST queue`` with ``{"seconds": 600}`` lets somebody else make an export.
        """

        def changed(request: Request, key: int) -> None:
            body = body_of(request)
            self.world.update(str(body["stream"]), key, **body.get("values", {}))

        def added(request: Request) -> Reply:
            body = body_of(request)
            return json_reply(201, {"id": self.world.add(str(body["stream"]), **body.get("values", {}))})

        return {
            r"GET truth": lambda request: ndjson(map(json.dumps, self.truth(request.query.get("stream", "")))),
            r"POST records": added,
            r"PATCH records/(\d{1,12})": changed,
            r"DELETE records/(\d{1,12})": lambda request, key: self.world.delete(str(body_of(request)["stream"]), key),
            r"POST queue": lambda request: json_reply(
                201, {"id": self.jobs.occupy(float(body_of(request)["seconds"]))}
            ),
        }

    def _answer_api(self, request: Request) -> Reply:
        return self.api.answer(request)

    def _answer_login(self, request: Request) -> Reply:
        return self.login.answer(request)

    def _answer_store(self, request: Request) -> Reply:
        return self.api.answer_elsewhere(request)
