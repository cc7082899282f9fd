"""Events that two days of a run have in common."""

from __future__ import annotations

import io
from array import array
from datetime import date

import pytest

from tap_cometly import moves as module
from tap_cometly.exports.jobs import SpoolError
from tap_cometly.moves import Moves


def day(number):
    return date(2025, 3, number)


def events(*identifiers):
    return array("q", map(hash, identifiers))


def arrive(moves, day, events):
    moves.learn(day, events)
    moves.arrives(day)


def moves_of(*due, guarded=None):
    due = [day(number) for number in due]
    return Moves(due, due if guarded is None else [day(number) for number in guarded])


@pytest.fixture
def moves():
    return moves_of(1, 2, 3)


def test_a_written_day_takes_rows_from_days_before_it_be_they_written_or_not(moves):
    arrive(moves, day(1), events(1, 2))
    assert moves.taken_by(day(1)) == set()
    arrive(moves, day(2), events(3, 4, 4))
    arrive(moves, day(3), events(5, 2, 3))
    assert moves.taken_by(day(3)) == {day(1), day(2)}


def test_a_day_has_lost_a_row_only_to_a_day_that_was_written(moves):
    arrive(moves, day(1), events(1, 2))
    arrive(moves, day(2), events(2, 3))
    assert not moves.lost_by(day(2))
    assert moves.taken_by(day(2)) == {day(1)}
    arrive(moves, day(3), events(1))
    assert not moves.lost_by(day(3))
    arrive(moves, day(3), events(4, 3))
    assert moves.lost_by(day(3))


def test_days_that_have_no_event_in_common_are_left_alone(moves):
    for number in (1, 2, 3):
        arrive(moves, day(number), events(number, f"{number}"))
        assert not moves.lost_by(day(number))
        assert moves.taken_by(day(number)) == set()


def test_a_day_without_events_robs_nobody_and_loses_nothing(moves):
    arrive(moves, day(1), events(1))
    assert moves.taken_by(day(1)) == set()
    arrive(moves, day(2), events())
    assert not moves.lost_by(day(2))
    assert moves.taken_by(day(2)) == set()
    arrive(moves, day(3), events(1))
    assert moves.taken_by(day(3)) == {day(1)}


def test_a_day_that_is_not_guarded_robs_and_cannot_be_robbed():
    moves = moves_of(3, 2, 1, guarded=[3])
    arrive(moves, day(3), events(1))
    arrive(moves, day(2), events(1))
    assert moves.taken_by(day(2)) == {day(3)}
    arrive(moves, day(1), events(2, 1))
    assert moves.taken_by(day(1)) == {day(3)}


def test_a_day_whose_events_are_not_known_may_share_one_with_every_other_day(moves):
    arrive(moves, day(1), events(1))
    arrive(moves, day(2), None)
    assert not moves.lost_by(day(2))
    assert moves.taken_by(day(2)) == {day(1)}
    arrive(moves, day(3), events(3))
    assert moves.lost_by(day(3))
    assert moves.taken_by(day(3)) == {day(2)}


def test_a_day_after_one_that_is_not_guarded_and_was_written_counts_as_robbed():
    moves = moves_of(1, 2, 3, guarded=[3])
    arrive(moves, day(1), None)
    assert moves.taken_by(day(1)) == set()
    arrive(moves, day(3), events(3))
    assert moves.lost_by(day(3))


def test_only_days_that_can_rob_or_be_robbed_are_of_concern():
    assert [moves_of(2, 3, 4, guarded=[3]).concern(day(number)) for number in (2, 3, 4)] == [False, True, True]
    assert not moves_of(3, guarded=[]).concern(day(3))


def test_large_days_are_held_against_each_other_piece_by_piece(moves, monkeypatch):
    monkeypatch.setattr(module, "EVENTS_AT_ONCE", 3)
    monkeypatch.setattr(module, "_EVENTS_PER_READ", 2)
    arrive(moves, day(1), events(*range(10)))
    arrive(moves, day(2), events(*range(10, 20)))
    assert moves.taken_by(day(2)) == set()
    arrive(moves, day(3), events(*range(19, 30)))
    assert moves.taken_by(day(3)) == {day(2)}
    arrive(moves, day(3), events(*range(20, 30), 0))
    assert moves.taken_by(day(3)) == {day(1)}


def test_no_event_stays_in_memory(moves):
    known = events(*range(1000))
    arrive(moves, day(1), known)
    assert not known


def test_a_disk_without_room_is_told(moves, monkeypatch):
    class Full(io.BytesIO):
        def write(self, _events):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "spool_file", Full)
    with pytest.raises(SpoolError, match=r"No space left on device\. Free some space, or set TMPDIR"):
        arrive(moves, day(1), events(1))
