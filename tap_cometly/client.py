"""The Cometly API: one method per endpoint, authentication, budgets, and what its answers mean.

`CometlyClient` is the vendor of the export engine (`bulk_exports.engine.vendor.Vendor`). It sends each request once and
says what came of it; when to send, and whether again, is the engine's business. It waits for nothing but the network.

Pages of the vendor's documentation are named relative to ``https://docs.cometly.com/api-reference``.
"""

from __future__ import annotations

import json
import threading
import zlib
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import requests
import urllib3
from typing_extensions import Self

from bulk_exports.engine.deadline import Deadline, watched
from bulk_exports.engine.download import READ_SECONDS
from bulk_exports.engine.errors import (
    InvalidAnswerError,
    RateLimitedError,
    RequestRejectedError,
    UnavailableError,
    UnknownJobError,
    WrongClockError,
)
from bulk_exports.engine.rate_limit import RateLimit, http_date, seconds_to_wait, whole_number
from bulk_exports.engine.spool import is_file_limit, too_many_files
from bulk_exports.engine.vendor import JobState, JobStatus, Link
from bulk_exports.environment import utc_now
from bulk_exports.wording import foreign
from tap_cometly.events import CREATES_PER_MINUTE

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Hashable

    from bulk_exports.engine import Clock, Limits
    from bulk_exports.spec import ExportRequest
    from tap_cometly.events import EventQuery
    from tap_cometly.settings import Settings

POLLS_PER_MINUTE: Final = 30
"""Documented limit of ``GET /events/exports/{id}`` (endpoint/get-event-export)."""
CONNECT_SECONDS: Final = 10.0
MAX_ANSWER_BYTES: Final = 8 * 1024 * 1024
"""No answer of the API is a hundredth as long."""
WARN_OF_CLOCK: Final = timedelta(hours=1)
MAX_CLOCK_DIFFERENCE: Final = timedelta(hours=12)
"""With clocks further apart than this nobody knows which days have ended."""
_CHUNK_BYTES: Final = 8 * 1024

_STATES: Final = {
    "queued": JobState.RUNNING,
    "processing": JobState.RUNNING,
    "completed": JobState.READY,
    "failed": JobState.FAILED,
}
_WHAT_TO_CHECK: Final = {
    401: "Check the setting `api_key`. Keys are made in the Cometly app under Integrations > Cometly API",
    403: "The key may lack the permission for events, or the Cometly subscription is inactive",
    404: "Check the setting `api_url`: there is no such endpoint",
    422: "Check the settings of the export: `fields`, `sources`, `attribution_*`, `event_names`, `start_date`",
}


class CometlyClient:
    """Talks to the API of one Space.

    Args:
        api_url: Base address, without a trailing slash.
        api_key: The Space's key; it goes to this host only and into no message.
        user_agent: How to introduce ourselves.
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
        *,
        api_url: str,
        api_key: str,
        user_agent: str,
        now: Callable[[], float],
        utc_now: Callable[[], datetime] = utc_now,
        log: logging.Logger,
        answer_seconds: float = READ_SECONDS,
    ) -> None:
        self._api_url = api_url
        self._now = now
        self._utc_now = utc_now
        self._clock_is_told = False
        self._api_key = api_key
        self._jobs: set[int] = set()
        self._lock = threading.Lock()
        self._log = log
        self._timeout = (CONNECT_SECONDS, answer_seconds)
        self._attempt_seconds = CONNECT_SECONDS + 2 * answer_seconds
        self.create_limit = RateLimit(CREATES_PER_MINUTE)
        self.status_limit = RateLimit(POLLS_PER_MINUTE)
        self._session = watched(requests.Session())
        self._session.auth = _bearer(api_key)
        # The vendor wants all three on every call, GET included; without `Accept` it may answer with a login page.
        self._session.headers.update(
            {
                "Accept": "application/json",
                "Accept-Encoding": "identity",
                "Content-Type": "application/json",
                "User-Agent": user_agent,
            }
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def create(self, request: ExportRequest[EventQuery]) -> int:
        """Start an event export: ``POST /events/exports`` (endpoint/create-event-export).

        Returns:
            The ``export_id``.

        Raises:
            RateLimitedError: The budget is used up.
            UnavailableError: No answer, or one that makes no sense.
            RequestRejectedError: The key, the subscription or the request is not accepted.
        """
        answer = self._ask("POST", "/events/exports", self.create_limit, request.query.body(request.day))
        export_id = _export_id(answer)
        if export_id is None:
            raise UnavailableError("Cometly returned no export_id")
        with self._lock:
            if export_id in self._jobs:
                raise InvalidAnswerError(f"Cometly returned the export_id of another export ({export_id})")
            self._jobs.add(export_id)
        return export_id

    def status(self, job: Hashable) -> JobStatus:
        """Ask how far an export is: ``GET /events/exports/{id}`` (endpoint/get-event-export).

        Each answer about a finished export carries a link that is good for another 15 minutes.

        Raises:
            RateLimitedError: The budget is used up.
            UnavailableError: No answer, or one that makes no sense.
            UnknownJobError: There is no such export, or it is said to be finished but has no link.
            RequestRejectedError: The key or the subscription is not accepted.
        """
        answer = self._ask("GET", f"/events/exports/{job}", self.status_limit)
        if _export_id(answer) not in {None, job}:
            raise UnavailableError("Cometly answered about another export")
        word = self._words(answer.get("status"))
        state = _STATES.get(word, JobState.UNKNOWN)
        links: tuple[Link, ...] = ()
        if state is JobState.READY:
            url = answer.get("download_url")
            if not isinstance(url, str) or not url:
                raise UnknownJobError("the export is 'completed' but has no download link")
            links = (Link(url),)
        return JobStatus(state, word, self._words(answer.get("message") or "no reason given"), links)

    def _ask(self, method: str, path: str, budget: RateLimit, body: dict[str, Any] | None = None) -> dict[str, Any]:
        try:
            with (
                Deadline(self._attempt_seconds) as deadline,
                self._session.request(
                    method, self._api_url + path, json=body, timeout=self._timeout, allow_redirects=False, stream=True
                ) as response,
            ):
                content = b"" if 300 <= response.status_code < 400 else self._read(response)
                if deadline.passed:  # what was cut may look like the end
                    raise requests.Timeout
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            budget.answered(self._now())
            if is_file_limit(error):
                raise too_many_files() from None
            kind = "it took too long" if deadline.passed else _kind(error)
            raise UnavailableError(f"no answer from the Cometly API ({kind})") from None
        self._check_clock(response)
        self._log.debug("%s %s: HTTP %d", method, path, response.status_code)
        limit = whole_number(response.headers.get("X-RateLimit-Limit"))
        if response.status_code == 429:
            asked = seconds_to_wait(response.headers.get("Retry-After"), _date(response) or self._utc_now())
            pause = budget.refused(self._now(), asked, limit=limit)
            self._log.info("Rate limit reached (HTTP 429, %s %s): waiting %.0f s", method, path, pause)
            raise RateLimitedError("the request budget is used up")
        remaining = whole_number(response.headers.get("X-RateLimit-Remaining"))
        budget.answered(self._now(), limit=limit, remaining=remaining)
        if response.ok and response.status_code < 300:
            return _json_object(content)
        raise self._refusal(response.status_code, content, creating=method == "POST")

    def _read(self, response: requests.Response) -> bytes:
        """Read the answer; one that trickles in is as good as none."""
        deadline = self._now() + self._timeout[1]
        content = bytearray()
        # Not unpacked by the library, which takes what is packed many times over, and may unpack without measure.
        while chunk := response.raw.read1(_CHUNK_BYTES, decode_content=False):
            content += chunk
            if self._now() > deadline:
                raise requests.Timeout
            if len(content) > MAX_ANSWER_BYTES:
                raise requests.exceptions.ContentDecodingError
        return _unpacked(bytes(content), response.headers.get("Content-Encoding", ""))

    def _words(self, words: object) -> str:
        """Return words of the server as they may be shown."""
        return foreign(words, [self._api_key])

    def _check_clock(self, response: requests.Response) -> None:
        """Hold this machine's clock against the server's.

        Raises:
            WrongClockError: Nobody knows which days have ended.
        """
        there, here = _date(response), self._utc_now()
        if there is None or abs(there - here) < WARN_OF_CLOCK:
            return
        told = f"Cometly's clock shows {there:%Y-%m-%d %H:%M} UTC, that of this machine {here:%Y-%m-%d %H:%M} UTC"
        if abs(there - here) >= MAX_CLOCK_DIFFERENCE:
            raise WrongClockError(f"{told}. Set the clock of this machine: it decides which days have ended")
        if not self._clock_is_told:
            self._clock_is_told = True
            self._log.warning("%s; set the clock of this machine", told)

    def _refusal(self, status: int, content: bytes, *, creating: bool) -> Exception:
        """Turn an answer that is neither success nor 429 into the error that says what it means."""
        if status >= 500 or status in {408, 425}:
            return UnavailableError(f"the Cometly API answered HTTP {status}")
        said = self._words(_explanation(_parsed(content)))
        if status == 404 and not creating:
            return UnknownJobError("Cometly does not know the export (HTTP 404)")
        if 300 <= status < 400:
            return RequestRejectedError(
                f"Cometly redirects instead of answering (HTTP {status}). "
                "Check the setting `api_url`; an API that sends one to a log-in page does not accept the `api_key`"
            )
        advice = _WHAT_TO_CHECK.get(status, "This is not a documented answer; the API may have changed")
        return RequestRejectedError(f"Cometly refuses the request (HTTP {status}: {said}). {advice}")


def connect(
    settings: Settings, clock: Clock, limits: Limits, log: logging.Logger, *, utc_now: Callable[[], datetime] = utc_now
) -> CometlyClient:
    """Return a client for the Space of these settings."""
    return CometlyClient(
        api_url=settings.api_url,
        api_key=settings.api_key,
        user_agent=settings.user_agent,
        now=clock.now,
        utc_now=utc_now,
        log=log,
        answer_seconds=limits.read_seconds,
    )


def _bearer(api_key: str) -> Callable[[requests.PreparedRequest], requests.PreparedRequest]:
    """Authenticate with the key. As the session's `auth` it also keeps `.netrc` entries from replacing it."""

    def authenticate(request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {api_key}"
        return request

    return authenticate


def _unpacked(content: bytes, encoding: str) -> bytes:
    """Return an answer as it was before it was compressed, which nobody asked for but a proxy may do all the same."""
    if encoding.strip().lower() in {"", "identity"}:
        return content
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)  # gzip or zlib, whichever it is
    try:
        plain = unpacker.decompress(content, MAX_ANSWER_BYTES)
    except zlib.error:
        raise requests.exceptions.ContentDecodingError from None
    if not unpacker.eof:
        raise requests.exceptions.ContentDecodingError
    return plain


def _kind(error: Exception) -> str:
    """Name a network error without its text, which may quote addresses."""
    if isinstance(error, requests.exceptions.SSLError):
        return "the TLS connection failed"
    if isinstance(error, (requests.Timeout, urllib3.exceptions.TimeoutError)):
        return "it took too long"
    cause = str(error)
    if "NameResolutionError" in cause or "getaddrinfo" in cause:
        return "the host name is not known"
    if "refused" in cause.lower():
        return "connection refused"
    return "the connection broke"


def _date(response: requests.Response) -> datetime | None:
    """Return what the server's clock shows, if it says so."""
    return http_date(response.headers.get("Date"))


def _export_id(answer: dict[str, Any]) -> int | None:
    """Return the number of the export that an answer names, in digits or in text; None if it names none."""
    found = answer.get("export_id")
    return whole_number(str(found)) if isinstance(found, (int, str)) and not isinstance(found, bool) else None


def _json_object(content: bytes) -> dict[str, Any]:
    answer = _parsed(content)
    if not isinstance(answer, dict):
        raise UnavailableError("Cometly returned no JSON object")
    return answer


def _parsed(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _explanation(answer: object) -> str:
    """Return the server's ``message``, and Laravel's ``errors`` by parameter where it gives them."""
    if not isinstance(answer, dict):
        return "no explanation given"
    message = str(answer.get("message") or "no explanation given")
    errors = answer.get("errors")
    if not isinstance(errors, dict):
        return message
    details = "; ".join(f"{name}: {_joined(texts)}" for name, texts in errors.items())
    return f"{message} [{details}]"


def _joined(texts: object) -> str:
    return " ".join(str(text) for text in texts) if isinstance(texts, list) else str(texts)
