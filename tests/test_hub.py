"""hub/tap-cometly.yml says what ``tap-cometly --about`` says, in the words that Meltano Hub accepts."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tap_cometly.config_schema import CONFIG_JSONSCHEMA

FILE = Path(__file__).parent.parent / "hub" / "tap-cometly.yml"

# What the Hub's schema of an extractor allows; whatever else is refused there.
KEYS = {
    "capabilities",
    "commands",
    "definition",
    "description",
    "docs",
    "domain_url",
    "executable",
    "hidden",
    "keywords",
    "label",
    "log_parser",
    "logo_url",
    "maintenance_status",
    "metadata",
    "name",
    "namespace",
    "next_steps",
    "pip_url",
    "prereq",
    "python",
    "quality",
    "repo",
    "requires",
    "schema",
    "select",
    "settings",
    "settings_group_validation",
    "settings_preamble",
    "supported_python_versions",
    "usage",
    "variant",
}
REQUIRED_KEYS = {"label", "name", "namespace", "quality", "variant"}
SETTING_KEYS = {
    "aliases",
    "description",
    "docs",
    "documentation",
    "env",
    "hidden",
    "kind",
    "label",
    "name",
    "oauth",
    "options",
    "placeholder",
    "sensitive",
    "tooltip",
    "value",
    "value_post_processor",
    "value_processor",
}
# Of its 13 kinds these two are not for new definitions: `password` is `string` and `sensitive` today.
KINDS = {
    "array",
    "boolean",
    "date_iso8601",
    "decimal",
    "email",
    "file",
    "integer",
    "oauth",
    "object",
    "options",
    "string",
}
CAPABILITIES = {
    "about",
    "activate-version",
    "batch",
    "catalog",
    "discover",
    "log-based",
    "properties",
    "schema-flattening",
    "state",
    "stream-maps",
    "structured-logging",
    "test",
}


@pytest.fixture(scope="module")
def about():
    command = [Path(sys.executable).with_name("tap-cometly"), "--about", "--format=json"]
    return json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)


@pytest.fixture(scope="module")
def definition():
    return yaml.safe_load(FILE.read_text(encoding="utf-8"))


def leaves(properties, prefix=""):
    """Settings as the Hub has them: what is nested by the names of its parts."""
    for name, schema in properties.items():
        if schema.get("properties") and name != "stream_maps":
            yield from leaves(schema["properties"], f"{prefix}{name}.")
        else:
            yield prefix + name, schema


def test_the_hub_accepts_every_word(definition):
    assert definition.keys() <= KEYS
    assert definition.keys() >= REQUIRED_KEYS
    assert set(definition["capabilities"]) <= CAPABILITIES
    assert definition["maintenance_status"] in {"active", "beta", "development", "inactive", "unknown"}
    assert definition["quality"] in {"gold", "silver", "bronze", "unknown"}
    for setting in definition["settings"]:
        assert setting.keys() <= SETTING_KEYS
        assert setting["kind"] in KINDS
        assert all(isinstance(each["value"], str) for each in setting.get("options", ()))


def test_keys_are_sorted_as_the_hub_wants_them(definition):
    for each in (definition, *definition["settings"]):
        assert list(each) == sorted(each)
    for names in (definition["capabilities"], [setting["name"] for setting in definition["settings"]]):
        assert names == sorted(names)


def test_the_hub_knows_what_the_tap_can_do(definition, about):
    assert definition["name"] == definition["executable"] == about["name"]
    assert set(definition["capabilities"]) == set(about["capabilities"])
    assert definition["supported_python_versions"] == about["supported_python_versions"]
    assert definition["settings_group_validation"] == [CONFIG_JSONSCHEMA["required"]]


def test_the_hub_knows_every_setting_word_for_word(definition, about):
    settings = {setting["name"]: setting for setting in definition["settings"]}
    expected = dict(leaves(about["settings"]["properties"]))
    assert settings.keys() == expected.keys()
    for name, schema in expected.items():
        setting = settings[name]
        assert setting["label"] == schema["title"]
        assert setting["description"] == schema.get("description", "")
        assert setting.get("value") == schema.get("default")
        assert setting.get("sensitive", False) == schema.get("secret", False)
        choices = [each["value"] for each in setting.get("options", ())]
        assert choices == [each for each in schema.get("enum", ()) if isinstance(each, str)]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("api_key", "string"),
        ("start_date", "date_iso8601"),
        ("fields", "array"),
        ("attribution_model", "options"),
        ("attribution_window", "integer"),
        ("resync", "boolean"),
        ("stream_maps", "object"),
        ("faker_config.seed", "string"),
        ("batch_config.encoding.format", "options"),
    ],
)
def test_settings_are_of_the_kind_that_meltano_reads_them_as(definition, name, kind):
    assert next(setting["kind"] for setting in definition["settings"] if setting["name"] == name) == kind


def test_the_key_alone_is_a_secret(definition):
    assert [setting["name"] for setting in definition["settings"] if setting.get("sensitive")] == ["api_key"]
