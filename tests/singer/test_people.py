"""Contacts and companies: exports of ranges, without a ledger, beside the events."""

from __future__ import annotations

from datetime import date, datetime, timezone

import pytest

from bulk_exports.run import UndeliveredDaysError
from bulk_exports.windows.delivered import DeliveredDays
from simulation.tapping import days_before, sync, tap_class
from tap_cometly.sandbox import Fault, Quirks, Sandbox
from tap_cometly.tap import TapCometly

DAYS = 70


@pytest.fixture
def days(clock):
    return days_before(clock, DAYS)


@pytest.fixture
def people(cometly, days):
    return {
        "api_key": cometly.api_key,
        "api_url": cometly.api_url,
        "timezone": "UTC",
        "start_date": days[0].isoformat(),
        "lookback_days": 3,
    }


def choose(config, *streams):
    """Return a catalog in which these streams are selected, and no others."""
    catalog = TapCometly(config=dict(config)).catalog_dict
    for entry in catalog["streams"]:
        for each in entry["metadata"]:
            if not each["breadcrumb"]:
                each["metadata"]["selected"] = entry["tap_stream_id"] in streams
    return catalog


def creates(cometly):
    """The first day, and how many days, of each export that was asked for."""
    return [request.date for request in cometly.requests if request.endpoint.endswith("create")]


def delivered(output, stream):
    return DeliveredDays.from_state(
        output.state["bookmarks"][stream], start=date.min, replication_key="created_at"
    ).intervals


def test_nobody_gets_them_who_has_not_selected_them(people, tap):
    output = sync({**people, "start_date": people["start_date"], "end_date": people["start_date"]}, tap=tap)
    assert output.records
    assert not output.of("contacts")
    assert not output.of("companies")


def test_every_contact_and_company_arrives_once_in_windows_of_a_month(cometly, people, days, tap):
    output = sync(people, catalog=choose(people, "contacts", "companies"), tap=tap)
    assert by_id(output.of("contacts")) == by_id(
        cometly.contacts(days[0], days[-1], include_comet_tokens=True), created_at=None
    )
    assert by_id(output.of("companies")) == by_id(cometly.companies(days[0], days[-1]))
    assert sorted(creates(cometly)) == sorted([days[0], days[23], days[46]] * 2)
    for stream in ("contacts", "companies"):
        assert delivered(output, stream) == ((days[0], days[-1]),)


def by_id(rows, **more):
    return {row["id"]: {**more, **row} for row in rows}


def test_every_person_of_an_event_is_a_contact(cometly, people, days, tap):
    config = {**people, "start_date": days[-3].isoformat(), "fields": ["profile_id", "company_id"]}
    events = sync(config, tap=tap).records
    contacts = sync(people, catalog=choose(people, "contacts", "companies"), tap=tap)
    since = min(each["id"] for each in contacts.of("contacts"))
    known = {each["id"] for each in contacts.of("contacts")}
    profiles = {each["profile_id"] for each in events if each["profile_id"] is not None}
    assert any(profile >= since for profile in profiles)
    assert all(profile in known for profile in profiles if profile >= since)


def test_the_next_morning_asks_for_the_new_day_and_looks_back_and_writes_what_is_new(cometly, people, days, clock, tap):
    catalog = choose(people, "contacts")
    first = sync(people, catalog=catalog, tap=tap)
    second = sync(people, catalog=catalog, state=first.state, tap=tap)
    assert second.of("contacts")  # the last window had been another one, so nobody knows that it is the same
    asked = len(creates(cometly))
    clock.advance(86_400)
    third = sync(people, catalog=catalog, state=second.state, tap=tap)
    new = days_before(clock, 1)[0]
    assert creates(cometly)[asked:] == [days[-3], new]
    assert by_id(third.of("contacts")) == by_id(cometly.contacts(new, new, include_comet_tokens=True), created_at=None)


@pytest.mark.long
def test_events_have_the_budget_first_and_all_share_it(cometly, people, tap):
    output = sync({**people, "lookback_days": 0}, catalog=choose(people, "events", "event_days", "contacts"), tap=tap)
    order = list(dict.fromkeys(each["stream"] for each in output.messages if each["type"] == "RECORD"))
    assert order == ["events", "event_days", "contacts"]
    assert not [request for request in cometly.requests if request.status == 429]


@pytest.fixture
def narrow(clock):
    """A Space that exports no more than ten days of contacts at once."""
    quirks = Quirks(max_range_days=10, created_at="present")
    with Sandbox(clock=clock.time, events_per_day=40, job_seconds=20, quirks=quirks) as sandbox:
        yield sandbox


def test_a_window_that_is_too_large_is_split_and_nothing_is_exported_twice(narrow, people, days, tap, caplog):
    config = {**people, "api_url": narrow.api_url}
    output = sync(config, catalog=choose(config, "contacts"), tap=tap)
    assert len(output.of("contacts")) == len({row["id"] for row in output.of("contacts")})
    truth = narrow.contacts(days[0], days[-1], include_comet_tokens=True, include_created_at=True)
    assert by_id(output.of("contacts")) == by_id(truth)
    assert delivered(output, "contacts") == ((days[0], days[-1]),)
    assert "asking for" in caplog.text
    taken = [request for request in narrow.requests if request.endpoint == "contacts_create" and request.status == 202]
    assert len(taken) == 12  # 23 or 24 days in quarters


def test_a_single_day_that_is_refused_ends_the_run_in_words(clock, people, days, tap):
    with Sandbox(clock=clock.time, quirks=Quirks(max_range_days=0)) as cometly:
        config = {**people, "api_url": cometly.api_url, "start_date": days[-2].isoformat()}
        cometly.inject(Fault("contacts_create", "status", status=422, times=None))
        with pytest.raises(Exception, match="HTTP 422") as caught:
            sync(config, catalog=choose(config, "contacts"), tap=tap)
    assert "Traceback" not in str(caught.value)


def test_a_window_that_fails_twice_is_tried_in_halves(cometly, people, days, tap):
    cometly.inject(Fault("contacts_create", "failed", day=days[0], times=2))
    output = sync(people, catalog=choose(people, "contacts"), tap=tap)
    assert sorted(creates(cometly)) == sorted([days[0]] * 3 + [days[12], days[23], days[46]])
    assert delivered(output, "contacts") == ((days[0], days[-1]),)


def test_a_window_that_cannot_be_had_is_named_and_its_days_are_due_again(cometly, people, days, tap):
    config = {**people, "start_date": days[-40].isoformat(), "lookback_days": 0}
    for day in days[-40:-20]:
        cometly.inject(Fault("contacts_create", "failed", day=day, times=None))
    failed = sync(config, catalog=choose(config, "contacts"), tap=tap, catch=UndeliveredDaysError)
    assert str(days[-40]) in str(failed.error)
    cometly.faults.clear()
    again = sync(config, catalog=choose(config, "contacts"), state=failed.state, tap=tap)
    assert delivered(again, "contacts") == ((days[-40], days[-1]),)


def test_tokens_are_asked_for_only_where_they_are_wanted(cometly, people, days, tap):
    catalog = choose(people, "contacts")
    (entry,) = [each for each in catalog["streams"] if each["tap_stream_id"] == "contacts"]
    for each in entry["metadata"]:
        if list(each["breadcrumb"]) == ["properties", "comet_tokens"]:
            each["metadata"]["selected"] = False
    output = sync(people, catalog=catalog, tap=tap)
    assert output.of("contacts")
    assert not any("comet_tokens" in row for row in output.of("contacts"))


def test_the_plan_says_in_how_many_exports(people, clock, cometly):
    tap = tap_class(clock)(config=people, catalog=choose(people, "contacts"))
    plan = tap.streams["contacts"].begin_run().plan()
    assert f"Exporting {DAYS} days" in plan.summary()
    assert "in 3 exports" in plan.summary()
    assert plan.as_json()["exports"] == 3


def test_an_open_day_is_a_window_of_its_own_and_comes_again(cometly, people, clock, tap):
    config = {**people, "include_open_day": True, "lookback_days": 0}
    catalog = choose(config, "contacts")
    first = sync(config, catalog=catalog, tap=tap)
    today = datetime.fromtimestamp(clock.now(), timezone.utc).date()
    asked = len(creates(cometly))
    second = sync(config, catalog=catalog, state=first.state, tap=tap)
    assert creates(cometly)[asked:] == [today]
    assert second.state == first.state
