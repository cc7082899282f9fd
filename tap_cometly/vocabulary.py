"""What Cometly can say: event fields, event names, sources, attribution models and windows.

One place for every name of the API, so that settings, schema, documentation and the sandbox cannot disagree.
Facts are from the vendor's page *Create event export*
(``https://docs.cometly.com/api-reference/endpoint/create-event-export``) unless a comment names another page.
"""

from __future__ import annotations

import dataclasses
from typing import Final

from bulk_exports.fields import Field


@dataclasses.dataclass(frozen=True)
class EventField(Field):
    """One column of an exported event.

    Attributes:
        needs_sources: Cometly gives it only to exports that name ``sources``.
    """

    needs_sources: bool = False


EVENT_ID: Final = EventField("id", "integer", "Cometly's identifier of the event.", nullable=False)
EVENT_TIME: Final = EventField(
    "event_time_utc",
    "timestamp",
    "When the event happened, in UTC. Its UTC date may differ from `event_date`.",
    nullable=False,
)
TOUCHPOINT_ID: Final = EventField(
    "touchpoint_id",
    "string",
    "The touchpoint that this row credits; with `id` it is the key of an attributed row.",
    needs_sources=True,
    nullable=False,
)
SOURCE: Final = EventField(
    "source",
    "string",
    "Channel of the credited touchpoint, such as `google_ads`; comes with any ad hierarchy field.",
    needs_sources=True,
)

REQUESTABLE_FIELDS: Final = (
    EventField("profile_id", "integer", "The contact who did it; may change later when Cometly merges contacts."),
    EventField("company_id", "integer", "The company the contact belongs to, where known."),
    EventField("space_id", "integer", "The Space (workspace) the event belongs to."),
    EventField("event_name", "string", "Standard event name, or the slot of a custom event (`custom_event_7`)."),
    EventField("configured_name", "string", "The Space's label of the event; follows renames on re-export."),
    EventField(
        "amount",
        "number",
        "Revenue of the event, exact; a share of it under multi-touch models. No currency is given.",
    ),
    EventField("is_upsell", "boolean", "Whether the event is an upsell."),
    EventField("ad_id", "string", "The ad platform's identifier of the ad.", needs_sources=True),
    EventField("ad_name", "string", "Name of the ad.", needs_sources=True),
    EventField("adset_id", "string", "The ad platform's identifier of the ad set (ad group).", needs_sources=True),
    EventField("adset_name", "string", "Name of the ad set (ad group).", needs_sources=True),
    EventField("campaign_id", "string", "The ad platform's identifier of the campaign.", needs_sources=True),
    EventField("campaign_name", "string", "Name of the campaign.", needs_sources=True),
    EventField("account_id", "string", "The ad platform's identifier of the ad account.", needs_sources=True),
    EventField("account_name", "string", "Name of the ad account.", needs_sources=True),
    EventField("order_id", "string", "Order number given by the sender of the event."),
    EventField("order_name", "string", "Order name given by the sender of the event."),
    EventField("event_url", "string", "Full URL of the page the event happened on."),
)
"""The 18 fields that may be asked for; the others come by themselves and may not be."""

FIELDS_BY_NAME: Final = {
    field.name: field for field in (EVENT_ID, EVENT_TIME, TOUCHPOINT_ID, SOURCE, *REQUESTABLE_FIELDS)
}
AUTOMATIC_FIELDS: Final = ("id", "event_time_utc", "touchpoint_id", "source")
REQUESTABLE_NAMES: Final = tuple(field.name for field in REQUESTABLE_FIELDS)
HIERARCHY_NAMES: Final = tuple(field.name for field in REQUESTABLE_FIELDS if field.needs_sources)

STANDARD_EVENT_NAMES: Final = (
    "add_payment_info",
    "add_to_cart",
    "complete_registration",
    "contact",
    "initiate_checkout",
    "lead_generated",
    "purchase",
    "schedule",
    "sign_up",
    "start_trial",
    "submit_application",
    "subscribe",
    "upsell_purchase",
    "view_content",
    "webinar_registration",
)
CUSTOM_EVENT_NAMES: Final = tuple(f"custom_event_{slot}" for slot in range(1, 51))
EVENT_NAMES: Final = STANDARD_EVENT_NAMES + CUSTOM_EVENT_NAMES

_CHANNELS: Final = (
    "facebook",
    "google",
    "linkedin",
    "tiktok",
    "youtube",
    "instagram",
    "bing",
    "yahoo",
    "pinterest",
    "reddit",
    "snapchat",
    "telegram",
    "twitch",
    "x",
    "quora",
    "duckduckgo",
)
PAID_SOURCES: Final = tuple(f"{channel}_ads" for channel in _CHANNELS)
ORGANIC_SOURCES: Final = tuple(f"{channel}_organic" for channel in (*_CHANNELS, "messenger", "brave", "threads"))
AI_SOURCES: Final = tuple(
    f"ai_{name}" for name in ("chat_gpt", "perplexity", "copilot", "claude", "grok", "gemini", "deepseek")
)
OTHER_SOURCES: Final = (
    "email",
    "sms",
    "referral",
    "direct",
    "shop_app",
    "substack",
    "capterra",
    "trustpilot",
    "g2",
    "yelp",
)
SOURCES: Final = PAID_SOURCES + ORGANIC_SOURCES + AI_SOURCES + OTHER_SOURCES

ATTRIBUTION_MODELS: Final = (
    "first_touch",
    "last_touch",
    "linear",
    "first_platform_touch",
    "last_platform_touch",
    "linear_paid",
    "u_shaped",
    "last_non_direct_touch",
)
MULTI_TOUCH_MODELS: Final = ("linear", "linear_paid", "u_shaped")
"""Models that may give several rows per event, each with its share of ``amount``."""

ATTRIBUTION_WINDOWS: Final = (0, 1, 7, 14, 30, 60, 90)
"""Days before the event in which a touchpoint counts; 0 is the customer's whole lifetime."""

QUERY_MODES: Final = ("profile", "company")

MAX_EVENT_NAMES: Final = 10
MAX_SOURCES: Final = 15
MAX_FIELDS: Final = 20
