"""The set of delivered days, its form in STATE, and the days that are due because of it."""

from __future__ import annotations

import json
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_exports.windows.dates import days
from bulk_exports.windows.delivered import DeliveredDays, DueDay, MalformedStateError

KEY = "event_date"
START = date(2025, 1, 1)

some_days = st.dates(date(2024, 12, 1), date(2025, 2, 28))
day_sets = st.frozensets(some_days, max_size=40)
ranges = st.tuples(some_days, some_days)
lookbacks = st.integers(0, 50)


def jan(day):
    return date(2025, 1, day)


def delivered(*parts):
    """DeliveredDays over days and ranges of days of January 2025."""
    return DeliveredDays(
        tuple((jan(part[0]), jan(part[1])) if isinstance(part, tuple) else (jan(part),) * 2 for part in parts)
    )


def progress_of(all_days):
    return DeliveredDays(tuple((day, day) for day in all_days))


def members(progress):
    return {day for first, last in progress.intervals for day in days(first, last)}


class TestStateIsReadAs:
    @pytest.mark.parametrize(
        ("state", "expected"),
        [
            pytest.param({}, delivered(), id="empty"),
            pytest.param({"starting_replication_value": None}, delivered(), id="only the SDK's keys"),
            pytest.param({"replication_key": "event_date", "delivered": []}, delivered(), id="no day yet"),
            pytest.param({"replication_key_value": "2025-01-09"}, delivered((1, 9)), id="a bookmark by hand"),
            pytest.param(
                {"replication_key": "event_date", "replication_key_value": "2025-01-09T00:00:00Z"},
                delivered((1, 9)),
                id="a date-time bookmark",
            ),
            pytest.param({"replication_key_value": "2025-01-01"}, delivered(1), id="a bookmark on the start"),
            pytest.param(
                {"replication_key_value": "2025-01-09", "starting_replication_value": None, "note": "by hand"},
                delivered((1, 9)),
                id="keys that are not ours and resemble none",
            ),
            pytest.param(
                {
                    "replication_key": "event_date",
                    "replication_key_value": "2025-01-09",
                    "delivered": [["2025-01-01", "2025-01-04"], ["2025-01-06", "2025-01-09"]],
                },
                delivered((1, 4), (6, 9)),
                id="the full form",
            ),
            pytest.param(
                {"delivered": [["2025-01-01", "2025-01-04"]]}, delivered((1, 4)), id="intervals without a bookmark"
            ),
            pytest.param(
                {
                    "delivered": [
                        ["2025-01-06", "2025-01-09"],
                        ["2025-01-01", "2025-01-03"],
                        ["2025-01-03", "2025-01-05"],
                    ]
                },
                delivered((1, 9)),
                id="unsorted, overlapping and adjacent intervals",
            ),
            pytest.param(
                {
                    "replication_key_value": "2025-01-09",
                    "delivered": [["2025-01-02", "2025-01-09"]],
                    "starting_replication_value": "2025-01-08",
                    "progress_markers": {"Note": "DeliveredDays is not resumable if interrupted."},
                    "replication_key_signpost": "2026-01-01T00:00:00Z",
                    "digests": {"2025-01-09": "abc"},
                },
                delivered((2, 9)),
                id="with keys of the SDK and unknown ones",
            ),
        ],
    )
    def test_the_days_it_names(self, state, expected):
        assert DeliveredDays.from_state(state, start=START, replication_key=KEY) == expected

    def test_its_own_day_when_a_lone_bookmark_lies_before_the_start(self):
        progress = DeliveredDays.from_state({"replication_key_value": "2024-12-24"}, start=START, replication_key=KEY)
        assert progress.intervals == ((date(2024, 12, 24),) * 2,)
        assert progress.due(jan(1), jan(2), 3) == [DueDay(jan(1), "new"), DueDay(jan(2), "new")]

    def test_days_before_the_start_when_it_names_them(self):
        assert (
            DeliveredDays.from_state(
                {"delivered": [["2024-12-01", "2025-01-03"]]}, start=START, replication_key=KEY
            ).count
            == 34
        )


MISSPELT = {
    "deliverd": "`delivered`",
    "Delivered": "`delivered`",
    "delivered_days": "`delivered`",
    "delivered ": "`delivered`",
    "rewrites": "`rewrite`",
    "re-write": "`rewrite`",
    "snapshot": "`snapshots`",
    "Snapshots": "`snapshots`",
    "requests": "`request`",
    "sinc": "`since`",
    "replication_keys": "`replication_key`",
    "replicationKeyValue": "`replication_key_value`",
    "event-date": "`replication_key_value`",
}
"""Keys that mean nothing, beside a bookmark: whoever wrote them meant what they resemble."""


class TestMalformedStateIsAnError:
    @pytest.mark.parametrize(
        ("state", "words"),
        [
            ([], ["`bookmarks`", "object", "[]"]),
            (None, ["`bookmarks`", "None"]),
            ({"replication_key": "id"}, ["`replication_key`", "must be 'event_date'", "'id'"]),
            ({"replication_key": None}, ["`replication_key`", "None"]),
            ({"replication_key_value": "banana"}, ["`replication_key_value`", "2025-03-10", "'banana'"]),
            ({"replication_key_value": None}, ["`replication_key_value`", "None"]),
            ({"replication_key_value": 20250110}, ["`replication_key_value`", "20250110"]),
            ({"replication_key_value": "2025-02-30"}, ["`replication_key_value`", "'2025-02-30'"]),
            ({"delivered": "2025-01-01"}, ["`delivered`", "list of pairs", "'2025-01-01'"]),
            ({"delivered": {"2025-01-01": "2025-01-02"}}, ["`delivered`", "list of pairs"]),
            ({"delivered": None}, ["`delivered`", "None"]),
            ({"delivered": ["2025-01-01", "2025-01-02"]}, ["`delivered[0]`", "pair"]),
            ({"delivered": [["2025-01-01"]]}, ["`delivered[0]`", "pair"]),
            ({"delivered": [["2025-01-01", "2025-01-02"], ["2025-01-05", 6]]}, ["`delivered[1]`", "6"]),
            ({"delivered": [["2025-01-02", "2025-01-01"]]}, ["`delivered[0]`", "not end before it begins"]),
            (
                {"replication_key_value": "2025-01-09", "delivered": [["2025-01-01", "2025-01-08"]]},
                ["`replication_key_value`", "last day in `delivered` (2025-01-08)", "'2025-01-09'"],
            ),
            (
                {"replication_key_value": "2025-01-09", "delivered": []},
                ["`replication_key_value`", "which is empty", "'2025-01-09'"],
            ),
            ({"replication_key_vaule": "2025-01-09"}, ["`replication_key_vaule`", "`replication_key_value`"]),
            ({"event_date": "2025-01-09"}, ["`event_date`", "`replication_key_value`"]),
            *(
                (
                    {"replication_key_value": "2025-01-09", misspelt: [["2025-01-01", "2025-01-04"]]},
                    [f"`{misspelt}`", meant],
                )
                for misspelt, meant in MISSPELT.items()
            ),
            ({"delivered": [[f"{'9' * 5000}", "2025-01-01"]]}, ["`delivered[0]`", "..."]),
            ({"delivered": [["a\nb", "2025-01-01"]]}, ["`delivered[0]`", "'a\\nb'"]),
        ],
        ids=str,
    )
    def test_that_names_the_key_what_was_found_and_the_way_out(self, state, words):
        with pytest.raises(MalformedStateError) as caught:
            DeliveredDays.from_state(state, start=START, replication_key=KEY)
        message = str(caught.value)
        assert len(message) < 1000
        assert message.isprintable()
        for word in [*words, "leave only `replication_key_value`", "--full-refresh"]:
            assert word in message


class TestStateIsWritten:
    def test_with_the_last_day_as_the_bookmark(self):
        assert delivered((1, 4), (6, 9)).to_state(replication_key=KEY) == {
            "replication_key": "event_date",
            "replication_key_value": "2025-01-09",
            "delivered": [["2025-01-01", "2025-01-04"], ["2025-01-06", "2025-01-09"]],
        }

    def test_whole_also_when_nothing_is_delivered(self):
        assert DeliveredDays().to_state(replication_key=KEY) == {
            "replication_key": "event_date",
            "replication_key_value": None,
            "delivered": [],
        }

    @given(day_sets)
    def test_and_read_back_the_same(self, all_days):
        progress = progress_of(all_days)
        stored = json.loads(json.dumps(progress.to_state(replication_key=KEY)))
        assert DeliveredDays.from_state(stored, start=START, replication_key=KEY) == progress


class TestTheSetOfDeliveredDays:
    @given(st.lists(some_days, max_size=40))
    def test_holds_what_was_delivered_whatever_the_order(self, in_order):
        progress = DeliveredDays()
        for day in in_order:
            progress = progress.with_delivered(day)
        assert progress == progress_of(sorted(in_order, reverse=True))
        assert members(progress) == set(in_order)
        assert progress.count == len(set(in_order))
        assert progress.first == min(in_order, default=None)
        assert progress.last == max(in_order, default=None)

    @given(day_sets, some_days)
    def test_knows_every_day_in_it_and_no_other(self, all_days, day):
        assert (day in progress_of(all_days)) == (day in all_days)

    @given(st.lists(ranges.map(lambda pair: (min(pair), max(pair))), max_size=12))
    def test_keeps_its_intervals_sorted_and_apart(self, intervals):
        progress = DeliveredDays(tuple(intervals))
        for (_, last), (first, _) in zip(progress.intervals, progress.intervals[1:], strict=False):
            assert last + timedelta(days=1) < first
        assert members(progress) == {day for first, last in intervals for day in days(first, last)}

    def test_reaches_the_ends_of_the_calendar(self):
        progress = DeliveredDays(((date.max, date.max), (date.min, date.min))).with_delivered(date.max)
        assert date.min in progress
        assert date.max in progress
        assert progress.count == 2

    def test_refuses_an_interval_that_ends_before_it_begins(self):
        with pytest.raises(ValueError, match="ends before it begins: 2025-01-02 to 2025-01-01"):
            DeliveredDays(((jan(2), jan(1)),))


class TestDueDays:
    @pytest.mark.parametrize(
        ("situation", "progress", "lookback", "expected"),
        [
            ("the first run", delivered(), 3, "nnnnn"),
            ("all delivered and no lookback", delivered((3, 7)), 0, "....."),
            ("all delivered", delivered((3, 7)), 2, "...ll"),
            ("the next morning", delivered((3, 6)), 2, "..lln"),
            ("more lookback than delivered days", delivered((3, 6)), 99, "lllln"),
            ("a day that failed", delivered(3, 5, 6), 0, ".m..n"),
            ("lookback counts delivered days, not calendar days", delivered(3, (5, 6)), 3, "lmlln"),
            ("the start was moved back", delivered((5, 6)), 1, "mm.ln"),
            ("days before the range are not looked back", delivered((1, 4)), 3, "llnnn"),
            ("the end was moved back", delivered(5, (8, 20)), 2, "mmlmm"),
            ("a backfill before all delivered days", delivered((10, 20)), 2, "mmmmm"),
        ],
    )
    def test_of_five_days(self, situation, progress, lookback, expected):
        due = dict(progress.due(jan(3), jan(7), lookback))
        assert "".join(due[day][0] if day in due else "." for day in days(jan(3), jan(7))) == expected, situation

    def test_are_none_when_the_range_is_empty(self):
        assert delivered((1, 9)).due(jan(3), jan(2), 3) == []

    @given(day_sets, ranges, lookbacks)
    def test_never_skip_or_repeat_a_day(self, done, wanted, lookback):
        first, last = wanted
        due = [day for day, _ in progress_of(done).due(first, last, lookback)]
        assert due == sorted(set(due))
        assert all(first <= day <= last for day in due)
        assert set(due) | done >= set(days(first, last))

    @given(day_sets, ranges, lookbacks)
    def test_say_truly_why(self, done, wanted, lookback):
        for day, reason in progress_of(done).due(*wanted, lookback):
            assert (reason == "lookback") == (day in done)
            assert (reason == "new") == (not done or day > max(done))

    @given(day_sets, ranges, lookbacks, st.randoms())
    def test_once_delivered_leave_exactly_the_lookback(self, done, wanted, lookback, random):
        progress = progress_of(done)
        due = progress.due(*wanted, lookback)
        random.shuffle(due)
        for day, _ in due:
            progress = progress.with_delivered(day)
        latest = list(days(*wanted))[-lookback:] if lookback else []
        assert progress.due(*wanted, lookback) == [DueDay(day, "lookback") for day in latest]


def test_the_days_of_two_sets_that_both_hold():
    ours = DeliveredDays(((date(2025, 3, 1), date(2025, 3, 5)), (date(2025, 3, 8), date(2025, 3, 10))))
    theirs = DeliveredDays(((date(2025, 3, 4), date(2025, 3, 8)), (date(2025, 3, 10), date(2025, 3, 12))))
    assert list(ours & theirs) == [date(2025, 3, 4), date(2025, 3, 5), date(2025, 3, 8), date(2025, 3, 10)]
    assert ours & theirs == theirs & ours
    assert not (ours & DeliveredDays()).count
