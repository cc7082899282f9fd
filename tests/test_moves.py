"""Events that one run writes with two days."""

from __future__ import annotations

import gzip
import io
from datetime import date

from tap_cometly.moves import Moves


def day(number):
    return date(2025, 3, number)


def files(*events):
    return [io.BytesIO(gzip.compress(b"".join(b'{"amount":1,"id":%s}\n' % str(each).encode() for each in events)))]


def test_a_day_that_holds_events_of_a_day_written_before_it_has_robbed_it():
    moves = Moves([day(1), day(2), day(3)])
    assert moves.robbed_by(day(1), files(1, 2)) == set()
    assert moves.robbed_by(day(2), files(3, 4, 4)) == set()
    assert moves.robbed_by(day(3), files(5, 2, 3)) == {day(1), day(2)}


def test_a_day_that_is_not_remembered_robs_and_cannot_be_robbed():
    moves = Moves([day(3)])
    assert moves.robbed_by(day(1), files(1)) == set()
    assert moves.robbed_by(day(3), files(1)) == set()
    assert moves.robbed_by(day(2), files(1)) == {day(3)}


def test_identifiers_may_be_numbers_or_text():
    moves = Moves([day(1), day(2)])
    assert moves.robbed_by(day(1), files('"evt_1"', 7)) == set()
    assert moves.robbed_by(day(2), files('"7"')) == {day(1)}
    assert moves.robbed_by(day(2), files('"evt_1"')) == {day(1)}


def test_a_day_without_events_robs_nobody():
    moves = Moves([day(1), day(2)])
    assert moves.robbed_by(day(1), files(1)) == set()
    assert moves.robbed_by(day(2), files()) == set()
