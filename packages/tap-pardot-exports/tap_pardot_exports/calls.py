"""The calls of the Export API, each sent once, in the version that the account wants, and what their answers mean.

Versions 3 and 4 are one dialect; whichever of the two an account wants, it refuses the other, and from then on that one
is spoken. Version 5 is documented thinly: where it may be one way or the other, the first answer decides.
"""

from __future__ import annotations

import contextlib
import dataclasses
from datetime import datetime, time, timedelta, timezone
from typing import TYPE_CHECKING, Any, ClassVar, Final

from bulk_exports.engine.api import Dialect
from bulk_exports.engine.errors import (
    ExportError,
    QuotaUsedUpError,
    RateLimitedError,
    RequestRejectedError,
    UnavailableError,
    UnknownJobError,
)
from tap_pardot_exports import codes
from tap_pardot_exports.codes import CODES, Act, code_of
from tap_pardot_exports.vocabulary import camel

if TYPE_CHECKING:
    from collections.abc import Callable

    from bulk_exports.engine import Connection
    from bulk_exports.engine.answer import Answer
    from bulk_exports.engine.credentials import RenewedToken
    from bulk_exports.engine.rate_limit import RateLimit
    from tap_pardot_exports.settings import Settings

VENDOR: Final = "Account Engagement"
READ_FIELDS: Final = "id,state,isExpired,resultRefs,createdAt,updatedAt"
UNIT_HEADER: Final = "Pardot-Business-Unit-Id"

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


class TimedOutError(UnavailableError):
    """The vendor took too long for what was asked."""


@dataclasses.dataclass
class Manner:
    """How an account wants to be spoken to: what is learnt of it is kept from one stream to the next.

    Attributes:
        version: Version of the API.
        may_switch: Whether the other one of versions 3 and 4 may still be tried.
        spell: Writes the name of an argument.
        may_respell: Whether the other spelling may still be tried.
        read_fields: Whether the fields of an export must be named to read it.
        no_deleted: Objects whose deleted records cannot be asked for.
        answered: Whether the account has answered anything.
    """

    version: int
    may_switch: bool = False
    spell: Callable[[str], str] = str
    may_respell: bool = False
    read_fields: bool = False
    no_deleted: set[str] = dataclasses.field(default_factory=set)
    answered: bool = False

    @classmethod
    def of(cls, settings: Settings) -> Manner:
        """Return how to begin."""
        if settings.api_version == 5:
            return cls(5, spell=camel, may_respell=True)
        return cls(settings.api_version or 4, may_switch=settings.api_version is None)


class Calls:
    """The calls, for one business unit.

    Args:
        settings: Who we are, and where the API is.
        connection: Time and log.
        authentication: Our token.
        manner: How the account wants to be spoken to.
    """

    def __init__(
        self, settings: Settings, connection: Connection, authentication: RenewedToken, manner: Manner
    ) -> None:
        self.manner = manner
        self._zone = settings.timezone or timezone.utc
        self._utc_now = connection.utc_now
        self._log = connection.log
        self._api = connection.api(
            settings.api_url,
            dialect=Dialect(vendor=VENDOR, advice=_WHAT_TO_CHECK, meaning=self._meaning, is_refusal=_refuses_token),
            authentication=authentication,
            user_agent=settings.user_agent,
            headers={UNIT_HEADER: settings.business_unit_id},
        )

    def close(self) -> None:
        """Hang up."""
        self._api.__exit__()

    def create(self, body_in: Callable[[Manner], dict[str, Any]], budget: RateLimit) -> dict[str, Any]:
        """Start an export; the budget has been spent once.

        Args:
            body_in: Returns what to ask for, as the account wants to be spoken to.
            budget: For creates.
        """
        manner = self.manner
        while True:
            path = "/api/v5/exports" if manner.version == 5 else self._old("create")
            try:
                return _unwrapped(self._api.ask("POST", path, budget, body_in(manner)).json_object())
            except CodeError as error:
                if error.code in codes.WRONG_VERSION and manner.may_switch:
                    manner.version, manner.may_switch = (3 if manner.version == 4 else 4), False
                    self._log.info("The account wants version %d of the API", manner.version)
                elif error.code == codes.WRONG_ARGUMENT and manner.may_respell:
                    manner.spell, manner.may_respell = str, False
                    self._log.info("The account wants arguments in snake_case")
                else:
                    raise
            budget.spend()

    def read(self, number: int, budget: RateLimit) -> dict[str, Any]:
        """Ask how far an export is; the budget has been spent once."""
        manner = self.manner
        while True:
            path = f"/api/v5/exports/{number}" if manner.version == 5 else self._old(f"read/id/{number}")
            if manner.version == 5 and manner.read_fields:
                path += f"?fields={READ_FIELDS}"
            try:
                answer = self._api.ask("GET", path, budget, expected={404})
            except CodeError as error:
                if manner.version != 5 or manner.read_fields or error.code not in codes.FIELDS_MISSING:
                    raise
                manner.read_fields = True
                budget.spend()
                continue
            if answer.status == 404:
                raise self._meaning(answer) or UnknownJobError(f"{VENDOR} does not know the export (HTTP 404)")
            return _unwrapped(answer.json_object())

    def cancel(self, number: int, budget: RateLimit) -> None:
        """Take an export out of the queue, if it is still there."""
        path = f"/api/v5/exports/{number}/do/cancel" if self.manner.version == 5 else self._old(f"cancel/id/{number}")
        budget.spend()
        with contextlib.suppress(UnknownJobError):  # it has ended meanwhile
            self._api.ask("POST", path, budget)

    def words(self, words: object) -> str:
        """Return words of the vendor as they may be shown."""
        return self._api.words(words)

    def _old(self, what: str) -> str:
        """Return the path of a call in versions 3 and 4."""
        return f"/api/export/version/{self.manner.version}/do/{what}?format=json"

    def _meaning(self, answer: Answer) -> ExportError | None:
        """Return what an answer means by its code, whatever its status is."""
        found = code_of(answer)
        if found is None:
            self.manner.answered |= answer.is_success
            return None
        code, words = found
        act, advice = CODES.get(code, (Act.STOP, "This code is not documented; the API may have changed"))
        told = f"code {code}: {self.words(words) or 'no explanation given'}"
        if act is Act.QUOTA:
            return self._used_up(advice, told)
        if act is Act.RETRY or (code == 0 and answer.status >= 500):
            return UnavailableError(f"{VENDOR} is in trouble ({told})")
        passing = {
            Act.WAIT: RateLimitedError(f"{advice} ({told})"),
            Act.TIMED_OUT: TimedOutError(f"{VENDOR} took too long for it ({told})"),
            Act.GONE: UnknownJobError(f"{VENDOR} does not have the export ({told})"),
        }
        return passing.get(act) or CodeError(code, f"{VENDOR} refuses the request ({told}). {advice}")

    def _used_up(self, advice: str, told: str) -> QuotaUsedUpError:
        here = self._utc_now().astimezone(self._zone)
        reset = datetime.combine(here.date() + timedelta(days=1), time(), self._zone)
        never = "" if self.manner.answered else ". If it is the first call of a day, the edition may have no API at all"
        return QuotaUsedUpError(
            f"{advice} ({told}). They count anew at the account's midnight, which is {reset:%Y-%m-%d %H:%M} if its "
            f"zone is {self._zone}. What was delivered stays delivered; the next run goes on from there{never}"
        )


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
