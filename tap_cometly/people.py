"""The streams `contacts` and `companies`: what a row looks like, and what must be asked of Cometly to get it.

Their exports cover any range of creation dates. They have no ledger: a contact is one row, as it was when the window in
which it was created was last exported.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar, Final

from bulk_exports.fields import Field, Measures
from bulk_exports.spec import ExportStream, Windows
from tap_cometly.events import CREATES_PER_MINUTE

if TYPE_CHECKING:
    from collections.abc import Collection

    from bulk_exports.windows.windows import Window

_MAX_DAYS: Final = 31
"""The longest range is not documented; a month is short enough for a file, and one export of twelve for a year."""
_COMET_TOKENS: Final = "comet_tokens"
_CREATED_AT: Final = Field(
    "created_at", "timestamp", "When it was created, in UTC; empty where Cometly's file does not say."
)
_CONTACT_FIELDS: Final = (
    Field("id", "integer", "The contact; `events.profile_id` names it.", nullable=False),
    Field("email", "string", "Latest e-mail address."),
    Field("name", "string", "Latest name."),
    Field("phone", "string", "Latest phone number."),
    Field("location", "string", "Latest location."),
    Field(_COMET_TOKENS, "texts", "Latest tokens of Cometly's pixel; asked for if the column is selected."),
    _CREATED_AT,
)
_COMPANY_FIELDS: Final = (
    Field("id", "integer", "The company; `events.company_id` names it.", nullable=False),
    Field("domain", "string", "Domain of its web site."),
    _CREATED_AT,
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class CreationQuery:
    """What is asked of Cometly for contacts or companies: those created in a window.

    Attributes:
        columns: The columns that are wanted.
    """

    columns: tuple[str, ...]

    breaking: ClassVar[Collection[str]] = ()

    def body(self, window: Window) -> dict[str, Any]:
        """Return the body of the request for an export, by the API's names (endpoint/create-contact-export)."""
        # Times are those of the Space. Whether the end is part of the range is not documented: to the second it is.
        body: dict[str, Any] = {"start_date": f"{window.first} 00:00:00", "end_date": f"{window.last} 23:59:59"}
        return {**body, "include_comet_tokens": 1} if _COMET_TOKENS in self.columns else body

    def fingerprint(self) -> dict[str, Any]:
        """Return the query as STATE remembers it."""
        return {"fields": sorted(self.columns)}

    def ledger_values(self) -> dict[str, Any]:
        """Return nothing: there is no ledger."""
        return {}


def _created(name: str, fields: tuple[Field, ...]) -> ExportStream:
    return ExportStream(
        name=name,
        vendor="Cometly",
        fields=fields,
        key=("id",),
        measures=Measures(key="id", time=_CREATED_AT.name),
        # The time is not always there, and whether its day is the one that was asked for is not documented.
        windows=Windows(max_days=_MAX_DAYS, rows_outside="taken"),
        query=lambda columns: CreationQuery(columns=tuple(columns)),
        creates_per_minute=CREATES_PER_MINUTE,
        selected_by_default=False,
    )


CONTACTS: Final = _created("contacts", _CONTACT_FIELDS)
COMPANIES: Final = _created("companies", _COMPANY_FIELDS)
