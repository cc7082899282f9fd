"""Words of somebody else are shown in one short line, without addresses and secrets."""

from __future__ import annotations

import base64
import json
import urllib.parse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_exports.wording import MAX_LENGTH, foreign

KEY = "cmt_live_9f8e7d6c5b4a/3+2=="


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("The date is invalid.", "The date is invalid."),
        ("two\nlines\r\n and \x1b[31mred\x1b[0m", "two lines and [31mred [0m"),
        ("a link: https://files.test/a?X-Amz-Signature=abc, see there", "a link: [address] see there"),
        ("//files.test/a and /a?Signature=b&c=d", "[address] and [address]"),
        ("https%3A%2F%2Ffiles.test%2Fa%3FSignature%3Dabc", "[address]"),
        ("/a%3fSignature%3dabc", "[address]"),
        ('{"url":"https:\\/\\/files.test\\/a"}', '{"url":"[address]'),
        ("\u202egnihtemos", "gnihtemos"),
        ("Ungültiges Datum 数 🙂", "Ungültiges Datum 数 🙂"),
        (["a", 1], "['a', 1]"),
        (None, "None"),
    ],
)
def test_what_is_left_of_words(said, shown):
    assert foreign(said) == shown


@pytest.mark.parametrize("piece", ["x", "?", "&", "?a", "a:", "/", "%2f", "%3f", "\\/", "=", "a:/", "\0", "? "])
def test_megabytes_of_anything_are_cut_at_once(piece):
    """An expression that goes back and forth over six thousand of them would take minutes, and hear no signal."""
    assert len(foreign(piece * 5_000_000, [KEY])) <= MAX_LENGTH


@pytest.mark.parametrize(
    "form",
    [
        str,
        urllib.parse.quote,
        lambda key: urllib.parse.quote(key, safe=""),
        lambda key: urllib.parse.quote(key, safe="").replace("%2F", "%2f"),
        lambda key: base64.b64encode(key.encode()).decode(),
        lambda key: base64.b64encode(f"Bearer {key}".encode()).decode(),
        lambda key: base64.urlsafe_b64encode(f"api:{key}".encode()).decode(),
        lambda key: json.dumps({"echo": f"Authorization: Bearer {key}"}),
    ],
    ids=[
        "as it is",
        "quoted",
        "all quoted",
        "quoted in small letters",
        "base64",
        "in base64",
        "in base64 for URLs",
        "in JSON",
    ],
)
def test_an_echoed_key_is_removed_in_whatever_form(form):
    shown = foreign(f"You sent {form(KEY)} to us", [KEY])
    assert "[removed]" in shown
    for piece in (KEY, KEY[4:-4], urllib.parse.quote(KEY, safe=""), base64.b64encode(KEY.encode()).decode()[4:-4]):
        assert piece not in shown


@pytest.mark.parametrize("before", [" ", "\0", f"{KEY} "])
@pytest.mark.parametrize("kept", range(1, len(KEY)))
def test_a_key_that_the_cut_goes_through_shows_no_piece(before, kept):
    read = 20 * MAX_LENGTH
    said = (before * read)[: read - kept]
    said = said[: -(len(KEY) + 1)] + " " * (len(KEY) + 1) + KEY + " and more"
    assert KEY[:2] not in foreign(said, [KEY])


@given(
    st.text() | st.binary() | st.recursive(st.none() | st.text(), st.lists), st.lists(st.text(min_size=4), max_size=2)
)
def test_whatever_is_said_is_shown_in_one_short_printable_line_without_the_secrets(said, secrets):
    shown = foreign(said, secrets)
    assert len(shown) <= MAX_LENGTH
    assert shown.isprintable()
    assert not [secret for secret in secrets if secret in shown and secret not in "[removed][address]"]
