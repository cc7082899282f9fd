"""Whatever targets do with rows and STATE, the view is exact, or the documented check finds the day.

The model of a target (`tests.reconcile.batching`) is that of the Singer SDK: streams are stored in batches of their
own, STATE is told when all is stored, and what was stored of a run that was killed stays stored although no STATE tells
of it.
"""

from __future__ import annotations

import dataclasses
import functools

from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from tests.reconcile.batching import BatchingWarehouse
from tests.reconcile.histories import LONGEST, OF_ONE_DAY, Change, change, races
from tests.reconcile.space import ORDERS, Space
from tests.warehouses import merged, truth

SUBSET = ["purchase", "view_content"]


@dataclasses.dataclass(frozen=True)
class Run:
    """What happens at Cometly, and a run after it.

    Attributes:
        state: Which STATE it gets: the one that was told last, an older one, or none (`--full-refresh`).
        subset: Whether it asks for some event names only, so that all is loaded anew (`resync`) when that changes.
        until: Its `end_date`, counted from the first day; None for none.
        batch_rows: After how many rows of a stream the target stores them.
        told: After which shares of the messages it stores everything and tells STATE.
        taken: Share of the messages that reach it before it is killed; None: it is not.
        failing: Days whose exports fail.
    """

    changes: list[Change]
    racing: list[tuple[int, Change]]
    sleep: int
    state: str
    lineage: int
    subset: bool
    lookback: int
    order: str
    open_day: bool
    until: int | None
    batch_rows: int
    told: list[float]
    taken: float | None
    failing: list[int]


shares = st.floats(0, 1)
runs = st.builds(
    Run,
    changes=st.lists(change((*OF_ONE_DAY, "put back")), max_size=3),
    racing=races(OF_ONE_DAY),
    sleep=st.sampled_from([0, 0, 0, 1]),
    state=st.sampled_from(["last", "last", "last", "older", "none"]),
    lineage=st.sampled_from([0, 0, 0, 1]),
    subset=st.sampled_from([False, False, False, True]),
    lookback=st.sampled_from([0, 1, 3, LONGEST]),
    order=st.sampled_from(ORDERS),
    open_day=st.booleans(),
    until=st.none() | st.integers(0, 3),
    batch_rows=st.sampled_from([1, 4, 9, 1000]),
    told=st.lists(shares, max_size=3),
    taken=st.none() | shares,
    failing=st.lists(st.integers(0, 4), max_size=1),
)


class Play:
    """A history: several lineages of STATE, one warehouse; whoever keeps STATE may merge a new one into the last."""

    def __init__(self, space: Space, *, merges: bool) -> None:
        self.space = space
        self.merges = merges
        self.warehouse = space.warehouse
        self.told = {0: [None], 1: [None]}
        self.excused: set[str] = set()
        self.subset = False

    def run(self, run: Run) -> None:
        space, warehouse, told = self.space, self.warehouse, self.told[run.lineage]
        for each in run.changes:
            each.happen(space, space.days)
        space.sleep(run.sleep)
        given = {"last": told[-1], "older": told[len(told) // 2], "none": None}[run.state]
        self.excused |= warehouse.overwritten_since(given)
        self.subset = run.subset
        config = {
            "resync": True,
            "lookback_days": run.lookback,
            "backfill_order": run.order,
            "include_open_day": run.open_day,
            **({"event_names": SUBSET} if run.subset else {}),
            **({"end_date": space.days[run.until].isoformat()} if run.until is not None else {}),
        }
        output = space.run(
            taken=0,
            state=given and given.state,
            failing={space.days[number] for number in run.failing if number < len(space.days)},
            due=False,
            racing=[(after, functools.partial(each.happen, space, space.days)) for after, each in run.racing],
            **config,
        )
        messages = output.messages[: None if run.taken is None else round(run.taken * len(output.messages))]
        before = warehouse.told
        warehouse.load(
            messages,
            batch_rows=run.batch_rows,
            told_after={round(share * len(messages)) for share in run.told},
            killed=run.taken is not None,
        )
        if warehouse.told is not before:
            last = warehouse.told
            if self.merges and told[-1]:
                last = dataclasses.replace(last, state=merged(last.state, told[-1].state))
            told.append(last)

    def wrong_days(self) -> set[str]:
        """Return the days of which the view is not what Cometly says."""
        asked = {**self.space.asked, **({"event_names": SUBSET} if self.subset else {})}
        expected = truth(self.space.cometly, self.space.days, **asked)
        shown = self.warehouse.view()
        days = [day.isoformat() for day in self.space.days]
        of = lambda rows, day: [row for row in rows if row["event_date"] == day]  # noqa: E731
        return {day for day in days if of(shown, day) != of(expected, day)}


LAST = Run(
    changes=[],
    racing=[],
    sleep=0,
    state="last",
    lineage=0,
    subset=False,
    lookback=LONGEST,
    order="oldest_first",
    open_day=False,
    until=None,
    batch_rows=1000,
    told=[],
    taken=None,
    failing=[],
)


@examples(20)
@given(history=st.lists(runs, min_size=1, max_size=5), last=runs, merges=st.booleans())
def test_after_a_run_that_ended_well_the_view_is_exact_or_the_check_finds_the_day(history, last, merges):
    last = dataclasses.replace(
        last, lookback=LONGEST, until=None, taken=None, failing=[], racing=[], state="last", open_day=False
    )
    with Space(warehouse=BatchingWarehouse(), max_exports_in_flight=1, events_per_day=3, job_seconds=1) as space:
        play = Play(space, merges=merges)
        for run in history:
            play.run(run)
        play.run(last)
        if wrong := play.wrong_days():
            assert wrong <= play.excused, "no rows were stored of which no STATE told"
        # A day that is not over yet, and one that a run with a later `until` has brought, may be found too.
        found = space.warehouse.suspicious_days() & {day.isoformat() for day in space.days}
        assert found == wrong
        if found:
            bookmark = space.warehouse.told.state["bookmarks"]["events"]
            bookmark["delivered"] = [[day, day] for day in sorted(set(map(str, space.days)) - found)]
            bookmark["replication_key_value"] = max(max(pair) for pair in bookmark["delivered"])
            play.run(dataclasses.replace(last, changes=[], sleep=0))
            assert not play.wrong_days()
            assert not space.warehouse.suspicious_days() & {day.isoformat() for day in space.days}
