"""What the package says of itself is what its code says: the plugin for Meltano, and the README."""

from __future__ import annotations

import json
import re

import pytest
import yaml

from tap_apsis_one import vocabulary
from tap_apsis_one.config_schema import CONFIG_JSONSCHEMA
from tap_apsis_one.lists import list_streams
from tap_apsis_one.tap import TapApsisOne
from tests.documents import ROOT
from tests.test_documents import as_meltano_setting

FOLDER = ROOT / "packages" / "tap-apsis-one"
SETTINGS = CONFIG_JSONSCHEMA["properties"]


@pytest.fixture(scope="module")
def plugin():
    (plugin,) = yaml.safe_load((FOLDER / "plugin.meltano.yml").read_text(encoding="utf-8"))["plugins"]["extractors"]
    return plugin


@pytest.fixture(scope="module")
def readme():
    return (FOLDER / "README.md").read_text(encoding="utf-8")


def test_the_project_includes_the_plugin():
    project = yaml.safe_load((ROOT / "meltano.yml").read_text(encoding="utf-8"))
    found = [path for pattern in project["include_paths"] for path in ROOT.glob(pattern)]
    assert FOLDER / "plugin.meltano.yml" in found


def test_meltano_knows_every_setting_word_for_word(plugin):
    assert plugin["settings"] == [as_meltano_setting(name, schema) for name, schema in SETTINGS.items()]


def test_meltano_requires_what_the_tap_requires_and_knows_what_it_can_do(plugin):
    assert plugin["settings_group_validation"] == [CONFIG_JSONSCHEMA["required"]]
    assert set(plugin["capabilities"]) == {each.value for each in TapApsisOne.capabilities}
    assert {"namespace", "pip_url", "executable"} <= plugin.keys()


def test_the_readme_names_every_stream_with_its_key(readme):
    shown = dict(re.findall(r"^\| `(\w+)` \| [^|]* \| ([^|]*) \|", readme, re.MULTILINE))
    keys = {"email_events": ("event_key",), "profile_events": ("event_key",), "profiles": ("export_key", "section_id")}
    keys |= {stream.name: stream.key for stream in list_streams()}
    assert {name: tuple(re.findall(r"`(\w+)`", key)) for name, key in shown.items()} == keys


def test_the_readme_names_every_setting(readme):
    assert [name for name in SETTINGS if f"`{name}`" not in readme] == []


def test_the_numbers_of_the_readme_are_those_of_the_code(readme):
    assert f"up to {vocabulary.MAX_DAYS} days" in readme
    assert f"{vocabulary.MAX_ATTRIBUTES} attributes" in readme
    assert f"{vocabulary.MAX_TAGS} tags" in readme
    assert json.dumps(SETTINGS["window_days"]["default"]) in readme
