"""What the engine asks of the vendor: make the export of a window, say how far it is, say where its files are.

`PardotClient` is the vendor of the export engine (`bulk_exports.engine.vendor.Vendor`). It sends each request once and
says what came of it; when to send, and whether again, is the engine's business. It waits for nothing but the network.
"""

from __future__ import annotations

import contextlib
import json
import threading
from datetime import timedelta, timezone
from typing import TYPE_CHECKING, Any, ClassVar, Final
from urllib.parse import urljoin

from typing_extensions import Self

from bulk_exports.engine.credentials import RenewedToken
from bulk_exports.engine.errors import (
    ExportError,
    StoppingError,
    UnavailableError,
    UnknownJobError,
    WindowTooLargeError,
)
from bulk_exports.engine.hosts import is_trusted
from bulk_exports.engine.rate_limit import RateLimit, whole_number
from bulk_exports.engine.vendor import JobState, JobStatus, Link
from bulk_exports.windows import dates
from tap_pardot_exports import codes
from tap_pardot_exports.calls import UNIT_HEADER, VENDOR, Calls, CodeError, Manner, TimedOutError
from tap_pardot_exports.oauth import Tokens
from tap_pardot_exports.streams import CREATES_PER_MINUTE, DELETED

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from bulk_exports.engine import Connection
    from bulk_exports.spec import ExportRequest
    from tap_pardot_exports.settings import Settings
    from tap_pardot_exports.streams import ExportQuery

POLLS_PER_MINUTE: Final = 30
"""The vendor names no limit, but asks to be asked less often than this by far."""

_STATES: Final = {
    "waiting": JobState.WAITING,
    "processing": JobState.RUNNING,
    "complete": JobState.READY,
    "failed": JobState.FAILED,
    "canceled": JobState.FAILED,
    "cancelled": JobState.FAILED,
}


class WrongZoneError(StoppingError):
    """Times are not written in the zone of the setting: every row would be shifted."""

    page: ClassVar[str] = "packages/tap-pardot-exports/README.md#time"


class PardotClient:
    """Talks to one business unit, for one stream.

    Args:
        settings: Who we are, and where the API is.
        connection: Time, log, and what the streams of a run have in common.

    Attributes:
        create_limit: How soon the next export may be created.
        status_limit: How soon the next status may be asked for.
    """

    def __init__(self, settings: Settings, connection: Connection) -> None:
        self._settings = settings
        self._zone = settings.timezone or timezone.utc
        self._utc_now = connection.utc_now
        self._log = connection.log
        self._creating = threading.Lock()
        self.create_limit = connection.keep("creates", lambda: RateLimit(CREATES_PER_MINUTE))
        self.status_limit = connection.keep("polls", lambda: RateLimit(POLLS_PER_MINUTE))
        tokens = Tokens(settings, connection)
        self._authentication = connection.keep(
            "token", lambda: RenewedToken(tokens.fetch, now=connection.clock.now, secrets=settings.secrets)
        )
        manner = connection.keep("manner", lambda: Manner.of(settings))
        self._calls = Calls(settings, connection, self._authentication, manner)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._calls.close()

    def create(self, request: ExportRequest[ExportQuery]) -> int | str:
        """Start an export.

        Returns:
            Its number; another name where there is nothing to export.

        Raises:
            RateLimitedError: Too many requests at a time, or in a minute.
            QuotaUsedUpError: Nothing is left of the day's requests.
            UnavailableError: No answer, or one that makes no sense.
            WindowTooLargeError: The vendor took too long for so many days.
            WrongZoneError: The vendor writes times in another zone than was said.
            RequestRejectedError: The request, or who asks, is not accepted.
        """
        with self._creating:  # what the first one learns of the account serves the others
            try:
                if request.variant == DELETED and request.query.thing.name in self._calls.manner.no_deleted:
                    self.create_limit.returned()
                    return _nothing(request)
                return self._create(request)
            except TimedOutError as error:
                if len(request.window) > 1:
                    raise WindowTooLargeError(str(error)) from None
                raise
            except CodeError as error:
                if request.variant == DELETED and error.code in {codes.WRONG_ARGUMENT, codes.WRONG_VALUE}:
                    self._cannot_ask_for_deleted(request.query, error)
                    return _nothing(request)
                body = request.query.body(request, self._calls.manner)
                raise _explained(error, request.query, body) from None

    def status(self, job: Hashable) -> JobStatus:
        """Ask how far an export is.

        Raises:
            RateLimitedError: Too many requests at a time, or in a minute.
            QuotaUsedUpError: Nothing is left of the day's requests.
            UnavailableError: No answer, or one that makes no sense.
            UnknownJobError: There is no such export, not yet or not any more, or its files are gone.
            RequestRejectedError: Who asks is not accepted.
        """
        number = whole_number(job)
        if number is None:
            self.status_limit.returned()
            return JobStatus(JobState.READY, "nothing to export")
        said = self._calls.read(number, self.status_limit)
        if whole_number(said.get("id")) not in {None, number}:
            raise UnavailableError(f"{VENDOR} answered about another export")
        word = self._calls.words(said.get("state"))
        state = _STATES.get(word.lower(), JobState.UNKNOWN)
        links: tuple[Link, ...] = ()
        if state is JobState.READY:
            if said.get("isExpired") in {True, "true", "1"}:
                raise UnknownJobError("the files of the export have expired")
            links = tuple(map(self._link, _refs(said.get("resultRefs"))))
        return JobStatus(state, word, f"no reason given; the vendor's support asks for export {number}", links)

    def cancel(self, job: Hashable) -> None:
        """Take an export out of the queue, if it is still there."""
        if (number := whole_number(job)) is not None:
            self._calls.cancel(number, self.create_limit)
            self._log.info("Export %d is taken out of the vendor's queue", number)

    # Creating

    def _create(self, request: ExportRequest[ExportQuery]) -> int:
        export = self._calls.create(lambda manner: request.query.body(request, manner), self.create_limit)
        number = whole_number(export.get("id"))
        if number is None:
            raise UnavailableError(f"{VENDOR} returned no number of an export")
        try:
            self._check_zone(export.get("createdAt"))
        except WrongZoneError:
            with contextlib.suppress(ExportError):
                self.cancel(number)
            raise
        return number

    def _cannot_ask_for_deleted(self, query: ExportQuery, error: CodeError) -> None:
        self._calls.manner.no_deleted.add(query.thing.name)
        told = "The account does not let one ask for deleted records of %s (code %d): none of them is marked"
        self._log.warning(told, query.thing.stream, error.code)

    def _check_zone(self, created: object) -> None:
        """Hold the time at which the export was made against the clock: the difference is the user's zone.

        Raises:
            WrongZoneError: It is another one than was said.
        """
        now = self._utc_now()
        shown = dates.shown_offset(str(created), now)
        offset = now.astimezone(self._zone).utcoffset() or timedelta()
        if shown is not None and shown != offset:
            raise WrongZoneError(
                f"timezone: the API user's clock is {dates.signed(shown)} from UTC, that of {self._zone} "
                f"{dates.signed(offset)}. Set `timezone` to what the user's profile in Account Engagement shows"
            )

    # Reading

    def _link(self, ref: str) -> Link:
        try:
            url = urljoin(f"{self._settings.api_url}/", ref)
        except ValueError:
            raise UnavailableError(f"{VENDOR} named a file by an address that cannot be read") from None
        if not self.trusts(url):
            return Link(url)
        unit = {UNIT_HEADER: self._settings.business_unit_id}
        return Link(url, {**self._authentication.headers(), **unit}, self.trusts)

    def trusts(self, url: str) -> bool:
        """Whether token and business unit may be sent to an address: to the API, and to the vendor's own hosts."""
        return is_trusted(url, api_url=self._settings.api_url, domains=self._settings.file_hosts)


def _refs(refs: object) -> list[str]:
    """Return where the files are: none, one, or several."""
    found = [refs] if isinstance(refs, str) else refs or []
    if not isinstance(found, list) or not all(isinstance(ref, str) and ref for ref in found):
        raise UnavailableError(f"{VENDOR} named files in a form that is not known")
    return found


def _nothing(request: ExportRequest[ExportQuery]) -> str:
    """Return the name of an export that nobody need make."""
    return f"nothing-{request.window.first}"


def _explained(error: CodeError, query: ExportQuery, body: Mapping[str, Any]) -> CodeError:
    """Say what was asked for, or what the user must be allowed to, where that is at fault."""
    if error.code in codes.ABILITIES:
        return CodeError(error.code, f"{error}. The stream `{query.thing.stream}` needs: {query.thing.ability}")
    if error.code in codes.REQUEST_FAULTS:
        shown = json.dumps({"object": body["object"], **body["procedure"], "fields": body["fields"]})
        return CodeError(error.code, f"{error}. It was asked for {shown}")
    return error
