"""Profiles and all that is defined, selection, discovery and plan, against the sandbox's truth."""

from __future__ import annotations

import json

import pytest
from singer_sdk.exceptions import ConfigValidationError

from simulation.tapping import sync
from tap_apsis_one.sandbox import Quirks
from tap_apsis_one.tap import TapApsisOne
from tests.apsis.account import World, counted, moment, plain, selecting, told, truth

KEY = ("export_key", "section_id")
COLUMNS = {
    "email": "com.apsis1.attributes.email",
    "mobile": "com.apsis1.attributes.mobile",
    "crmid": "com.apsis1.attributes.crmid",
    "firstname": "com.apsis1.attributes.firstname",
    "birthdate": "com.apsis1.attributes.birthdate",
    "height_x7wq90kd": "usercreated.attributes.height-x7wq90kd",
    "points_b51mmz0s": "usercreated.attributes.points-b51mmz0s",
    "newsletter_k2f8r7tt": "usercreated.attributes.newsletter-k2f8r7tt",
    "membersince_q4c6v1yy": "usercreated.attributes.membersince-q4c6v1yy",
    "city_z9e3a5hh": "usercreated.attributes.city-z9e3a5hh",
}
SINCE, VIP = "membersince_q4c6v1yy", "vip_1a2b3c4d"


def assert_profiles_are_true(world, rows):
    wanted = {}
    for export_key, section_id, values, tagged in world.sandbox.profiles():
        row = {column: values[own] for column, own in COLUMNS.items()}
        row[SINCE] = moment(row[SINCE] * 1000)
        row |= {VIP: "usercreated.tags.vip-1a2b3c4d" in tagged, "export_key": export_key, "section_id": section_id}
        wanted[export_key, section_id] = plain(row)
    found = {}
    for row in rows:
        found[row["export_key"], row["section_id"]] = plain({name: row[name] for name in (*COLUMNS, VIP, *KEY)})
        assert row["unmapped"] is None
    assert found == wanted


@pytest.mark.parametrize(
    "unknown",
    [
        {},
        {"wrapper": False},
        {"numbers": "definition"},
        {"timestamps": "milliseconds"},
        {"timestamps": "text"},
        {"request_shape": "by_section"},
        {"more_members": True},
    ],
    ids=str,
)
def test_profiles_are_what_they_are_in_every_section(unknown):
    shape = unknown.get("request_shape", "version_ids")
    with World.of(settings={"tags": ["VIP"], "request_shape": shape}, quirks=Quirks(**unknown)) as world:
        first = world.run("profiles")
        again = world.run("profiles", state=first.state)
        assert_profiles_are_true(world, first.of("profiles"))
    assert first.of("profiles") == again.of("profiles"), "every run brings them all"


def test_only_what_is_selected_is_asked_for_and_delivered():
    settings = {"sections": ["Webshop"], "attributes": ["Birthday", "City"]}
    with World.of(settings=settings) as world:
        catalog = world.tap(config=world.config).catalog_dict
        for entry in catalog["streams"]:
            for each in entry["metadata"]:
                if not each["breadcrumb"]:
                    each["metadata"]["selected"] = entry["tap_stream_id"] == "profiles"
                elif each["breadcrumb"][-1] == "city_z9e3a5hh":
                    each["metadata"]["selected"] = False
        output = sync(world.config, catalog=catalog, tap=world.tap)
        (export,) = world.sandbox.exports.all()
    (row, *_) = output.of("profiles")
    assert row.keys() == {*KEY, "section_discriminator", "section_name", "birthdate", "unmapped"}
    defined = {number: each.name for each in world.sandbox.population.attributes() for number in each.versions}
    asked = {defined[number] for number in export.asked.attributes}
    assert asked == {"Birthday", "Email", "Mobile", "CRM-ID", "First name"}


def test_of_a_segment_only_its_profiles_and_their_events_come():
    with World.of(settings={"segment": "Customers"}) as world:
        output = world.run("profiles", "profile_events", "email_events")
        keys = {world.sandbox.population.export_key(profile) for profile in range(0, 20, 2)}
        wanted = [row for row in truth(world) if row[0] in keys]
    assert {row["export_key"] for row in output.of("profiles")} == keys
    assert counted(map(told, output.of("profile_events"))) == counted(wanted)
    assert {row["address"] for row in output.of("email_events")} <= {
        f"person{each}@example.com" for each in range(0, 20, 2)
    }


def test_lists_have_what_is_defined():
    with World.of(settings={"sections": ["Webshop"]}) as world:
        output = world.run("sections", "attributes", "tags", "event_types", "email_activities")
    assert [row["name"] for row in output.of("sections")] == ["Webshop"]
    cities = [row for row in output.of("attributes") if row["name"] == "City"]
    assert [(row["version_id"], bool(row["deprecated_at"])) for row in cities] == [("490091", False), ("490090", True)]
    assert {row["name"]: row["data_type"] for row in output.of("attributes")}["Height, cm"] == "number"
    assert [row["name"] for row in output.of("tags")] == ["VIP", "Lapsed"]
    assert len(output.of("event_types")) == 5
    assert [row["activity_id"] for row in output.of("email_activities")] == [f"act-{number}" for number in range(7)]
    assert not [entry for entry in world.sandbox.requests if entry.endpoint.endswith("create")]


def test_names_that_the_account_does_not_have_are_told_before_anything_is_exported():
    with World.of(settings={"event_types": ["Ordre"], "attributes": ["Brithday"]}) as world:
        with pytest.raises(ConfigValidationError) as caught:
            world.run()
        assert not [entry for entry in world.sandbox.requests if entry.endpoint.endswith("create")]
    told_of = "\n".join(caught.value.errors)
    assert "event_types: " in told_of
    assert "Did you mean 'Order'?" in told_of
    assert "Did you mean 'Birthday'?" in told_of


# Discovery


def test_without_credentials_the_schema_is_told_and_nobody_is_asked():
    with World.of() as world:
        catalog = world.tap(config={}, validate_config=False).catalog_dict
        assert [entry["tap_stream_id"] for entry in catalog["streams"]] == [
            "email_events", "profile_events", "profiles",
            "sections", "attributes", "tags", "event_types", "email_activities",
        ]  # fmt: skip
        assert not world.sandbox.requests


def test_a_plan_asks_nobody(tmp_path, capsys):
    with World.of(settings={"email_attributes": ["City"], "tags": ["VIP"]}) as world:
        file = tmp_path / "config.json"
        file.write_text(json.dumps({**world.config, "end_date": "2026-02-09"}))
        with pytest.raises(SystemExit) as ended:
            TapApsisOne.cli(["--config", str(file), "--plan=json"])
        assert ended.value.code == 0
        assert not world.sandbox.requests
    assert '"exports": 1' in capsys.readouterr().out


def test_a_plan_that_asks_nobody_knows_the_columns_that_the_catalog_has(tmp_path, capsys):
    with World.of(settings={"email_attributes": ["City"]}) as world:

        class Tap(TapApsisOne):
            def __init__(self, **given):
                super().__init__(environment=world.tap.keywords["environment"], **given)

        given = {
            "config": world.config,
            "catalog": selecting(world.tap(config=world.config).catalog_dict, ["email_events"]),
            "state": world.run("email_events").state,
        }
        arguments = ["--plan=json"]
        for option, content in given.items():
            file = tmp_path / f"{option}.json"
            file.write_text(json.dumps(content))
            arguments += [f"--{option}", str(file)]
        capsys.readouterr()
        with pytest.raises(SystemExit):
            Tap.cli(arguments)
    (planned,) = json.loads(capsys.readouterr().out)["streams"]
    assert (planned["exports"], planned["remarks"]) == (0, [])


def test_extras_of_email_events_are_columns():
    settings = {"sections": ["Webshop"], "email_attributes": ["City", "Points", "Member since"], "email_tags": ["VIP"]}
    with World.of(settings=settings) as world:
        output = world.run("email_events")
        population = world.sandbox.population
        rows = output.of("email_events")
    assert len(rows) == 180
    for row in rows:
        profile = int(row["address"].removeprefix("person").partition("@")[0])
        values = population.values(profile, 0)
        assert row["city_z9e3a5hh"] == values["usercreated.attributes.city-z9e3a5hh"]
        assert row["points_b51mmz0s"] == values["usercreated.attributes.points-b51mmz0s"]
        assert row[SINCE].endswith("Z")
        assert row[VIP] is ("usercreated.tags.vip-1a2b3c4d" in population.tagged(profile, 0))
