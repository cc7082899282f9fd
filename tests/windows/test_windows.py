"""Windows of several days: which days are asked for together, and what becomes of a window that is too large."""

from __future__ import annotations

import itertools
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_exports.windows.delivered import DeliveredDays, DueDay
from bulk_exports.windows.windows import FITTED_BEFORE_GROWTH, Window, WindowSize, delivered_with, replaced, windows

START = date(2025, 1, 1)


def day(number):
    return START + timedelta(days=number - 1)


def due(*numbers, reason="new"):
    return [DueDay(day(number), reason) for number in numbers]


def window(first, last, reason="new"):
    return Window(day(first), day(last), reason)


reasons = st.sampled_from(["new", "missing", "lookback", "open"])
due_days = st.dictionaries(st.integers(1, 60), reasons).map(
    lambda days: [DueDay(day(number), reason) for number, reason in sorted(days.items())]
)
some_windows = st.builds(lambda first, length: window(first, first + length), st.integers(1, 500), st.integers(0, 400))


def test_neighbours_are_asked_for_together():
    assert windows(due(1, 2, 3), 31) == (window(1, 3),)


def test_a_window_goes_over_no_hole():
    assert windows(due(1, 2, 4, 5), 31) == (window(1, 2), window(4, 5))


def test_a_window_has_one_reason():
    days = [*due(1, 2, reason="missing"), *due(3, 4), *due(5, reason="open")]
    assert windows(days, 31) == (window(1, 2, "missing"), window(3, 4), window(5, 5, "open"))


def test_a_long_stretch_is_cut_into_windows_of_nearly_the_same_length():
    assert list(map(len, windows(due(*range(1, 33)), 31))) == [16, 16]
    assert list(map(len, windows(due(*range(1, 9)), 3))) == [2, 3, 3]


def test_from_the_newest_day_to_the_oldest_windows_come_in_this_order_too():
    assert windows([*due(3, reason="missing"), *due(9, 8, 7, 6)], 2) == (
        window(3, 3, "missing"),
        window(8, 9),
        window(6, 7),
    )


def test_a_turn_in_time_begins_another_window():
    assert windows(due(5, 6, 5 - 1), 31) == (window(5, 6), window(4, 4))


def test_days_of_a_vendor_with_windows_of_a_day_are_as_they_were():
    assert windows(due(1, 2, 3), 1) == (window(1, 1), window(2, 2), window(3, 3))


@pytest.mark.parametrize("max_days", [0, -1])
def test_a_window_of_no_day_is_a_mistake(max_days):
    with pytest.raises(ValueError, match="at least one day"):
        windows(due(1), max_days)


def test_a_window_that_ends_before_it_begins_is_a_mistake():
    with pytest.raises(ValueError, match="2025-01-02 to 2025-01-01"):
        window(2, 1)


@pytest.mark.parametrize(("one", "name"), [(window(1, 1), "2025-01-01"), (window(1, 31), "2025-01-01 to 2025-01-31")])
def test_people_name_a_window_by_its_days(one, name):
    assert str(one) == name


@given(due_days, st.integers(1, 40), st.booleans())
def test_every_due_day_is_in_exactly_one_window_for_its_reason_and_no_other_day_is(days, max_days, backwards):
    days = days[::-1] if backwards else days
    planned = windows(days, max_days)
    covered = [(each, one.reason) for one in planned for each in (list(one.days())[:: -1 if backwards else 1])]
    assert covered == [(each.day, each.reason) for each in days]
    assert all(1 <= len(one) <= max_days for one in planned)


@given(due_days, st.integers(1, 40))
def test_windows_are_as_few_as_can_be(days, max_days):
    stretches = 0
    lengths = []
    for before, each in itertools.pairwise([None, *days]) if days else ():
        if before and each.reason == before.reason and each.day == before.day + timedelta(days=1):
            lengths[-1] += 1
        else:
            stretches += 1
            lengths.append(1)
    assert len(windows(days, max_days)) == sum(-(-length // max_days) for length in lengths)


@given(some_windows)
def test_halves_have_the_days_of_the_whole_in_order_and_differ_by_a_day_at_most(whole):
    halves = whole.halves()
    if len(whole) == 1:
        assert halves == ()
    else:
        first, second = halves
        assert [*first.days(), *second.days()] == list(whole.days())
        assert len(first) - len(second) in {0, 1}
        assert {first.reason, second.reason} == {whole.reason}


@given(some_windows, st.integers(1, 50))
def test_a_window_is_halved_until_it_is_small_enough_and_no_day_is_asked_for_twice(whole, vendors_limit):
    exported, plan = [], (whole,)
    while plan:
        one, *rest = plan
        if len(one) > vendors_limit:
            plan = replaced(plan, one, one.halves())
        else:
            exported += one.days()
            plan = tuple(rest)
    assert exported == list(whole.days())


@given(some_windows)
def test_single_days_are_the_days_of_the_window(whole):
    assert [list(one.days()) for one in whole.single_days()] == [[each] for each in whole.days()]


@pytest.mark.parametrize("smaller", [(), (window(1, 2),), (window(1, 2), window(2, 3)), (window(1, 2), window(3, 4))])
def test_what_takes_the_place_of_a_window_must_have_its_days(smaller):
    with pytest.raises(ValueError, match="not the days of 2025-01-01 to 2025-01-03"):
        replaced((window(1, 3),), window(1, 3), smaller)


@given(due_days, st.integers(1, 40), st.randoms())
def test_what_is_delivered_by_windows_is_what_would_be_by_days(days, max_days, dice):
    planned = [one for one in windows(days, max_days) if dice.random() < 0.7]
    by_window = by_day = DeliveredDays()
    for one in planned:
        by_window = delivered_with(by_window, one)
        for each in one.days():
            by_day = by_day.with_delivered(each)
    assert by_window == by_day
    again = by_window.due(day(1), day(60), 0)
    assert {each.day for each in again} == {day(n) for n in range(1, 61)} - {
        each for one in planned for each in one.days()
    }


# How large windows can be

MONTHS = [window(1, 30), window(31, 60), window(61, 90)]


def exports_for(days, max_days, is_too_large, *, is_told=True):
    """Return how many exports a run asks for, and the windows delivered; a single day is given up."""
    size = WindowSize(max_days)
    first = date(2025, 1, 1)
    due = [DueDay(first + timedelta(days=number), "new") for number in range(days)]
    waiting, delivered, exports = list(windows(due, max_days)), [], 0
    while waiting:
        window, *rest = waiting
        if size.is_too_large(window):
            waiting = [*window.halves(), *rest]
            continue
        exports += 1
        if is_too_large(window):
            (size.was_too_large if is_told else size.failed)(window)
            waiting = [*window.halves(), *rest]
            continue
        size.fitted(window)
        delivered.append(window)
        waiting = rest
    return exports, delivered


@given(st.integers(1, 200), st.integers(1, 100), st.integers(1, 89))
def test_whatever_a_vendor_takes_every_day_is_delivered_once(days, limit, max_days):
    _, delivered = exports_for(days, max_days, lambda window: len(window) > limit)
    assert [day for window in delivered for day in window.days()] == [
        date(2025, 1, 1) + timedelta(days=number) for number in range(days)
    ]


@pytest.mark.parametrize("is_told", [True, False], ids=["told", "found out"])
@pytest.mark.parametrize("limit", [1, 2, 5, 7, 12, 29])
def test_what_one_window_has_found_out_the_others_need_not(limit, is_told):
    exports, delivered = exports_for(360, 30, lambda window: len(window) > limit, is_told=is_told)
    assert exports <= 1.3 * len(delivered)
    assert exports_for(360, 30, lambda _: False)[0] == 12


@pytest.mark.parametrize("is_told", [True, False], ids=["told", "found out"])
@pytest.mark.parametrize("bad", [0, 14, 100, 359])
def test_a_single_day_that_fails_does_not_make_all_other_windows_small(bad, is_told):
    """It costs a window for each time that it is halved, and its days are asked for in ten."""
    day = date(2025, 1, 1) + timedelta(days=bad)
    _, delivered = exports_for(360, 30, lambda window: day in window.days(), is_told=is_told)
    assert sum(map(len, delivered)) == 359
    assert len(delivered) <= (32 if is_told else 20)


def test_two_windows_that_fail_have_their_length_in_common():
    size = WindowSize(30)
    first, second, _ = MONTHS
    size.failed(first)
    size.failed(first.halves()[0])
    assert not size.is_too_large(first)
    size.failed(second)
    assert size.is_too_large(first)
    assert not size.is_too_large(first.halves()[0])


def test_a_window_as_long_as_one_that_failed_fits_so_that_its_length_was_not_the_cause():
    size = WindowSize(30)
    first, second, third = MONTHS
    size.failed(first)
    size.fitted(third)
    size.failed(second)
    assert not size.is_too_large(first)


def test_after_some_that_fit_larger_ones_are_tried_again():
    size = WindowSize(30)
    window = Window(date(2025, 1, 1), date(2025, 1, 30), "new")
    size.was_too_large(window)
    half = window.halves()[0]
    assert size.is_too_large(window)
    assert not size.is_too_large(half)
    for _ in range(FITTED_BEFORE_GROWTH):
        assert size.is_too_large(window)
        size.fitted(half)
    assert not size.is_too_large(window)


def test_small_windows_that_fit_prove_nothing():
    size = WindowSize(30)
    window = Window(date(2025, 1, 1), date(2025, 1, 30), "new")
    size.was_too_large(window)
    for day in window.single_days():
        size.fitted(day)
    assert size.is_too_large(window)
