"""Any runs at Orchard, killed, stopped, gone on with through either door, bring every basket and ask for none twice.

What is checked is what the kit's README promises, and what `bulk_exports.spec` says of windows, variants and jobs; the
model is written from these words.
"""

from __future__ import annotations

import collections
import dataclasses
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from tests.kit.account import DAY, Account, bookmark, days_between, delivered

if TYPE_CHECKING:
    import datetime as dt

KEPT_SECONDS = 7 * DAY
MOST_DAYS = 45
MOST_MORNINGS = 60


@dataclasses.dataclass(frozen=True)
class Episode:
    """A run that is cut short, or not, and what is otherwise on that day.

    Attributes:
        lines: After so many lines it ends; None if it is left alone.
        is_killed: Whether its machine goes down; otherwise somebody stops it.
        bad_days: Days whose exports fail, counted from the first.
        only_sound: Whether the column that tells sound from rotten is deselected.
        hours: How long it is until the next one.
    """

    lines: int | None
    is_killed: bool
    bad_days: frozenset[int]
    only_sound: bool
    hours: int


episodes = st.builds(
    Episode,
    lines=st.none() | st.integers(1, 25) | st.integers(1, 400),
    is_killed=st.booleans(),
    bad_days=st.just(frozenset()) | st.frozensets(st.integers(0, MOST_DAYS - 1), min_size=1, max_size=2),
    only_sound=st.sampled_from([False, False, False, True]),
    hours=st.sampled_from([0, 0, 1, 30, 200]),
)
accounts = st.fixed_dictionaries(
    {
        "days": st.integers(1, MOST_DAYS),
        "per_day": st.integers(24, 80) | st.just(1000),
        "seconds": st.sampled_from([1.0, 60.0, 900.0, 4000.0]),
        "most": st.sampled_from([10_000, 40, 16]),
    }
)


class Model:
    """What may be expected of a run, by the STATE that its target had before it."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def begin(self) -> None:
        account, orchard = self._account, self._account.orchard
        self._asked, self._sent = len(orchard.exports), len(orchard.requests)
        self._told = claims(account.state)
        named = {job["job"] for job in bookmark(account.state).get("jobs") or ()}
        # What STATE names, and is being made, or made, is gone on with; other variants make no difference to it.
        self._kept = {
            (each.variant, day)
            for each in orchard.exports
            if each.id in named
            and account.clock.now() - each.created_at < KEPT_SECONDS
            and orchard.state(each) in {"making", "done"}
            for day in each.days
        }

    def check(self) -> None:
        """Check what the run has asked for, and written."""
        account, orchard = self._account, self._account.orchard
        made = [each for each in orchard.exports[self._asked :] if not orchard.bad_days.intersection(each.days)]
        asked = collections.Counter((each.variant, day) for each in made for day in each.days)
        assert not [each for each, times in asked.items() if times > 1], "exported twice in one run"
        assert not asked.keys() & self._told, "exported again, although the target has it"
        assert not asked.keys() & self._kept, "asked for again, although it was made, or being made"
        refused = [entry for entry in orchard.requests[self._sent :] if entry.status == 429]
        assert len(refused) <= account.config["max_exports_in_flight"] + 3, "asked on and on without any quota left"
        rows = collections.Counter(content["id"] for kind, _, content in account.messages if kind == "RECORD")
        assert not [key for key, times in rows.items() if times > 1], "written twice in one run"

    def take(self, message) -> None:
        """Check a message as the target takes it: STATE speaks only of what has come before it."""
        kind, _, content = message
        if kind == "STATE":
            for variant, day in claims(content):
                assert self._account.orchard.truth([day], [variant]).keys() <= self._account.table.keys(), (
                    variant,
                    day,
                )


def claims(state) -> set[tuple[str, dt.date]]:
    """Return what a STATE says that its target has: variants of days."""
    said = bookmark(state)
    whole = {(variant, day) for day in delivered(state) for variant in (said.get("request") or {}).get("variants", ())}
    return whole | {
        (part["variant"], day) for part in said.get("parts") or () for day in days_between(part["delivered"])
    }


def play(door, history, options, in_flight):
    """Let a history happen, and then a run each morning until all is there; return how many mornings that took."""
    # Enough for an export, and for the one before it in the queue, should it never be seen to wait.
    config = {"max_exports_in_flight": in_flight, "export_timeout": 240}
    with Account(**options, config=config) as account:
        account.config["calls_per_day"] = options["per_day"]
        model = Model(account)
        account.on_message = model.take
        for episode in history:
            account.orchard.bad_days = {
                account.days[number] for number in episode.bad_days if number < len(account.days)
            }
            account.deselected = frozenset({"is_rotten"} if episode.only_sound else ())
            model.begin()
            account.run(door, room=episode.lines, is_killed=episode.is_killed)
            model.check()
            account.clock.advance(episode.hours * 3600)
        account.orchard.bad_days, account.deselected = set(), frozenset()
        mornings = 0
        for _ in range(MOST_MORNINGS):
            mornings += 1
            model.begin()
            account.run(door)
            model.check()
            if account.error is None:
                break
            account.clock.advance(DAY)
        assert account.error is None
        assert delivered(account.state) == set(account.days)
        truth = account.truth()
        assert account.table.keys() == truth.keys()
        assert all(row in (truth[key], (*truth[key][:2], None)) for key, row in account.table.items())
        return mornings


@pytest.mark.parametrize("door", ["singer", "airbyte"])
@examples(5)
@given(history=st.lists(episodes, max_size=5), options=accounts, in_flight=st.integers(1, 3))
def test_any_runs_bring_everything_and_ask_for_nothing_twice(door, history, options, in_flight):
    play(door, history, options, in_flight)


def test_a_quota_that_is_far_too_small_is_enough_in_the_end():
    """Each run finds out anew how much is too much, and goes on with what the one before it could not fetch."""
    options = {"days": 30, "per_day": 12, "seconds": 900.0, "most": 40}
    assert play("singer", [], options, 2) > 3


@pytest.mark.parametrize("door", ["singer", "airbyte"])
def test_an_export_is_gone_on_with_although_another_variant_is_asked_for_since(door):
    """The first run has no requests left to fetch what is being made, and the second none to begin with."""
    options = {"days": 1, "per_day": 24, "seconds": 4000.0, "most": 10_000}
    play(door, [Episode(None, is_killed=False, bad_days=frozenset(), only_sound=True, hours=0)], options, 1)
