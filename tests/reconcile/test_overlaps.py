"""Days that have an event in common."""

from __future__ import annotations

import io
from array import array
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_exports.engine.errors import SpoolError
from bulk_exports.reconcile import overlaps as module
from bulk_exports.reconcile.overlaps import KeyOverlaps


def day(number):
    return date(2025, 3, 1) + timedelta(days=number)


def days(*numbers):
    return {day(number) for number in numbers}


def events(*identifiers):
    return array("q", map(hash, identifiers))


def enter(overlaps, number, known):
    overlaps.add(day(number), known)
    overlaps.enter(day(number))


@pytest.fixture
def overlaps():
    return KeyOverlaps()


@given(
    held=st.lists(st.none() | st.lists(st.integers(0, 9), max_size=6), min_size=1, max_size=6),
    kept=st.sets(st.integers(1, 6)),
    asked=st.integers(1, 6),
)
def test_days_share_an_event_if_both_hold_it_and_what_is_not_known_may_be_shared(held, kept, asked):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "EVENTS_AT_ONCE", 2)
        patch.setattr(module, "_EVENTS_PER_READ", 1)
        overlaps = KeyOverlaps()
        holds = dict(enumerate(held, 1))
        for number, identifiers in holds.items():
            overlaps.add(day(number), None if identifiers is None else events(*identifiers))
        for number in holds:
            overlaps.enter(day(number))
        overlaps.keep_only(days(*kept))
        known = {number: set(each) for number, each in holds.items() if each is not None and number in kept}
        own = known.get(asked)
        expected = {
            other
            for other in range(1, 7)
            if other != asked and (own is None or (own and (other not in known or own & known[other])))
        }
        assert overlaps.sharing(day(asked), days(*range(1, 7))) == days(*expected)


def test_a_day_that_has_not_been_entered_is_not_known_yet(overlaps):
    overlaps.add(day(2), events(2))
    enter(overlaps, 1, events(1))
    assert overlaps.sharing(day(1), days(1, 2)) == days(2)
    overlaps.enter(day(2))
    assert overlaps.sharing(day(1), days(1, 2)) == set()


def test_a_day_that_is_entered_again_holds_what_it_holds_now(overlaps):
    enter(overlaps, 1, events(1))
    enter(overlaps, 2, events(1))
    enter(overlaps, 2, events(2))
    assert overlaps.sharing(day(1), days(2)) == set()
    enter(overlaps, 2, None)
    assert overlaps.sharing(day(1), days(2)) == days(2)


def test_the_file_stays_as_small_as_what_is_kept(overlaps, monkeypatch):
    monkeypatch.setattr(module, "_EVENTS_PER_READ", 10)
    for number in range(1, 29):
        enter(overlaps, number, events(*range(number * 100, number * 100 + 100)))
        overlaps.keep_only(days(1, number - 1, number))
    assert overlaps._end <= 2 * 3 * 100 * 8 + 800
    enter(overlaps, 29, events(100, 2799))
    assert overlaps.sharing(day(29), days(1, 27, 28)) == days(1, 27)


def test_a_disk_without_room_is_told(overlaps, monkeypatch):
    class Full(io.BytesIO):
        def write(self, _events):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "spool_file", Full)
    with pytest.raises(SpoolError, match=r"No space left on device\. Free some space, or set TMPDIR"):
        enter(overlaps, 1, events(1))
