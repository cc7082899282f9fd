"""What may happen at Cometly between two runs, or while one is under way."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from hypothesis import strategies as st

if TYPE_CHECKING:
    from datetime import date

    from tests.reconcile.space import Space

LONGEST = 12
"""More days than any of these histories has: with this lookback every day is looked at by every run."""


@dataclasses.dataclass(frozen=True)
class Change:
    """Something that happens at Cometly; days and events are counted among those that there are."""

    kind: str
    day: int
    event: int
    other: int

    def happen(self, space: Space, days: list[date]) -> None:
        day, other = days[self.day % len(days)], days[self.other % len(days)]
        history = space.cometly.history
        if self.kind == "late":
            history.add(space.moment(day, self.other), amount=f"{self.event}.{self.other:02}", profile_id=self.event)
        elif self.kind == "rename":
            history.rename_custom_event(1, f"label {self.other % 2}")
        elif self.kind == "put back":
            if moved := space.moved_within(days):
                space.put_back(moved[self.event % len(moved)])
        elif (event := space.event(day, self.event)) is not None:
            self._happen_to(event, space, other)

    def _happen_to(self, event: int, space: Space, other: date) -> None:
        history = space.cometly.history
        if self.kind == "edit":
            history.edit(event, amount=f"{self.other % 3}.50")
        elif self.kind == "delete":
            history.delete(event)
        elif self.kind == "move":
            space.move(event, other, self.other % 2)
        elif self.kind == "reattribute":
            history.reattribute(event, seed=1 + self.other % 2)
        elif self.kind == "merge" and (profile := history.find(event).profile_id):
            history.merge_contacts(profile, profile + 1)


OF_ONE_DAY = ("late", "edit", "delete", "move", "put back", "reattribute")
OF_ALL_DAYS = (*OF_ONE_DAY, "rename", "merge")


def change(kinds):
    numbers = st.integers(0, 20)
    return st.builds(Change, st.sampled_from(kinds), numbers, numbers, numbers)


def races(kinds):
    """What happens at Cometly while the tap runs, and after how many of its requests: often a move away and back."""
    moments = st.integers(0, 40)
    ways = st.one_of(change(kinds), change(("move",)), change(("put back",)))
    return st.lists(st.tuples(moments, ways), max_size=6)
