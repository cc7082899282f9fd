"""What the settings of all taps have in common: secrets, domains, columns that settings add."""

from __future__ import annotations

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


def test_columns_that_settings_add_are_few_enough_and_different():
    columns = [Field(name, "string", "What it is.") for name in ("a", "b", "b")]
    assert list(problems_of_columns(columns[:2], "more", stream="rows", most=2)) == []
    assert list(problems_of_columns(columns, "more", stream="rows", most=2)) == [
        "more: `rows` must have at most 2 columns; found 3. Name fewer: the vendor takes no more in one export.",
        "more: `rows` must have each column once; found two fields that become 'b'. Remove one of them.",
    ]
