"""The Cometly API: one method per endpoint, authentication, budgets, and what its answers mean.

`CometlyClient` is the vendor of the export engine (`tap_cometly.engine.vendor.Vendor`). It sends each request once and
says what came of it; when to send, and whether again, is the engine's business. It waits for nothing but the network.

Pages of the vendor's documentation are named relative to ``https://docs.cometly.com/api-reference``.
"""

from __future__ import annotations

import email.utils
import json
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Final

import requests
import urllib3
from typing_extensions import Self

from tap_cometly.engine.download import READ_SECONDS
from tap_cometly.engine.errors import RateLimitedError, RequestRejectedError, UnavailableError, UnknownJobError
from tap_cometly.engine.rate_limit import RateLimit, seconds_to_wait, whole_number
from tap_cometly.engine.vendor import JobState, JobStatus, Link
from tap_cometly.events import CREATES_PER_MINUTE

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Hashable

    from tap_cometly.engine import Clock, Limits
    from tap_cometly.events import EventQuery
    from tap_cometly.settings import Settings
    from tap_cometly.spec import ExportRequest

POLLS_PER_MINUTE: Final = 30
"""Documented limit of ``GET /events/exports/{id}`` (endpoint/get-event-export)."""
CONNECT_SECONDS: Final = 10.0
_CHUNK_BYTES: Final = 64 * 1024

_STATES: Final = {"completed": JobState.READY, "failed": JobState.FAILED}
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
        log: logging.Logger,
        answer_seconds: float = READ_SECONDS,
    ) -> None:
        self._api_url = api_url
        self._now = now
        self._log = log
        self._timeout = (CONNECT_SECONDS, answer_seconds)
        self.create_limit = RateLimit(CREATES_PER_MINUTE)
        self.status_limit = RateLimit(POLLS_PER_MINUTE)
        self._session = requests.Session()
        self._session.auth = _bearer(api_key)
        # The vendor wants all three on every call, GET included; without `Accept` it may answer with a login page.
        self._session.headers.update(
            {"Accept": "application/json", "Content-Type": "application/json", "User-Agent": user_agent}
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
        export_id = answer.get("export_id")
        if not isinstance(export_id, int):
            raise UnavailableError("Cometly accepted the export but named no export_id")
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
        word = str(answer.get("status"))
        state = _STATES.get(word, JobState.RUNNING)
        links: tuple[Link, ...] = ()
        if state is JobState.READY:
            url = answer.get("download_url")
            if not isinstance(url, str) or not url:
                raise UnknownJobError("the export is 'completed' but has no download link")
            links = (Link(url),)
        return JobStatus(state, word, str(answer.get("message") or "no reason given"), links)

    def _ask(self, method: str, path: str, budget: RateLimit, body: dict[str, Any] | None = None) -> dict[str, Any]:
        try:
            with self._session.request(
                method, self._api_url + path, json=body, timeout=self._timeout, allow_redirects=False, stream=True
            ) as response:
                content = self._read(response)
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            budget.answered(self._now())
            raise UnavailableError(f"no answer from the Cometly API ({_kind(error)})") from None
        self._log.debug("%s %s: HTTP %d", method, path, response.status_code)
        limit = whole_number(response.headers.get("X-RateLimit-Limit"))
        if response.status_code == 429:
            asked = seconds_to_wait(response.headers.get("Retry-After"), _server_time(response))
            pause = budget.refused(self._now(), asked, limit=limit)
            self._log.info("Cometly asks for a pause (429, %s %s): waiting %.0f s", method, path, pause)
            raise RateLimitedError("the request budget is used up")
        remaining = whole_number(response.headers.get("X-RateLimit-Remaining"))
        budget.answered(self._now(), limit=limit, remaining=remaining)
        if response.ok and response.status_code < 300:
            return _json_object(content)
        raise _refusal(response.status_code, content, creating=method == "POST")

    def _read(self, response: requests.Response) -> bytes:
        """Read the answer; one that trickles in is as good as none."""
        deadline = self._now() + self._timeout[1]
        content = bytearray()
        while chunk := response.raw.read1(_CHUNK_BYTES, decode_content=True):
            content += chunk
            if self._now() > deadline:
                raise requests.Timeout
        return bytes(content)


def connect(settings: Settings, clock: Clock, limits: Limits, log: logging.Logger) -> CometlyClient:
    """Return a client for the Space of these settings."""
    return CometlyClient(
        api_url=settings.api_url,
        api_key=settings.api_key,
        user_agent=settings.user_agent,
        now=clock.now,
        log=log,
        answer_seconds=limits.read_seconds,
    )


def _bearer(api_key: str) -> Callable[[requests.PreparedRequest], requests.PreparedRequest]:
    """Authenticate with the key. As the session's `auth` it also keeps `.netrc` entries from replacing it."""

    def authenticate(request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {api_key}"
        return request

    return authenticate


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


def _server_time(response: requests.Response) -> datetime:
    """Return the present moment by the server's clock, which is the one that its dates are reckoned by."""
    try:
        return email.utils.parsedate_to_datetime(response.headers["Date"]).astimezone(timezone.utc)
    except (KeyError, ValueError):
        return datetime.now(timezone.utc)


def _json_object(content: bytes) -> dict[str, Any]:
    answer = _parsed(content)
    if not isinstance(answer, dict):
        raise UnavailableError("Cometly answered with something else than a JSON object")
    return answer


def _parsed(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return None


def _refusal(status: int, content: bytes, *, creating: bool) -> Exception:
    """Turn an answer that is neither success nor 429 into the error that says what it means."""
    if status >= 500 or status in {408, 425}:
        return UnavailableError(f"the Cometly API answered HTTP {status}")
    said = _explanation(_parsed(content))
    if status == 404 and not creating:
        return UnknownJobError("Cometly does not know the export (HTTP 404)")
    if 300 <= status < 400:
        return RequestRejectedError(
            f"Cometly redirects instead of answering (HTTP {status}). "
            "Check the setting `api_url`; an API that sends one to a log-in page does not accept the `api_key`"
        )
    advice = _WHAT_TO_CHECK.get(status, "This is not a documented answer; the API may have changed")
    return RequestRejectedError(f"Cometly refuses the request (HTTP {status}: {said}). {advice}")


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
