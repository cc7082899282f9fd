"""Keys of what has none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_exports.engine.errors import InvalidRowsError
from bulk_exports.records.keys import key_of


@given(st.lists(st.tuples(st.text(max_size=3), st.text(max_size=3)), unique=True, min_size=2))
def test_no_two_identities_run_into_one_another(identities):
    assert len(set(map(key_of, identities))) == len(identities)


def test_integers_of_any_length_are_told_apart():
    assert key_of((2**70,)) != key_of((2**70 + 1,))


def test_half_a_character_is_refused_in_words():
    with pytest.raises(InvalidRowsError, match="half a character"):
        key_of(("\ud800",))
