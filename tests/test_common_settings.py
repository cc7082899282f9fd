"""What the settings of all taps have in common: secrets, domains, columns that settings add."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from singer_sdk import typing as th

from bulk_exports import common_settings, reading
from bulk_exports.common_settings import common, problems_of_columns
from bulk_exports.fields import Field, column_names
from bulk_exports.reading import RuleError, SettingsError

SECRET = reading.secret(to_get="Make one.", to_copy="Copy it.")
LONG_SECRET = reading.secret(to_get="Make one.", to_copy="Copy it.", one_word=False)
PEM = "-----BEGIN KEY-----\nrecognisable\n-----END KEY-----\n"


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (None, "is required; found none. Make one."),
        (7, "must be text; found a value of type int. Copy it."),
        (" ", "must not be blank; found nothing in it. Copy it."),
        ("recognisable secret", "must hold no white space; found a space, tab or line break in it. Copy it."),
        ("recognisable\n", "must hold no white space; found a space, tab or line break in it. Copy it."),
        ("recognisablé", "must be plain ASCII; found a character in it that no secret has. Copy it."),
        ("recognisable\x00", "must be plain ASCII; found a character in it that no secret has. Copy it."),
    ],
)
def test_nothing_of_a_secret_is_shown(value, told):
    with pytest.raises(RuleError) as caught:
        SECRET(value, {})
    assert str(caught.value) == told


def test_a_secret_of_several_lines_is_taken_where_there_are_some():
    assert LONG_SECRET(PEM, {}) == PEM
    assert SECRET("recognisable", {}) == "recognisable"
    with pytest.raises(RuleError, match="plain ASCII"):
        LONG_SECRET(PEM + "\x00", {})


def test_a_word_that_no_setting_has_is_refused_and_the_right_one_named():
    with pytest.raises(TypeError, match=r"`lookback_days` has no 'defualt' \(did you mean 'default'\?\)"):
        common("lookback_days", "How many.", defualt=1)
    assert common("lookback_days", "How many.", default=1).to_dict()["lookback_days"]["default"] == 1


def test_domains_are_domains():
    schema = {"minItems": 1, "maxItems": 3, "examples": [["pardot.com"]], "description": "Default: none"}
    assert reading.read_hosts(["Pardot.com", "a-b.example"], schema) == ("pardot.com", "a-b.example")
    for wrong in ("com", "https://pardot.com", "pardot.com/", ".com", "pardot..com", "*.com"):
        with pytest.raises(RuleError, match="must hold domains"):
            reading.read_hosts([wrong], schema)


@pytest.mark.parametrize(
    ("schema", "value", "told"),
    [
        (
            {"type": ["integer"]},
            "7",
            "must be a whole number; found '7'. Write it in digits, without quotes; leave the",
        ),
        ({"type": ["integer"], "minimum": 2, "default": 5}, 1, "must be a whole number from 2; found 1. "),
        ({"type": ["integer", "null"], "minimum": 0, "maximum": 9}, True, "must be a whole number from 0 to 9; found "),
        ({"type": ["boolean"]}, "no", "must be true or false; found 'no'"),
        ({"type": ["array"]}, "a", 'must be a list of names; found \'a\'. Write it like ["one", "two"].'),
        (
            {"type": ["array"], "maxItems": 1},
            ["a", "b"],
            "must hold up to 1 different names; found 2. Change the list, or",
        ),
        ({"type": ["string"], "format": "date"}, "soon", "Write it as YYYY-MM-DD."),
        ({"type": ["string"], "enum": ["a", "b"]}, "c", "must be one of a, b; found 'c'"),
        ({"type": ["string"]}, None, "is required; found none. Set it."),
        (
            {"type": ["string"], "secret": True},
            "recognisable secret",
            "found a space, tab or line break in it. Copy it",
        ),
    ],
)
def test_a_setting_is_read_by_its_type_where_nobody_says_otherwise(schema, value, told):
    with pytest.raises(ValueError, match=re.escape(told)) as caught:
        reading.by_type(schema)(value, schema)
    assert "recognisable" not in str(caught.value)


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        ({"default": 5}, "without quotes; the default is 5."),
        (
            {"description": "Most. Default: no limit."},
            "without quotes; leave the setting out for its default: no limit.",
        ),
        ({"description": "A number of yours."}, "without quotes; leave the setting out."),
    ],
    ids=str,
)
def test_what_it_means_to_leave_a_number_out_is_what_its_description_says(schema, told):
    with pytest.raises(RuleError) as caught:
        reading.read_whole_number("7", schema)
    assert str(caught.value).endswith(told)


def test_nobody_is_told_of_a_default_that_there_is_not():
    for schema, fix in (({}, "Set it."), ({"default": "x"}, "Leave the setting out to get its default.")):
        with pytest.raises(RuleError) as caught:
            reading.read_text(" ", schema)
        assert str(caught.value).endswith(fix)


SCHEMA = th.PropertiesList(
    common("lookback_days", "How many days are asked for again."),
    common("include_open_day", "Whether the running day, too."),
    common("max_exports_per_run", "How many exports. Default: no limit."),
    th.Property("window_days", th.IntegerType(minimum=1), description="How many days at a time."),
).to_dict()


@pytest.mark.parametrize(
    ("config", "vendor", "least"),
    [
        ({"lookback_days": 2}, {}, 3),
        ({"lookback_days": 0}, {}, 1),
        ({"lookback_days": 2}, {"days_per_export": 31}, 2),
        ({"lookback_days": 31}, {"days_per_export": 31}, 2),
        ({"lookback_days": 32}, {"days_per_export": 31}, 3),
        ({"lookback_days": 2, "include_open_day": True}, {"days_per_export": 31}, 3),
        ({"lookback_days": 20, "window_days": 7}, {"days_per_export": 31}, 4),
        ({"lookback_days": 2}, {"days_per_export": 31, "exports_per_window": 2}, 4),
        ({"lookback_days": 0}, {"days_per_export": 31, "exports_per_window": 2}, 1),
    ],
    ids=str,
)
def test_a_run_must_have_exports_left_for_new_days(config, vendor, least):
    def read(most):
        now = datetime(2025, 3, 11, 6, tzinfo=timezone.utc)
        otherwise = {"timezone": ZoneInfo("UTC")}
        return common_settings.read(
            {**config, "max_exports_per_run": most}, now, schema=SCHEMA, otherwise=otherwise, **vendor
        )

    assert read(least)["max_exports_per_run"] == least
    if least > 1:
        with pytest.raises(SettingsError, match=f"max_exports_per_run: .* Set it to {least} at least"):
            read(least - 1)


def test_what_fits_its_type_is_taken():
    schemas = [({"type": ["integer"]}, 7), ({"type": ["array"], "minItems": 0}, []), ({"type": ["string"]}, "text")]
    assert [reading.by_type(schema)(value, schema) for schema, value in schemas] == [7, (), "text"]


def test_columns_that_settings_add_are_few_enough_and_different():
    columns = [Field(name, "string", "What it is.") for name in ("a", "b", "b")]
    assert list(problems_of_columns(columns[:2], "more", stream="rows", most=2)) == []
    assert list(problems_of_columns(columns, "more", stream="rows", most=2)) == [
        "more: `rows` must have at most 2 columns; found 3. Name fewer: the vendor takes no more in one export.",
        "more: `rows` must have each column once; found two fields that become 'b'. Remove one of them.",
    ]


@given(
    st.dictionaries(st.integers(), st.tuples(st.text(max_size=80), st.text("ab1", min_size=1, max_size=3)), max_size=8),
    st.sets(st.sampled_from(["a", "id", "a_2", "b_1"])),
)
def test_things_that_users_have_named_get_columns_of_their_own(named, taken):
    columns = column_names(named, taken)
    assert columns.keys() == named.keys()
    assert len({*columns.values()} | taken) == len(named) + len(taken)
    assert all(re.fullmatch(r"[a-z_][a-z0-9_]*", name) and len(name) <= 63 for name in columns.values())


def test_a_thing_keeps_its_column_whatever_else_there_is():
    named = {1: ("Größe", "x1"), 2: ("Size", "x2"), 3: ("size!", "x3"), 4: ("ID", "x4"), 5: ("", "x5")}
    columns = column_names(named, {"id"})
    assert columns == {1: "groe", 2: "size_6ee8b081", 3: "size_19ef8017", 4: "id_878b15b4", 5: "_f08c2522"}
    assert column_names({3: named[3], 1: named[1]}, {"id"}) == {3: "size", 1: "groe"}


@given(st.permutations([("a" * 60, "1"), ("a" * 61, "2"), ("b", "3"), ("B", "4"), ("b 5", "5"), ("c", "6")]))
def test_the_order_of_things_does_not_matter(things):
    columns = column_names({thing: thing for thing in things}, {"c"})
    assert columns == column_names({thing: thing for thing in sorted(things)}, {"c"})
