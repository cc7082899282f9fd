"""The steps of a request: to create its export, to ask for it, to fetch it. Each is done in a thread of its own."""

from __future__ import annotations

import contextlib
import os
import threading
from typing import IO, TYPE_CHECKING, Generic

from bulk_exports.engine.download import Transfer, bare_session
from bulk_exports.engine.errors import InvalidAnswerError, WindowTooLargeError
from bulk_exports.engine.task import Stage, Task
from bulk_exports.engine.vendor import Delivery, JobState, JobStatus, RequestT, Vendor, VerificationT
from bulk_exports.job_names import job_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from bulk_exports.engine.budgets import JobCap
    from bulk_exports.engine.clock import Clock
    from bulk_exports.job_names import JobName


class Workers(Generic[RequestT, VerificationT]):
    """Whoever is at work on requests. Nobody waits for them: they report.

    Args:
        vendor: Who makes the exports.
        verify: See `bulk_exports.engine.pipeline.Pipeline`.
        report: Takes what came of a step: the answer or the delivery, or what went wrong.
        job_cap: Is told which exports are under way.
        clock: Time.
        read_seconds: Longest silence of a file store before a download counts as broken.
    """

    def __init__(
        self,
        vendor: Vendor[RequestT],
        *,
        verify: Callable[[RequestT, tuple[IO[bytes], ...]], VerificationT],
        report: Callable[[Task[RequestT, VerificationT], object], None],
        job_cap: JobCap,
        clock: Clock,
        read_seconds: float,
    ) -> None:
        self._vendor = vendor
        self._verify = verify
        self._report = report
        self._job_cap = job_cap
        self._now = clock.now
        self._read_seconds = read_seconds
        self._session = bare_session()
        self._stopped = threading.Event()

    def start(self, task: Task[RequestT, VerificationT]) -> None:
        """Begin with the step of a request's stage, for which budgets have been spent."""
        steps: dict[Stage, Callable[[Task[RequestT, VerificationT]], object]] = {
            Stage.CREATE: self._create,
            Stage.POLL: self._poll,
            Stage.FETCH: self._fetch,
        }
        name = f"{task.stage.name.lower()} {task.request}"
        threading.Thread(target=self._work, args=(steps[task.stage], task), name=name, daemon=True).start()

    def stop(self) -> None:
        """Note that nobody listens any more: whoever is still at work cleans up after itself."""
        self._stopped.set()

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _work(
        self, step: Callable[[Task[RequestT, VerificationT]], object], task: Task[RequestT, VerificationT]
    ) -> None:
        try:
            outcome = step(task)
        except BaseException as error:  # noqa: BLE001 - the coordinator raises what it does not expect
            outcome = error
        self._report(task, outcome)
        if self._stopped.is_set():
            task.drop_files()

    def _create(self, task: Task[RequestT, VerificationT]) -> JobName:
        job = self._vendor.create(task.request)
        try:
            job = job_name(job)
        except ValueError as error:
            raise InvalidAnswerError(f"the name that the vendor gave the export {error}") from None
        self._job_cap.started(job, self._now())
        return job

    def _poll(self, task: Task[RequestT, VerificationT]) -> JobStatus:
        job = task.attempt.job
        try:
            status = self._vendor.status(job)
        except WindowTooLargeError:
            self._job_cap.ended(job)
            raise
        if status.state in {JobState.READY, JobState.FAILED}:
            self._job_cap.ended(job)
        return status

    def _fetch(self, task: Task[RequestT, VerificationT]) -> Delivery[RequestT, VerificationT]:
        while len(task.transfers) < len(task.attempt.links):
            task.transfers.append(Transfer(self._session, now=self._now, read_seconds=self._read_seconds))
        with contextlib.ExitStack() as stack:
            arriving = [
                stack.enter_context(transfer.arriving(link))
                for transfer, link in zip(task.transfers, task.attempt.links, strict=True)
            ]
            verification = self._verify(task.request, tuple(arriving))
            for file in arriving:
                file.seek(0, os.SEEK_END)  # whatever the verification needed of it, all of it must have arrived
        return Delivery(
            request=task.request,
            job=task.attempt.job,
            files=tuple(transfer.file for transfer in task.transfers),
            verification=verification,
            file_bytes=sum(transfer.received for transfer in task.transfers),
            created_at=task.attempt.created_at,
            ready_at=task.attempt.ready_at or task.attempt.created_at,
        )
