"""Milliseconds since 1970, as times."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_exports.records import epoch


@given(st.integers(-62_135_596_800_000, 253_402_300_799_999))
def test_milliseconds_are_the_time_that_they_are(number):
    text = epoch.of_milliseconds(number)
    fraction = f"{number % 1000 * 1000:06d}"
    moment = datetime.fromisoformat(f"{text[:19]}.{fraction}+00:00")
    assert moment == datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(milliseconds=number)
    assert text[19:] == (f".{number % 1000:03d}Z" if number % 1000 else "Z")


@pytest.mark.parametrize("number", [253_402_300_800_000, -62_135_596_800_001, 10**18])
def test_what_no_calendar_has_is_none(number):
    assert epoch.of_milliseconds(number) is None


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (5, 5),
        ("6", 6),
        (" -5 ", -5),
        (True, None),
        (1.5, None),
        ("x", None),
        ("", None),
        (None, None),
        ("9" * 19, None),
    ],
)
def test_whole_numbers(value, number):
    assert epoch.whole_number(value) == number


@pytest.mark.parametrize("may_be_unknown", [True, False])
@given(
    cells=st.lists(
        st.sampled_from(["0", "1769756439465", "-1", "", " 5", "soon", "9" * 18, "9" * 20, "²", "007", "5.0"])
    )
)
def test_a_column_of_cells_is_its_cells(may_be_unknown, cells):
    together = epoch.of_cells(cells, may_be_unknown=may_be_unknown)
    assert together == [epoch.of_cells([cell], may_be_unknown=may_be_unknown)[0] for cell in cells]


def test_numbers_are_written_in_plain_digits():
    assert epoch.plain_cells(["12", "0"]) == ["12", "0"]
    assert epoch.plain_cells(["012", " 12", "12.0", "", "x", "0"]) == ["12", "12", "12", "", "x", "0"]
