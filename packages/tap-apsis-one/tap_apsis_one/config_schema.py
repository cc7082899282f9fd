"""The settings as JSON Schema: names, types, ranges, defaults, and the words that users read.

`tap_apsis_one.settings` takes types, ranges and defaults from here, so that what is said and what is checked cannot
differ; rules about several settings live there, and those about the account's definitions in `tap_apsis_one.selection`.

Numbers are integers, because the SDK reads no others from the environment.
"""

from __future__ import annotations

from typing import Any, Final

from singer_sdk import typing as th

from bulk_exports.common_settings import common
from tap_apsis_one import vocabulary as apsis

_NAMES: Final = "Names as people see them in APSIS One, or discriminators; they are checked against the account."

CONFIG_JSONSCHEMA: Final[dict[str, Any]] = th.PropertiesList(
    th.Property(
        "client_id",
        th.StringType(),
        required=True,
        title="Client ID",
        description="ID of an API key. Keys are made in APSIS One under Account settings, API keys.",
    ),
    th.Property(
        "client_secret",
        th.StringType(),
        required=True,
        secret=True,
        title="Client secret",
        description=(
            "Secret of the same API key. APSIS One shows it once. It is sent only to `api_url`, to get a token, and is "
            "never logged."
        ),
    ),
    common(
        "api_url",
        f"Where the API is: `{apsis.EUROPE}` for accounts in Europe, `{apsis.ASIA_PACIFIC}` for those in Asia and "
        "the Pacific, or the local sandbox. `http://` is allowed only to this machine.",
        default=apsis.EUROPE,
        examples=[apsis.ASIA_PACIFIC, "http://127.0.0.1:8090"],
    ),
    common(
        "start_date",
        "First day of events, in UTC, by the time at which APSIS One received them: a day such as `2026-01-31`, "
        "or, in Meltano, a relative date such as `6 months ago`. An export covers up to `window_days` days, and "
        "APSIS One takes one a minute. Moving it back later exports the earlier days too. Default: 30 days up to "
        "the last closed day (or to `end_date`).",
    ),
    common(
        "end_date",
        "Last day of events, itself included. Default: the last closed day.",
    ),
    th.Property(
        "sections",
        th.ArrayType(th.StringType()),
        title="Sections",
        description=f"Sections to export. {_NAMES} Default: all that the key may see.",
        examples=[["Webshop"]],
        minItems=1,
        maxItems=100,
    ),
    th.Property(
        "segment",
        th.StringType(),
        title="Segment",
        description=(
            "A segment, by its name or its discriminator: only its profiles and their events are exported. Default: "
            "all profiles."
        ),
        examples=["Customers"],
    ),
    th.Property(
        "attributes",
        th.ArrayType(th.StringType()),
        title="Attributes",
        description=(
            f"Attributes of `profiles`, a column for each. {_NAMES} An export takes {apsis.MAX_ATTRIBUTES}. Default: "
            "all of the selected sections."
        ),
        examples=[["Email", "First name", "Birthday"]],
        minItems=1,
        maxItems=apsis.MAX_ATTRIBUTES,
    ),
    th.Property(
        "tags",
        th.ArrayType(th.StringType()),
        title="Tags",
        description=(
            f"Tags of `profiles`, a column of true and false for each. {_NAMES} An export takes {apsis.MAX_TAGS}. "
            "Default: none."
        ),
        examples=[["VIP"]],
        minItems=1,
        maxItems=apsis.MAX_TAGS,
    ),
    th.Property(
        "event_types",
        th.ArrayType(th.StringType()),
        title="Event types",
        description=f"Event types of `profile_events`. {_NAMES} Default: all of the selected sections.",
        examples=[["Order", "Abandoned cart"]],
        minItems=1,
        maxItems=1000,
    ),
    th.Property(
        "email_attributes",
        th.ArrayType(th.StringType()),
        title="Attributes of e-mail events",
        description=(
            "Attributes that each row of `email_events` carries along, a column for each, as they are on the day of "
            f"the export. {_NAMES} Default: none."
        ),
        examples=[["CRM-ID"]],
        minItems=1,
        maxItems=apsis.MAX_ATTRIBUTES,
    ),
    th.Property(
        "email_tags",
        th.ArrayType(th.StringType()),
        title="Tags of e-mail events",
        description=f"The same for tags: a column of true and false for each. {_NAMES} Default: none.",
        examples=[["VIP"]],
        minItems=1,
        maxItems=apsis.MAX_TAGS,
    ),
    th.Property(
        "window_days",
        th.IntegerType(minimum=1, maximum=apsis.MAX_DAYS),
        default=30,
        title="Days of an export",
        description=(
            "How many days of events one export covers at most. An export that APSIS One finds too large, or fails "
            "twice, is halved, down to a day."
        ),
    ),
    common(
        "lookback_days",
        "How many of the latest delivered days every run exports again, because events arrive late. `0` exports "
        "every day once.",
        default=1,
    ),
    th.Property(
        "request_shape",
        th.StringType(),
        default="version_ids",
        allowed_values=["version_ids", "objects", "by_section"],
        title="Shape of requests",
        description=(
            "How requests name attributes, tags and event types, which APSIS One does not document publicly: a list of "
            "`version_ids`, a list of `objects` with section and version, or an object of lists `by_section`. Change "
            "it if APSIS One refuses requests as malformed."
        ),
    ),
    th.Property(
        "request_body",
        th.ObjectType(additional_properties=True),
        title="Request bodies",
        description=(
            "Whole bodies of requests by stream (`profiles`, `profile_events`, `email_events`), copied from APSIS "
            "One's API page: sent as they are, but for `start_at` and `end_at`, in place of what the tap would send."
        ),
        examples=[{"profile_events": {"attributes": ["491874"], "events": ["9234"]}}],
    ),
    common(
        "resync",
        "What to do when a setting changed that decides which rows there are (`sections`, `segment`, "
        "`event_types`, `request_body`): `false` stops and explains, `true` forgets which days are delivered and "
        "loads all wanted days again, once.",
    ),
    common(
        "max_exports_in_flight",
        # One event export is created a minute: so many are under way while one takes five minutes.
        "How many exports may be under way at once, from asking APSIS One to writing their rows. Also the most "
        "files held on disk at once.",
        default=5,
    ),
    common(
        "export_timeout",
        "How long APSIS One may take to prepare one export. After that another one is tried, then smaller ones.",
        default=240,
    ),
    common(
        "user_agent",
        "How the tap presents itself to the API. Default: `tap-apsis-one/` and its version.",
        examples=["tap-apsis-one (data-team@example.com)"],
    ),
).to_dict()
"""What ``Tap.config_jsonschema`` returns, before the SDK adds its own settings."""
