"""README.md, docs/, meltano.yml and .env.example say what the code says."""

from __future__ import annotations

import json
import re
from datetime import date
from decimal import Decimal

import pytest
import yaml

from bulk_exports.errors import TapError
from bulk_exports.reconcile.ledger import change
from bulk_exports.records.summary import DaySummary
from bulk_exports.windows.bookmark import Bookmark, DaySnapshot
from simulation.tapping import days_before, sync
from tap_cometly.config_schema import CONFIG_JSONSCHEMA
from tests.documents import PAGES, ROOT, block, blocks, section, text_of
from tests.programs import run

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
    rows = re.findall(r"^\| `(\w+)` \| (.*?) ?\| (.*) \|$", section("README.md", "## Settings"), re.MULTILINE)
    expected = []
    for name, schema in SETTINGS.items():
        default = "required" if name in CONFIG_JSONSCHEMA["required"] else ""
        if "default" in schema:
            default = "`{}`".format(json.dumps(schema["default"]).strip('"'))
        expected.append((name, default, re.split(r"(?<=\.)\s", schema["description"])[0]))
    assert rows == expected


@pytest.mark.parametrize(
    ("stream", "page", "heading"),
    [
        ("events", "README.md", "## What you get"),
        ("event_days", "docs/current-truth.md", "## The columns of `event_days`"),
        ("contacts", "docs/contacts.md", "## The columns of `contacts`"),
        ("companies", "docs/contacts.md", "## The columns of `companies`"),
    ],
)
def test_the_documents_have_every_column_with_its_type(tmp_path, stream, page, heading):
    config = tmp_path / "config.json"
    attribution = {"sources": ["email"], "attribution_model": "linear", "attribution_window": 30}
    config.write_text(json.dumps({"api_key": "none", **attribution}))
    streams = told("--discover", f"--config={config}")["streams"]
    columns = next(each for each in streams if each["tap_stream_id"] == stream)["schema"]["properties"]
    shown = {}
    for names, kind in re.findall(r"^\| ((?:`\w+`(?:, )?)+) \| (\w+) \|", section(page, heading), re.MULTILINE):
        shown.update(dict.fromkeys(re.findall(r"`(\w+)`", names), kind))
    assert shown == {name: kind_of(schema) for name, schema in columns.items()}


def kind_of(schema):
    if schema.get("format") == "date-time":
        return "timestamp"
    return schema.get("format") or next(each for each in schema["type"] if each != "null")


def test_the_readme_is_short():
    assert len(text_of("README.md").splitlines()) <= 160


def test_every_link_leads_to_a_page_and_a_heading():
    for page in PAGES:
        for target in re.findall(r"\]\((?!https?:)([^)]+)\)", page.read_text(encoding="utf-8")):
            assert leads_somewhere(page, target), f"{page.name}: {target}"


def leads_somewhere(page, target):
    name, _, anchor = target.partition("#")
    file = page.parent / name if name else page
    return file.is_file() and (not anchor or anchor in anchors(file.read_text(encoding="utf-8")))


def anchors(text):
    """The names under which GitHub shows the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def errors_below(kind):
    return [kind, *(error for each in kind.__subclasses__() for error in errors_below(each))]


def test_every_error_that_ends_a_run_names_a_page_that_is_there():
    for error in errors_below(TapError):
        assert leads_somewhere(ROOT / "README.md", error.page), error


def keys(value):
    """The names in a JSON value, at every depth; days are all alike."""
    if not isinstance(value, dict):
        return type(value).__name__
    return {re.sub(r"\d{4}-\d\d-\d\d", "DAY", name): keys(inner) for name, inner in value.items()}


def test_the_example_of_a_state_is_what_a_run_writes_and_takes(clock, config, tap):
    example = json.loads(block("docs/state.md", "json", ""))
    written = sync({**config, "start_date": str(days_before(clock, 2)[0])}, tap=tap).state
    assert keys(example["bookmarks"]["events"]) == keys(written["bookmarks"]["events"])
    bookmark = Bookmark.from_state(example["bookmarks"]["events"], start=date.max, replication_key="event_date")
    assert keys(bookmark.to_state()) == keys(example["bookmarks"]["events"])


def test_the_line_of_a_changed_day_is_what_the_ledger_says():
    shown = "2025-03-02 changed since 2025-03-03 06:00 UTC: 412 → 409 rows, amount 18 230.50 → 17 980.50 (revision 2)"
    assert shown in text_of("docs/current-truth.md")
    before = DaySnapshot(
        export_id=1,
        digest="",
        lines_digest="",
        row_count=412,
        amount_total=Decimal("18230.50"),
        exported_at="2025-03-03T06:00:04Z",
        revision=1,
    )
    now = DaySummary(
        rows=409, amount_total=Decimal("17980.50"), digest="", lines_digest="", first_time=None, last_time=None
    )
    assert change(date(2025, 3, 2), before, now, 2) == shown


def test_the_view_in_the_readme_is_that_of_the_page_about_it():
    (view,) = [each.code for each in blocks("sql") if each.page == "README.md"]
    assert view == block("docs/current-truth.md", "sql", "create view")


def test_ci_runs_every_chore_that_tests_and_contributing_names_it():
    chores = re.findall(r"^(test[a-z-]*|lint-[a-z]+|matrix|package):", text_of("Makefile"), re.MULTILINE)
    run = [line.split()[1] for line in text_of(".ci/run").splitlines() if line.startswith("make ")]
    assert sorted(run) == sorted(chores)
    assert len(chores) > 5
    assert not [chore for chore in chores if f"make {chore}" not in text_of("CONTRIBUTING.md")]
