"""The settings as JSON Schema: names, types, ranges, defaults, and the words that users read.

``--about``, Meltano, the Hub and the README show these texts. `tap_cometly.settings` takes types, ranges and defaults
from here, so that what is said and what is checked cannot differ; rules about several settings live there.

Numbers are integers, because the SDK reads no others from the environment. No name but ``api_key`` may contain "id",
"key", "token", "secret" or "password": the Hub would list it as a password.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from singer_sdk import typing as th

from bulk_exports.common_settings import common
from tap_cometly import vocabulary as cometly

if TYPE_CHECKING:
    from collections.abc import Iterable


def _listed(names: Iterable[object]) -> str:
    return ", ".join(f"`{name}`" for name in names)


_PLAIN_NAMES: Final = [name for name in cometly.REQUESTABLE_NAMES if name not in cometly.HIERARCHY_NAMES]

CONFIG_JSONSCHEMA: Final[dict[str, Any]] = th.PropertiesList(
    th.Property(
        "api_key",
        th.StringType(),
        required=True,
        secret=True,
        title="API key",
        description=(
            "Key of your Cometly Space. Cometly shows it once, when you generate it under Integrations, Cometly API. "
            "One key reads one Space. It is sent only to `api_url` and is never logged."
        ),
    ),
    common(
        "start_date",
        "First event date to export: a day in the Space's timezone such as `2026-01-31`, a date-time (its date "
        "counts as written), or, in Meltano, a relative date such as `6 months ago`. A day costs one export, and "
        "Cometly accepts about 5 a minute. Moving it back later exports the earlier days too. Default: 30 days up "
        "to the last closed day (or to `end_date`).",
    ),
    common(
        "end_date",
        "Last event date to export, itself included, written like `start_date`; it may not lie in the future. "
        "Use it to bound a backfill. Default: the last closed day.",
    ),
    common(
        "timezone",
        "IANA name of your Space's timezone, as the Cometly app shows it; the API does not tell it. With it, a day "
        "is exported as soon as it has ended there. Default: unknown; a day is then closed when it has ended "
        "everywhere on Earth (UTC-12), which is safe but up to 26 hours later.",
        title="Space timezone",
    ),
    th.Property(
        "fields",
        th.ArrayType(th.StringType()),
        title="Fields",
        description=(
            f"Columns to ask Cometly for. There are {_listed(_PLAIN_NAMES)}; and with `sources` also the ad hierarchy "
            f"{_listed(cometly.HIERARCHY_NAMES)}. Do not list `id`, `event_time_utc`, `touchpoint_id` (comes with "
            "`sources`) and `source` (comes with an ad hierarchy field): they come by themselves. Fewer columns make "
            f"faster exports. Default: all {len(_PLAIN_NAMES)} that need no `sources`, and all "
            f"{len(cometly.REQUESTABLE_NAMES)} when `sources` is set."
        ),
        examples=[["event_name", "amount", "profile_id"]],
        minItems=1,
        maxItems=cometly.MAX_FIELDS,
    ),
    th.Property(
        "query_mode",
        th.StringType(),
        allowed_values=list(cometly.QUERY_MODES),
        default="profile",
        title="Query mode",
        description="`profile` exports events by contact, `company` by company.",
    ),
    th.Property(
        "event_names",
        th.ArrayType(th.StringType()),
        title="Event names",
        description=(
            f"Export only these events, 1 to {cometly.MAX_EVENT_NAMES} of them. "
            f"There are {_listed(cometly.STANDARD_EVENT_NAMES)}, "
            f"`{cometly.CUSTOM_EVENT_NAMES[0]}` to `{cometly.CUSTOM_EVENT_NAMES[-1]}`. Default: all events."
        ),
        examples=[["purchase", "upsell_purchase", "custom_event_1"]],
        minItems=1,
        maxItems=cometly.MAX_EVENT_NAMES,
    ),
    th.Property(
        "sources",
        th.ArrayType(th.StringType()),
        title="Attribution sources",
        description=(
            "Switches attribution on: one row per event and touchpoint credited to these traffic sources, keyed by "
            "`id` and `touchpoint_id`; events they did not lead to are left out. Needs `attribution_model` and "
            f"`attribution_window`. 1 to {cometly.MAX_SOURCES} of: {_listed(cometly.SOURCES)}. Default: no "
            "attribution, one row per event."
        ),
        examples=[["facebook_ads", "google_ads"]],
        minItems=1,
        maxItems=cometly.MAX_SOURCES,
    ),
    th.Property(
        "attribution_model",
        th.StringType(),
        allowed_values=list(cometly.ATTRIBUTION_MODELS),
        title="Attribution model",
        description=(
            "How credit is given to touchpoints; required with `sources` and not allowed without. "
            f"{_listed(cometly.MULTI_TOUCH_MODELS)} may give several rows per event, each with its share of `amount`."
        ),
    ),
    th.Property(
        "attribution_window",
        th.IntegerType(),
        allowed_values=list(cometly.ATTRIBUTION_WINDOWS),
        title="Attribution window (days)",
        description=(
            "Days before the event in which a touchpoint counts; `0` is the customer's whole lifetime. Required with "
            "`sources` and not allowed without."
        ),
    ),
    common(
        "lookback_days",
        "How many of the latest delivered days every run exports again, because closed days still change: late "
        "events, raised amounts, merged contacts. `0` exports every day once.",
    ),
    common(
        "include_open_day",
        "Also export the running day, as far as it has got, with every run. It is never marked delivered, and is "
        "exported again once it has ended. Needs `timezone`, to know which day it is in the Space.",
    ),
    common(
        "backfill_order",
        "Order in which due days are delivered. `newest_first` brings yesterday before last year; a run that is "
        "cut short goes on where it was either way.",
    ),
    common(
        "resync",
        "What to do when a setting changed that decides what rows mean (`sources`, `attribution_model`, "
        "`attribution_window`, `query_mode`, `event_names`): `false` stops and explains, `true` forgets which days "
        "are delivered and loads all wanted days again in the new way, once. Has no effect while nothing changed.",
    ),
    common(
        "max_exports_in_flight",
        # At 5 new exports a minute, 30 keep the pipe full while one export takes up to 5 minutes, with some to spare.
        "How many exports may be under way at once, from asking Cometly to writing their rows. Also the most "
        "files held on disk at once. Cometly accepts about 5 new exports a minute, so the default keeps busy "
        "while an export takes up to 5 minutes; raise it when yours take longer, lower it to use less disk.",
    ),
    common(
        "max_exports_per_run",
        "How many exports one run may create for its days; the other days are left for the next run, and the run "
        "ends well. Use it to leave room to others who use the same Space, or to bring in a long backfill piece by "
        "piece. Looked-back days come first, then the others in `backfill_order`; so it must be greater than "
        "`lookback_days`. Default: no limit.",
    ),
    common(
        "export_timeout",
        "How long Cometly may take to prepare one day's export. After that the day counts as failed: other days "
        "go on, and the next run tries it first.",
    ),
    common(
        "api_url",
        "Where the API is; change it only for a proxy or for the local sandbox. `http://` is allowed only to this "
        "machine, because the key would travel in the clear.",
        default="https://app.cometly.com/public-api/v1",
        examples=["http://127.0.0.1:8080/public-api/v1"],
    ),
    common(
        "user_agent",
        "How the tap presents itself to the API. Default: `tap-cometly/` and its version.",
        examples=["tap-cometly (data-team@example.com)"],
    ),
).to_dict()
"""What ``Tap.config_jsonschema`` returns, before the SDK adds its own settings."""
