"""Orchard through both doors: what a vendor with everything needs of the kit, each by itself."""

from __future__ import annotations

import dataclasses
import json
import logging

import pytest

from bulk_exports.airbyte.check import problem_with
from bulk_exports.airbyte.source import Source
from bulk_exports.errors import TapError
from bulk_exports.export_settings import ExportSettings
from bulk_exports.run import DeselectedColumnError
from bulk_exports.windows.plan import Plan
from simulation.tapping import sync
from tests.kit import orchard
from tests.kit.account import Account
from tests.kit.orchard import CONNECTOR, GROWERS, PICKS, SOURCE, TREES, TapOrchard
from tests.kit.orchard_api import KEY

DOORS = pytest.mark.parametrize("door", ["singer", "airbyte"])
ALL = ("picks", "trees", "growers")


@DOORS
def test_everything_comes_once_and_the_next_run_asks_for_no_day_again(door):
    with Account(streams=ALL) as account:
        account.run(door)
        assert account.error is None
        assert account.table == account.truth()
        assert [row["is_felled"] for row in account.rows["trees"].values()] == [False, True]
        assert [row["name"] for row in account.rows["growers"].values()] == ["Ann", "Bo"]
        assert len(account.orchard.exports) == 4 + 2


def trace(account):
    """Return what the TRACE of the last run says that kept it from its end."""
    (said,) = [content["error"] for kind, _, content in account.messages if kind == "TRACE" and "error" in content]
    return said["message"]


@DOORS
@pytest.mark.parametrize("failing", [set(), {"standing"}])
def test_days_that_cannot_be_had_keep_no_other_stream_from_being_read(door, failing):
    with Account(days=3, streams=ALL) as account:
        bad_day = account.days[1]
        account.orchard.bad_days, account.orchard.fails = {bad_day}, failing
        account.run(door)
        good_days = [day for day in account.days if day != bad_day]
        assert account.table == account.orchard.truth(good_days)
        assert len(account.rows["growers"]) == 2
        told = account.error if door == "singer" else trace(account)
        assert ("picks: 1 day was not delivered" in told) is bool(failing)
        assert "1 day was not delivered" in told
        account.orchard.bad_days, account.orchard.fails = set(), set()
        account.run(door)
        assert (account.error, account.table) == (None, account.truth())


@pytest.mark.parametrize("streams", [("picks",), ("picks", "growers"), ("picks", "trees")])
def test_lines_of_the_log_name_the_stream_where_there_are_several(streams):
    with Account(days=2, streams=streams) as account:
        account.run("airbyte")
    said = [message["log"]["message"] for kind, _, message in account.messages if kind == "LOG"]
    named = {name for name in streams for line in said if line.startswith(f"{name}: Exporting")}
    assert named == ({"picks", "trees"} if "trees" in streams else set())


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ("It is odd", "It is odd. See here/docs/troubleshooting.md"),
        ("It is odd.", "It is odd. See here/docs/troubleshooting.md"),
        ("Did you mean it?", "Did you mean it? See here/docs/troubleshooting.md"),
    ],
)
def test_an_error_refers_to_a_page_where_the_vendor_has_some(said, line):
    assert TapError(said).lines("here/") == [line]
    assert TapError(said).lines(None) == [said]


def bringing(*streams):
    return dataclasses.replace(CONNECTOR, export_streams=lambda _settings, _connection: streams)


class ListsOnly(TapOrchard):
    """A tap without exports."""

    connector = bringing(GROWERS)


@pytest.mark.parametrize("key", [KEY, "wrong"])
def test_a_source_that_only_lists_is_checked_with_a_list(key):
    with Account() as account:
        log = logging.getLogger("test")
        told = problem_with(Source(bringing(GROWERS)), account.config | {"api_key": key}, account.environment, log)
        assert [entry.path for entry in account.orchard.requests] == ["/growers"]
    assert (told is None) is (key == KEY)
    assert told is None or "Check the setting `api_key`" in told


def test_a_source_without_any_stream_has_nothing_to_check():
    with Account() as account:
        assert problem_with(Source(bringing()), account.config, account.environment, logging.getLogger("test")) is None


def test_a_check_asks_for_an_export_as_a_run_would():
    with Account() as account:
        assert problem_with(SOURCE, account.config, account.environment, logging.getLogger("test")) is None
        (export,) = account.orchard.exports
    assert export.columns == ["id", "variety", "kilos", "picked_at"]


def test_a_tap_that_only_lists_is_tested_with_a_list(capsys):
    with Account() as account:
        assert ListsOnly(config=account.config, environment=account.environment).run_connection_test()
        assert [entry.path for entry in account.orchard.requests] == ["/growers"]
    records = [line for line in capsys.readouterr().out.splitlines() if json.loads(line)["type"] == "RECORD"]
    assert len(records) == 1


def test_the_plan_of_a_snapshot_counts_the_exports_of_all_its_variants():
    with Account() as account:
        settings = orchard.read_settings(account.config, now=account.now())
        plan = Plan.make(TREES, settings, TREES.query(["id"]), {}, account.now())
    assert isinstance(settings, ExportSettings)
    assert (plan.as_json()["exports"], plan.as_json()["calls"]) == (2, 6)
    assert plan.summary() == "Exporting everything that there is, in 2 exports; about 6 API calls"


@DOORS
def test_the_time_by_which_rows_are_left_out_cannot_be_deselected(door):
    """The first basket of the day after the last comes along with it: it is not left out by accident."""
    with Account(deselected=["picked_at"]) as account:
        account.run(door)
        assert account.table == account.truth()


def test_a_catalog_written_by_hand_that_deselects_it_is_refused():
    with Account() as account:
        catalog = TapOrchard(config=account.config, environment=account.environment).catalog_dict
        entry = next(each for each in catalog["streams"] if each["tap_stream_id"] == "picks")
        for metadata in entry["metadata"]:
            if "picked_at" in metadata["breadcrumb"]:
                metadata["metadata"] = {"inclusion": "available", "selected": False}
        with pytest.raises(DeselectedColumnError, match=r"deselects `picks.picked_at`, .* Select it"):
            sync(account.config, catalog=catalog, tap=account.tap)


def test_columns_of_a_kept_catalog_that_the_stream_lacks_are_told(caplog):
    with Account(days=2) as account:
        catalog = TapOrchard(config=account.config, environment=account.environment).catalog_dict
        entry = next(each for each in catalog["streams"] if each["tap_stream_id"] == "picks")
        entry["schema"]["properties"]["weather"] = {"type": ["string", "null"]}
        output = sync(account.config, catalog=catalog, tap=account.tap)
    assert {row["weather"] for row in output.of("picks")} == {None}
    (told,) = [record.message for record in caplog.records if "The catalog has columns" in record.message]
    assert "lacks: weather." in told


def test_the_declarations_are_sound():
    assert PICKS.needed_columns == ("id", "picked_at")
    assert TREES.needed_columns == ("id",)
