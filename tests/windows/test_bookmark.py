"""What the next run must know: its form in STATE, and what is remembered of the latest days."""

from __future__ import annotations

import dataclasses
import json
import re
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_exports.windows.bookmark import Bookmark, DaySnapshot
from bulk_exports.windows.delivered import DeliveredDays, MalformedStateError
from bulk_exports.windows.windows import Window
from simulation.state_size import bookmark_after, size
from tests.warehouses import merged

KEY = "event_date"
START = date(2025, 1, 1)
MEMORY = DaySnapshot(
    export_id=40718,
    lines_digest="0123456789abcdef",
    digest="9f" * 16,
    row_count=412,
    amount_total=Decimal("18230.50"),
    exported_at="2025-03-11T06:00:04Z",
    revision=1,
)


def jan(day):
    return date(2025, 1, day)


days = st.dates(date(2024, 12, 1), date(2025, 2, 28))
memories = st.builds(
    DaySnapshot,
    export_id=st.integers(1, 2**62),
    lines_digest=st.text("0123456789abcdef", min_size=16, max_size=16),
    digest=st.text("0123456789abcdef", min_size=32, max_size=32),
    row_count=st.integers(0, 10**9),
    amount_total=st.none() | st.decimals(allow_nan=False, allow_infinity=False),
    exported_at=st.dates(date(2000, 1, 1)).map("{}T06:00:04Z".format),
    revision=st.integers(1, 10**6),
)


@st.composite
def bookmarks(draw):
    request = draw(
        st.none() | st.fixed_dictionaries({"fields": st.lists(st.sampled_from("abc")), "sources": st.just([])})
    )
    bookmark = Bookmark(KEY, since=draw(days), request=request)
    lookback = draw(st.integers(0, 8))
    for day, memory in draw(st.lists(st.tuples(days, memories), max_size=12)):
        bookmark = bookmark.with_delivered(Window.single(day), memory, lookback_days=lookback)
    return bookmark.with_rewrite(draw(st.sets(days, max_size=3)))


@given(bookmarks())
def test_it_comes_back_from_state_as_it_was(bookmark):
    state = json.loads(json.dumps(bookmark.to_state()))
    assert Bookmark.from_state(state, start=START, replication_key=KEY) == bookmark


@given(delivered=st.lists(days, min_size=1, max_size=40, unique=True), lookback=st.integers(0, 10))
def test_only_days_that_a_lookback_still_reaches_are_remembered(delivered, lookback):
    bookmark = Bookmark(KEY)
    for day in delivered:
        bookmark = bookmark.with_delivered(Window.single(day), MEMORY, lookback_days=lookback)
    assert set(bookmark.snapshots) == set(sorted(delivered, reverse=True)[:lookback])


def test_a_day_in_doubt_is_remembered_until_it_is_delivered_again():
    bookmark = Bookmark(KEY).with_delivered(Window.single(jan(1)), MEMORY, lookback_days=1)
    bookmark = bookmark.with_rewrite([jan(1), jan(30)])
    bookmark = bookmark.with_delivered(Window.single(jan(2)), MEMORY, lookback_days=1)
    assert bookmark.rewrite == {jan(1)}, "a day that is not delivered is due in any case"
    assert set(bookmark.snapshots) == {jan(1), jan(2)}
    bookmark = bookmark.with_delivered(Window.single(jan(1)), MEMORY, lookback_days=1)
    assert not bookmark.rewrite
    assert set(bookmark.snapshots) == {jan(2)}


def test_an_empty_bookmark_writes_every_key_too():
    state = Bookmark(KEY).to_state()
    assert not any(value for key, value in state.items() if key != "replication_key")
    assert Bookmark.from_state(state, start=START, replication_key=KEY) == Bookmark(KEY)
    assert Bookmark.from_state({}, start=START, replication_key=KEY) == Bookmark(KEY)


def test_a_bookmark_of_an_older_version_says_when_the_stream_began_and_remembers_no_day():
    bookmark = Bookmark.from_state({"replication_key_value": "2025-01-09"}, start=jan(3), replication_key=KEY)
    assert bookmark == Bookmark(KEY, DeliveredDays(((jan(3), jan(9)),)), since=jan(3))


def test_what_is_remembered_of_a_day_that_was_cut_out_of_the_delivered_ones_is_forgotten():
    state = {
        "delivered": [["2025-01-01", "2025-01-02"]],
        "snapshots": [{KEY: day, **MEMORY.to_state()} for day in ("2025-01-02", "2025-01-03")],
        "rewrite": ["2025-01-03"],
    }
    bookmark = Bookmark.from_state(state, start=START, replication_key=KEY)
    assert set(bookmark.snapshots) == {jan(2)}
    assert not bookmark.rewrite


@given(bookmarks(), bookmarks())
def test_no_older_state_shows_through_one_that_is_merged_into_it(bookmark, older):
    bookmark = dataclasses.replace(bookmark, request=bookmark.request or {"fields": [], "sources": []})
    state = json.loads(json.dumps(merged(bookmark.to_state(), older.to_state())))
    assert Bookmark.from_state(state, start=START, replication_key=KEY) == bookmark


def of_a_day(**changes):
    return {"snapshots": [{KEY: "2025-01-02", **MEMORY.to_state(), **changes}]}


@pytest.mark.parametrize(
    ("odd", "key"),
    [
        ({"request": ["query_mode"]}, "request"),
        ({"request": {"fields": "amount"}}, "request.fields"),
        ({"request": {"fields": [["amount"]]}}, "request.fields"),
        ({"since": "soon"}, "since"),
        ({"since": 20250101}, "since"),
        ({"snapshots": {"2025-01-02": MEMORY.to_state()}}, "snapshots"),
        ({"snapshots": ["2025-01-02"]}, "snapshots[0]"),
        ({"snapshots": [MEMORY.to_state()]}, "snapshots[0]"),
        (of_a_day(event_date="yesterday"), "snapshots[0]"),
        ({"snapshots": [None]}, "snapshots[0]"),
        ({"snapshots": [{}]}, "snapshots[0]"),
        (of_a_day(row_count="many"), "snapshots[0]"),
        (of_a_day(row_count=None), "snapshots[0]"),
        (of_a_day(row_count=float("inf")), "snapshots[0]"),
        (of_a_day(row_count=Decimal("1e9999999")), "snapshots[0]"),
        (of_a_day(row_count=-1), "snapshots[0]"),
        (of_a_day(export_id="9" * 1_000_000), "snapshots[0]"),
        (of_a_day(revision=True), "snapshots[0]"),
        (of_a_day(amount_total="1e9999999"), "snapshots[0]"),
        (of_a_day(amount_total=Decimal("1e9999999")), "snapshots[0]"),
        ({"rewrit": ["2025-01-02"]}, "rewrit"),
        (of_a_day(digest=None), "snapshots[0]"),
        (of_a_day(amount_total="much"), "snapshots[0]"),
        (of_a_day(amount_total="NaN"), "snapshots[0]"),
        (of_a_day(exported_at="recently"), "snapshots[0]"),
        (of_a_day(exported_at=None), "snapshots[0]"),
        (of_a_day(revision=[]), "snapshots[0]"),
        ({"rewrite": "2025-01-02"}, "rewrite"),
        ({"rewrite": ["soon"]}, "rewrite"),
    ],
    ids=str,
)
def test_what_makes_no_sense_is_an_error_that_names_it_and_never_a_reload(odd, key):
    state = {"delivered": [["2025-01-01", "2025-01-09"]], **odd}
    with pytest.raises(MalformedStateError, match=re.escape(f"`{key}`")) as caught:
        Bookmark.from_state(state, start=START, replication_key=KEY)
    assert "--full-refresh" in str(caught.value)


@pytest.mark.parametrize(("lookback", "most"), [(0, 600), (3, 1_200), (30, 7_500)])
def test_state_is_small_after_three_years_of_daily_runs(lookback, most):
    after_a_year, after_three = (size(bookmark_after(years * 365, lookback_days=lookback)) for years in (1, 3))
    assert after_three < most
    assert abs(after_three - after_a_year) < 10, "it does not grow"


def test_the_example_in_the_documents_is_one():
    example = {
        "replication_key": "event_date",
        "replication_key_value": "2025-03-10",
        "delivered": [["2025-01-01", "2025-03-10"]],
        "since": "2025-01-01",
        "request": {"query_mode": "profile", "fields": ["amount", "event_name"]},
        "snapshots": [{KEY: "2025-03-10", **MEMORY.to_state()}],
        "rewrite": ["2025-03-09"],
    }
    bookmark = Bookmark.from_state(example, start=START, replication_key=KEY)
    assert bookmark.to_state() == example
    assert bookmark.snapshots[date(2025, 3, 10)].amount_total == Decimal("18230.50")
    assert bookmark.rewrite == {date(2025, 3, 10) - timedelta(days=1)}
