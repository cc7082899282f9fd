"""The origin behind the links, with the manners of S3."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bulk_exports.sandbox import files
from bulk_exports.sandbox.messages import Reply, Request, faulty, s3_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from bulk_exports.sandbox.faults import Fault, Faults
    from bulk_exports.sandbox.links import Links
    from tap_cometly.sandbox.jobs import Job, Jobs
    from tap_cometly.sandbox.quirks import Quirks

FOLDER: Final = "/cometly-exports/"

_STEPS: Final = {"events": "file", "contacts": "contacts_file", "companies": "companies_file"}


class Files:
    """Answers the requests for finished files."""

    def __init__(self, *, jobs: Jobs, links: Links, faults: Faults, quirks: Quirks, clock: Callable[[], float]) -> None:
        self._jobs = jobs
        self._links = links
        self._faults = faults
        self._quirks = quirks
        self._clock = clock

    def answer(self, request: Request) -> Reply:
        """Answer a request."""
        job = self._jobs.of_object(request.path.removeprefix(FOLDER))
        refusal = files.refusal(
            request, self._links, self._clock, allows_authorization=self._quirks.files_authorization == "ignore"
        )
        if job is None:
            reply = refusal or s3_error(404, "NoSuchKey", "The specified key does not exist.")
            reply.endpoint = "file"
            return reply
        step, date = _STEPS[job.resource], job.query.date
        fault = None if refusal else self._faults.take([step], date, ranged="range" in request.headers)
        reply = refusal or self._serve(request, job, fault)
        reply.endpoint, reply.date, reply.export_id, reply.fault = step, date, job.export_id, fault
        return reply

    def _serve(self, request: Request, job: Job, fault: Fault | None) -> Reply:
        if fault and fault.is_an_answer:
            return faulty(fault, s3_error(500, "InternalError", "We encountered an internal error. Please try again."))
        if fault and fault.kind == "expired":
            return files.expired(request, self._links, self._clock)
        if fault and fault.kind == "changed":
            job.order += 1
        stored = self._jobs.file(job, **files.form_of(fault))
        return files.serve(
            request,
            stored,
            fault,
            made_at=job.ends_at,
            content_type="application/gzip",
            content_encoding="gzip" if self._quirks.content_encoding else None,
            ranges=self._quirks.range_requests == "honour",
            nothing=stored.lines == 0 and self._quirks.empty_day == "zero_bytes",
        )
