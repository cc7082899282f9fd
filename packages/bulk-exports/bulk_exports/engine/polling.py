"""When to ask a job how far it is: where an answer is likely to pay, learnt from the jobs before it."""

from __future__ import annotations

import collections
import dataclasses
import math
import statistics
from typing import Final

FIRST_POLL_SECONDS: Final = 0.5
"""Nothing known yet: small days are ready almost at once."""
MIN_GAP_SECONDS: Final = 1.0
MAX_GAP_SECONDS: Final = 30.0
"""However long jobs take, a finished one is noticed within this (the budget permitting)."""
GROWTH: Final = 0.5
"""Nothing known yet: the next gap is this part of the job's age, so that few polls find any duration."""
EARLY: Final = 0.95
"""Part of the usual duration at which a job is first asked: a little early, so that a quicker vendor is noticed."""
SURELY_RUNNING: Final = 0.6
"""A job that was finished when first asked is taken to have run for this part of its age at least."""
STEP: Final = 0.05
"""Gap between polls around the usual duration, as a part of it."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Polling:
    """How often a vendor wants to be asked.

    Attributes:
        first_seconds: The age at which a job is first asked while nothing is known.
        min_gap_seconds: Between two polls of a job, at least.
        max_gap_seconds: Between two polls of a job, at most.

    Raises:
        ValueError: A job would be asked all the time, or never.
    """

    first_seconds: float = FIRST_POLL_SECONDS
    min_gap_seconds: float = MIN_GAP_SECONDS
    max_gap_seconds: float = MAX_GAP_SECONDS

    def __post_init__(self) -> None:
        if not 0 <= self.first_seconds < math.inf:
            raise ValueError(f"first_seconds must be 0 or more, so that a job is asked; it is {self.first_seconds}")
        if not 0 < self.min_gap_seconds <= self.max_gap_seconds < math.inf:
            raise ValueError(
                "min_gap_seconds must be more than 0 and no more than max_gap_seconds, so that a job is asked now and "
                f"then; they are {self.min_gap_seconds} and {self.max_gap_seconds}"
            )


USUAL_POLLING: Final = Polling()


class PollRhythm:
    """Plans the polls of one run's jobs.

    All times are seconds since the job was created or, where the vendor tells, since it left the queue.

    Args:
        polling: How often the vendor wants to be asked.
    """

    def __init__(self, polling: Polling = USUAL_POLLING) -> None:
        self._polling = polling
        self._durations: collections.deque[float] = collections.deque(maxlen=9)

    @property
    def usual(self) -> float | None:
        """How long a job usually takes, or None before the first has finished."""
        return statistics.median(self._durations) if self._durations else None

    def first(self, *, finding_out: bool = True) -> float:
        """Return the age at which a new job is first asked.

        Args:
            finding_out: Before any job has finished: whether this one is to find out how long jobs take, for all.
        """
        usual = self.usual
        if usual is None:
            polling = self._polling
            return polling.first_seconds if finding_out else max(polling.first_seconds, polling.max_gap_seconds)
        return usual * EARLY

    def gap(self, age: float) -> float:
        """Return the seconds until the next poll of a job that was still running at ``age``."""
        usual = self.usual
        if usual is None:
            gap = age * GROWTH
        elif age < usual * (1 + 4 * STEP):
            gap = usual * STEP
        else:  # later than usual: the later, the less urgent
            gap = (age - usual) * GROWTH
        return min(max(gap, self._polling.min_gap_seconds), self._polling.max_gap_seconds)

    def gap_in_queue(self, age: float) -> float:
        """Return the seconds until the next poll of a job that still waited for its turn, so long after its creation.

        Once it is its turn it takes as long as jobs take: before that nobody need ask.
        """
        gap = age * GROWTH if self.usual is None else self.usual * EARLY
        return min(max(gap, self._polling.min_gap_seconds), self._polling.max_gap_seconds)

    def finished(self, age: float, running_age: float) -> None:
        """Learn that a job was seen finished at ``age``, and last seen running at ``running_age`` (0: never).

        In between it ended. After a job that was finished when first asked, the next is asked a good deal earlier.
        """
        self._durations.append((max(running_age, age * SURELY_RUNNING) + age) / 2)
