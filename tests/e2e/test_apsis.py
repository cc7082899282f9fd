"""APSIS One into PostgreSQL, through Meltano: the tables hold exactly what the vendor has."""

from __future__ import annotations

import collections
import json
from datetime import date, datetime, timezone

import pytest

from tap_apsis_one.sandbox import Limits, ProfileEvent, Quirks, Sandbox
from tests.apsis.account import moment, plain

pytestmark = pytest.mark.siblings
FIRST, LAST = date(2026, 1, 1), date(2026, 1, 20)
SCHEMA = "apsis_one"


@pytest.fixture
def account():
    """An account in real time, in no hurry about its budgets, whose files hold some rows twice."""
    with Sandbox(
        profiles=50,
        events_per_day=40,
        emails_per_day=40,
        first_day=FIRST,
        job_seconds=0.1,
        limits=Limits(creates=6000, polls=60_000),
        quirks=Quirks(limit_headers=True, doubled=True),
    ) as sandbox:
        yield sandbox


@pytest.fixture
def settings(account, postgres):
    return {
        "TAP_APSIS_ONE_API_URL": account.api_url,
        "TAP_APSIS_ONE_CLIENT_ID": account.credentials["client_id"],
        "TAP_APSIS_ONE_CLIENT_SECRET": account.credentials["client_secret"],
        "TAP_APSIS_ONE_START_DATE": FIRST.isoformat(),
        "TAP_APSIS_ONE_END_DATE": LAST.isoformat(),
        "TAP_APSIS_ONE_WINDOW_DAYS": "7",
        "TAP_APSIS_ONE_LOOKBACK_DAYS": "3",
        "TAP_APSIS_ONE_TAGS": json.dumps(["VIP"]),
        "TARGET_POSTGRES_SQLALCHEMY_URL": postgres.url,
        "TARGET_POSTGRES_DEFAULT_TARGET_SCHEMA": SCHEMA,
    }


class Tables:
    """What PostgreSQL holds."""

    def __init__(self, server):
        self._server = server

    def rows(self, sql):
        with self._server.connect() as connection:
            return connection.execute(sql).fetchall()

    def of(self, stream, wanted, where="true"):
        return self.rows(f"select {wanted} from {SCHEMA}.{stream} where {where}")  # noqa: S608 - our own names

    def profile_events(self):
        names = "export_key, section_id, type_id, correlation_id, created_at, source_event_ms, data"
        return collections.Counter(
            repr((*row[:4], in_utc(row[4]), int(row[5]), plain(row[6]))) for row in self.of("profile_events", names)
        )

    def email_events(self):
        names = "correlation_id, type, activity_id, event_ms, server_time, subject, bounce_code"
        return collections.Counter(
            repr((*row[:3], int(row[3]), in_utc(row[4]), row[5], row[6])) for row in self.of("email_events", names)
        )


def in_utc(at):
    return int(at.replace(tzinfo=timezone.utc).timestamp() * 1000 + 0.5)


def true_profile_events(account):
    return collections.Counter(
        repr(
            (
                row["export_key"],
                row["section_id"],
                row["type_id"],
                row["correlation_id"],
                row["created_ms"],
                row["source_ms"],
                plain(row["data"]),
            )
        )
        for row in account.profile_events(FIRST, LAST)
    )


def true_email_events(account):
    return collections.Counter(
        repr(
            (
                row["correlation_id"] or None,
                row["type"],
                row["activity_id"],
                int(row["event_time"]),
                int(row["server_time"]),
                row["subject"],
                row["bounce_code"] or None,
            )
        )
        for row in account.email_events(FIRST, LAST)
    )


def test_the_tables_hold_what_the_vendor_has_and_follow_it(account, meltano, postgres):
    load, tables = meltano(), Tables(postgres)
    load("run", "tap-apsis-one", "target-postgres")
    assert tables.profile_events() == true_profile_events(account)
    assert tables.email_events() == true_email_events(account)
    ((profiles, vip),) = tables.of("profiles", "count(*), count(*) filter (where vip_1a2b3c4d and section_id = '4100')")
    known = list(account.profiles())
    assert profiles == len(known)
    assert vip == sum(section == "4100" and "usercreated.tags.vip-1a2b3c4d" in tags for _, section, _, tags in known)
    (first, *_) = tables.of("profiles", "max(membersince_q4c6v1yy)", "section_id = '4100'")
    assert isinstance(first[0], datetime)
    counts = {
        name: tables.of(name, "count(*)")[0][0]
        for name in ("sections", "attributes", "tags", "event_types", "email_activities")
    }
    assert counts == {"sections": 2, "attributes": 22, "tags": 4, "event_types": 10, "email_activities": 7}

    late = int(datetime(2026, 1, 19, 12, tzinfo=timezone.utc).timestamp() * 1000)
    account.happenings.add(ProfileEvent(3, 0, 1, True, "late", late, 0, {"cart": moment(late)}))
    load("run", "tap-apsis-one", "target-postgres")
    assert tables.profile_events() == true_profile_events(account)
    assert tables.email_events() == true_email_events(account)
    assert tables.of("profile_events", "count(*)", "correlation_id = 'late'") == [(1,)]
