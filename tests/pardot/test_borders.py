"""Neither gap nor double, wherever a day begins and whatever the vendor makes of a bound."""

from __future__ import annotations

import collections
from datetime import datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bulk_exports.windows import dates
from simulation.virtual_time import VirtualClock
from tap_pardot_exports.sandbox import Quirks
from tests.examples import examples

from .unit import Unit

PLACES = [
    ("UTC", "2025-03-01"),
    ("America/New_York", "2025-03-10"),  # an hour is left out on the 9th
    ("America/New_York", "2025-11-03"),  # an hour comes twice on the 2nd
    ("Europe/Berlin", "2025-10-27"),
    ("America/Havana", "2025-11-03"),  # midnight comes twice
    ("America/Havana", "2025-03-10"),  # midnight is left out
    ("America/Sao_Paulo", "2018-02-19"),  # the last hour of the 17th comes twice
    ("Australia/Lord_Howe", "2025-04-07"),  # half an hour comes twice
    ("Asia/Kathmandu", "2025-01-01"),
    ("Pacific/Apia", "2012-01-02"),  # there was no 30 December 2011
]


runs = st.fixed_dictionaries(
    {
        "place": st.sampled_from(PLACES),
        "inclusive": st.booleans(),
        "window_days": st.integers(1, 4),
        "hour": st.integers(0, 23),
        "minute": st.integers(0, 59),
        "later": st.integers(1, 3),
        "version": st.sampled_from(["4", "5"]),
        "seed": st.integers(1, 100),
    }
)
AT_NIGHT = {"inclusive": False, "window_days": 1, "hour": 0, "minute": 5, "later": 1, "version": "4", "seed": 1}


@pytest.mark.usefixtures("_environment")
@given(run=runs)
@example(run={"place": ("America/Havana", "2025-11-03"), **AT_NIGHT})
@example(run={"place": ("Pacific/Apia", "2012-01-02"), **AT_NIGHT})
@example(run={"place": ("UTC", "2025-03-01"), **AT_NIGHT, "minute": 9})  # a day that is closed while the run waits
@examples(5)
def test_every_row_comes_and_none_twice(run):
    zone, day = run["place"]
    now = datetime.fromisoformat(day).replace(hour=run["hour"], minute=run["minute"], tzinfo=dates.zone(zone))
    clock = VirtualClock((now + timedelta(days=1)).timestamp())
    quirks = Quirks(bounds="inclusive" if run["inclusive"] else "exclusive")
    made = Unit(clock, days=4, per_day=5, timezone=zone, seed=run["seed"], quirks=quirks)
    with made.pardot:
        for wait in (run["later"], 1):
            began = clock.now()
            output = made.run(
                "list_memberships",
                window_days=run["window_days"],
                lookback_days=0,
                deleted_rows=False,
                api_version=run["version"],
            )
            counts = collections.Counter(row["id"] for row in output.of("list_memberships"))
            assert not [key for key, count in counts.items() if count > 1]
            assert_all_are_there(made)
            clock.advance(wait * 86_400 - (clock.now() - began))


def assert_all_are_there(made):
    """In a repeated hour a time without offset may mean either: what is compared is all the rest."""
    settled, table = made.settled("list_memberships"), made.tables["list_memberships"]
    for key, row in settled.items():
        for name in ("created_at", "updated_at"):
            there, here = row.pop(name), table[key][name]
            assert abs(datetime.fromisoformat(there[:19]) - datetime.fromisoformat(here[:19])) <= timedelta(hours=1)
        assert {name: table[key][name] for name in row} == row
    truth = {row["id"]: row for row in made.pardot.truth("list_memberships")}
    assert all(truth[key]["updated_at"] >= made.settled_until for key in table.keys() - settled.keys())
