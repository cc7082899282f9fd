"""The settings as JSON Schema: names, types, ranges, defaults, and the words that users read.

``--about``, Meltano and the README show these texts. `tap_pardot_exports.settings` takes types, ranges and defaults
from here, so that what is said and what is checked cannot differ; rules about several settings live there.

Numbers are integers, because the SDK reads no others from the environment.
"""

from __future__ import annotations

from typing import Any, Final

from singer_sdk import typing as th

from bulk_exports.common_settings import common
from tap_pardot_exports import vocabulary as pardot

VERSIONS: Final = ("auto", "3", "4", "5")
FLOWS: Final = ("refresh_token", "client_credentials", "jwt")

CONFIG_JSONSCHEMA: Final[dict[str, Any]] = th.PropertiesList(
    th.Property(
        "business_unit_id",
        th.StringType(),
        required=True,
        title="Business Unit ID",
        description=(
            "The Account Engagement business unit: 18 characters that begin with `0Uv`, from Salesforce Setup, "
            "Business Unit Setup."
        ),
        examples=["0Uv000000000001CAA"],
    ),
    th.Property(
        "client_id",
        th.StringType(),
        required=True,
        title="Consumer key",
        description="Consumer key of the connected app, which needs the scope `pardot_api`.",
    ),
    th.Property(
        "client_secret",
        th.StringType(),
        secret=True,
        title="Consumer secret",
        description="Consumer secret of the connected app. It is sent only to `login_url` and is never logged.",
    ),
    th.Property(
        "refresh_token",
        th.StringType(),
        secret=True,
        title="Refresh token",
        description="For `auth_flow: refresh_token`: what the connected app got for the API user. Never logged.",
    ),
    th.Property(
        "auth_flow",
        th.StringType(),
        allowed_values=list(FLOWS),
        default="refresh_token",
        title="OAuth flow",
        description=(
            "How tokens are asked for: with `refresh_token`, with `client_credentials` (`login_url` must then be the "
            "org's own domain), or with a signed `jwt` (needs `username`, `private_key` and tap-pardot-exports[jwt])."
        ),
    ),
    th.Property(
        "username",
        th.StringType(),
        title="User name",
        description="For `auth_flow: jwt`: the Salesforce user on whose behalf the app acts.",
    ),
    th.Property(
        "private_key",
        th.StringType(),
        secret=True,
        title="Private key",
        description="For `auth_flow: jwt`: the RSA key, in PEM form, whose certificate the connected app has.",
    ),
    th.Property(
        "login_url",
        th.StringType(),
        default="https://login.salesforce.com",
        title="Login URL",
        description=(
            "Where tokens are given: `https://test.salesforce.com` for sandboxes, the org's own domain for client "
            "credentials. A developer org logs in here and has its API elsewhere: see `api_url`."
        ),
        examples=["https://acme.my.salesforce.com"],
    ),
    common(
        "api_url",
        "Where the API is: `https://pi.demo.pardot.com` for sandboxes, developer and demo orgs. `http://` is "
        "allowed only to this machine, for the local sandbox.",
        default="https://pi.pardot.com",
        examples=["https://pi.demo.pardot.com"],
    ),
    th.Property(
        "file_hosts",
        th.ArrayType(th.StringType()),
        default=["pardot.com", "salesforce.com"],
        title="Hosts of files",
        description=(
            "Domains, subdomains included, to which token and business unit are sent when a file is fetched; they are "
            "sent to the host of `api_url`, too, and to no other."
        ),
        examples=[["pardot.com"]],
        minItems=1,
        maxItems=20,
    ),
    th.Property(
        "api_version",
        th.StringType(),
        allowed_values=list(VERSIONS),
        default="auto",
        title="API version",
        description=(
            "`auto` speaks version 4, and 3 to accounts that want it. `5` has more columns (`is_deleted` among them); "
            "its export calls are documented thinly, so that the tap feels its way."
        ),
    ),
    common(
        "timezone",
        "IANA name of the API user's timezone in Account Engagement, in which the vendor writes times without "
        "saying so. It is checked against every export. Best is a user of its own whose timezone is UTC.",
        default="UTC",
        title="User timezone",
        examples=["America/New_York"],
    ),
    common(
        "start_date",
        "First day to export, in the user's timezone, such as `2026-01-31`. Moving it back later exports the "
        "earlier days too. Default: 30 days up to the last closed day (or to `end_date`).",
    ),
    common(
        "end_date",
        "Last day to export, itself included; it may not lie in the future. Default: the last closed day.",
    ),
    th.Property(
        "window_days",
        th.IntegerType(minimum=1, maximum=pardot.MAX_WINDOW_DAYS),
        title="Days of an export",
        description=(
            "How many days one export covers at most; halved where the vendor fails or does not finish. Default: 30 "
            "for activities and list memberships, 90 for prospects, visitors and accounts."
        ),
        examples=[30],
    ),
    common(
        "lookback_days",
        "How many of the latest delivered days every run asks for again, for what was written late. Rows have a "
        "key, so that this doubles nothing. `0` asks for every day once.",
        default=1,
    ),
    common(
        "include_open_day",
        "Also export the running day, up to `safety_minutes` before the run began. It is never marked delivered, "
        "and is exported again once it has ended.",
    ),
    th.Property(
        "safety_minutes",
        th.IntegerType(minimum=2, maximum=120),
        default=10,
        title="Safety margin (minutes)",
        description=(
            "How long after a moment the vendor is taken to know all that happened before it: its reads may trail its "
            "writes by a minute, and clocks differ. A day counts as closed so long after its end."
        ),
    ),
    th.Property(
        "activities_by",
        th.StringType(),
        allowed_values=["updated_at", "created_at"],
        default="updated_at",
        title="Cursor of activities",
        description=(
            "By which time visitor activities are asked for. `updated_at` brings later changes; `created_at` is for "
            "accounts that do not answer it."
        ),
    ),
    th.Property(
        "deleted_rows",
        th.BooleanType(),
        default=True,
        title="Deleted rows",
        description=(
            "Ask for records in the recycle bin, too, and say of each row whether it `is_deleted`: prospects, list "
            "memberships and accounts have them. In versions 3 and 4 it takes a second export for each window. Records "
            "that were deleted for good leave no trace; the vendor's API has no way to ask for them."
        ),
    ),
    th.Property(
        "custom_fields",
        th.ObjectType(
            *(
                th.Property(thing.stream, th.ArrayType(th.StringType()), description="Names of fields.")
                for thing in pardot.OBJECTS
            )
        ),
        title="Custom fields",
        description=(
            "More fields to ask for, by stream: custom fields of prospects, fields of accounts, or whatever the vendor "
            "adds. They come as text. An export has at most 150 fields."
        ),
        examples=[{"prospects": ["Favourite_Colour", "Region"]}],
    ),
    common(
        "resync",
        "What to do when a setting changed that decides which rows there are, or what they mean (`timezone`, "
        "`activities_by`): `false` stops and explains, `true` loads all wanted days again, once.",
    ),
    common(
        "max_exports_in_flight",
        "How many exports may wait or run at once. The vendor makes one at a time for the whole account, also for "
        "others who use it: more than two gain nothing and keep others waiting.",
        wrapped=th.IntegerType(minimum=1, maximum=10),
        default=2,
    ),
    common(
        "max_exports_per_run",
        "How many exports one run may create for each stream; the other days are left for the next run, and the "
        "run ends well. Default: no limit.",
        examples=[20],
    ),
    th.Property(
        "poll_seconds",
        th.IntegerType(minimum=1, maximum=600),
        default=30,
        title="First poll (seconds)",
        description=(
            "After how many seconds the vendor is first asked how far an export is, while nobody knows how long one "
            "takes; then it is asked when one is likely to be ready, and at least every four times as many seconds. "
            "Each time counts against the quota: the vendor wishes for 30 to 120."
        ),
    ),
    common(
        "export_timeout",
        "How long the vendor may work on one export, the time in its queue not included. After that another one "
        "is tried, then smaller windows.",
        wrapped=th.IntegerType(minimum=1, maximum=10_080),
        default=120,
    ),
    th.Property(
        "queue_timeout",
        th.IntegerType(minimum=1, maximum=10_080),
        default=1440,
        title="Queue timeout (minutes)",
        description=(
            "How long one export may wait in the vendor's queue, behind those of others. After that its days count as "
            "not delivered, and the next run tries them first. The vendor itself cancels what waits for seven days."
        ),
    ),
    common(
        "user_agent",
        "How the tap presents itself. Default: `tap-pardot-exports/` and its version.",
    ),
).to_dict()
"""What ``Tap.config_jsonschema`` returns, before the SDK adds its own settings."""
