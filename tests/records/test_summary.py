"""What a day holds, in a few figures."""

from __future__ import annotations

import json
from decimal import Decimal

import msgspec
from hypothesis import assume, given
from hypothesis import strategies as st

from bulk_exports.fields import Measures
from bulk_exports.records.columns import Columns
from bulk_exports.records.summary import SummaryBuilder

amounts = st.none() | st.integers(-(10**20), 10**20) | st.decimals(-(10**9), 10**9, places=6)
times = st.builds(
    "2025-03-0{}T{:02}:{:02}:09{}Z".format,
    st.integers(1, 2),
    st.integers(0, 23),
    st.integers(0, 59),
    st.sampled_from(["", ".5", ".25", ".123456789", ".000"]),
)
rows = st.fixed_dictionaries({"id": st.integers(1, 99), "amount": amounts, "event_time_utc": times})


MEASURES = Measures(key="id", time="event_time_utc", amount="amount")
TYPES = {
    "id": {"type": "integer"},
    "amount": {"type": ["number", "null"]},
    "event_time_utc": {"type": "string", "format": "date-time"},
}


def line(row):
    return json.dumps(row, default=str).encode() + b"\n"


def structs(some_rows, names):
    kind = msgspec.defstruct("Row", names)
    return [kind(*(row[name] for name in names)) for row in some_rows]


def content(some_rows, *, at_once=False, names=tuple(TYPES)):
    tally = SummaryBuilder(Columns({name: TYPES[name] for name in names}, measures=MEASURES))
    if at_once:
        times = {row["event_time_utc"] for row in some_rows}
        tally.add_structs([line(row) for row in some_rows], structs(some_rows, names), times)
    else:
        for row in some_rows:
            tally.add(line(row), row)
    return tally.summary()


@given(data=st.data(), some_rows=st.lists(rows, max_size=12))
def test_the_order_of_rows_plays_no_part_nor_whether_they_come_one_by_one(data, some_rows):
    shuffled = data.draw(st.permutations(some_rows))
    assert content(some_rows) == content(shuffled) == content(shuffled, at_once=True)


def digests(some_rows):
    found = content(some_rows)
    return {found.digest, found.lines_digest}


@given(data=st.data(), some_rows=st.lists(rows, min_size=1, max_size=12), other=rows)
def test_any_changed_missing_or_further_row_changes_the_digest(data, some_rows, other):
    before = digests(some_rows)
    place = data.draw(st.integers(0, len(some_rows) - 1))
    assume(other != some_rows[place])
    for changed in (
        [*some_rows[:place], other, *some_rows[place + 1 :]],
        [*some_rows[:place], *some_rows[place + 1 :]],
        [*some_rows, other],
        [*some_rows, some_rows[place]],  # not even a row that is there twice goes unseen
    ):
        assert not digests(changed) & before


@given(some_rows=st.lists(rows, max_size=12))
def test_rows_total_and_times_are_exact(some_rows):
    found = content(some_rows)
    assert found.rows == len(some_rows)
    total = sum(Decimal(row["amount"]).scaleb(9) for row in some_rows if row["amount"] is not None)
    assert found.amount_total is not None
    assert found.amount_total.scaleb(9) == total
    in_order = sorted((row["event_time_utc"][:-1] for row in some_rows), key=lambda text: (text[:19], text[19:]))
    if in_order:
        assert (found.first_time, found.last_time) == (in_order[0] + "Z", in_order[-1] + "Z")


def test_a_total_keeps_every_digit_that_a_float_would_lose():
    figures = ["100000000000000000000", "0.01", "0.000001", "-100000000000000000000"]
    some_rows = [{"id": 1, "amount": Decimal(each), "event_time_utc": "2025-03-01T00:00:00Z"} for each in figures]
    assert content(some_rows).amount_total == Decimal("0.010001")
    assert content(some_rows, at_once=True).amount_total == Decimal("0.010001")


def test_a_fraction_comes_after_its_whole_second():
    some_rows = [
        {"id": 1, "amount": 0, "event_time_utc": f"2025-03-01T12:00:00{fraction}Z"} for fraction in (".5", "", ".25")
    ]
    found = content(some_rows)
    assert found.first_time == "2025-03-01T12:00:00Z"
    assert found.last_time == "2025-03-01T12:00:00.5Z"
    assert [moment.second for moment in found.span or ()] == [0, 0]


def test_an_empty_day_has_no_times_and_a_total_of_nothing():
    found = content([])
    assert (found.rows, found.amount_total, found.span) == (0, 0, None)
    assert found == content([], at_once=True)


def test_what_is_not_asked_for_is_not_known():
    row = {"id": 1, "amount": 5, "event_time_utc": "2025-03-01T12:00:00Z"}
    found = content([row], names=("id",))
    assert found.amount_total is None
    assert found.first_time is found.last_time is found.span is None
