"""`--plan`: what the same command without it would do, of every selected stream, in one document."""

from __future__ import annotations

import json
import logging

import pytest

from tests.kit.account import Account
from tests.kit.orchard import TapOrchard


@pytest.fixture
def account():
    with Account(streams=("picks", "trees")) as account:
        yield account


@pytest.fixture
def plan(account, tmp_path, capsys):
    """Return what `--plan` prints, as the parsed document or as text."""

    class Tap(TapOrchard):
        def __init__(self, **given):
            super().__init__(environment=account.environment, **given)

    def printed(form="json", *, streams=("picks", "trees"), columns=(), state=None, **settings):
        catalog = account.tap(config=account.config).catalog_dict
        for entry in catalog["streams"]:
            for each in entry["metadata"]:
                if not each["breadcrumb"]:
                    each["metadata"]["selected"] = entry["tap_stream_id"] in streams
                elif each["breadcrumb"][-1] in account.deselected:
                    each["metadata"]["selected"] = False
        arguments = [f"--plan={form}"]
        given = {"config": {**account.config, **settings}, "catalog": catalog, "state": state}
        for option, content in given.items():
            if content is not None:
                file = tmp_path / f"{option}.json"
                file.write_text(json.dumps(content))
                arguments += [f"--{option}", str(file)]
        asked = len(account.orchard.requests)
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            Tap.cli(arguments)
        assert ended.value.code == 0
        assert len(account.orchard.requests) == asked, "a plan asks nobody"
        told = capsys.readouterr().out
        return json.loads(told) if form == "json" else told

    return printed


def test_it_is_that_of_the_run_with_the_same_catalog(account, plan):
    account.deselected = {"variety"}
    account.streams = ("picks",)
    account.run()
    (planned,) = plan(streams=["picks"], state=account.state)["streams"]
    assert planned["stream"] == "picks"
    assert planned["delivered"] == [[str(account.days[0]), str(account.days[-1])]]
    assert planned["remarks"] == [], "the catalog is the one of before"
    account.deselected = set()
    (planned,) = plan(streams=["picks"], state=account.state)["streams"]
    assert planned["remarks"] == [
        "The request has changed: new columns (variety): new and looked-back days have them, older days do not"
    ]


def test_every_plan_names_its_stream_whatever_their_number(plan):
    assert [each["stream"] for each in plan()["streams"]] == ["picks", "trees"]
    assert plan(streams=["growers"]) == {"warnings": [], "streams": []}
    assert (
        plan("text", streams=["growers"]) == "No stream that comes in exports is selected: there is nothing to plan\n"
    )
    alone = plan("text", streams=["picks"])
    assert alone.startswith("delivered   no day\n")
    assert "picks" not in alone
    both = plan("text").split("\n\n")
    assert both[0] == "picks:\n" + alone.split("\n\n")[0]
    assert both[2].startswith("trees:\ndelivered ")


def test_days_count_as_not_delivered_only_where_there_are_days(plan):
    picks, trees = plan()["streams"]
    assert picks["remarks"] == ["No STATE was given (`--state`): all days count as not delivered"]
    assert trees["remarks"] == []


def test_it_says_which_exports_are_under_way_as_the_run_does(account, plan, caplog):
    account.streams = ("picks",)
    account.run(room=4, is_killed=True)
    started = account.bookmark["jobs"]
    assert started
    (planned,) = plan(streams=["picks"], state=account.state)["streams"]
    assert planned["under_way"] == started
    assert planned["exports"] == 4, "those under way among them"
    told = f"; {len(started)} export{'s' * (len(started) > 1)} of an earlier run "
    assert told in plan("text", streams=["picks"], state=account.state)
    caplog.set_level(logging.INFO)
    account.run()
    assert any(told in record.getMessage() for record in caplog.records)
    assert plan(streams=["picks"], state=account.state)["streams"][0]["under_way"] == []


@pytest.mark.parametrize("form", ["json", "text"])
@pytest.mark.parametrize("streams", [["picks", "trees"], ["growers"]], ids=str)
def test_what_is_odd_about_the_settings_is_told_once(plan, caplog, form, streams):
    printed = plan(form, streams=streams, lookbck_days=1)
    words = "lookbck_days: unknown setting (did you mean 'lookback_days'?); it has no effect"
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [words]
    if form == "json":
        assert printed["warnings"] == [words]


def test_what_is_odd_about_the_settings_is_told_by_discovery_and_runs_too(account, caplog):
    account.config |= {"lookbck_days": 1}
    account.tap(config=account.config, validate_config=False).run_discovery()
    assert ["lookbck_days" in record.getMessage() for record in caplog.records].count(True) == 1
    caplog.clear()
    account.tap(config=account.config).streams  # noqa: B018 - as every run does
    assert ["lookbck_days" in record.getMessage() for record in caplog.records].count(True) == 1


def test_a_run_of_few_exports_takes_new_days_though_holes_divide_those_that_are_looked_at_again(account, plan):
    days = list(map(str, account.days))
    bookmark = {"replication_key_value": days[2], "delivered": [[days[0], days[0]], [days[2], days[2]]]}
    state = {"bookmarks": {"picks": bookmark}}
    (planned,) = plan(streams=["picks"], state=state, lookback_days=2, max_exports_per_run=4)["streams"]
    assert planned["due"]["lookback"] == [[days[0], days[0]]]
    assert planned["due"]["missing"] == [[days[1], days[1]]]
    assert planned["exports"] == 4
