"""Orchard, a made-up vendor that has everything: its tap and its source, as whoever uses the kit would write them.

It exports what was picked as CSV in several files, up to 31 days at once, what is rotten by itself; makes one export at
a time, keeps them for a week, and lets one take them back. It exports its trees as they are now, lists its growers, and
allows so many requests a day. Its API is `tests.kit.orchard_api`.
"""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import ClassVar
from zoneinfo import ZoneInfo

from singer_sdk import typing as th

from bulk_exports import common_settings
from bulk_exports.airbyte.source import Source
from bulk_exports.common_settings import common
from bulk_exports.connector import Connector
from bulk_exports.engine.api import Dialect
from bulk_exports.engine.budgets import AllOf, DailyQuota
from bulk_exports.engine.credentials import Bearer
from bulk_exports.engine.errors import RateLimitedError, UnknownJobError, WindowTooLargeError
from bulk_exports.engine.lists import Lists
from bulk_exports.engine.polling import Polling
from bulk_exports.engine.rate_limit import RateLimit
from bulk_exports.engine.vendor import JobState, JobStatus, Link
from bulk_exports.export_settings import ExportSettings
from bulk_exports.fields import Field, Measures
from bulk_exports.files.csv import Csv
from bulk_exports.singer.tap import ExportTap
from bulk_exports.spec import ExportStream, ListStream, Variant, Windows

SCHEMA = th.PropertiesList(
    th.Property("api_key", th.StringType(), required=True, secret=True, description="Key of the account."),
    th.Property("calls_per_day", th.IntegerType(minimum=1, maximum=10_000), default=1000, description="The quota."),
    common("start_date", "First day to export."),
    common("end_date", "Last day to export. Default: the last that has ended."),
    common("lookback_days", "How many delivered days every run asks for again.", default=0),
    common("resync", "Whether to load everything again where the request has changed."),
    common("max_exports_in_flight", "How many exports may be under way at once.", default=2),
    common("max_exports_per_run", "How many exports a run may ask for. Default: no limit."),
    common("export_timeout", "How long an export may take."),
    common("api_url", "Where the API is.", default="https://api.orchard.example"),
).to_dict()
STATES = {"queued": JobState.WAITING, "making": JobState.RUNNING, "done": JobState.READY}
FAILED = ("failed", "taken back")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings(ExportSettings):
    api_key: str = dataclasses.field(repr=False)
    calls_per_day: int
    api_url: str


def read_settings(config, *, now):
    return Settings(
        **common_settings.read(
            config,
            now,
            schema=SCHEMA,
            days_per_export=31,
            exports_per_window=2,
            otherwise={"timezone": ZoneInfo("UTC")},
        )
    )


@dataclasses.dataclass(frozen=True)
class Query:
    what: str
    columns: tuple[str, ...]
    breaking: ClassVar[tuple[str, ...]] = ("what",)

    def fingerprint(self):
        return {"what": self.what, "fields": sorted(self.columns)}

    def ledger_values(self):
        return {}


PICKS = ExportStream(
    name="picks",
    vendor="Orchard",
    fields=(
        Field("id", "integer", "The basket.", nullable=False),
        Field("variety", "string", "What is in it."),
        Field("kilos", "number", "How much."),
        Field("picked_at", "timestamp", "When, in UTC."),
        Field("is_rotten", "boolean", "Whether it is of no use."),
    ),
    key=("id",),
    measures=Measures(key="id", time="picked_at", amount="kilos"),
    windows=Windows(max_days=31, rows_outside="left out"),  # the first moment of the day after comes along
    variants=(Variant("sound", {"is_rotten": False}), Variant("rotten", {"is_rotten": True})),
    jobs_last=timedelta(days=7),
    calls_per_export=3,
    query=lambda columns: Query("picks", tuple(columns)),
    creates_per_minute=30,
    polling=Polling(first_seconds=5, min_gap_seconds=5, max_gap_seconds=60),
    format=Csv(),
)
TREES = ExportStream(
    name="trees",
    vendor="Orchard",
    fields=(Field("id", "integer", "The tree.", nullable=False), Field("is_felled", "boolean", "Whether it was.")),
    key=("id",),
    windows=Windows(snapshot=True, rows_outside="taken"),
    variants=(Variant("standing", {"is_felled": False}), Variant("felled", {"is_felled": True})),
    calls_per_export=3,
    query=lambda columns: Query("trees", tuple(columns)),
    creates_per_minute=30,
    format=Csv(),
)
GROWERS = ListStream(
    name="growers",
    fields=(Field("id", "integer", "Who.", nullable=False), Field("name", "string", "Called how.")),
    key=("id",),
    rows=lambda client: client.growers(),
)


class Client:
    def __init__(self, settings, connection):
        quota = connection.keep("a day", lambda: DailyQuota(settings.calls_per_day, wall_clock=connection.utc_now))
        self.create_limit = connection.keep("creates", lambda: AllOf(RateLimit(30), quota))
        self.status_limit = connection.keep("polls", lambda: AllOf(RateLimit(60), quota))
        meanings = {
            404: lambda: UnknownJobError("Orchard does not have the export"),
            413: lambda: WindowTooLargeError("Orchard finds the window too large"),
            429: lambda: RateLimitedError("the requests of the day are used up", by=quota),
        }
        self._api = connection.api(
            settings.api_url,
            dialect=Dialect(
                vendor="Orchard",
                advice={401: "Check the setting `api_key`"},
                meaning=lambda answer: meanings.get(answer.status, lambda: None)(),
            ),
            authentication=Bearer(settings.api_key),
            user_agent="tap-orchard",
        )
        self._lists = Lists(self._api, self.status_limit, connection, items="growers")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._api.__exit__()

    def create(self, request):
        window, query = request.window, request.query
        body = {"what": query.what, "variant": request.variant.name, "columns": list(query.columns)}
        body |= {"from": str(window.first), "to": str(window.last)}
        return self._api.ask("POST", "/exports", self.create_limit, body).json_object()["id"]

    def status(self, job):
        answer = self._api.ask("GET", f"/exports/{job}", self.status_limit).json_object()
        word = answer["state"]
        state = JobState.FAILED if word in FAILED else STATES.get(word, JobState.UNKNOWN)
        return JobStatus(state, word, "no reason given", links=tuple(map(Link, answer["files"])))

    def cancel(self, job):
        self.create_limit.spend()
        self._api.ask("DELETE", f"/exports/{job}", self.create_limit)

    def growers(self):
        return self._lists.items("/growers")


CONNECTOR = Connector(
    name="orchard",
    settings_schema=SCHEMA,
    read_settings=read_settings,
    export_streams=lambda _settings, _connection: [PICKS, TREES, GROWERS],
    connect=Client,
    discovery_config={"api_key": "none"},
    documentation_url="https://orchard.example",
)
SOURCE = Source(CONNECTOR)


class TapOrchard(ExportTap):
    connector = CONNECTOR
