"""Of many times only some are looked at: they tell as much as all of them."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from bulk_exports.records.coercion import fit_timestamp
from bulk_exports.records.decoder import _first_and_last

numbers = st.builds(
    "{:04d}-{:02d}-{:02d}T{:02d}:{:02d}:{:02d}Z".format,
    st.sampled_from([2024, 2025]),
    st.integers(1, 13),
    st.integers(0, 31),
    st.integers(0, 25),
    st.integers(0, 61),
    st.integers(0, 61),
)
odd = st.sampled_from(["2025-01-01 00:00:00", "2025-01-01T00:00:00+00:00", "", "2025-01-0aT00:00:00Z", None])
likely = st.datetimes().map(lambda at: at.isoformat()[:19] + "Z")


def is_well_written(text):
    try:
        return text is None or fit_timestamp(text) == text
    except ValueError:
        return False


@given(st.lists(likely | numbers | odd, min_size=1, max_size=6))
@example(["2025-01-01T00:00:00Z", "2025-02-30T12:00:00Z", "2025-03-01T00:00:00Z"])
@example(["2025-01-01T00:00:00Z", "2025-01-15T24:00:00Z", "2025-03-01T00:00:00Z"])
@example(["2025-01-01T00:00:00Z", None, "2025-03-01T00:00:00Z"])
def test_some_are_well_written_if_and_only_if_all_are(texts):
    some = _first_and_last(texts)
    if some is None:
        return
    assert some <= set(texts)
    assert all(map(is_well_written, some)) == all(map(is_well_written, texts))
    present = [text for text in texts if text is not None]
    assert {min(present), max(present)} <= some


def test_of_many_days_one_time_of_each_hour_is_looked_at():
    texts = [f"2025-01-{1 + number % 20:02d}T{number % 24:02d}:{number % 60:02d}:00Z" for number in range(20_000)]
    assert len(_first_and_last(texts)) <= 20 * 24 + 2
    assert None in _first_and_last([*texts, None])
