"""The life cycle of a request: the stage it is in, and what every answer means for it.

A request passes through the stages CREATE, POLL and FETCH (which ends with the verification) and is DONE when it is
delivered or has failed. Whatever goes wrong on the way sends it back to an earlier stage, a bounded number of times.
"""

from __future__ import annotations

import collections
import math
import traceback
from typing import TYPE_CHECKING, Final, Generic

from bulk_exports.engine.errors import (
    CorruptFileError,
    ExportError,
    InvalidRowsError,
    LinkExpiredError,
    QuotaUsedUpError,
    RateLimitedError,
    StoppingError,
    UnavailableError,
    UnknownJobError,
    WindowTooLargeError,
)
from bulk_exports.engine.phrases import in_seconds, joined, lasting
from bulk_exports.engine.polling import PollRhythm
from bulk_exports.engine.task import Result, Stage, Task
from bulk_exports.engine.vendor import Delivery, Failure, JobState, JobStatus, Left, Link, RequestT, VerificationT
from bulk_exports.errors import refusal_of_the_system

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Sequence

    from bulk_exports.engine.limits import Limits
    from bulk_exports.engine.sizing import Sizing
    from bulk_exports.job_names import JobName

MAX_EXPORTS_PER_REQUEST: Final = 3
"""Jobs created for one request before it counts as failed."""
MAX_LINKS_REFUSED: Final = 3
"""Fresh links in a row that the store refused, before another export is tried."""
MAX_LOST_IN_A_ROW: Final = 8
"""Requests given up at one endpoint, without a success of anybody in between, before it counts as down for all."""
PATIENCE_WITH_UNKNOWN_SECONDS: Final = 60.0
"""For so long the vendor's own status endpoint may not know a job, or know it finished without its link."""
PATIENCE_WITH_UNKNOWN_WORDS_SECONDS: Final = 10 * 60.0
"""For so long the vendor may say nothing about a job but words that nobody knows; another export would not help."""
PROGRESS_BYTES: Final = 1024 * 1024
"""A download that broke off is making progress if it brought so much more of the file."""

FAILURES_BEFORE_SPLIT: Final = 2
"""Exports of a window that the vendor fails, or does not finish, before smaller windows are tried."""

MAX_SPLITS_FOR_ROWS: Final = 5
"""So often windows are split for rows that cannot be taken, and once more for each window that is delivered: enough to
find a bad day in a month."""

_HAS_A_REMEDY: Final = (UnknownJobError, LinkExpiredError, CorruptFileError, InvalidRowsError)
"""Errors of one request that are looked at by stage; any other that does not stop the run fails its request."""


class Lifecycle(Generic[RequestT, VerificationT]):
    """Decides where an answer sends a request. Used by one thread.

    Args:
        tasks: All requests of the run.
        limits: How much, and how long.
        log: Where to tell what went wrong and is tried again.
        export_ended: See `bulk_exports.engine.pipeline.Pipeline`.
        jitter: Turns the longest delay before a retry into the one that is waited.
        allowed_at: Tells when the rate limits let a request take the step of its stage; infinity if they cannot know.
        used_up: Tells whether nothing is left today of what a step needs, given how long it would have to wait.
        sizing: How much the vendor exports at a time.
        started: Is told of every request for which an export was created.
        give_up_export: Is told of every export that nobody will fetch, while the vendor may still be at work on it.
    """

    def __init__(
        self,
        tasks: list[Task[RequestT, VerificationT]],
        *,
        limits: Limits,
        log: logging.Logger,
        export_ended: Callable[[RequestT, float, bool], None],
        jitter: Callable[[float], float],
        allowed_at: Callable[[Stage, float], float],
        used_up: Callable[[Stage, float], QuotaUsedUpError | None],
        sizing: Sizing[RequestT],
        started: Callable[[Task[RequestT, VerificationT]], None],
        give_up_export: Callable[[JobName], None],
    ) -> None:
        self._tasks = tasks
        self._limits = limits
        self._log = log
        self._export_ended = export_ended
        self._jitter = jitter
        self._allowed_at = allowed_at
        self._used_up = used_up
        self._quotas: dict[Stage, QuotaUsedUpError] = {}
        self._sizing = sizing
        self._started = started
        self._give_up_export = give_up_export
        self._rhythm = PollRhythm(limits.polling)
        self._lost_in_a_row: collections.Counter[Stage] = collections.Counter()
        self._splits_for_rows = self._delivered = 0
        self._jobs: set[JobName] = {task.attempt.job for task in tasks if task.attempt.is_adopted}

    def advance(self, task: Task[RequestT, VerificationT], outcome: object, now: float) -> None:
        """Send a request where the outcome of its last step wants it."""
        if isinstance(outcome, BaseException) and self._is_dealt_with(task, outcome, now):
            return
        if not isinstance(outcome, LinkExpiredError):  # which may be trouble's doing
            task.attempt.trouble_is_over(task.stage)
        if not (isinstance(outcome, JobStatus) and outcome.state is JobState.UNKNOWN):
            self._lost_in_a_row[task.stage] = 0
        if task.stage is Stage.CREATE:
            self._created(task, now, outcome)
        elif task.stage is Stage.POLL:
            self._polled(task, now, outcome)
        else:
            self._fetched(task, now, outcome)
        self._let_one_find_out(now)

    def _is_dealt_with(self, task: Task[RequestT, VerificationT], error: BaseException, now: float) -> bool:
        """Deal with an error that means the same at every stage; return whether it does."""
        if isinstance(error, (RateLimitedError, UnavailableError)):
            self._try_later(task, now, error)
        elif isinstance(error, QuotaUsedUpError):
            self._quotas[task.stage] = error
            self._leave(task, error)
        elif isinstance(error, StoppingError) or not isinstance(error, Exception):
            raise error
        elif isinstance(error, WindowTooLargeError):
            self._sizing.was_too_large(task.request)
            task.attempt.last_state = JobState.FAILED  # if there is one: nothing will come of it
            if not self._replaced_by_smaller(task, str(error)):
                self._fail(task, str(error))
        elif not isinstance(error, _HAS_A_REMEDY):
            self._fail(task, str(error) if isinstance(error, ExportError) else self._unexpected(task, error))
        else:
            return False
        return True

    def left_for_later(self, task: Task[RequestT, VerificationT], wait: float) -> bool:
        """Give up a request, for today, whose next step needs what is used up; return whether that is so.

        Args:
            task: The request.
            wait: How many seconds it would have to wait for its next step.
        """
        error = self._quotas.get(task.stage) or self._used_up(task.stage, wait)
        if error is None:
            return False
        self._quotas[task.stage] = error
        self._leave(task, error)
        return True

    # Answers, by stage

    def _created(self, task: Task[RequestT, VerificationT], now: float, job: object) -> None:
        if not isinstance(job, (int, str)):
            raise TypeError(f"unexpected name of a job: {job!r}")
        if job in self._jobs:
            self._fail(task, f"the vendor returned the name of another export ({job})")
            return
        self._jobs.add(job)
        task.has_job(job, now)
        self._started(task)
        task.needs(Stage.POLL, now + self._rhythm.first(finding_out=False))

    def _let_one_find_out(self, now: float) -> None:
        """Until a job has finished nobody knows how long jobs take: one finds out for all, and another if it fails."""
        if self._rhythm.usual is not None:
            return
        followed = [task for task in self._tasks if task.stage is Stage.POLL]
        if followed and not any(task.attempt.finds_out for task in followed):
            attempt = followed[0].attempt
            attempt.finds_out = True
            followed[0].due = min(followed[0].due, max(now, attempt.created_at + self._rhythm.first()))

    def _polled(self, task: Task[RequestT, VerificationT], now: float, outcome: object) -> None:
        waited = now - task.attempt.waited_since
        if isinstance(outcome, UnknownJobError):
            self._missing(task, now, str(outcome))
            return
        task.attempt.unknown_since = None
        if not isinstance(outcome, JobStatus):
            raise TypeError(f"unexpected answer about a job: {outcome!r}")
        if outcome.state is JobState.UNKNOWN:
            self._not_understood(task, now, outcome.word)
            return
        task.attempt.unknown_words_since = None
        task.attempt.last_state = outcome.state
        if outcome.state is JobState.WAITING:
            self._waits(task, now, outcome.word)
        elif outcome.state is JobState.FAILED:
            reason = f"the export ended as '{outcome.word}': {outcome.message.rstrip('.')}"
            self._export_again(task, now, reason, of_its_size=True)
        elif outcome.state is JobState.READY:
            self._ready(task, now, outcome.links)
        elif waited >= self._limits.export_seconds:
            # How long it really took to find out: the machine may have slept since it was last asked for.
            reason = f"the export was still '{outcome.word}' after {lasting(waited)}"
            self._export_again(task, now, reason, of_its_size=True)
        else:
            self._poll_again(task, now)

    def _poll_again(self, task: Task[RequestT, VerificationT], now: float) -> None:
        attempt = task.attempt
        attempt.running_at = now
        deadline = attempt.waited_since + self._limits.export_seconds
        task.needs(Stage.POLL, min(now + self._rhythm.gap(now - attempt.began_at), deadline))

    def _waits(self, task: Task[RequestT, VerificationT], now: float, word: str) -> None:
        """Let an export wait for its turn; that others are before it is nobody's fault."""
        attempt = task.attempt
        attempt.queued_at = attempt.running_at = now
        waited = now - attempt.followed_since
        if waited < self._limits.queue_seconds:
            deadline = attempt.followed_since + self._limits.queue_seconds
            task.needs(Stage.POLL, min(now + self._rhythm.gap_in_queue(waited), deadline))
            return
        self._export_ended(task.request, now - attempt.created_at, False)
        self._give_up(task, f"the export has been '{word}' in the vendor's queue for {lasting(waited)}")

    def _not_understood(self, task: Task[RequestT, VerificationT], now: float, word: str) -> None:
        """Ask again for a while: what the word means shows in what follows it, if anything does."""
        attempt = task.attempt
        if attempt.unknown_words_since is None:
            attempt.unknown_words_since = now
            self._log.warning("%s: the export is '%s', a status that is not known; asking again", task.request, word)
        lasted = now - attempt.unknown_words_since
        patience = min(PATIENCE_WITH_UNKNOWN_WORDS_SECONDS, self._limits.export_seconds)
        if lasted < patience * self._remaining_patience(task.stage):
            self._poll_again(task, now)
            return
        self._export_ended(task.request, now - attempt.created_at, False)
        self._give_up(
            task,
            f"the export is '{word}', a status that is not known, and has been for {lasting(lasted)}. "
            "See whether a newer version of the tap knows it",
        )

    def _missing(self, task: Task[RequestT, VerificationT], now: float, reason: str) -> None:
        """Ask again for a while: a new job may not have got about, and an answer may be a slip."""
        if task.attempt.unknown_since is None:
            task.attempt.unknown_since = now
        if now - task.attempt.unknown_since < PATIENCE_WITH_UNKNOWN_SECONDS:
            task.needs(Stage.POLL, now + self._rhythm.gap(now - task.attempt.unknown_since))
        else:
            self._export_again(task, now, reason)

    def _ready(self, task: Task[RequestT, VerificationT], now: float, links: tuple[Link, ...]) -> None:
        if task.attempt.ready_at is None:
            task.attempt.ready_at = now
            began_at, running_at = task.attempt.began_at, task.attempt.running_at
            # When one of an earlier run was finished nobody knows, unless it was seen running.
            if running_at is not None or not task.attempt.is_adopted:
                self._rhythm.finished(now - began_at, 0.0 if running_at is None else running_at - began_at)
            self._plan_first_polls_anew()
            self._sizing.fitted(task.request)
            self._export_ended(task.request, now - task.attempt.created_at, True)
        if len(links) != len(task.attempt.links):
            task.drop_files()
        task.attempt.links = links
        task.attempt.links_are_fresh = True
        task.needs(Stage.FETCH, now)

    def _plan_first_polls_anew(self) -> None:
        for task in self._tasks:
            never_asked = task.attempt.running_at is None and task.attempt.ready_at is None
            if task.stage is Stage.POLL and never_asked and not task.busy:
                task.due = min(task.due, task.attempt.created_at + self._rhythm.first())

    def _fetched(self, task: Task[RequestT, VerificationT], now: float, outcome: object) -> None:
        if isinstance(outcome, Delivery):
            self._delivered += 1
            self._finish(task, outcome)
        elif isinstance(outcome, InvalidRowsError):
            self._rows_refused(task, str(outcome))
        elif isinstance(outcome, LinkExpiredError):
            task.attempt.links_refused = task.attempt.links_refused + 1 if task.attempt.links_are_fresh else 0
            if task.attempt.links_refused < MAX_LINKS_REFUSED:
                self._log.info("%s: %s; asking for a fresh link", task.request, outcome)
                task.needs(Stage.POLL, now)
            else:
                self._export_again(task, now, str(outcome))
        elif isinstance(outcome, CorruptFileError):
            task.drop_files()
            if task.attempt.damaged:
                self._export_again(task, now, str(outcome))
            else:
                self._log.warning("%s: %s; downloading it again", task.request, outcome)
                task.attempt.damaged = True
                task.needs(Stage.POLL, now)
        else:
            raise TypeError(f"unexpected outcome of a download: {outcome!r}")

    # Trouble

    def _rows_refused(self, task: Task[RequestT, VerificationT], reason: str) -> None:
        """Fail the days whose rows cannot be taken, and no others; what is wrong everywhere is not split for long."""
        if self._splits_for_rows < MAX_SPLITS_FOR_ROWS + self._delivered and self._replaced_by_smaller(task, reason):
            self._splits_for_rows += 1
        else:
            self._fail(task, reason)

    def _try_later(
        self, task: Task[RequestT, VerificationT], now: float, error: RateLimitedError | UnavailableError
    ) -> None:
        """Wait and try the same again, unless it has not worked for too long."""
        if self._progressed(task):
            task.attempt.trouble_is_over(task.stage)
        task.attempt.links_are_fresh = False
        trouble = task.attempt.trouble(task.stage, error, now)
        lasted = now - trouble.since
        throttled = isinstance(error, RateLimitedError)
        patience = self._limits.throttled_seconds if throttled else self._limits.trouble_seconds
        if lasted >= patience * self._remaining_patience(task.stage):
            self._give_up(task, f"{error} (for {lasting(lasted)})")
        elif throttled:
            task.due = now  # the budget knows how long to wait
        else:
            task.due = now + max(self._jitter(next(trouble.delays)), error.pause_seconds)
            when = in_seconds(max(task.due, self._allowed_at(task.stage, now)) - now)
            self._log.warning("%s: %s; trying again %s", task.request, error, when)

    def _progressed(self, task: Task[RequestT, VerificationT]) -> bool:
        """Whether the last attempt brought a good part of the file, so that another one is likely to help."""
        received = sum(transfer.received for transfer in task.transfers)
        progressed = received >= task.attempt.most_received + PROGRESS_BYTES
        task.attempt.most_received = max(task.attempt.most_received, received)
        return progressed

    def _remaining_patience(self, stage: Stage) -> float:
        """Return the part of its patience that a request has left: less with every request that was lost before it.

        So an endpoint that is down does not cost the full patience for each of many requests. Where budgets let only
        one of them ask at a time, as when each is refused, they would wait one after the other: eight hours, not two.
        """
        lost = self._lost_in_a_row[stage]
        return 0.5**lost if lost < MAX_LOST_IN_A_ROW else 0.0

    def _give_up(self, task: Task[RequestT, VerificationT], reason: str) -> None:
        stage = task.stage
        self._fail(task, reason)
        self._lost_in_a_row[stage] += 1
        if self._lost_in_a_row[stage] == MAX_LOST_IN_A_ROW:
            for other in self._tasks:
                if other.stage <= stage and not other.busy:
                    self._fail(other, f"skipped: {MAX_LOST_IN_A_ROW} exports in a row failed the same way: {reason}")

    def _export_again(
        self, task: Task[RequestT, VerificationT], now: float, reason: str, *, of_its_size: bool = False
    ) -> None:
        """Create another export, or fail.

        Args:
            task: The request.
            now: The present moment.
            reason: What went wrong.
            of_its_size: Whether it may be that the window is too large.
        """
        if task.attempt.ready_at is None:
            self._export_ended(task.request, now - task.attempt.created_at, False)
        self._gives_up(task)
        task.drop_files()
        if task.attempt.is_adopted:
            self._log.info("%s: the export of an earlier run is of no use: %s; creating another", task.request, reason)
            task.needs(Stage.CREATE, now)
            return
        if of_its_size and task.exports >= FAILURES_BEFORE_SPLIT:
            self._sizing.failed(task.request)
            if self._replaced_by_smaller(task, reason):
                return
        if task.exports >= MAX_EXPORTS_PER_REQUEST:
            self._fail(task, f"{reason} (export {task.exports} of {MAX_EXPORTS_PER_REQUEST})")
            return
        self._log.warning("%s: %s; creating another export", task.request, reason)
        task.needs(Stage.CREATE, now)

    def split_ahead(self, task: Task[RequestT, VerificationT]) -> bool:
        """Put smaller requests in the place of one that nobody has asked for yet, if it would be too large."""
        if task.stage is not Stage.CREATE or task.exports or not self._sizing.is_too_large(task.request):
            return False
        parts = self._sizing.parts(task.request)
        if parts:
            self._log.info("%s: asking for %s, because so much was too large before", task.request, joined(parts))
            self._replace(task, parts)
        return bool(parts)

    def _replaced_by_smaller(self, task: Task[RequestT, VerificationT], reason: str) -> bool:
        """Put smaller requests in the place of one, if there are any."""
        parts = self._sizing.parts(task.request)
        if not parts:
            return False
        self._log.warning("%s: %s; asking for %s instead", task.request, reason, joined(parts))
        self._replace(task, parts)
        return True

    def _replace(self, task: Task[RequestT, VerificationT], parts: Sequence[RequestT]) -> None:
        place = self._tasks.index(task)
        self._tasks[place : place + 1] = map(Task, parts)
        task.drop_files()
        task.needs(Stage.DONE, math.inf)

    def _gives_up(self, task: Task[RequestT, VerificationT]) -> None:
        """Note that nobody will fetch the export of a request."""
        attempt = task.attempt
        if task.stage is Stage.POLL and not attempt.has_ended and not attempt.is_given_up:
            attempt.is_given_up = True
            self._give_up_export(attempt.job)

    def _fail(self, task: Task[RequestT, VerificationT], reason: str) -> None:
        self._log.error("%s is not delivered: %s", task.request, reason)
        self._gives_up(task)
        task.drop_files()
        self._finish(task, Failure(task.request, reason))

    def _unexpected(self, task: Task[RequestT, VerificationT], error: Exception) -> str:
        """Name an error without its text, which may quote anything."""
        if refusal := refusal_of_the_system(error):
            return str(refusal)
        self._log.debug("%s: where it happened:\n%s", task.request, "".join(traceback.format_tb(error.__traceback__)))
        what = {Stage.CREATE: "created", Stage.POLL: "asked for"}.get(task.stage, "read")
        return f"the export cannot be {what} ({type(error).__name__}). This is a fault of the tap: please report it"

    def _leave(self, task: Task[RequestT, VerificationT], error: QuotaUsedUpError) -> None:
        task.drop_files()
        task.is_left = task.stage is not Stage.CREATE
        self._finish(task, Left(task.request, task.attempt.job if task.is_left else None, error))

    def _finish(self, task: Task[RequestT, VerificationT], result: Result[RequestT, VerificationT]) -> None:
        task.result = result
        task.needs(Stage.DONE, math.inf)
