"""README.md, meltano.yml and .env.example say of each setting what ``tap-cometly --about`` says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from tap_cometly.config_schema import CONFIG_JSONSCHEMA
from tests.programs import run

ROOT = Path(__file__).parent.parent
SETTINGS = CONFIG_JSONSCHEMA["properties"]


def told(*arguments):
    return json.loads(run(*arguments).stdout)


@pytest.fixture(scope="module")
def about():
    return told("--about", "--format=json")


@pytest.fixture(scope="module")
def plugin():
    project = yaml.safe_load(text_of("meltano.yml"))
    (plugin,) = project["plugins"]["extractors"]
    return plugin


def text_of(name):
    return (ROOT / name).read_text(encoding="utf-8")


def as_meltano_setting(name, schema):
    """What meltano.yml must say of a setting."""
    kind = next(each for each in schema["type"] if each != "null")
    setting = {"name": name, "label": schema["title"], "description": schema["description"]}
    if schema.get("secret"):
        setting["sensitive"] = True
    if "default" in schema:
        setting["value"] = schema["default"]
    if "enum" in schema and kind == "string":  # Meltano would hand over a number chosen in the environment as text
        kind = "options"
        setting["options"] = [{"label": each, "value": each} for each in schema["enum"] if each is not None]
    if schema.get("format") == "date":
        kind = "date_iso8601"
    return {**setting, "kind": kind}


def test_about_shows_the_settings_as_they_are(about):
    shown = about["settings"]["properties"]
    for name, schema in SETTINGS.items():
        assert {key: shown[name].get(key) for key in schema} == schema


def test_meltano_knows_every_setting_word_for_word(plugin):
    assert plugin["settings"] == [as_meltano_setting(name, schema) for name, schema in SETTINGS.items()]


def test_meltano_requires_what_the_tap_requires(plugin):
    assert plugin["settings_group_validation"] == [CONFIG_JSONSCHEMA["required"]]


def test_meltano_knows_what_the_tap_can_do(plugin, about):
    assert set(plugin["capabilities"]) == set(about["capabilities"])


def test_no_plugin_needs_the_hub():
    plugins = yaml.safe_load(text_of("meltano.yml"))["plugins"]
    for each in plugins["extractors"] + plugins["loaders"]:
        assert {"namespace", "pip_url", "executable"} <= each.keys()


def test_the_example_of_an_environment_file_has_every_setting_in_order_with_its_default_or_an_example():
    lines = re.findall(r"^(?:# )?TAP_COMETLY_([A-Z_]+)=(.*)$", text_of(".env.example"), re.MULTILINE)
    assert [name.lower() for name, _ in lines] == list(SETTINGS)
    for name, value in lines:
        schema = SETTINGS[name.lower()]
        known = [schema["default"]] if "default" in schema else schema.get("examples") or schema.get("enum") or [""]
        assert value.strip("'") in [each if isinstance(each, str) else json.dumps(each) for each in known]


def test_only_the_key_is_left_to_fill_in():
    active = [line for line in text_of(".env.example").splitlines() if line and not line.startswith("#")]
    assert active == ["TAP_COMETLY_API_KEY="]


def test_the_readme_has_every_setting_with_its_default_and_the_first_sentence_about_it():
    rows = re.findall(r"^\| `(\w+)` \| (.*?) ?\| (.*) \|$", section("## Settings"), re.MULTILINE)
    expected = []
    for name, schema in SETTINGS.items():
        default = "required" if name in CONFIG_JSONSCHEMA["required"] else ""
        if "default" in schema:
            default = "`{}`".format(json.dumps(schema["default"]).strip('"'))
        expected.append((name, default, re.split(r"(?<=\.)\s", schema["description"])[0]))
    assert rows == expected


@pytest.mark.parametrize(("stream", "heading"), [("events", "## What you get"), ("event_days", "## The current truth")])
def test_the_readme_has_every_column_with_its_type(tmp_path, stream, heading):
    config = tmp_path / "config.json"
    attribution = {"sources": ["email"], "attribution_model": "linear", "attribution_window": 30}
    config.write_text(json.dumps({"api_key": "none", **attribution}))
    streams = told("--discover", f"--config={config}")["streams"]
    columns = next(each for each in streams if each["tap_stream_id"] == stream)["schema"]["properties"]
    shown = {}
    for names, kind in re.findall(r"^\| ((?:`\w+`(?:, )?)+) \| (\w+) \|", section(heading), re.MULTILINE):
        shown.update(dict.fromkeys(re.findall(r"`(\w+)`", names), kind))
    assert shown == {name: kind_of(schema) for name, schema in columns.items()}


def kind_of(schema):
    if schema.get("format") == "date-time":
        return "timestamp"
    return schema.get("format") or next(each for each in schema["type"] if each != "null")


def section(heading):
    readme = text_of("README.md")
    begin = readme.index(heading)
    return readme[begin : readme.find("\n## ", begin + 1)]
