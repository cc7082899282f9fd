"""What the Export API can say: six objects, their procedures and fields, in the spelling of every version.

One place for every name of the API, so that streams, settings and the sandbox cannot disagree. Columns are called what
version 5 calls a field, in snake_case, whichever version is spoken; versions 3 and 4 call a few of them otherwise.
"""

from __future__ import annotations

import dataclasses
import re
from typing import Final

from bulk_exports.fields import Field, Kind

MAX_FIELDS: Final = 150
"""So many fields an export may be asked for."""
MAX_WINDOW_DAYS: Final = 364
"""Bounds may lie at most a year apart, be it one of 365 or of 366 days."""
DATA_DAYS: Final = 7
"""For so long the files of an export can be fetched, and for so long one may wait in the queue."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class PardotField(Field):
    """A column.

    Attributes:
        old: What versions 3 and 4 call it; None where they do not have it.
        new: What version 5 calls it.
    """

    old: str | None
    new: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class PardotObject:
    """A kind of record that can be exported.

    Attributes:
        name: What the API calls it.
        stream: Name of the stream.
        cursors: By which times records can be asked for; the best one first.
        knows_deleted: Whether deleted records can be asked for, by the argument ``deleted``.
        fields: The columns.
        ability: What the API user must be allowed to.
        window_days: How many days an export covers at most, unless a setting says otherwise.
        always_new: Whether fields are spelled as in version 5 whichever version is spoken.
        selected: Whether it is exported unless somebody deselects it.
    """

    name: str
    stream: str
    cursors: tuple[str, ...]
    knows_deleted: bool
    fields: tuple[PardotField, ...]
    ability: str
    window_days: int
    always_new: bool = False

    @property
    def new_name(self) -> str:
        """What version 5 calls it."""
        return self.name[0].upper() + self.name[1:]


def snake(name: str) -> str:
    """Return a name of version 5 as versions 3 and 4, and warehouses, write it."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def camel(name: str) -> str:
    """Return a name in snake_case as version 5 writes it."""
    first, *others = name.split("_")
    return first + "".join(other[:1].upper() + other[1:] for other in others)


def _field(name: str, kind: Kind, description: str, *, old: str | None = "", nullable: bool = True) -> PardotField:
    """Return a column, by the name that version 5 gives it; it is spelled in snake_case before, if nothing else."""
    column = snake(name)
    return PardotField(column, kind, description, nullable, old=column if old == "" else old, new=name)


def _integers(description: str, *names: str, old: str | None = "") -> list[PardotField]:
    return [_field(name, "integer", description, old=old) for name in names]


def _texts(description: str, *names: str, old: str | None = "") -> list[PardotField]:
    return [_field(name, "string", description, old=old) for name in names]


def _id() -> PardotField:
    return _field("id", "integer", "The key: unique, and the same for good.", nullable=False)


def _created() -> PardotField:
    return _field("createdAt", "timestamp", "When the record was made, in UTC.")


def _updated(*, old: str | None = "") -> PardotField:
    return _field("updatedAt", "timestamp", "When the record was last changed, in UTC.", old=old)


_WHO: Final = "The user who did it."
_ASSET: Final = "The asset involved."
_TOUCH: Final = "UTM parameter of the first touch."
_DELETED: Final = "Whether the record is in the recycle bin."

VISITOR_ACTIVITY: Final = PardotObject(
    name="visitorActivity",
    stream="visitor_activities",
    cursors=("updated_at", "created_at"),
    knows_deleted=False,
    ability="Prospects > Visitors > View",
    window_days=30,
    fields=(
        _id(),
        *_integers("The prospect who did it.", "prospectId"),
        *_integers("The visitor who did it; need not be a prospect.", "visitorId"),
        _field("type", "integer", "What was done, as a number: 1 click, 2 view, 4 success, 6 sent, 11 open, ..."),
        _field("typeName", "string", "What the number is called; several numbers share a name."),
        _field("details", "string", "Name of the asset, address, or what was searched for."),
        *_integers("The campaign.", "campaignId"),
        *_integers("The e-mail involved.", "emailId", "emailTemplateId", "listEmailId"),
        *_integers(
            _ASSET,
            "formId",
            "formHandlerId",
            "landingPageId",
            "fileId",
            "customRedirectId",
            "siteSearchQueryId",
            "paidSearchAdId",
            "multivariateTestVariationId",
            "visitorPageViewId",
        ),
        *_integers(_ASSET, "opportunityId", "visitId", old=None),
        _created(),
        _updated(),
    ),
)

PROSPECT: Final = PardotObject(
    name="prospect",
    stream="prospects",
    cursors=("updated_at", "created_at"),
    knows_deleted=True,
    ability="Prospects > Visitors > View",
    window_days=90,
    fields=(
        _id(),
        _field("email", "string", "E-mail address; not unique where several prospects may share one."),
        *_texts(
            "About the person.",
            "firstName",
            "lastName",
            "salutation",
            "jobTitle",
            "department",
            "company",
            "website",
            "phone",
            "fax",
        ),
        *_texts("Address.", "addressOne", "addressTwo", "city", "state", "territory", "zip", "country"),
        *_texts("Free text.", "industry", "annualRevenue", "employees", "yearsInBusiness", "source", "comments"),
        _field("score", "integer", "Score."),
        *_integers("The campaign.", "campaignId"),
        *_integers("The account.", "prospectAccountId"),
        *_integers("Reference.", "profileId", "lifecycleStageId", "userId", "assignedToId", old=None),
        *_integers(_WHO, "createdById", "updatedById", old=None),
        *(
            _field(name, "boolean", "Flag.")
            for name in ("isDoNotEmail", "isDoNotCall", "isReviewed", "isStarred", "optedOut")
        ),
        *(_field(name, "boolean", "Flag.", old=None) for name in ("isEmailHardBounced", "doNotSell")),
        _field("isDeleted", "boolean", _DELETED, old=None),
        _field("lastActivityAt", "timestamp", "When the last activity was, in UTC."),
        _field("recentInteraction", "string", "The last interaction, in words."),
        *(
            _field(name, "timestamp", "Time, in UTC.", old=None)
            for name in ("firstActivityAt", "firstAssignedAt", "emailBouncedAt", "convertedAt")
        ),
        _field("salesforceLastSync", "timestamp", "When it was last synchronised, in UTC.", old="crm_last_sync"),
        *_texts(
            "How the prospect was won.",
            "emailBouncedReason",
            "convertedFromObjectName",
            "convertedFromObjectType",
            "firstReferrerQuery",
            "firstReferrerType",
            "firstReferrerUrl",
            old=None,
        ),
        *_texts(
            _TOUCH,
            "campaignParameter",
            "mediumParameter",
            "sourceParameter",
            "contentParameter",
            "termParameter",
            old=None,
        ),
        *_texts("Salesforce's identifier.", "salesforceId", "salesforceCampaignId", old=None),
        *_texts("Salesforce's identifier.", "salesforceLeadId", old="crm_lead_fid"),
        *_texts("Salesforce's identifier.", "salesforceContactId", old="crm_contact_fid"),
        *_texts("Salesforce's identifier.", "salesforceAccountId", old="crm_account_fid"),
        *_texts("Salesforce's identifier.", "salesforceOwnerId", old="crm_owner_fid"),
        *_texts("Where Salesforce shows it.", "salesforceUrl", old="crm_url"),
        _created(),
        _updated(),
    ),
)

LIST_MEMBERSHIP: Final = PardotObject(
    name="listMembership",
    stream="list_memberships",
    cursors=("updated_at", "created_at"),
    knows_deleted=True,
    ability="Prospects > Visitors > View and Marketing > Segmentation > Lists > View",
    window_days=30,
    fields=(
        _id(),
        *_integers("The list.", "listId"),
        *_integers("The prospect.", "prospectId"),
        _field("optedOut", "boolean", "Whether the prospect unsubscribed from the list."),
        *_integers(_WHO, "createdById", "updatedById", old=None),
        _field("isDeleted", "boolean", _DELETED, old=None),
        _created(),
        _updated(),
    ),
)

VISITOR: Final = PardotObject(
    name="visitor",
    stream="visitors",
    cursors=("updated_at",),
    knows_deleted=False,
    ability="Prospects > Visitors > View",
    window_days=90,
    fields=(
        _id(),
        *_integers("The prospect, once identified.", "prospectId", old=None),
        _field("pageViewCount", "integer", "How many pages were seen."),
        *_texts("Where the visitor came from.", "ipAddress", "hostname"),
        *_texts(_TOUCH, "campaignParameter", "mediumParameter", "sourceParameter", "contentParameter", "termParameter"),
        *(_field(name, "boolean", "Flag.", old=None) for name in ("isIdentified", "doNotSell")),
        *_integers("The campaign.", "campaignId", old=None),
        _created(),
        _updated(),
    ),
)

PROSPECT_ACCOUNT: Final = PardotObject(
    name="prospectAccount",
    stream="prospect_accounts",
    cursors=("updated_at",),
    knows_deleted=True,
    ability="Prospects > Prospect Accounts > View",
    window_days=90,
    fields=(
        _id(),
        _field("name", "string", "Name of the account."),
        *_texts(
            "About the company.",
            "salesforceId",
            "number",
            "site",
            "sic",
            "tickerSymbol",
            "ownership",
            "rating",
            "industry",
            "type",
            "description",
            "phone",
            "fax",
            "website",
            "annualRevenue",
            "employees",
            old=None,
        ),
        *_texts(
            "Address.",
            *(
                kind + part
                for kind in ("billing", "shipping")
                for part in ("AddressOne", "AddressTwo", "City", "State", "Zip", "Country")
            ),
            old=None,
        ),
        _field("isDeleted", "boolean", _DELETED, old=None),
        *_integers("User.", "assignedToId", "createdById", "updatedById", old=None),
        _created(),
        _updated(),
    ),
)

EXTERNAL_ACTIVITY: Final = PardotObject(
    name="externalActivity",
    stream="external_activities",
    cursors=("created_at",),
    knows_deleted=False,
    ability="Prospect > External Activity > View",
    window_days=30,
    always_new=True,
    fields=(
        _id(),
        *_texts("Who reports the activity.", "extension", "extensionSalesforceId"),
        *_texts("What was done.", "type", "typeSalesforceId"),
        *_integers("The prospect who did it.", "prospectId"),
        _field("value", "string", "What it was done with."),
        _field("activityDate", "timestamp", "When it happened, as reported: may lie before or after `created_at`."),
        _created(),
        *_integers(_WHO, "createdById"),
    ),
)

OBJECTS: Final = (VISITOR_ACTIVITY, PROSPECT, LIST_MEMBERSHIP, VISITOR, PROSPECT_ACCOUNT, EXTERNAL_ACTIVITY)
BY_STREAM: Final = {thing.stream: thing for thing in OBJECTS}
IS_DELETED: Final = "is_deleted"
