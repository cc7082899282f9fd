"""First runs, and what comes after them: tables as the vendor's records are, in whatever way they got there."""

from __future__ import annotations

import datetime as dt

import pytest

from bulk_exports.engine.errors import ExportError, QuotaUsedUpError
from bulk_exports.windows.fingerprint import ChangedRequestError
from tap_pardot_exports.sandbox import Fault

from .unit import STREAMS, utc

DAY = 86_400


@pytest.mark.long
@pytest.mark.parametrize("version", ["auto", "5"])
@pytest.mark.parametrize("timezone", ["UTC", "America/New_York"])
def test_a_first_run_brings_every_record_of_every_stream(unit, caplog, version, timezone):
    made = unit(timezone=timezone)
    made.run(api_version=version)
    made.assert_true(*STREAMS)
    made.assert_secrets_are_kept(caplog.text)
    assert [entry.status for entry in made.pardot.requests if entry.endpoint == "token"] == [200]


@pytest.mark.long
def test_what_is_changed_or_deleted_or_new_comes_with_the_next_run(unit):
    made = unit()
    made.run("prospects", "list_memberships", "prospect_accounts")
    for stream in ("prospects", "list_memberships", "prospect_accounts"):
        first, second, third, *_ = made.pardot.world.keys(stream)
        made.pardot.world.delete(stream, first)
        made.pardot.world.update(stream, second, updated_by_id=7, name="Renamed", email="new@acme.example")
        made.pardot.world.delete(stream, third)
        made.pardot.world.update(stream, third, email="changed@in.the.bin")
    added = made.pardot.world.add("prospects", email="added@acme.example")
    made.clock.advance(2 * DAY)
    made.run("prospects", "list_memberships", "prospect_accounts")
    made.assert_true("prospects", "list_memberships", "prospect_accounts")
    table = made.tables["prospects"]
    first, second, third, *_ = sorted(table)
    assert (table[first]["is_deleted"], table[third]["is_deleted"]) == (True, True)
    assert (table[second]["is_deleted"], table[second]["email"]) == (False, "new@acme.example")
    assert table[added]["email"] == "added@acme.example"
    assert made.tables["list_memberships"][min(made.tables["list_memberships"])]["is_deleted"] is True


def test_in_version_5_a_column_says_what_is_deleted(unit):
    made = unit()
    made.run("prospects", api_version="5")
    key = min(made.pardot.world.keys("prospects"))
    made.pardot.world.delete("prospects", key)
    made.clock.advance(2 * DAY)
    made.run("prospects", api_version="5")
    made.assert_true("prospects")
    assert made.tables["prospects"][key]["is_deleted"] is True
    assert len(made.calls("create")) == 3  # the first, the day that is looked back at, the two new days


def test_without_deleted_rows_nothing_is_asked_or_said_of_them(unit):
    made = unit()
    made.pardot.world.delete("prospects", min(made.pardot.world.keys("prospects")))
    made.run("prospects", deleted_rows=False)
    assert "is_deleted" not in made.schema("prospects")["properties"]
    assert len(made.calls("create")) == 1


@pytest.mark.parametrize(
    "without", [{"deleted_rows": False}, {"deselected": {"is_deleted"}}], ids=["a setting", "a column"]
)
def test_deleted_rows_that_are_wanted_later_come_of_all_days_and_nothing_else_does(unit, without):
    made = unit()
    key = min(made.pardot.world.keys("prospects"))
    made.pardot.world.delete("prospects", key, at=made.clock.now() - 20 * DAY)
    made.run("prospects", **without)
    assert key not in made.tables["prospects"]
    output = made.run("prospects")
    assert [row["id"] for row in output.of("prospects") if row["is_deleted"]] == [key]
    assert made.tables["prospects"].keys() == made.settled("prospects").keys()


def test_in_version_5_deleted_rows_that_are_wanted_later_are_a_changed_request(unit):
    made = unit()
    made.run("prospects", api_version="5", deselected={"is_deleted"})
    output = made.run("prospects", api_version="5", catch=ChangedRequestError)
    assert "`deleted` was False and is True" in str(output.error)
    made.run("prospects", api_version="5", resync=True)
    made.run("prospects", api_version="5", deselected={"is_deleted"})


def test_where_deleted_records_cannot_be_asked_for_that_is_said_and_the_rest_comes(unit, caplog):
    made = unit()
    made.pardot.inject(Fault("create", "code", code=175, after=1))
    made.run("prospects")
    table = made.tables["prospects"]
    assert table
    assert {row["is_deleted"] for row in table.values()} == {False}
    assert "does not let one ask for deleted records of prospects (code 175): none of them is marked" in caplog.text


def test_where_the_mark_is_deselected_no_deleted_row_passes_for_a_living_one(unit):
    made = unit()
    key = min(made.pardot.world.keys("prospects"))
    made.pardot.world.delete("prospects", key, at=made.clock.now() - 2 * DAY)
    made.run("prospects", deselected={"is_deleted"})
    assert len(made.calls("create")) == 1
    assert key not in made.tables["prospects"]
    assert len(made.tables["prospects"]) > 100


def test_a_run_that_the_quota_cuts_short_says_when_it_goes_on_and_goes_on_where_it_was(unit):
    made = unit()
    made.pardot.inject(Fault("create", "code", code=122, after=2))
    output = made.run("visitor_activities", catch=QuotaUsedUpError, window_days=10)
    assert "count anew at the account's midnight, which is 2025-02-20 00:00 if its zone is UTC" in str(output.error)
    delivered = made.state["bookmarks"]["visitor_activities"]["delivered"]
    assert delivered == [["2025-01-10", "2025-01-29"]]  # both exports that were under way
    assert "20 days left for the next run: 2025-01-30 to 2025-02-18" in str(output.error)
    made.clock.advance(DAY)
    made.run("visitor_activities", window_days=10)
    made.assert_true("visitor_activities")


@pytest.mark.long
def test_the_quota_itself_is_met_as_the_account_counts_it(unit):
    made = unit(calls_per_day=12)
    output = made.run(catch=QuotaUsedUpError)
    assert isinstance(output.error, QuotaUsedUpError)
    for _ in range(12):
        made.clock.advance(DAY)
        made.run(catch=QuotaUsedUpError)
    assert made.tables["external_activities"] == {}  # so few calls do for the first streams only
    made.assert_true("visitor_activities")


@pytest.mark.long
def test_from_every_state_the_same_tables_come_about(unit):
    made = unit(days=30, per_day=3)
    states = [None, *made.run("visitor_activities", "prospects", window_days=10).states]
    made.clock.advance(3 * DAY)
    for state in states[::2]:
        # A target has at least what came before the STATE that it knows.
        made.begin_again(state)
        made.run("visitor_activities", "prospects")
        made.assert_true("visitor_activities", "prospects")


@pytest.mark.long
@pytest.mark.parametrize(
    ("mornings", "streams"),
    [(5, STREAMS), pytest.param(365, ["prospects"], marks=[pytest.mark.slow, pytest.mark.siblings])],
)
def test_a_year_of_mornings_fits_the_quota(unit, mornings, streams):
    """Growth, the smallest edition, has 25,000 calls a day, which others want to use, too."""
    made = unit(days=2, per_day=3, files=2)
    worst = 0
    for morning in range(mornings):
        made.clock.advance(DAY)
        if morning % 30 == 0:
            made.pardot.world.delete("prospects", max(made.pardot.world.keys("prospects")))
        made.run(*streams)
        today = dt.datetime.fromtimestamp(made.clock.now(), dt.timezone.utc).date()
        worst = max(worst, made.pardot.api.calls_on(today))
    made.assert_true(*streams)
    assert worst < 30 * len(streams)


def test_a_connection_test_makes_one_export(unit):
    made = unit()
    tap = made.tap()(config=made.config)
    assert tap.run_connection_test()
    assert len(made.calls("create")) == 1


@pytest.mark.parametrize("minutes", [5, 15])
def test_a_day_is_closed_when_the_vendor_knows_all_of_it(unit, minutes):
    """Just after midnight, what happened just before it may not have got about."""
    made = unit()
    midnight = made.clock.now() // DAY * DAY + DAY
    made.clock.advance(midnight + minutes * 60 - made.clock.now())
    made.run("external_activities")
    yesterday = dt.datetime.fromtimestamp(midnight - 1, dt.timezone.utc).date().isoformat()
    delivered = made.state["bookmarks"]["external_activities"]["delivered"]
    assert (delivered[-1][1] == yesterday) is (minutes == 15)


def test_the_open_day_is_brought_as_far_as_is_safe_and_is_never_marked_delivered(unit):
    made = unit(days=3, per_day=300)
    began = made.clock.now()
    made.run("external_activities", include_open_day=True)
    brought = {row["created_at"] for row in made.tables["external_activities"].values()}
    truth = {row["created_at"] for row in made.pardot.truth("external_activities")}
    assert brought == {at for at in truth if at < utc(began - 600)}
    today = utc(began)[:10]
    assert max(brought) >= today
    assert made.state["bookmarks"]["external_activities"]["delivered"][-1][1] < today


@pytest.mark.parametrize("code", [88, 89])
def test_the_version_that_the_account_wants_is_spoken_and_remembered_for_the_run(unit, code):
    made = unit(versions=[3] if code == 89 else [4])
    output = made.run("prospects", "visitors", catch=ExportError, **({} if code == 89 else {"api_version": "3"}))
    refused = [entry for entry in made.calls("create") if entry.status == 400]
    if code == 89:
        assert len(refused) == 1
        made.assert_true("prospects", "visitors")
    else:
        assert "Set `api_version` to 4 or auto" in str(output.error)
