"""One request on its way: the stage it is in, the export that is followed, and the trouble with it."""

from __future__ import annotations

import enum
import math
from typing import TYPE_CHECKING, Final, Generic, TypeAlias

import backoff

from bulk_exports.engine.vendor import Delivery, Failure, JobState, Left, Link, RequestT, VerificationT

if TYPE_CHECKING:
    from bulk_exports.engine.download import Transfer
    from bulk_exports.engine.errors import ExportError
    from bulk_exports.job_names import JobName

MAX_BACKOFF_SECONDS: Final = 60.0
Result: TypeAlias = Delivery[RequestT, VerificationT] | Failure[RequestT] | Left[RequestT]
"""What becomes of a request."""


class Stage(enum.IntEnum):
    """What a request needs next."""

    CREATE = 1
    POLL = 2
    FETCH = 3
    DONE = 4


class Trouble:
    """The same step failing again and again.

    Attributes:
        since: When it first did.
        delays: The longest delays before the next attempts.
    """

    def __init__(self, since: float) -> None:
        self.since = since
        self.delays = backoff.expo(max_value=MAX_BACKOFF_SECONDS)
        self.delays.send(None)  # the generator's protocol: the first value is no delay


class Attempt:
    """One export made for a request, and the trouble with it. A new one has had none, so nothing need be forgotten.

    Args:
        job: The vendor's name of the export; empty while there is none yet.
        created_at: When it was created.
        adopted_at: When this run began to follow it, if an earlier one created it.

    Attributes:
        job: The vendor's name of the export.
        created_at: When it was created.
        followed_since: When this run began to wait for it: patience counts from there.
        is_adopted: Whether an earlier run created it.
        is_remembered: Whether STATE names it, so that a later run can go on with it.
        queued_at: When it was last seen waiting for its turn, where the vendor tells.
        running_at: When it was last seen unfinished.
        ready_at: When it was first seen finished.
        links: Where its files are, as of the last poll.
        links_are_fresh: Whether nobody has tried them yet.
        links_refused: How often in a row fresh ones were refused.
        unknown_since: Since when the vendor does not know the export, or not where its files are.
        unknown_words_since: Since when it has said nothing about the export but words that nobody knows.
        finds_out: Whether it is asked for early, to find out how long exports take.
        last_state: What the vendor last said of it that is understood.
        is_given_up: Whether nobody will fetch it.
        most_received: The most bytes that had arrived when a download broke off.
        damaged: Whether its files were fetched before, in vain.
    """

    def __init__(self, job: JobName = "", created_at: float = 0.0, *, adopted_at: float | None = None) -> None:
        self.job = job
        self.created_at = created_at
        self.followed_since = created_at if adopted_at is None else adopted_at
        self.is_adopted = self.is_remembered = adopted_at is not None
        self.queued_at: float | None = None
        self.running_at: float | None = None
        self.ready_at: float | None = None
        self.links: tuple[Link, ...] = ()
        self.links_are_fresh = False
        self.links_refused = 0
        self.unknown_since: float | None = None
        self.unknown_words_since: float | None = None
        self.finds_out = self.is_adopted
        self.last_state: JobState | None = None
        self.is_given_up = False
        self.most_received = 0
        self.damaged = False
        self._troubles: dict[tuple[Stage, type[ExportError]], Trouble] = {}

    @property
    def began_at(self) -> float:
        """Since when the vendor has been at work on it, as far as it tells."""
        return self.created_at if self.queued_at is None else self.queued_at

    @property
    def waited_since(self) -> float:
        """Since when this run has waited for the vendor's work on it."""
        return max(self.began_at, self.followed_since)

    @property
    def is_waiting(self) -> bool:
        """Whether it was in the vendor's queue when it was last asked for."""
        return self.last_state is JobState.WAITING

    @property
    def has_ended(self) -> bool:
        """Whether the vendor has said that it is finished, or that nothing will come of it."""
        return self.last_state in {JobState.READY, JobState.FAILED}

    def trouble(self, stage: Stage, error: ExportError, now: float) -> Trouble:
        """Return the trouble of this kind that there is at a stage, be it old or new."""
        return self._troubles.setdefault((stage, type(error)), Trouble(now))

    def trouble_is_over(self, stage: Stage) -> None:
        """Forget the trouble at a stage."""
        self._troubles = {place: trouble for place, trouble in self._troubles.items() if place[0] is not stage}


class Task(Generic[RequestT, VerificationT]):
    """One request on its way.

    Attributes:
        request: What was asked for.
        stage: What it needs next.
        due: When it needs that, at the earliest.
        busy: Whether somebody is at work on it.
        attempt: The export that is followed.
        exports: How many this run created for this request.
        transfers: The files of the export, as far as they have arrived.
        is_left: Whether its export, if there is one, is left to another run.
        result: What became of the request, once it is done.
    """

    def __init__(self, request: RequestT) -> None:
        self.request = request
        self.stage = Stage.CREATE
        self.due = -math.inf
        self.busy = False
        self.attempt = Attempt()
        self.exports = 0
        self.transfers: list[Transfer] = []
        self.is_left = False
        self.result: Result[RequestT, VerificationT] | None = None

    def has_job(self, job: JobName, now: float) -> None:
        """Begin to follow a new export."""
        self.attempt = Attempt(job, now)
        self.exports += 1

    def adopts(self, job: JobName, created_at: float, now: float) -> None:
        """Begin to follow an export of an earlier run."""
        self.attempt = Attempt(job, created_at, adopted_at=now)

    def needs(self, stage: Stage, due: float) -> None:
        """Go to a stage; nothing is done before ``due``."""
        self.stage = stage
        self.due = due

    def drop_files(self) -> None:
        """Give the disk space back."""
        for transfer in self.transfers:
            transfer.close()
        self.transfers = []
