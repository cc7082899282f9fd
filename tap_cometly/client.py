"""The Cometly API: one method per endpoint, its budgets, and what its answers mean.

`CometlyClient` is the vendor of the export engine (`bulk_exports.engine.vendor.Vendor`). It sends each request once and
says what came of it; when to send, and whether again, is the engine's business. It waits for nothing but the network.

Pages of the vendor's documentation are named relative to ``https://docs.cometly.com/api-reference``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from typing_extensions import Self

from bulk_exports.engine.api import Dialect
from bulk_exports.engine.credentials import Bearer
from bulk_exports.engine.errors import (
    UnavailableError,
    UnknownJobError,
    WindowTooLargeError,
)
from bulk_exports.engine.rate_limit import RateLimit, whole_number
from bulk_exports.engine.vendor import JobState, JobStatus, Link
from tap_cometly.events import CREATES_PER_MINUTE

if TYPE_CHECKING:
    from collections.abc import Hashable

    from bulk_exports.engine import Connection
    from bulk_exports.spec import ExportRequest
    from tap_cometly.events import CometlyQuery
    from tap_cometly.settings import Settings

POLLS_PER_MINUTE: Final = 30
"""Documented limit of ``GET /events/exports/{id}`` (endpoint/get-event-export)."""

_STATES: Final = {
    "queued": JobState.RUNNING,
    "processing": JobState.RUNNING,
    "completed": JobState.READY,
    "failed": JobState.FAILED,
}
_WHAT_TO_CHECK: Final = {
    300: "Check the setting `api_url`; an API that sends one to a log-in page does not accept the `api_key`",
    401: "Check the setting `api_key`. Keys are made in the Cometly app under Integrations > Cometly API",
    403: "The key may lack the permission for events, or the Cometly subscription is inactive",
    404: "Check the setting `api_url`: there is no such endpoint",
    422: "Check the settings of the export: `fields`, `sources`, `attribution_*`, `event_names`, `start_date`",
}


class CometlyClient:
    """Talks to the API of one Space.

    All streams of a Space share its budgets.

    Args:
        settings: Where the API is, and the Space's key; it goes to this host only and into no message.
        connection: For which stream, with which time and log.

    Attributes:
        create_limit: How soon the next export may be created.
        status_limit: How soon the next status may be asked for.
    """

    def __init__(self, settings: Settings, connection: Connection) -> None:
        self._path = f"/{connection.stream}/exports"
        self.create_limit = connection.keep("creates", lambda: RateLimit(CREATES_PER_MINUTE))
        self.status_limit = connection.keep("polls", lambda: RateLimit(POLLS_PER_MINUTE))
        self._api = connection.api(
            settings.api_url,
            dialect=Dialect(vendor="Cometly", advice=_WHAT_TO_CHECK, explain=_explanation),
            authentication=Bearer(settings.api_key),
            user_agent=settings.user_agent,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *trouble: object) -> None:
        self._api.__exit__(*trouble)

    def create(self, request: ExportRequest[CometlyQuery]) -> int:
        """Start an export: ``POST /events/exports`` (endpoint/create-event-export), and likewise for the others.

        Returns:
            The ``export_id``.

        Raises:
            RateLimitedError: The budget is used up.
            UnavailableError: No answer, or one that makes no sense.
            WindowTooLargeError: So many days are not accepted. How many are is not documented.
            RequestRejectedError: The key, the subscription or the request is not accepted.
        """
        window = request.window
        # Where a single day is refused in the same way it is not the length.
        perhaps_too_long = {422} if len(window) > 1 else set()
        body = request.query.body(window)
        answer = self._api.ask("POST", self._path, self.create_limit, body, expected=perhaps_too_long)
        if answer.status in perhaps_too_long:
            raise WindowTooLargeError(f"Cometly does not export these {len(window)} days at once (HTTP 422)")
        export_id = whole_number(answer.json_object().get("export_id"))
        if export_id is None:
            raise UnavailableError("Cometly returned no export_id")
        return export_id

    def status(self, job: Hashable) -> JobStatus:
        """Ask how far an export is: ``GET /events/exports/{id}`` (endpoint/get-event-export), likewise for the others.

        Each answer about a finished export carries a link that is good for another 15 minutes.

        Raises:
            RateLimitedError: The budget is used up.
            UnavailableError: No answer, or one that makes no sense.
            UnknownJobError: There is no such export, or it is said to be finished but has no link.
            RequestRejectedError: The key or the subscription is not accepted.
        """
        said = self._api.ask("GET", f"{self._path}/{job}", self.status_limit, expected={404})
        if said.status == 404:
            raise UnknownJobError("Cometly does not know the export (HTTP 404)")
        answer = said.json_object()
        if whole_number(answer.get("export_id")) not in {None, job}:
            raise UnavailableError("Cometly answered about another export")
        word = self._api.words(answer.get("status"))
        state = _STATES.get(word, JobState.UNKNOWN)
        links: tuple[Link, ...] = ()
        if state is JobState.READY:
            url = answer.get("download_url")
            if not isinstance(url, str) or not url:
                raise UnknownJobError("the export is 'completed' but has no download link")
            links = (Link(url),)
        return JobStatus(state, word, self._api.words(answer.get("message") or "no reason given"), links)


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
