"""What the settings of all taps have in common: secrets, domains, columns that settings add."""

from __future__ import annotations

import re

import pytest

from bulk_exports import reading
from bulk_exports.common_settings import problems_of_columns
from bulk_exports.fields import Field
from bulk_exports.reading import RuleError

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
