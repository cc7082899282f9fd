"""What the package says of itself is what its code says: the plugin for Meltano, and the README."""

from __future__ import annotations

import re

import pytest
import yaml

from tap_pardot_exports import calls, client, vocabulary
from tap_pardot_exports.config_schema import CONFIG_JSONSCHEMA
from tap_pardot_exports.sandbox import Quirks
from tap_pardot_exports.tap import TapPardotExports
from tests.documents import ROOT
from tests.test_documents import as_meltano_setting

FOLDER = ROOT / "packages" / "tap-pardot-exports"
SETTINGS = CONFIG_JSONSCHEMA["properties"]


@pytest.fixture(scope="module")
def plugin():
    (plugin,) = yaml.safe_load((FOLDER / "plugin.meltano.yml").read_text(encoding="utf-8"))["plugins"]["extractors"]
    return plugin


@pytest.fixture(scope="module")
def readme():
    return (FOLDER / "README.md").read_text(encoding="utf-8")


def test_meltano_knows_every_setting_word_for_word(plugin):
    assert plugin["settings"] == [as_meltano_setting(name, schema) for name, schema in SETTINGS.items()]


def test_meltano_requires_what_the_tap_requires_and_knows_what_it_can_do(plugin):
    assert all(set(CONFIG_JSONSCHEMA["required"]) <= set(group) for group in plugin["settings_group_validation"])
    assert set(plugin["capabilities"]) == {each.value for each in TapPardotExports.capabilities}
    assert {"namespace", "pip_url", "executable"} <= plugin.keys()


def test_the_readme_names_every_stream_with_its_cursor_and_window(readme):
    rows = re.findall(r"^\| `(\w+)` \| (`[^|]*) \| (\d+) \| ([^|]*) \|$", readme, re.MULTILINE)
    told = {
        stream: (re.findall(r"`(\w+)`", cursor)[0], int(days), "`" in deleted) for stream, cursor, days, deleted in rows
    }
    assert told == {
        thing.stream: (thing.cursors[0], thing.window_days, thing.knows_deleted) for thing in vocabulary.OBJECTS
    }


def test_the_readme_names_every_setting(readme):
    assert [name for name in SETTINGS if f"`{name}`" not in readme] == []


def test_the_readme_names_every_ability(readme):
    text = " ".join(readme.split())
    for thing in vocabulary.OBJECTS:
        assert all(ability in text for ability in thing.ability.split(" and "))


@pytest.mark.parametrize("error", [calls.CodeError, client.WrongZoneError])
def test_pages_that_errors_name_are_there(error):
    path, _, anchor = error.page.partition("#")
    headings = re.findall(r"^## (.*)$", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE)
    assert anchor in {heading.lower().replace(" ", "-") for heading in headings}


def test_every_switch_of_the_sandbox_is_explained():
    assert [name for name in Quirks.__dataclass_fields__ if f"        {name}: " not in Quirks.__doc__] == []
