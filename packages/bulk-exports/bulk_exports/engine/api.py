"""One request to a vendor's API, sent once, and what came of it: the client on which a vendor's own is built.

It waits for nothing but the network, and for that in bounded time and memory. When to send, and whether again, is the
engine's business; what an answer means beyond what HTTP says is the vendor's (`Dialect`).
"""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urljoin

import requests
import urllib3
from typing_extensions import Self, override

from bulk_exports.engine.answer import MAX_ANSWER_BYTES, Answer, explanation, unpacked
from bulk_exports.engine.budgets import AllOf, used_up
from bulk_exports.engine.deadline import Deadline, WatchedSession
from bulk_exports.engine.download import CONNECT_SECONDS, READ_SECONDS
from bulk_exports.engine.errors import (
    ExportError,
    InvalidAnswerError,
    RateLimitedError,
    RequestRejectedError,
    UnavailableError,
    WrongClockError,
)
from bulk_exports.engine.hosts import origin
from bulk_exports.engine.rate_limit import seconds_to_wait, whole_number
from bulk_exports.engine.spool import is_file_limit, too_many_files
from bulk_exports.wording import foreign

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Collection, Mapping
    from datetime import datetime

    from bulk_exports.engine.budgets import Budget
    from bulk_exports.engine.credentials import Authentication

WARN_OF_CLOCK: Final = timedelta(hours=1)
MAX_CLOCK_DIFFERENCE: Final = timedelta(hours=12)
"""With clocks further apart than this nobody knows which days have ended."""
BEGINNING_BYTES: Final = 4 * 1024
"""What is read of a file, where one may be the answer."""
_CHUNK_BYTES: Final = 8 * 1024
_FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}


def as_http_says(answer: Answer) -> ExportError | None:
    """Find no meaning in an answer beyond what HTTP says."""
    del answer
    return None


def refused_as_http_says(answer: Answer) -> bool:
    """Whether an answer refuses who asks, by its status: unauthorised, or forbidden."""
    return answer.status in {401, 403}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Dialect:
    """How a vendor's API speaks.

    Attributes:
        vendor: What people call the vendor.
        advice: What to check when a request is refused, by HTTP status; 300 stands for all redirects.
        explain: Finds the vendor's explanation in a refusal, as parsed JSON.
        meaning: Turns an answer into the vendor's own error, or None where it means what HTTP says. It is asked
            about each answer that was not expected. A `RateLimitedError` may name the budget that is used up.
        is_refusal: Tells whether an answer refuses the credentials, so that others may help.
    """

    vendor: str
    advice: Mapping[int, str] = dataclasses.field(default_factory=dict)
    explain: Callable[[object], str] = explanation
    meaning: Callable[[Answer], ExportError | None] = as_http_says
    is_refusal: Callable[[Answer], bool] = refused_as_http_says


@dataclasses.dataclass(frozen=True)
class _Question:
    """A request, but for the credentials."""

    method: str
    url: str = dataclasses.field(repr=False)
    shown: str
    body: Mapping[str, Any] | None = dataclasses.field(repr=False)
    form: Mapping[str, str] | None = dataclasses.field(repr=False)
    files: Collection[int]

    @override
    def __str__(self) -> str:
        return f"{self.method} {self.shown}"


class Api:
    """The API of one vendor, for one account.

    Args:
        api_url: Base address, without a trailing slash. Credentials go to this host only.
        dialect: How the API speaks.
        authentication: Who we are.
        user_agent: How to introduce ourselves.
        now: The engine's clock, in seconds, for the budgets.
        utc_now: This machine's clock, to be held against the server's.
        log: Where to tell about requests (debug) and refusals.
        headers: What else every request carries.
        answer_seconds: Longest silence, and longest answer, before a request counts as lost.
    """

    def __init__(
        self,
        *,
        api_url: str,
        dialect: Dialect,
        authentication: Authentication,
        user_agent: str,
        now: Callable[[], float],
        utc_now: Callable[[], datetime],
        log: logging.Logger,
        headers: Mapping[str, str] | None = None,
        answer_seconds: float = READ_SECONDS,
    ) -> None:
        self._api_url = api_url
        self._dialect = dialect
        self._vendor = dialect.vendor
        self._authentication = authentication
        self._now = now
        self._utc_now = utc_now
        self._clock_is_told = False
        self._hidden: set[str] = set()
        self._log = log
        self._timeout = (CONNECT_SECONDS, answer_seconds)
        self._attempt_seconds = CONNECT_SECONDS + 2 * answer_seconds
        self._session = WatchedSession()
        self._session.auth = _not_from_netrc
        # The first three belong on every call, GET included; without `Accept` some answer with a login page.
        self._session.headers.update(
            {
                "Accept": "application/json",
                "Accept-Encoding": "identity",
                "Content-Type": "application/json",
                "User-Agent": user_agent,
                **(headers or {}),
            }
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def ask(
        self,
        method: str,
        address: str,
        budget: Budget,
        body: Mapping[str, Any] | None = None,
        *,
        form: Mapping[str, str] | None = None,
        expected: Collection[int] = (),
        files: Collection[int] = (),
        shown: str | None = None,
    ) -> Answer:
        """Send a request, for which the budget has been spent, and tell the budget what came of it.

        Args:
            method: The HTTP method.
            address: A path below the base address, or an address that the API has named.
            budget: The budget.
            body: What to send, as JSON.
            form: What to send instead, as a form: so tokens are asked for.
            expected: Statuses besides the successful ones that answer the question: they are no refusals.
            files: Statuses whose content may be a file, as long as it may be: only its beginning is read.
            shown: How to call the address in logs, should it be a secret.

        Raises:
            RateLimitedError: The budget is used up.
            QuotaUsedUpError: It is for today.
            UnavailableError: No answer, or one of a server in trouble.
            InvalidAnswerError: The address is not the API's.
            RequestRejectedError: The credentials or the request are not accepted.
            ExportError: Whatever the vendor's dialect makes of an answer.
        """
        question = _Question(method, self._url(address, budget), shown or address, body, form, files)
        headers = self._credentials(budget)
        answer = self._send(question, headers, budget)
        if self._dialect.is_refusal(answer) and self._has_others(headers, budget):
            budget.answered(self._now())
            budget.spend()
            answer = self._send(question, self._credentials(budget), budget)
        error = None if answer.status in expected else self._dialect.meaning(answer)
        if isinstance(error, RateLimitedError) or (error is None and answer.status == 429):
            raise self._refused_for_now(answer, budget, error, question)
        limit = whole_number(answer.headers.get("X-RateLimit-Limit"))
        budget.answered(self._now(), limit=limit, remaining=whole_number(answer.headers.get("X-RateLimit-Remaining")))
        if error is not None:
            raise error
        if answer.is_success or answer.status in expected:
            return answer
        raise self._refusal(answer)

    def credentials(self) -> Mapping[str, str]:
        """Return headers with which a file is fetched that the API itself serves.

        Raises:
            ExportError: There are none to be had.
        """
        return self._authentication.headers()

    def address(self, address: str) -> str:
        """Return an address that the API has named, in full.

        Raises:
            InvalidAnswerError: It is not the API's own.
        """
        if address.startswith("/") and not address.startswith("//"):
            return self._api_url + address
        try:
            url = urljoin(f"{self._api_url}/", address)
            is_own = origin(url) == origin(self._api_url)
        except ValueError:
            is_own = False
        if not is_own:
            raise InvalidAnswerError(f"{self._vendor} named an address that is not its API's; nothing was sent there")
        return url

    def words(self, words: object) -> str:
        """Return words of the server as they may be shown."""
        return foreign(words, {*self._authentication.secrets, *self._hidden})

    def hide(self, secret: str) -> None:
        """Never show this either: what the API has said that is as good as a key, such as where a file will be."""
        self._hidden.add(secret)

    def _url(self, address: str, budget: Budget) -> str:
        """Return an address in full, which is the API's own: nobody else gets the credentials."""
        try:
            return self.address(address)
        except InvalidAnswerError:
            budget.returned()
            raise

    def _credentials(self, budget: Budget) -> Mapping[str, str]:
        try:
            return self._authentication.headers()
        except BaseException:  # whatever it is, nothing was sent that the vendor could count
            budget.returned()
            raise

    def _has_others(self, headers: Mapping[str, str], budget: Budget) -> bool:
        """Whether there are other credentials than those that were refused."""
        try:
            return self._authentication.refused(headers)
        except BaseException:  # whatever it is, the request was counted, and will be answered no more
            budget.answered(self._now())
            raise

    def _send(self, question: _Question, headers: Mapping[str, str], budget: Budget) -> Answer:
        try:
            with (
                Deadline(self._attempt_seconds) as deadline,
                deadline.holding(),
                self._session.request(
                    question.method,
                    question.url,
                    json=question.body,
                    data=question.form,
                    headers={**headers, **({} if question.form is None else _FORM)},
                    timeout=self._timeout,
                    allow_redirects=False,
                    stream=True,
                ) as response,
            ):
                content = b""
                if response.status_code in question.files:
                    content = response.raw.read(BEGINNING_BYTES, decode_content=False) or b""
                elif not 300 <= response.status_code < 400:
                    content = self._read(response)
                if deadline.passed:  # what was cut may look like the end
                    raise requests.Timeout
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            budget.answered(self._now())
            if is_file_limit(error):
                raise too_many_files() from None
            kind = "it took too long" if deadline.passed else _kind(error)
            raise UnavailableError(f"no answer from the {self._vendor} API ({kind})") from None
        answer = Answer(response.status_code, response.headers, content, self._vendor)
        self._check_clock(answer)
        self._log.debug("%s: HTTP %d", question, answer.status)
        return answer

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
        return unpacked(bytes(content), response.headers.get("Content-Encoding", ""))

    def _check_clock(self, answer: Answer) -> None:
        """Hold this machine's clock against the server's.

        Raises:
            WrongClockError: Nobody knows which days have ended.
        """
        there, here = answer.date, self._utc_now()
        if there is None or abs(there - here) < WARN_OF_CLOCK:
            return
        told = (
            f"{self._vendor}'s clock shows {there:%Y-%m-%d %H:%M} UTC, that of this machine {here:%Y-%m-%d %H:%M} UTC"
        )
        if abs(there - here) >= MAX_CLOCK_DIFFERENCE:
            raise WrongClockError(f"{told}. Set the clock of this machine: it decides which days have ended")
        if not self._clock_is_told:
            self._clock_is_told = True
            self._log.warning("%s; set the clock of this machine", told)

    def _refused_for_now(
        self, answer: Answer, budget: Budget, error: RateLimitedError | None, asked: _Question
    ) -> ExportError:
        """Tell the budget that it is used up, as the vendor sees it."""
        limit = whole_number(answer.headers.get("X-RateLimit-Limit"))
        wait = seconds_to_wait(answer.headers.get("Retry-After"), answer.date or self._utc_now())
        if isinstance(budget, AllOf) and error is not None and error.by is not None:
            pause = budget.refused(self._now(), wait, limit=limit, by=error.by)
        else:
            pause = budget.refused(self._now(), wait, limit=limit)
        if quota := used_up(budget, pause):
            return quota
        error = error or RateLimitedError("the request budget is used up")
        error.pause_seconds = pause
        self._log.info("%s: %s (HTTP %d); waiting %.0f s", asked, error, answer.status, pause)
        return error

    def _refusal(self, answer: Answer) -> ExportError:
        """Turn an answer that is neither success nor 429 into the error that says what it means."""
        status, advice = answer.status, self._dialect.advice
        if status >= 500 or status in {408, 425}:
            return UnavailableError(f"the {self._vendor} API answered HTTP {status}")
        if 300 <= status < 400:
            what_to_check = advice.get(300, "Check the address of the API in the settings")
            return RequestRejectedError(
                f"{self._vendor} redirects instead of answering (HTTP {status}). {what_to_check}"
            )
        said = self.words(self._dialect.explain(answer.parsed())).rstrip(".") or "no explanation given"
        what_to_check = advice.get(status, "This is not a documented answer; the API may have changed")
        return RequestRejectedError(f"{self._vendor} refuses the request (HTTP {status}: {said}). {what_to_check}")


def _not_from_netrc(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Leave the headers as they are. As the session's `auth` it keeps `.netrc` entries from replacing them."""
    return request


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
