"""The two exports of APSIS One, as the engine's vendor: profiles with their events, and e-mail events.

It sends each request once and says what came of it; when to send, and whether again, is the engine's business. Where
the documentation leaves something open, each of its readings is taken: which key holds an address, whether 404 or 202
means "not yet", which words a report goes through.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit

from typing_extensions import Self

from bulk_exports.engine.errors import InvalidAnswerError, UnavailableError, UnknownJobError, WindowTooLargeError
from bulk_exports.engine.vendor import JobState, JobStatus, Link
from tap_apsis_one import vocabulary as apsis
from tap_apsis_one.account import REMEDIES

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Mapping

    from bulk_exports.engine.answer import Answer
    from bulk_exports.spec import ExportRequest
    from tap_apsis_one.account import Account
    from tap_apsis_one.query import ApsisQuery

LINK_HEADER: Final = "x-apsis-auth"
"""The header with which a file is fetched whose link holds no secret."""
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_NOT_READY: Final = frozenset({202, 404})
_GONE: Final = 410
_FAILED: Final = 503
_ADDRESS: Final = re.compile(r"(https?://|/|audience/)\S+$")


@dataclasses.dataclass(frozen=True)
class _Export:
    """An export under way.

    Attributes:
        place: The address of an export of profiles, or the number of a report. Either is as good as a link.
        is_report: Which of the two it is.
    """

    place: str = dataclasses.field(repr=False)
    is_report: bool

    @property
    def name(self) -> str:
        """What may be shown, and stand in STATE."""
        return f"{'report' if self.is_report else 'profiles'}-{hashlib.sha256(self.place.encode()).hexdigest()[:12]}"


class ApsisClient:
    """Exports of an account.

    Args:
        account: The account.

    Attributes:
        account: The account.
        create_limit: How soon the next export may be created.
        status_limit: How soon the next status may be asked for.
        job_cap: How many exports may be under way.
    """

    def __init__(self, account: Account) -> None:
        self.account = account
        self._exports: dict[Hashable, _Export] = {}
        self._failed_once: set[str] = set()
        self._words_told: set[str] = set()
        self.create_limit = account.create_limit
        self.status_limit = account.status_limit
        self.job_cap = account.job_cap

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *trouble: object) -> None:
        self.account.__exit__(*trouble)

    def create(self, request: ExportRequest[ApsisQuery]) -> str:
        """Start an export: ``POST /audience/profiles/exports`` or ``POST /emails/reports``.

        Raises:
            RateLimitedError: The budget is used up, or too many exports are under way.
            UnavailableError: No answer, or one that makes no sense.
            WindowTooLargeError: It is too much at a time.
            InvalidAnswerError: There is nothing to ask for.
            RequestRejectedError: The credentials or the request are not accepted.
        """
        account = self.account
        body = request.query.body(account.settings, account.selection, request)
        if request.query.stream == "profile_events" and not body.keys() - {"attributes", "start_at", "end_at"}:
            self.create_limit.returned()
            raise InvalidAnswerError(f"{apsis.VENDOR} lists no event types in these sections: its file would be empty")
        answer = account.api.ask("POST", request.query.path, self.create_limit, body)
        said = answer.parsed()
        if _is_error(said):
            raise self._too_large("the export", said)
        address = _address(answer, said)
        place = _report(said, address) if request.query.is_report else address
        if not place:
            raise UnavailableError(f"{apsis.VENDOR} returned nothing by which the export can be found")
        account.api.hide(place)
        account.api.hide(urlsplit(place).path)
        export = _Export(place, request.query.is_report)
        self._exports[export.name] = export
        return export.name

    def status(self, job: Hashable) -> JobStatus:
        """Ask how far an export is.

        Raises:
            RateLimitedError: The budget is used up.
            UnavailableError: No answer, or one that makes no sense.
            UnknownJobError: There is no such report, or it is said to be finished but has no link.
            WindowTooLargeError: It was too much at a time.
            InvalidAnswerError: The address of the export is not the API's.
            RequestRejectedError: The credentials are not accepted.
        """
        export = self._exports.get(job)
        if export is None:
            self.status_limit.returned()
            raise UnknownJobError(f"no export of this run is called {job!r}")
        return self._report_status(export) if export.is_report else self._profile_status(export)

    def _profile_status(self, export: _Export) -> JobStatus:
        """Ask by the address from which the file comes: the HTTP status is the state, 200 begins to send the file."""
        api = self.account.api
        expected = {404, _GONE, _FAILED, *_REDIRECTS}
        answer = api.ask("GET", export.place, self.status_limit, expected=expected, files={200}, shown="a poll address")
        if answer.status in _NOT_READY:
            self._failed_once.discard(export.name)
            return JobStatus(JobState.RUNNING, f"HTTP {answer.status}")
        if answer.status == _GONE:
            return JobStatus(JobState.FAILED, "HTTP 410", "the file is gone, or was never made")
        if answer.status == _FAILED:
            # Documented as the end of this export; but an outage looks the same, so it is asked for once more.
            if export.name not in self._failed_once:
                self._failed_once.add(export.name)
                return JobStatus(JobState.RUNNING, "HTTP 503")
            return JobStatus(JobState.FAILED, "HTTP 503", f"{self._told(answer.parsed())}{REMEDIES}")
        if isinstance(said := _whole(answer), dict) and (status := self._instead_of_a_file(said)):
            return status
        # A redirect leads to the file too, and takes none of these headers along to another host.
        headers = {**api.credentials(), "Accept-Encoding": "gzip"}
        return JobStatus(JobState.READY, f"HTTP {answer.status}", links=(Link(api.address(export.place), headers),))

    def _instead_of_a_file(self, said: Mapping[str, Any]) -> JobStatus | None:
        """Return what a short answer says of an export; None if it is the export.

        Raises:
            WindowTooLargeError: It is an error.
        """
        if _is_error(said):
            raise self._too_large("the export", said)
        word = self.account.api.words(said.get("status") or ", ".join(said))
        if word.lower() == "failed":
            return JobStatus(JobState.FAILED, word, f"{self._told(said)}{REMEDIES}")
        return None if _is_export(said) else JobStatus(JobState.UNKNOWN, word)

    def _report_status(self, export: _Export) -> JobStatus:
        api = self.account.api
        path = f"/emails/reports/{quote(export.place, safe='')}?header_auth=true"
        answer = api.ask("GET", path, self.status_limit, expected={404}, shown="/emails/reports/…")
        if answer.status == 404:
            raise UnknownJobError(f"{apsis.VENDOR} does not know the report (HTTP 404)")
        said = answer.json_object()
        word = api.words(said.get("status")).lower()
        if _is_error(said):
            raise self._too_large("the report", said)
        if word == "failed":
            return JobStatus(JobState.FAILED, word, f"{self._told(said)}{REMEDIES}")
        if word != "completed":
            if word not in self._words_told:
                self._words_told.add(word)
                self.account.log.info("A report that is not ready is '%s'", word)
            return JobStatus(JobState.RUNNING, word)
        url = said.get("file_download_url")
        if not isinstance(url, str) or not url:
            raise UnknownJobError("the report is 'completed' but has no download link")
        link_token = answer.headers.get(LINK_HEADER)
        return JobStatus(JobState.READY, word, links=(Link(url, {LINK_HEADER: link_token} if link_token else {}),))

    def _too_large(self, what: str, said: object) -> WindowTooLargeError:
        told = f"{apsis.VENDOR} ended {what} with an error. {self._told(said)}It is taken to be too large. {REMEDIES}"
        return WindowTooLargeError(told)

    def _told(self, said: object) -> str:
        """Return the vendor's explanation, with a full stop; nothing if there is none."""
        text = self.account.api.words(said.get("detail") or said.get("message") or "") if isinstance(said, dict) else ""
        return f"{text.rstrip('.')}. " if text else ""


def _is_error(said: object) -> bool:
    return isinstance(said, dict) and str(said.get("status")).lower() == "error"


def _is_export(said: Mapping[str, Any]) -> bool:
    """Whether an object is an export of profiles, and not an answer about one: with the wrapper, or without."""
    profiles = said.get("profiles", said)
    found = profiles.values() if isinstance(profiles, dict) else profiles if profiles == [] else [None]
    return all(isinstance(each, dict) and (not each or isinstance(each.get("sections"), dict)) for each in found)


def _whole(answer: Answer) -> object:
    """Return a short answer as JSON; None for a file, of which the beginning is no JSON."""
    try:
        return json.loads(answer.content)
    except (ValueError, RecursionError):
        return None


def _address(answer: Answer, said: object) -> str | None:
    """Return the address that an answer names, wherever it does; of several, that of an export."""
    named = [*_addresses(said if said is not None else answer.content.decode(errors="replace").strip())]
    return next((each for each in named if "/exports/" in each), named[0] if named else answer.headers.get("Location"))


def _addresses(said: object) -> Iterator[str]:
    if isinstance(said, str) and _ADDRESS.match(said):
        yield said if "://" in said or said.startswith("/") else f"/{said}"
    elif isinstance(said, (dict, list)):
        for inner in said.values() if isinstance(said, dict) else said:
            yield from _addresses(inner)


def _report(said: object, address: str | None) -> str | None:
    """Return the report that an answer names: by its number or, without one, by the end of an address."""
    if isinstance(said, dict):
        for name in ("report_id", "id"):
            number = said.get(name)
            if isinstance(number, (int, str)) and not isinstance(number, bool) and str(number):
                return str(number)
    return urlsplit(address).path.rstrip("/").rpartition("/")[2] if address else None
