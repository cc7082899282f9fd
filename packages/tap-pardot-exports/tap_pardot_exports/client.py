"""The Export API: one method per call, and what its answers mean.

`PardotClient` is the vendor of the export engine (`bulk_exports.engine.vendor.Vendor`). It sends each request once and
says what came of it; when to send, and whether again, is the engine's business. It waits for nothing but the network.

Versions 3 and 4 are one dialect; whichever of the two an account wants, it refuses the other, and the client then
speaks that one. Version 5 is documented thinly: where it may be one way or the other, the first answer decides.
"""

from __future__ import annotations

import contextlib
import json
import threading
from datetime import datetime, time, timedelta, timezone
from typing import TYPE_CHECKING, Any, ClassVar, Final
from urllib.parse import urljoin, urlsplit

from typing_extensions import Self

from bulk_exports.engine.api import Api, Dialect
from bulk_exports.engine.credentials import RenewedToken
from bulk_exports.engine.download import READ_SECONDS
from bulk_exports.engine.errors import (
    ExportError,
    InvalidAnswerError,
    QuotaUsedUpError,
    RateLimitedError,
    RequestRejectedError,
    StoppingError,
    UnavailableError,
    UnknownJobError,
    WindowTooLargeError,
)
from bulk_exports.engine.rate_limit import RateLimit, whole_number
from bulk_exports.engine.vendor import JobState, JobStatus, Link
from bulk_exports.environment import utc_now
from tap_pardot_exports import codes
from tap_pardot_exports.codes import CODES, Act, code_of
from tap_pardot_exports.oauth import Tokens
from tap_pardot_exports.streams import CREATES_PER_MINUTE
from tap_pardot_exports.vocabulary import camel

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Hashable

    from bulk_exports.engine import Clock, Limits
    from bulk_exports.engine.answer import Answer
    from bulk_exports.spec import ExportRequest
    from tap_pardot_exports.settings import Settings
    from tap_pardot_exports.streams import ExportQuery

VENDOR: Final = "Account Engagement"
POLLS_PER_MINUTE: Final = 30
"""The vendor names no limit but asks for few: one in 30 seconds, or fewer."""
READ_FIELDS: Final = "id,state,isExpired,resultRefs,createdAt,updatedAt"
ZONE_STEP: Final = timedelta(minutes=15)
"""Offsets of time zones are multiples of it."""

_STATES: Final = {
    "waiting": JobState.RUNNING,
    "processing": JobState.RUNNING,
    "complete": JobState.READY,
    "failed": JobState.FAILED,
    "canceled": JobState.FAILED,
    "cancelled": JobState.FAILED,
}
_SETUP: Final = "Check `api_url` and `business_unit_id`"
_WHAT_TO_CHECK: Final = {
    300: "Check the setting `api_url`: it is the host alone, such as https://pi.pardot.com",
    401: CODES[codes.TOKEN][1],
    403: "The API user lacks an ability, or the connected app the scope `pardot_api`",
    404: f"{_SETUP}: there is no such call",
    405: f"{_SETUP}: there is no such call",
}


class CodeError(RequestRejectedError):
    """The vendor refuses a request, and will again, for a reason that has a code."""

    page: ClassVar[str] = "packages/tap-pardot-exports/README.md#when-something-is-refused"

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class WrongZoneError(StoppingError):
    """Times are not written in the zone of the setting: every row would be shifted."""

    page: ClassVar[str] = "packages/tap-pardot-exports/README.md#time"


class _TimedOutError(UnavailableError):
    """The vendor took too long for what was asked."""


class PardotClient:
    """Talks to the API of one business unit.

    Args:
        settings: Who we are, and where the API is.
        now: The engine's clock, in seconds, for the budgets.
        utc_now: This machine's clock, to be held against the server's.
        log: Where to tell about requests (debug) and refusals.
        answer_seconds: Longest silence, and longest answer, before a request counts as lost.

    Attributes:
        create_limit: How soon the next export may be created.
        status_limit: How soon the next status may be asked for.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        now: Callable[[], float],
        utc_now: Callable[[], datetime] = utc_now,
        log: logging.Logger,
        answer_seconds: float = READ_SECONDS,
    ) -> None:
        self._settings = settings
        self._zone = settings.timezone or timezone.utc
        self._utc_now = utc_now
        self._log = log
        self._creating = threading.Lock()
        self._version = settings.api_version or 4
        self._may_switch = settings.api_version is None
        self._spell: Callable[[str], str] = camel if self._version == 5 else str
        self._may_respell = self._version == 5
        self._read_fields = False
        self._heard = False
        self._jobs: set[int] = set()
        self.create_limit = RateLimit(CREATES_PER_MINUTE)
        self.status_limit = RateLimit(POLLS_PER_MINUTE)
        self._tokens = Tokens(settings, now=now, utc_now=utc_now, log=log, answer_seconds=answer_seconds)
        self._authentication = RenewedToken(self._tokens.fetch, now=now, secrets=settings.secrets)
        self._unit = {"Pardot-Business-Unit-Id": settings.business_unit_id}
        self._api = Api(
            api_url=settings.api_url,
            dialect=Dialect(
                vendor=VENDOR,
                advice=_WHAT_TO_CHECK,
                meaning=self._meaning,
                is_refusal=_refuses_token,
            ),
            authentication=self._authentication,
            user_agent=settings.user_agent,
            now=now,
            utc_now=utc_now,
            log=log,
            headers=self._unit,
            answer_seconds=answer_seconds,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *trouble: object) -> None:
        self._api.__exit__(*trouble)
        self._tokens.__exit__(*trouble)

    def create(self, request: ExportRequest[ExportQuery]) -> int:
        """Start an export.

        Returns:
            Its number.

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
                export = _unwrapped(self._create(request))
            except _TimedOutError as error:
                if len(request.window) > 1:
                    raise WindowTooLargeError(str(error)) from None
                raise
            number = _number(export.get("id"))
            if number is None:
                raise UnavailableError(f"{VENDOR} returned no number of an export")
            if number in self._jobs:
                raise InvalidAnswerError(f"{VENDOR} returned the number of another export ({number})")
            self._jobs.add(number)
        self._check_zone(export.get("createdAt") or export.get("created_at"))
        return number

    def status(self, job: Hashable) -> JobStatus:
        """Ask how far an export is.

        Raises:
            RateLimitedError: Too many requests at a time, or in a minute.
            QuotaUsedUpError: Nothing is left of the day's requests.
            UnavailableError: No answer, or one that makes no sense.
            UnknownJobError: There is no such export, not yet or not any more, or its files are gone.
            RequestRejectedError: Who asks is not accepted.
        """
        export = _unwrapped(self._read(job))
        if _number(export.get("id")) not in {None, job}:
            raise UnavailableError(f"{VENDOR} answered about another export")
        word = self._api.words(export.get("state"))
        state = _STATES.get(word.lower(), JobState.UNKNOWN)
        if state is JobState.READY and export.get("isExpired") in {True, "true", "1"}:
            raise UnknownJobError("the files of the export have expired")
        links = self._links(export.get("resultRefs")) if state is JobState.READY else ()
        return JobStatus(state, word, f"{VENDOR} gives no reason; its support asks for export {job}", links)

    def cancel(self, job: Hashable) -> None:
        """Take an export out of the queue, if it is still there.

        Raises:
            ExportError: Nobody could be told.
        """
        path = f"/api/v5/exports/{job}/do/cancel" if self._version == 5 else self._old(f"cancel/id/{job}")
        self.create_limit.spend()
        with contextlib.suppress(UnknownJobError):  # it has ended meanwhile
            self._api.ask("POST", path, self.create_limit)

    # Calls

    def _create(self, request: ExportRequest[ExportQuery]) -> dict[str, Any]:
        while True:
            body = request.query.body(request, self._version, self._spell)
            path = "/api/v5/exports" if self._version == 5 else self._old("create")
            try:
                return self._api.ask("POST", path, self.create_limit, body).json_object()
            except CodeError as error:
                if error.code in codes.WRONG_VERSION and self._may_switch:
                    self._version, self._may_switch = (3 if self._version == 4 else 4), False
                    self._log.info("The account wants version %d of the API", self._version)
                elif error.code == codes.WRONG_ARGUMENT and self._may_respell:
                    self._spell, self._may_respell = str, False
                    self._log.info("The account spells arguments in snake_case")
                else:
                    raise _explained(error, request, body) from None
            self.create_limit.spend()

    def _read(self, job: Hashable) -> dict[str, Any]:
        while True:
            path = f"/api/v5/exports/{job}" if self._version == 5 else self._old(f"read/id/{job}")
            if self._version == 5 and self._read_fields:
                path += f"?fields={READ_FIELDS}"
            try:
                answer = self._api.ask("GET", path, self.status_limit, expected={404})
            except CodeError as error:
                if self._version != 5 or self._read_fields or error.code not in codes.FIELDS_MISSING:
                    raise
                self._read_fields = True
                self.status_limit.spend()
                continue
            if answer.status == 404:
                raise self._meaning(answer) or UnknownJobError(f"{VENDOR} does not know the export (HTTP 404)")
            return answer.json_object()

    def _old(self, what: str) -> str:
        """Return the path of a call in versions 3 and 4."""
        return f"/api/export/version/{self._version}/do/{what}?format=json"

    # Answers

    def _meaning(self, answer: Answer) -> ExportError | None:
        """Return what an answer means by its code, whatever its status is."""
        found = code_of(answer)
        if found is None:
            self._heard |= answer.is_success
            return None
        code, words = found
        act, advice = CODES.get(code, (Act.STOP, "This code is not documented; the API may have changed"))
        told = f"code {code}: {self._api.words(words) or 'no explanation given'}"
        if act is Act.QUOTA:
            return self._used_up(advice, told)
        if act is Act.RETRY or (code == 0 and answer.status >= 500):
            return UnavailableError(f"{VENDOR} is in trouble ({told})")
        passing = {
            Act.WAIT: RateLimitedError(f"{advice} ({told})"),
            Act.TIMED_OUT: _TimedOutError(f"{VENDOR} took too long for it ({told})"),
            Act.GONE: UnknownJobError(f"{VENDOR} does not have the export ({told})"),
        }
        return passing.get(act) or CodeError(code, f"{VENDOR} refuses the request ({told}). {advice}")

    def _used_up(self, advice: str, told: str) -> QuotaUsedUpError:
        here = self._utc_now().astimezone(self._zone)
        reset = datetime.combine(here.date() + timedelta(days=1), time(), self._zone)
        never = "" if self._heard else ". If this was the first call of the day, the edition may have no API at all"
        return QuotaUsedUpError(
            f"{advice} ({told}). They count anew at the account's midnight, which is {reset:%Y-%m-%d %H:%M} if its "
            f"zone is {self._zone}. What was delivered stays delivered; the next run goes on from there{never}"
        )

    def _links(self, refs: object) -> tuple[Link, ...]:
        """Return where the files are: none, one, or several."""
        urls = [refs] if isinstance(refs, str) else refs or []
        if not isinstance(urls, list) or not all(isinstance(url, str) and url for url in urls):
            raise UnavailableError(f"{VENDOR} named files in a form that is not known")
        return tuple(self._link(url) for url in urls)

    def _link(self, ref: str) -> Link:
        try:
            url = urljoin(f"{self._settings.api_url}/", ref)
        except ValueError:
            raise UnavailableError(f"{VENDOR} named a file by an address that cannot be read") from None
        if not self.trusts(url):
            return Link(url)
        return Link(url, {**self._authentication.headers(), **self._unit}, self.trusts)

    def trusts(self, url: str) -> bool:
        """Whether token and business unit may be sent to an address: to the API, and to the vendor's own hosts."""
        try:
            there, here = urlsplit(url), urlsplit(self._settings.api_url)
            origins = [(parts.scheme, parts.hostname, parts.port) for parts in (there, here)]
        except ValueError:
            return False
        if there.username is not None or "\\" in url or not there.hostname:
            return False
        if origins[0] == origins[1]:
            return True
        host = there.hostname
        return (
            there.scheme == "https"
            and there.port in {None, 443}
            and any(host == domain or host.endswith(f".{domain}") for domain in self._settings.file_hosts)
        )

    def _check_zone(self, created: object) -> None:
        """Hold the time at which the export was made against the clock: the difference is the user's zone.

        Raises:
            WrongZoneError: It is another one than was said.
        """
        try:
            written = datetime.fromisoformat(str(created).strip().replace("Z", "+00:00"))
        except ValueError:
            return
        now = self._utc_now()
        if written.tzinfo is not None:
            return  # whoever writes the offset needs no setting
        steps = round((written - now.replace(tzinfo=None)) / ZONE_STEP)
        offset = now.astimezone(self._zone).utcoffset() or timedelta()
        if steps * ZONE_STEP != offset:
            raise WrongZoneError(
                f"timezone: the API user's clock is {_signed(steps * ZONE_STEP)} from UTC, that of {self._zone} "
                f"{_signed(offset)}. Set `timezone` to what the user's profile in Account Engagement shows"
            )


def connect(
    settings: Settings, clock: Clock, limits: Limits, log: logging.Logger, *, utc_now: Callable[[], datetime] = utc_now
) -> PardotClient:
    """Return a client for the business unit of these settings."""
    return PardotClient(settings, now=clock.now, utc_now=utc_now, log=log, answer_seconds=limits.read_seconds)


def _refuses_token(answer: Answer) -> bool:
    """Whether the token is at fault: by its code, whatever the status; without one, by the status."""
    found = code_of(answer)
    return answer.status == 401 if found is None else found[0] == codes.TOKEN


def _unwrapped(answer: dict[str, Any]) -> dict[str, Any]:
    """Return what an answer says of an export, which may stand in it bare or wrapped."""
    export = answer.get("export", answer)
    if not isinstance(export, dict):
        raise UnavailableError(f"{VENDOR} returned no export")
    return export


def _number(value: object) -> int | None:
    return whole_number(str(value)) if isinstance(value, (int, str)) and not isinstance(value, bool) else None


def _explained(error: CodeError, request: ExportRequest[ExportQuery], body: dict[str, Any]) -> CodeError:
    """Say what was asked for, or what the user must be allowed to, where that is at fault."""
    thing = request.query.thing
    if error.code in codes.ABILITIES:
        return CodeError(error.code, f"{error}. The stream `{thing.stream}` needs: {thing.ability}")
    if error.code in codes.REQUEST_FAULTS:
        shown = json.dumps({"object": body["object"], **body["procedure"], "fields": body["fields"]})
        return CodeError(error.code, f"{error}. It was asked for {shown}")
    return error


def _signed(offset: timedelta) -> str:
    minutes = round(offset / timedelta(minutes=1))
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"
