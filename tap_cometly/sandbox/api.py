"""The public API: keys, budgets, exports of events, contacts and companies."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from bulk_exports.sandbox.days import utc_text
from bulk_exports.sandbox.messages import HTML, PAGE, Reply, Request, error, json_reply, redirect_to_login
from tap_cometly.sandbox import validation
from tap_cometly.sandbox.files import FOLDER

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Mapping

    from bulk_exports.sandbox.faults import Fault, Faults
    from bulk_exports.sandbox.limits import Budgets, Verdict
    from bulk_exports.sandbox.links import Links
    from tap_cometly.sandbox.jobs import Job, Jobs
    from tap_cometly.sandbox.queries import Query, Space

BASE: Final = "/public-api/v1"

KeyState = Literal["active", "forbidden"]

_ROUTE: Final = re.compile(BASE + r"/(events|contacts|companies)/exports(?:/([0-9]{1,18}))?")
_READERS: Final[dict[str, Callable[..., Query]]] = {
    "events": validation.event_query,
    "contacts": validation.contact_query,
    "companies": validation.company_query,
}
_MESSAGES: Final = {
    "queued": "Your export is queued and will be processed shortly.",
    "processing": "Your export is being processed.",
    "failed": "The export could not be completed. Please try again.",
}


class Limits(NamedTuple):
    """Requests per minute."""

    create: int
    status: int


class Api:
    """Answers the requests to the API's origin."""

    def __init__(
        self,
        *,
        space: Space,
        jobs: Jobs,
        keys: Mapping[str, KeyState],
        limits: Limits,
        budgets: Budgets,
        links: Links,
        faults: Faults,
        clock: Callable[[], float],
        files_url: str,
    ) -> None:
        self._space = space
        self._quirks = space.quirks
        self._jobs = jobs
        self._keys = keys
        self._limits = limits
        self._budgets = budgets
        self._links = links
        self._faults = faults
        self._clock = clock
        self._files_url = files_url

    def answer(self, request: Request) -> Reply:
        """Answer a request."""
        if request.path == "/login":
            return Reply(200, {"Content-Type": HTML}, PAGE)
        route = _ROUTE.fullmatch(request.path)
        if not route:
            return error(404, f"The route {request.path.strip('/')} could not be found.")
        resource, digits = route.groups()
        export_id = None if digits is None else int(digits)
        method = "POST" if export_id is None else "GET"
        if request.method != method:
            allowed = f"The {request.method} method is not supported for route {request.path.strip('/')}."
            return error(405, f"{allowed} Supported methods: {method}.")
        prefix = "" if resource == "events" else f"{resource}_"
        reply = self._guarded(request, resource, prefix, export_id)
        reply.endpoint = prefix + ("create" if export_id is None else "status")
        return reply

    def _guarded(self, request: Request, resource: str, prefix: str, export_id: int | None) -> Reply:
        """Let in who has a key and some budget left."""
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        state = self._keys.get(key) if scheme.lower() == "bearer" else None
        if state is None:
            wants_json = "json" in request.headers.get("accept", "")
            return error(401, "Unauthenticated.") if wants_json else redirect_to_login()
        step, limit = ("create", self._limits.create) if export_id is None else ("status", self._limits.status)
        verdict = self._budgets.spend(key, prefix + step, limit)
        if verdict.retry_after is not None:
            reply = self._too_many(verdict)
        elif state == "forbidden":
            reply = error(403, "Forbidden. Your subscription is not active.")
        elif export_id is None:
            reply = self._create(request, resource, prefix)
        else:
            reply = self._status(resource, prefix, export_id)
        if export_id is None:
            reply.date = validation.first_day(request.body)
        else:
            reply.export_id = export_id
        reply.headers = {**verdict.headers, **reply.headers}
        return reply

    def _too_many(self, verdict: Verdict) -> Reply:
        reply = error(429, "Too Many Attempts.")
        if self._quirks.too_many_body == "html":
            reply = Reply(429, {"Content-Type": HTML}, b"<html><body>429 Too Many Requests</body></html>")
        elif self._quirks.too_many_body == "empty":
            reply = Reply(429)
        if self._quirks.reset_header:
            reply.headers["X-RateLimit-Reset"] = str(int(self._clock()) + (verdict.retry_after or 0))
        return reply

    def _create(self, request: Request, resource: str, prefix: str) -> Reply:
        fault = self._faults.take([prefix + "create"], validation.first_day(request.body))
        fate = fault if fault and fault.is_of_a_job else None
        return _meet(fault, lambda: self._created(request, resource, fate))

    def _created(self, request: Request, resource: str, fate: Fault | None) -> Reply:
        try:
            query = _READERS[resource](request.body, self._today, self._quirks)
        except validation.Invalid as invalid:
            return json_reply(422, {"message": str(invalid), "errors": invalid.errors})
        job = self._jobs.create(resource, query, fate)
        reply = json_reply(202, {"export_id": job.export_id, "status": "queued"})
        reply.export_id = job.export_id
        return reply

    def _today(self) -> dt.date:
        return self._space.days.of(self._clock())

    def _status(self, resource: str, prefix: str, export_id: int) -> Reply:
        job = self._jobs.find(resource, export_id)
        if job is None:
            return error(404, "Export not found.")
        state = self._jobs.state(job)
        steps = [prefix + "status"] + ([prefix + "link"] if state == "completed" else [])
        fault = self._faults.take(steps, job.query.date)
        told_by = fault if fault and fault.is_of_a_job else job.fate
        reply = _meet(fault, lambda: self._told(job, state, told_by))
        reply.date, reply.fault = job.query.date, fault or job.fate
        return reply

    def _told(self, job: Job, state: str, fault: Fault | None) -> Reply:
        """Return the status of a job, as it is or as a fault tells it."""
        kind = fault.kind if fault else None
        told: dict[str, Any] = {}
        if fault and kind == "not_found":
            return error(404, "Export not found.")
        if fault and kind == "unknown_status":
            state = str(fault.detail.get("word", "paused"))
        elif kind == "never_finishes" and state == "completed":
            state = "processing"
        elif fault and kind == "failed" and (fault is not job.fate or state == "completed"):
            state = "failed"
            told["message"] = fault.detail.get("message", _MESSAGES["failed"])
        elif state == "completed":
            return self._finished(job, with_link=kind != "no_link")
        told.setdefault("message", _MESSAGES.get(state, "Please check again later."))
        code = 200 if state == "failed" else self._quirks.running_code
        return json_reply(code, {**_head(job, state), **told})

    def _finished(self, job: Job, *, with_link: bool) -> Reply:
        empty_day = self._quirks.empty_day
        if empty_day in {"no_link", "failed"} and self._jobs.file(job).lines == 0:
            if empty_day == "failed":
                return json_reply(200, {**_head(job, "failed"), "message": "The export contains no data."})
            with_link = False
        told = {**_head(job, "completed"), "completed_at": utc_text(job.ends_at)}
        if with_link:
            link = self._links.sign(FOLDER + job.object_name)
            job.first_link = job.first_link or link
            if not self._quirks.fresh_links:
                link = job.first_link
            told["download_url"] = self._files_url + link
            told["expires_at"] = utc_text(self._clock() + self._links.seconds)
        return json_reply(200, told)


def _head(job: Job, state: str) -> dict[str, Any]:
    return {"export_id": job.export_id, "status": state, "created_at": utc_text(job.created_at)}


def _meet(fault: Fault | None, act: Callable[[], Reply]) -> Reply:
    """Answer truly, or what the fault says."""
    return fault.meet(act, error(500, "Server Error")) if fault else act()
