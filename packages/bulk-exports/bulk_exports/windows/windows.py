"""Windows of several days: what a vendor exports at a time, where it exports more than a day.

The set of delivered days stays what STATE remembers. Windows are only how due days are asked for: neighbours that are
due for the same reason are asked for together, and every day of a window is delivered, or none is.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from typing import TYPE_CHECKING, Final

from typing_extensions import Self, override

from bulk_exports.windows import dates
from bulk_exports.windows.delivered import DeliveredDays

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import date

    from bulk_exports.windows.delivered import DueDay, Reason

MAX_WINDOW_DAYS: Final = 1_000
"""No vendor exports more at a time."""
FITTED_BEFORE_GROWTH: Final = 4
"""Windows that fit before twice as large ones are tried: each that does not costs an export."""


@dataclasses.dataclass(frozen=True, order=True)
class Window:
    """A stretch of whole days that one export covers.

    Attributes:
        first: Its first day.
        last: Its last day.
        reason: Why its days are exported.

    Raises:
        ValueError: It ends before it begins.
    """

    first: date
    last: date
    reason: Reason

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise ValueError(f"a window ends before it begins: {self.first} to {self.last}")

    @classmethod
    def single(cls, day: date, reason: Reason = "new") -> Self:
        """Return the window of one day."""
        return cls(day, day, reason)

    @override
    def __str__(self) -> str:
        """Return its days, which is how people name a window: a day, or the first and the last."""
        return self.first.isoformat() if self.first == self.last else f"{self.first} to {self.last}"

    def __len__(self) -> int:
        """Return how many days it has."""
        return self.last.toordinal() - self.first.toordinal() + 1

    def days(self) -> Iterator[date]:
        """Yield its days."""
        return dates.days(self.first, self.last)

    def halves(self) -> tuple[Window, ...]:
        """Return what to ask for instead, should the window be too large: two windows, or none for a single day.

        The first half is the longer one, so that windows shrink to a day in as few steps as can be.
        """
        if len(self) == 1:
            return ()
        middle = self.first.fromordinal(self.first.toordinal() + (len(self) + 1) // 2)
        before = middle.fromordinal(middle.toordinal() - 1)
        return Window(self.first, before, self.reason), Window(middle, self.last, self.reason)

    def single_days(self) -> tuple[Window, ...]:
        """Return a window for each of its days."""
        return tuple(Window.single(day, self.reason) for day in self.days())


class WindowSize:
    """How many days an export can have, as far as a run has found out: a refused one may have cost a minute or more.

    Args:
        max_days: How many it has at most, whatever is found out.
    """

    def __init__(self, max_days: int) -> None:
        self._max_days = self._days = max_days
        self._fitted = 0
        self._is_growing = False
        self._failed: list[Window] = []
        # How many days have been found to be too many; tried again now and then, they need be found out no more.
        self._too_many: float = math.inf

    def was_too_large(self, window: Window) -> None:
        """Take note that a window was too large for one export."""
        if len(window) == 1:
            return
        self._too_many = min(self._too_many, len(window))
        if len(window) <= self._days:
            self._days = (len(window) + 1) // 2
            self._fitted = 0
            self._is_growing = False

    def failed(self, window: Window) -> None:
        """Take note that a window failed again and again, perhaps because it was too large.

        One such window tells nothing: a single day in it may be the cause. Two that have no day in common do, until a
        window as long as these fits.
        """
        others = [other for other in self._failed if other.last < window.first or window.last < other.first]
        self._failed.append(window)
        if len(window) >= self._too_many:
            self.was_too_large(window)
        elif others:
            self.was_too_large(max(window, min(others, key=len), key=len))

    def fitted(self, window: Window) -> None:
        """Take note that a window was not too large: after some as large as can be, larger ones are tried again.

        As long as these fit, still larger ones are tried at once.
        """
        self._failed = [other for other in self._failed if len(other) > len(window)]
        if len(window) >= self._too_many:
            self._too_many = math.inf
        if len(window) >= self._days:
            self._fitted += 1
            if self._is_growing or self._fitted >= FITTED_BEFORE_GROWTH:
                self._days = min(2 * self._days, self._max_days)
                self._fitted = 0
                self._is_growing = True

    def is_too_large(self, window: Window) -> bool:
        """Tell whether a window will probably be too large."""
        return len(window) > self._days


def windows(due: Sequence[DueDay], max_days: int) -> tuple[Window, ...]:
    """Return the windows in which due days are exported, in the order in which the first of their days is due.

    Neighbouring days with the same reason, one due directly after the other, make a window of up to ``max_days``. A
    stretch that is longer is cut into windows of nearly the same length: a last one of a day would cost an export too.

    Args:
        due: The days, each once, forwards or backwards in time.
        max_days: How many days a window has at most.

    Raises:
        ValueError: A window of no day was asked for.
    """
    if max_days < 1:
        raise ValueError(f"a window has at least one day, not {max_days}")
    return tuple(itertools.chain.from_iterable(_cut(stretch, max_days) for stretch in _stretches(due)))


def delivered_with(delivered: DeliveredDays, window: Window) -> DeliveredDays:
    """Return the set of delivered days with those of a window in it."""
    return DeliveredDays((*delivered.intervals, (window.first, window.last)))


def replaced(planned: Iterable[Window], too_large: Window, smaller: Sequence[Window]) -> tuple[Window, ...]:
    """Return a plan in which smaller windows take the place of one that was too large.

    Args:
        planned: The windows.
        too_large: One of them.
        smaller: Windows with the same days.

    Raises:
        ValueError: They have other days, so that something would be left out or exported twice.
    """
    if sorted(itertools.chain.from_iterable(window.days() for window in smaller)) != list(too_large.days()):
        raise ValueError(f"these windows are not the days of {too_large}: {', '.join(map(str, smaller))}")
    return tuple(itertools.chain.from_iterable(smaller if window == too_large else (window,) for window in planned))


def _stretches(due: Sequence[DueDay]) -> Iterator[list[DueDay]]:
    """Yield runs of days that follow one another, forwards or backwards, all due for the same reason."""
    run: list[DueDay] = []
    step = 0
    for day in due:
        apart = day.day.toordinal() - run[-1].day.toordinal() if run else 0
        if run and day.reason == run[-1].reason and abs(apart) == 1 and step in {0, apart}:
            step = apart
        else:
            if run:
                yield run
            run, step = [], 0
        run.append(day)
    if run:
        yield run


def _cut(stretch: Sequence[DueDay], max_days: int) -> Iterator[Window]:
    """Yield windows of nearly the same length, as few as can be."""
    count = -(-len(stretch) // max_days)
    for number in range(count):
        part = stretch[number * len(stretch) // count : (number + 1) * len(stretch) // count]
        first, last = sorted((part[0].day, part[-1].day))
        yield Window(first, last, part[0].reason)
