"""Several exports that only together hold a window: each is asked for once, whatever becomes of its sibling."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_exports.windows.delivered import DeliveredDays, MalformedStateError
from bulk_exports.windows.variants import regrouped
from tests.kit.account import Account, delivered

DOORS = pytest.mark.parametrize("door", ["singer", "airbyte"])


def day(number):
    return dt.date(2025, 1, 1) + dt.timedelta(days=number)


@DOORS
def test_a_variant_that_is_deselected_and_selected_again_is_asked_for_alone_and_for_what_it_missed(door, caplog):
    caplog.set_level("INFO")
    with Account(days=20) as account:
        account.config["end_date"] = str(account.days[9])
        account.run(door)
        account.config["end_date"] = str(account.days[14])
        account.deselected = {"is_rotten"}
        account.run(door)
        assert account.asked()[-1] == ("sound", account.days[10], account.days[14])
        begun = len(account.orchard.exports)
        account.config["end_date"] = str(account.days[-1])
        account.deselected = set()
        account.run(door)
        assert account.table.keys() == account.truth().keys()
        assert set(account.asked(since=begun)) == {
            ("sound", account.days[15], account.days[-1]),
            ("rotten", account.days[10], account.days[-1]),
        }
        assert delivered(account.state) == set(account.days)
        again = len(account.orchard.exports)
        account.run(door)
        assert len(account.orchard.exports) == again
    assert "`rotten` is no longer asked for: older days keep it" in caplog.text or door == "airbyte"
    assert "`rotten` is asked for, too: days without it are asked for again, for it alone" in caplog.text or (
        door == "airbyte"
    )


@pytest.mark.long
@DOORS
def test_one_that_was_delivered_before_its_sibling_failed_is_not_asked_for_again(door):
    with Account(days=10) as account:
        whole = account.truth(variants=["sound"])
        account.orchard.fails = {"rotten"}
        account.run(door)
        assert account.error is not None
        assert door == "airbyte" or account.error.startswith("10 days were not delivered")
        assert account.table == whole
        assert not delivered(account.state)
        account.orchard.fails = set()
        begun = len(account.orchard.exports)
        account.run(door)
        assert {variant for variant, _, _ in account.asked(since=begun)} == {"rotten"}
        assert account.table == account.truth()
        assert delivered(account.state) == set(account.days)
        assert account.bookmark["parts"] == []


@DOORS
def test_one_that_was_delivered_before_the_run_was_killed_is_not_asked_for_again(door):
    with Account(days=40, config={"max_exports_in_flight": 1}) as account:
        account.run(door)
        whole = account.messages
    with Account(days=40, config={"max_exports_in_flight": 1}) as account:
        states = [place for place, message in enumerate(whole, start=1) if message[0] == "STATE"]
        lines = next(place for place in states if any(message[0] == "RECORD" for message in whole[:place]))
        account.run(door, room=lines, is_killed=True)
        assert account.table == account.orchard.truth(account.days[:20], variants=["sound"])
        assert not delivered(account.state)
        begun = len(account.orchard.exports)
        account.run(door)
        assert account.table == account.truth()
        first = account.days[0]
        assert ("sound", first) not in [(variant, begin) for variant, begin, _ in account.asked(since=begun)]


def test_a_day_is_counted_once_however_many_exports_it_took(caplog):
    caplog.set_level("INFO")
    with Account(days=10) as account:
        account.orchard.fails = {"sound", "rotten"}
        account.run()
        assert account.error.startswith("10 days were not delivered")
        account.orchard.fails = set()
        account.run()
    assert "Done: 10 days delivered, 10 of them new or changed, 60 rows written" in caplog.text


def test_a_stream_that_becomes_one_of_variants_has_changed_its_request():
    with Account(days=5) as account:
        account.run()
        del account.bookmark["request"]["variants"]
        account.run()
        assert "`variants` was not set and is sound, rotten" in account.error
        account.config["resync"] = True
        account.run()
        assert account.error is None
        assert len(account.orchard.exports) == 4


@pytest.mark.parametrize("odd", ["sound", [None], [{"delivered": []}], [{"variant": "sound", "delivered": "all"}]])
def test_parts_that_make_no_sense_are_an_error(odd):
    with Account(days=5) as account:
        account.run()
        account.bookmark["parts"] = odd
        with pytest.raises(MalformedStateError):
            account.tap(config=account.config, state=account.state).sync_all()


NAMES = ["a", "b", "c"]
sets = st.lists(st.integers(0, 15), max_size=12).map(lambda days: DeliveredDays(tuple((day(n), day(n)) for n in days)))
chosen = st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True)


@given(sets, st.dictionaries(st.sampled_from(NAMES), sets), chosen, chosen)
def test_whatever_is_asked_for_then_and_now_each_variant_keeps_its_days(whole, parts, before, now):
    held = {name: set(parts.get(name, ())) | (set(whole) if name in before else set()) for name in NAMES}
    after, rest = regrouped(whole, parts, before, now)
    assert set(after) == set.intersection(*(held[name] for name in now))
    for name in NAMES:
        kept = set(rest.get(name, ())) | (set(after) if name in now else set())
        assert kept == held[name]
