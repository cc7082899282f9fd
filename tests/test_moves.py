"""Events that one run writes with two days."""

from __future__ import annotations

from array import array
from datetime import date

from tap_cometly.moves import Moves


def day(number):
    return date(2025, 3, number)


def events(*identifiers):
    return array("q", map(hash, identifiers))


def test_a_day_that_holds_events_of_a_day_written_before_it_has_robbed_it():
    moves = Moves([day(1), day(2), day(3)], remembered_first=False)
    assert moves.robbed_by(day(1), events(1, 2)) == set()
    assert moves.robbed_by(day(2), events(3, 4, 4)) == set()
    assert moves.robbed_by(day(3), events(5, 2, 3)) == {day(1), day(2)}


def test_a_day_that_is_not_remembered_robs_and_cannot_be_robbed():
    moves = Moves([day(3)], remembered_first=True)
    assert moves.robbed_by(day(1), events(1)) == set()
    assert moves.robbed_by(day(3), events(1)) == set()
    assert moves.robbed_by(day(2), events(1)) == {day(3)}


def test_only_days_that_can_rob_or_be_robbed_are_of_concern():
    assert [Moves([day(3)], remembered_first=False).concern(day(number)) for number in (2, 3)] == [False, True]
    assert [Moves([day(3)], remembered_first=True).concern(day(number)) for number in (2, 3)] == [True, True]
    assert not Moves([], remembered_first=True).concern(day(3))


def test_a_day_whose_events_are_not_compared_robs_nobody():
    moves = Moves([day(1), day(2)], remembered_first=False)
    assert moves.robbed_by(day(1), events(1)) == set()
    assert moves.robbed_by(day(2), None) == set()


def test_a_day_without_events_robs_nobody():
    moves = Moves([day(1), day(2)], remembered_first=False)
    assert moves.robbed_by(day(1), events(1)) == set()
    assert moves.robbed_by(day(2), events()) == set()
