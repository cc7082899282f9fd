"""The fleet on Dagster: what it shows is what the tables say."""

from __future__ import annotations

import importlib
import sys

import dagster as dg
import pytest

from fleet.lock import locked
from tap_cometly.sandbox import Fault
from tests.fleet.conftest import DAYS

NAMES = ["no_day_is_missing", "rows_found_are_rows_told"]


@pytest.fixture
def definitions(fleet):
    """The definitions, as a code server loads them that is started now."""
    sys.modules.pop("fleet.definitions", None)
    return importlib.import_module("fleet.definitions")


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def load(definitions, instance):
    """Run the job of the Space."""
    job = definitions.defs.resolve_job_def("load_space")
    return lambda: job.execute_in_process(instance=instance, partition_key="acme", raise_on_error=False)


@pytest.fixture
def verify(definitions, instance):
    """Make the checks alone, and return which of them pass."""
    keys = {dg.AssetCheckKey(definitions.EVENTS, name) for name in NAMES}
    every = definitions.defs.resolve_implicit_global_asset_job_def()
    job = every.get_subset(asset_selection=set(), asset_check_selection=keys)

    def made():
        run = job.execute_in_process(instance=instance, partition_key="acme")
        return {each.check_name: each.passed for each in run.get_asset_check_evaluations()}

    return made


def told(definitions, instance):
    """Return what the runs told of days, the oldest first: what the grid shows of each day is the last."""
    records = reversed(instance.fetch_materializations(definitions.DAYS.key, limit=1000).records)
    for cell in (record.asset_materialization for record in records):
        day = cell.partition.partition("|")[0]  # 2026-01-31|acme
        yield day, {name: value.value for name, value in cell.metadata.items()}


def last_checks(definitions, instance):
    """Return what the page shows of the checks."""
    key = {name: dg.AssetCheckKey(definitions.EVENTS, name) for name in NAMES}
    records = {name: instance.get_latest_asset_check_evaluation_record(key[name]) for name in NAMES}
    return {name: record.event.dagster_event.asset_check_evaluation_data.passed for name, record in records.items()}


def test_a_space_loaded_twice_is_whole_and_broken_tables_turn_the_checks_red(
    fleet, definitions, instance, load, verify
):
    dg.Definitions.validate_loadable(definitions.defs)
    for _ in range(2):
        run = load()
        assert run.success
        assert last_checks(definitions, instance) == dict.fromkeys(NAMES, True)
    assert fleet.held() == fleet.truth()
    ledger = fleet.query("select event_date, row_count, amount_total, revision, export_id from cometly_acme.event_days")
    assert dict(told(definitions, instance)) == {
        day.isoformat(): {"rows": rows, "amount": float(amount), "revision": revision, "export": export}
        for day, rows, amount, revision, export in ledger
    }

    fleet.query("delete from cometly_acme.events where id = (select min(id) from cometly_acme.events)")
    assert verify() == {"no_day_is_missing": True, "rows_found_are_rows_told": False}
    fleet.query("delete from cometly_acme.event_days where event_date = %s", fleet.days[2])
    assert verify() == {"no_day_is_missing": False, "rows_found_are_rows_told": False}


def test_a_day_that_fails_once_is_tried_again_and_the_days_of_both_attempts_are_told(
    fleet, definitions, instance, load
):
    bad = fleet.days[2]
    fleet.cometly.inject(Fault("file", "rows", day=bad, rows=[b"not an event"], times=1))
    run = load()
    assert run.success
    assert run.retry_attempts_for_node("cometly_events") == 1
    days = [day for day, _ in told(definitions, instance)]
    first, second = days[: DAYS - 1], days[DAYS - 1 :]
    assert first == [day.isoformat() for day in fleet.days if day != bad]
    assert bad.isoformat() in second
    assert last_checks(definitions, instance) == dict.fromkeys(NAMES, True)


def test_a_key_that_is_not_accepted_is_not_tried_again_and_the_checks_say_what_is_there(
    fleet, definitions, instance, load, monkeypatch
):
    monkeypatch.setenv("ACME_KEY", "another-key")
    run = load()
    assert not run.success
    assert run.retry_attempts_for_node("cometly_events") == 0
    assert "Check the setting `api_key`" in run.failure_data_for_node("cometly_events").error.message
    assert last_checks(definitions, instance)["no_day_is_missing"] is False


def test_a_space_that_is_being_loaded_is_asked_for_again_and_again(fleet, definitions, load):
    with locked(fleet.space):
        run = load()
        assert not run.success
        assert run.retry_attempts_for_node("cometly_events") == definitions.MAX_TIMES_BUSY
    assert load().success
    assert fleet.held() == fleet.truth()


def test_each_morning_asks_for_one_run_of_each_space(fleet, definitions, instance):
    fleet.describe(bolt={})
    again = importlib.reload(definitions)
    repository = again.defs.get_repository_def()
    with dg.build_schedule_context(instance, repository_def=repository) as context:
        asked = again.each_morning.evaluate_tick(context).run_requests
    assert [request.partition_key for request in asked] == ["acme", "bolt"]
