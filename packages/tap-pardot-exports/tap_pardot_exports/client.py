"""What the engine asks of the vendor: make the export of a window, say how far it is, say where its files are.

`PardotClient` is the vendor of the export engine (`bulk_exports.engine.vendor.Vendor`). It sends each request once and
says what came of it; when to send, and whether again, is the engine's business. It waits for nothing but the network.

One window may take two exports: versions 3 and 4 do not say of a record that it is deleted, so that the deleted ones
are asked for by themselves. To the engine that is one job, ready when both are, with the files of both.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import threading
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, ClassVar, Final
from urllib.parse import urljoin, urlsplit

from typing_extensions import Self

from bulk_exports.engine.credentials import RenewedToken
from bulk_exports.engine.errors import (
    ExportError,
    InvalidAnswerError,
    StoppingError,
    UnavailableError,
    UnknownJobError,
    WindowTooLargeError,
)
from bulk_exports.engine.rate_limit import RateLimit, whole_number
from bulk_exports.engine.vendor import JobState, JobStatus, Link
from tap_pardot_exports import codes
from tap_pardot_exports.calls import UNIT_HEADER, VENDOR, Calls, CodeError, Manner, TimedOutError
from tap_pardot_exports.oauth import Tokens
from tap_pardot_exports.streams import CREATES_PER_MINUTE
from tap_pardot_exports.vocabulary import IS_DELETED

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Mapping

    from bulk_exports.engine import Connection
    from bulk_exports.spec import ExportRequest
    from bulk_exports.windows.windows import Window
    from tap_pardot_exports.settings import Settings
    from tap_pardot_exports.streams import ExportQuery

POLLS_PER_MINUTE: Final = 30
"""The vendor names no limit, but asks to be asked less often than this by far."""
ZONE_STEP: Final = timedelta(minutes=15)
"""Offsets of time zones are multiples of it."""

_STATES: Final = {
    "waiting": JobState.WAITING,
    "processing": JobState.RUNNING,
    "complete": JobState.READY,
    "failed": JobState.FAILED,
    "canceled": JobState.FAILED,
    "cancelled": JobState.FAILED,
}
_DELETED: Final = {False: {IS_DELETED: "false"}, True: {IS_DELETED: "true"}}


class WrongZoneError(StoppingError):
    """Times are not written in the zone of the setting: every row would be shifted."""

    page: ClassVar[str] = "packages/tap-pardot-exports/README.md#time"


@dataclasses.dataclass
class _Export:
    """An export of ours that the vendor has not ended, as far as is known.

    Attributes:
        window: What it is about.
        refs: Where its files are, once that was told and nobody has used it yet.
        ended: Whether it has ended.
    """

    window: Window | None
    refs: list[str] | None = None
    ended: bool = False


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
        self._exports: dict[int, _Export] = {}
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
        """Take out of the queue what nobody waits for any more: it would only keep others waiting."""
        with contextlib.suppress(ExportError):  # nobody can be told, then
            self._cancel_within(None)
        self._calls.close()

    def create(self, request: ExportRequest[ExportQuery]) -> int | str:
        """Start the export of a window, or the two that it takes.

        Returns:
            Its number, or both with a plus.

        Raises:
            RateLimitedError: Too many requests at a time, or in a minute.
            QuotaUsedUpError: Nothing is left of the day's requests.
            UnavailableError: No answer, or one that makes no sense.
            WindowTooLargeError: The vendor took too long for so many days.
            WrongZoneError: The vendor writes times in another zone than was said.
            RequestRejectedError: The request, or who asks, is not accepted.
        """
        query, manner = request.query, self._calls.manner
        with self._creating:  # what the first one learns of the account serves the others
            # Whatever was made for these days before was given up, and would stand in the way of this one.
            self._cancel_within(request.window)
            try:
                numbers = [self._create(request, deleted=False)]
                if query.needs_second_export(manner) and query.thing.name not in manner.no_deleted:
                    self.create_limit.spend()
                    with self._deleted_may_be_unknown(query):
                        numbers.append(self._create(request, deleted=True))
            except TimedOutError as error:
                if len(request.window) > 1:
                    raise WindowTooLargeError(str(error)) from None
                raise
        return numbers[0] if len(numbers) == 1 else "+".join(map(str, numbers))

    def status(self, job: Hashable) -> JobStatus:
        """Ask how far a job is.

        Raises:
            RateLimitedError: Too many requests at a time, or in a minute.
            QuotaUsedUpError: Nothing is left of the day's requests.
            UnavailableError: No answer, or one that makes no sense.
            UnknownJobError: There is no such export, not yet or not any more, or its files are gone.
            RequestRejectedError: Who asks is not accepted.
        """
        numbers = [int(number) for number in str(job).split("+")]
        asked = 0
        for number in numbers:
            export = self._exports.setdefault(number, _Export(None))
            if export.refs is not None:
                continue
            if asked:
                self.status_limit.spend()
            asked += 1
            status = self._read(number, export)
            if status.state is not JobState.READY:
                return status
        marked = len(numbers) > 1
        links = [
            self._link(ref, _DELETED[deleted] if marked else {})
            for number, deleted in zip(numbers, (False, True), strict=False)
            for ref in self._exports[number].refs or ()
        ]
        for number in numbers:
            self._exports[number].refs = None  # should the links not do, they are asked for anew
        return JobStatus(JobState.READY, "Complete", links=tuple(links))

    # Creating

    def _create(self, request: ExportRequest[ExportQuery], *, deleted: bool) -> int:
        query = request.query
        try:
            export = self._calls.create(lambda manner: query.body(request, manner, deleted=deleted), self.create_limit)
        except CodeError as error:
            body = query.body(request, self._calls.manner, deleted=deleted)
            raise _explained(error, query, body) from None
        number = _number(export.get("id"))
        if number is None:
            raise UnavailableError(f"{VENDOR} returned no number of an export")
        if number in self._exports:
            raise InvalidAnswerError(f"{VENDOR} returned the number of another export ({number})")
        self._exports[number] = _Export(request.window)
        self._check_zone(export.get("createdAt"))
        return number

    @contextlib.contextmanager
    def _deleted_may_be_unknown(self, query: ExportQuery) -> Iterator[None]:
        """Go without the deleted records where the account does not let one ask for them."""
        try:
            yield
        except CodeError as error:
            if error.code not in {codes.WRONG_ARGUMENT, codes.WRONG_VALUE}:
                raise
            self._calls.manner.no_deleted.add(query.thing.name)
            told = "The account does not let one ask for a deleted %s (code %d): `is_deleted` stays empty"
            self._log.warning(told, query.thing.name, error.code)

    def _cancel_within(self, window: Window | None) -> None:
        """Take exports out of the queue that have not ended: those of a window, or all."""
        for number, export in self._exports.items():
            if export.ended or (window and (export.window is None or not _overlap(window, export.window))):
                continue
            self._calls.cancel(number, self.create_limit)
            export.ended = True
            self._log.info("Export %d is taken out of the vendor's queue", number)

    def _check_zone(self, created: object) -> None:
        """Hold the time at which the export was made against the clock: the difference is the user's zone.

        Raises:
            WrongZoneError: It is another one than was said.
        """
        try:
            written = datetime.fromisoformat(str(created).strip().replace("Z", "+00:00"))
        except ValueError:
            return
        if written.tzinfo is not None:
            return  # whoever writes the offset needs no setting
        now = self._utc_now()
        steps = round((written - now.replace(tzinfo=None)) / ZONE_STEP)
        offset = now.astimezone(self._zone).utcoffset() or timedelta()
        if steps * ZONE_STEP != offset:
            raise WrongZoneError(
                f"timezone: the API user's clock is {_signed(steps * ZONE_STEP)} from UTC, that of {self._zone} "
                f"{_signed(offset)}. Set `timezone` to what the user's profile in Account Engagement shows"
            )

    # Reading

    def _read(self, number: int, export: _Export) -> JobStatus:
        said = self._calls.read(number, self.status_limit)
        if _number(said.get("id")) not in {None, number}:
            raise UnavailableError(f"{VENDOR} answered about another export")
        word = self._calls.words(said.get("state"))
        state = _STATES.get(word.lower(), JobState.UNKNOWN)
        export.ended = state in {JobState.READY, JobState.FAILED}
        if state is JobState.READY:
            if said.get("isExpired") in {True, "true", "1"}:
                raise UnknownJobError("the files of the export have expired")
            export.refs = _refs(said.get("resultRefs"))
        return JobStatus(state, word, f"no reason given; the vendor's support asks for export {number}")

    def _link(self, ref: str, values: Mapping[str, str]) -> Link:
        try:
            url = urljoin(f"{self._settings.api_url}/", ref)
        except ValueError:
            raise UnavailableError(f"{VENDOR} named a file by an address that cannot be read") from None
        if not self.trusts(url):
            return Link(url, values=values)
        unit = {UNIT_HEADER: self._settings.business_unit_id}
        return Link(url, {**self._authentication.headers(), **unit}, values, self.trusts)

    def trusts(self, url: str) -> bool:
        """Whether token and business unit may be sent to an address: to the API, and to the vendor's own hosts."""
        try:
            there, here = urlsplit(url), urlsplit(self._settings.api_url)
            origins = [(parts.scheme, parts.hostname, parts.port) for parts in (there, here)]
        except ValueError:
            return False
        host = there.hostname
        if there.username is not None or "\\" in url or not host:
            return False
        domains = self._settings.file_hosts
        is_vendors = any(host == domain or host.endswith(f".{domain}") for domain in domains)
        return origins[0] == origins[1] or (there.scheme == "https" and there.port in {None, 443} and is_vendors)


def connect(settings: Settings, connection: Connection) -> PardotClient:
    """Return a client for a stream of the business unit of these settings."""
    return PardotClient(settings, connection)


def _refs(refs: object) -> list[str]:
    """Return where the files are: none, one, or several."""
    found = [refs] if isinstance(refs, str) else refs or []
    if not isinstance(found, list) or not all(isinstance(ref, str) and ref for ref in found):
        raise UnavailableError(f"{VENDOR} named files in a form that is not known")
    return found


def _overlap(one: Window, other: Window) -> bool:
    return one.first <= other.last and other.first <= one.last


def _number(value: object) -> int | None:
    return whole_number(str(value)) if isinstance(value, (int, str)) and not isinstance(value, bool) else None


def _explained(error: CodeError, query: ExportQuery, body: Mapping[str, Any]) -> CodeError:
    """Say what was asked for, or what the user must be allowed to, where that is at fault."""
    if error.code in codes.ABILITIES:
        return CodeError(error.code, f"{error}. The stream `{query.thing.stream}` needs: {query.thing.ability}")
    if error.code in codes.REQUEST_FAULTS:
        shown = json.dumps({"object": body["object"], **body["procedure"], "fields": body["fields"]})
        return CodeError(error.code, f"{error}. It was asked for {shown}")
    return error


def _signed(offset: timedelta) -> str:
    minutes = round(offset / timedelta(minutes=1))
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"
