"""The words of APSIS One: columns of its files, types of its attributes, limits of its API.

What is not documented publicly is marked as such; the README says how the tap copes with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bulk_exports.fields import Field

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bulk_exports.fields import Kind

VENDOR: Final = "APSIS One"
EUROPE: Final = "https://api.apsis.one"
ASIA_PACIFIC: Final = "https://api-apac.apsis.one"

MAX_ATTRIBUTES: Final = 75
MAX_TAGS: Final = 25
"""Of one export."""
MAX_DAYS: Final = 89
"""An export covers three months at most, and no three months are shorter."""
MAX_BODY_BYTES: Final = 100_000

EVENT_EXPORTS_PER_MINUTE: Final = 1
DOWNLOADS_PER_MINUTE: Final = 60
"""A poll of a profile export that is ready is a download. Whether each poll counts as one is not documented."""
TOKENS_PER_MINUTE: Final = 10
LISTS_PER_MINUTE: Final = 6000

IDENTITIES: Final = (
    "com.apsis1.attributes.email",
    "com.apsis1.attributes.mobile",
    "com.apsis1.attributes.crmid",
    "com.apsis1.attributes.firstname",
)
"""Attributes by which profiles show up in a file: none does that has no value of what was asked for."""

KINDS: Final[Mapping[str, Kind]] = {
    "text": "string",
    "string": "string",
    "country": "string",
    "number": "integer",
    "integer": "integer",
    "int": "integer",
    "long": "integer",
    "decimal": "number",
    "double": "number",
    "float": "number",
    "numberwithdecimals": "number",
    "boolean": "boolean",
    "bool": "boolean",
    "truefalse": "boolean",
    "date": "date",
    "timestamp": "timestamp",
    "datetime": "timestamp",
}
"""Kinds of attributes by the vendor's words for them, in small letters without anything else. The words are not
documented; what is not among them is text."""

_DRIFTS: Final = "as it was on the day of the export"

PROFILE_KEYS: Final = (
    Field("export_key", "string", "The key of the profile, the same in everything that is exported.", nullable=False),
    Field("section_id", "string", "The number of the section, as it stands in the file.", nullable=False),
    Field("section_discriminator", "string", "The section; null if the account's definitions do not explain it."),
    Field("section_name", "string", "The name of the section."),
)
UNMAPPED: Final = Field(
    "unmapped", "object", "Values of attributes and tags that no definition explains, by the number in the file."
)

EVENT_KEY: Final = Field(
    "event_key", "string", "Names the event: the same each time it is exported, and in no other row.", nullable=False
)
PROFILE_EVENTS: Final = (
    EVENT_KEY,
    Field("export_key", "string", "The key of the profile that the event belongs to."),
    Field("section_id", "string", "The number of the section, as it stands in the file."),
    Field("section_discriminator", "string", "The section; null if the account's definitions do not explain it."),
    Field("type_id", "string", "The version of the event type; an event type has several over the years."),
    Field("event_discriminator", "string", "The event type; null if the account's definitions do not explain it."),
    Field("event_name", "string", "The name of the event type."),
    Field("correlation_id", "string", "Names what happened; the vendor repeats it when it sends an event again."),
    Field("created_at", "timestamp", "When the vendor received the event, in UTC."),
    Field("source_event_time", "timestamp", "When it happened, by whoever reported it; null if that is not known."),
    Field("source_event_ms", "integer", "The same as it stands in the file: milliseconds, 0 if not known."),
    Field("data", "object", "What the event says, as it was sent; its names depend on the version of the type."),
)

EMAIL_EVENTS: Final = (
    EVENT_KEY,
    Field("activity_id", "string", "The e-mail activity."),
    Field("split_id", "string", "The part of a split test; the activity itself if there was none, or this part won."),
    Field("activity_name", "string", f"The name of the activity, {_DRIFTS}."),
    Field("split_activity_name", "string", f"The name of the part of a split test, {_DRIFTS}."),
    Field("sender", "string", "The sender."),
    Field("subject", "string", f"The subject, {_DRIFTS}."),
    Field("address", "string", f"The address of the profile, {_DRIFTS}."),
    Field("variation", "string", "The variation of the e-mail."),
    Field("type", "string", "SENT, DELIVERED, OPENED, CLICKED, BOUNCED, UNSUBSCRIBED or ABUSE."),
    Field("correlation_id", "string", "Names what happened; the vendor repeats it when it sends an event again."),
    Field("event_time", "timestamp", "When it happened, by whoever reported it; null if that is not known."),
    Field("event_ms", "integer", "The same as it stands in the file: milliseconds, 0 if not known."),
    Field("server_time", "timestamp", "When the vendor received the event, in UTC."),
    Field("server_ms", "integer", "The same as it stands in the file: milliseconds."),
    Field("device", "string", "The device, such as MOBILE; it may carry more behind that."),
    Field("location", "string", "The country, such as SE; it may carry more behind that."),
    Field("link_id", "string", "The link that was clicked."),
    Field("link_url", "string", "Its address."),
    Field("link_title", "string", "Its title."),
    Field(
        "bounce_code", "string", "Why an e-mail bounced: 1000 rejected, 2000 invalid, 3000 for the moment, and so on."
    ),
    Field("unsubscribe_topic", "string", "The topic that was unsubscribed from."),
    Field("abuse_section", "string", "The section of a complaint."),
)
EMAIL_CELLS: Final = tuple(
    field.name for field in EMAIL_EVENTS if field.name not in {"event_key", "event_ms", "server_ms"}
)
"""The columns of the file that are always there."""

_SECTION: Final = Field("section_discriminator", "string", "The section.", nullable=False)
DEFINITIONS: Final = (
    _SECTION,
    Field("version_id", "string", "The number of the version, by which files name it.", nullable=False),
    Field("discriminator", "string", "Names the definition for ever, in all its versions."),
    Field("name", "string", "Its name, which may change."),
    Field("description", "string", "What people say about it."),
    Field("definition_id", "string", "The number of the definition, if it has one."),
    Field("deprecated_at", "string", "Since when there is a newer version; null for the one in force."),
    Field("data_type", "string", "What values of an attribute are, as this tap reads them."),
)
SECTIONS: Final = (
    Field("discriminator", "string", "Names the section for ever.", nullable=False),
    Field("section_id", "string", "The number by which files name it."),
    Field("name", "string", "Its name, which may change."),
)
ACTIVITIES: Final = (
    _SECTION,
    Field("activity_id", "string", "The e-mail activity.", nullable=False),
    Field("name", "string", "Its name."),
    Field("data", "object", "All that APSIS One says of it; its names are not documented publicly."),
)
