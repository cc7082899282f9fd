"""The Export API: token, business unit, quota, version; exports, and their files."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import re
from typing import TYPE_CHECKING, Any, Final

from bulk_exports.sandbox import files
from bulk_exports.sandbox.messages import Reply, Request, faulty, json_reply
from bulk_exports.sandbox.shelf import Form
from tap_pardot_exports.sandbox import queries
from tap_pardot_exports.sandbox.content import Content
from tap_pardot_exports.sandbox.errors import error
from tap_pardot_exports.sandbox.queries import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from bulk_exports.sandbox.days import Days
    from bulk_exports.sandbox.faults import Fault, Faults
    from bulk_exports.sandbox.shelf import Shelf
    from tap_pardot_exports.sandbox.content import Writer
    from tap_pardot_exports.sandbox.jobs import Job, Jobs
    from tap_pardot_exports.sandbox.login import Login
    from tap_pardot_exports.sandbox.quirks import Quirks

_UNIT: Final = re.compile(r"0Uv[0-9A-Za-z]{15}")
_OLD: Final = re.compile(r"/api/export/version/([34])/do/(create|query|(?:read|cancel)/id/(\d{1,9}))")
_NEW: Final = re.compile(r"/api/v5/exports(?:/(\d{1,9})(/do/cancel)?)?")
_FILE: Final = re.compile(
    r"/api/(?:export/version/[34]/do/downloadResults/id/(\d{1,9})/file/(\d{1,9})|v5/exports/(\d{1,9})/results/(\d{1,9}))"
)
FOREIGN: Final = re.compile(r"/store/(\d{1,9})/(\d{1,9})")
_FIRST_FILE: Final = 23_190


@dataclasses.dataclass
class Account:
    """A business unit, as far as the API looks at it.

    Attributes:
        unit: Its number.
        versions: Which versions it may use.
        calls_per_day: How many calls a day may have.
        custom_fields: Names of fields besides the usual ones.
        refused_procedures: What it does not answer, such as ``visitorActivity.filter_by_updated_at``.
        denied: Objects whose ability the user lacks.
        files: Into how many files the rows of an export are split at most.
    """

    unit: str
    versions: frozenset[int]
    calls_per_day: int
    custom_fields: frozenset[str]
    refused_procedures: frozenset[str]
    denied: frozenset[str]
    files: int


@dataclasses.dataclass(frozen=True)
class Call:
    """A call that is known: what it is for."""

    endpoint: str
    version: int
    job_id: int | None = None
    file: int = 0


class Api:
    """Answers the requests to the API, and those for files."""

    def __init__(
        self,
        *,
        account: Account,
        login: Login,
        jobs: Jobs,
        writer: Writer,
        shelf: Shelf[Content],
        faults: Faults,
        quirks: Quirks,
        days: Days,
        clock: Callable[[], float],
        urls: Callable[[], tuple[str, str]],
    ) -> None:
        self._account = account
        self._login = login
        self._jobs = jobs
        self._writer = writer
        self._shelf = shelf
        self._faults = faults
        self._quirks = quirks
        self._days = days
        self._clock = clock
        self._urls = urls
        self._reader = queries.Reader(
            days=days,
            clock=clock,
            quirks=quirks,
            custom=account.custom_fields,
            refused=account.refused_procedures,
        )
        self._calls: dict[dt.date, int] = {}
        self._orders: dict[int, int] = {}

    def calls_on(self, day: dt.date) -> int:
        """Return how many calls a day has had."""
        return self._calls.get(day, 0)

    def answer(self, request: Request) -> Reply:
        """Answer a request to the API's origin."""
        call = _call(request)
        if call is None:
            return self._error(198, 5 if "/v5/" in request.path else 4, request)
        reply = self._refused(request, call) or self._act(request, call)
        reply.endpoint = call.endpoint
        if call.job_id is not None:
            reply.export_id = call.job_id
            job = self._jobs.find(call.job_id)
            reply.date = job.day if job else None
        return reply

    def answer_elsewhere(self, request: Request) -> Reply:
        """Answer a request to a store that wants no token, and refuses whoever shows one."""
        match = FOREIGN.fullmatch(request.path)
        job = self._jobs.find(int(match[1])) if match else None
        if match is None or job is None or "authorization" in request.headers:
            return Reply(400 if job else 404, {"Content-Type": "text/plain"}, b"no")
        fault = self._faults.take(["file"], job.day, ranged="range" in request.headers)
        reply = self._file(request, job, int(match[2]), fault)
        reply.endpoint, reply.export_id, reply.date, reply.fault = "file", job.id, job.day, fault
        return reply

    # Who asks

    def _refused(self, request: Request, call: Call) -> Reply | None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        unit = request.headers.get("pardot-business-unit-id")
        code = None
        if scheme.lower() != "bearer" or not self._login.is_good(token):
            code = 184
        elif unit is None:
            code = 181
        elif not _UNIT.fullmatch(unit):
            code = 182
        elif unit != self._account.unit:
            code = 201
        elif self._is_used_up():
            code = 122
        elif call.endpoint != "file" and call.version not in self._account.versions:
            code = {3: 88, 4: 89}.get(call.version, 198)
        return None if code is None else self._error(code, call.version, request)

    def _is_used_up(self) -> bool:
        today = self._days.of(self._clock())
        if self.calls_on(today) >= self._account.calls_per_day:
            return True
        self._calls[today] = self.calls_on(today) + 1
        return False

    # What is asked

    def _act(self, request: Request, call: Call) -> Reply:
        job = self._jobs.find(call.job_id) if call.job_id is not None else None
        day = job.day if job else queries.first_day(request.body)
        steps = [call.endpoint]
        if call.endpoint == "status" and job and self._jobs.state(job) == "Complete":
            steps.append("link")
        fault = self._faults.take(steps, day, ranged="range" in request.headers)
        acts: dict[str, Callable[[], Reply]] = {
            "create": lambda: self._create(request, call, fault),
            "status": lambda: self._status(request, call, job, fault),
            "cancel": lambda: self._cancel(request, call, job),
            "query": lambda: self._query(call),
            "file": lambda: self._download(request, call, job, fault),
        }
        reply = self._met(fault, acts[call.endpoint], request, call)
        reply.date = reply.date or day
        reply.fault = fault or (job.fate if job else None)
        return reply

    def _met(self, fault: Fault | None, act: Callable[[], Reply], request: Request, call: Call) -> Reply:
        """Answer truly, or what the fault says."""
        if fault is None or (call.endpoint == "file" and fault.kind in fault.objects):
            return act()
        detail = fault.detail
        default = self._error(183, call.version, request)
        if fault.kind != "code":
            return fault.meet(act, default)
        if detail.get("handled"):
            act()
        return error(
            int(detail.get("code", 183)),
            call.version,
            self._quirks,
            words=str(detail.get("message", "")),
            status=detail.get("status"),
            xml=detail.get("form", "json" if call.version == 5 or _wants_json(request) else "xml") == "xml",
        )

    def _create(self, request: Request, call: Call, fault: Fault | None) -> Reply:
        try:
            query = self._reader.read(request.body, call.version)
        except Refusal as refusal:
            return self._error(refusal.code, call.version, request, refusal.words)
        if query.thing.name in self._account.denied:
            return self._error(49, call.version, request)
        fate = fault if fault and fault.is_of_a_job else None
        job = self._jobs.create(query, queries.first_day(request.body), fate)
        reply = self._told(job, call, 200 if call.version != 5 else self._quirks.created_status)
        reply.export_id = job.id
        return reply

    def _status(self, request: Request, call: Call, job: Job | None, fault: Fault | None) -> Reply:
        told_by = fault if fault and fault.is_of_a_job else job.fate if job else None
        too_early = job is not None and self._clock() < job.created_at + self._quirks.read_lag
        if job is None or too_early or (told_by and told_by.kind == "not_found"):
            return self._error(192, call.version, request)
        if call.version == 5 and self._quirks.fields_on_read and "fields" not in request.query:
            return self._error(153, call.version, request)
        return self._told(job, call, 200, told_by if fault else None)

    def _told(self, job: Job, call: Call, status: int, fault: Fault | None = None) -> Reply:
        """Return what is said of an export, as it is or as a fault tells it."""
        state = self._jobs.state(job)
        fault = fault or job.fate
        expired = self._jobs.is_expired(job) or bool(fault and fault.kind == "expired" and state == "Complete")
        told: dict[str, Any] = {"id": job.id, "state": state, "isExpired": expired}
        if fault and fault.kind == "unknown_status":
            told["state"] = str(fault.detail.get("word", "Paused"))
        elif fault and fault is not job.fate and fault.kind in {"failed", "canceled"}:
            told["state"] = fault.kind.capitalize()
        elif fault and fault is not job.fate and fault.kind == "never_finishes":
            told["state"] = "Processing"
        elif state == "Complete":
            told["state"] = self._quirks.complete_word
            if not expired and not (fault and fault.kind == "no_link"):
                told.update(self._refs(job, call))
        told["createdAt"], told["updatedAt"] = self._written(job.created_at, call), self._written(self._clock(), call)
        return json_reply(status, told if call.version == 5 or not self._quirks.wrapped else {"export": told})

    def _written(self, moment: float, call: Call) -> str:
        local = dt.datetime.fromtimestamp(moment, self._days.zone).replace(microsecond=0)
        return local.isoformat() if call.version == 5 else local.strftime("%Y-%m-%d %H:%M:%S")

    def _refs(self, job: Job, call: Call) -> dict[str, Any]:
        count = self._files_of(job)
        refs: list[str] = []
        api, elsewhere = self._urls()
        for number in range(count):
            path = f"/api/export/version/{call.version}/do/downloadResults/id/{job.id}/file/{_FIRST_FILE + number}"
            if call.version == 5:
                path = f"/api/v5/exports/{job.id}/results/{_FIRST_FILE + number}"
            whole = {"relative": path, "other_host": f"{elsewhere}/store/{job.id}/{_FIRST_FILE + number}"}
            refs.append(whole.get(self._quirks.refs, api + path))
        if not refs:
            nothing: dict[str, dict[str, Any]] = {"null": {"resultRefs": None}, "empty_list": {"resultRefs": []}}
            return nothing.get(self._quirks.no_data, {})
        return {"resultRefs": refs[0] if len(refs) == 1 and self._quirks.one_file == "string" else refs}

    def _files_of(self, job: Job) -> int:
        if job.query is None:
            return 0
        if job.rows is None:
            job.rows = sum(1 for _ in self._writer.rows(job.query, job.ends_at))
        least = 1 if self._quirks.no_data == "header_only" else 0
        return max(min(self._account.files, job.rows), least)

    def _cancel(self, request: Request, call: Call, job: Job | None) -> Reply:
        if job is None:
            return self._error(192, call.version, request)
        if not self._jobs.cancel(job):
            return self._error(178, call.version, request)
        return self._told(job, call, 200)

    def _query(self, call: Call) -> Reply:
        exports = [self._told(job, call, 200) for job in self._jobs.all() if job.query][::-1]
        bare = []
        for reply in exports:
            told = json.loads(reply.body) if isinstance(reply.body, bytes) else {}
            bare.append({name: value for name, value in told.get("export", told).items() if name != "resultRefs"})
        if call.version == 5:
            return json_reply(200, {"values": bare, "nextPageToken": None})
        found = {"export": bare[0] if len(bare) == 1 else bare} if bare else {}
        return json_reply(200, {"result": {"total_results": len(bare), **found}})

    # Files

    def _download(self, request: Request, call: Call, job: Job | None, fault: Fault | None) -> Reply:
        if job is None:
            return self._error(192, call.version, request)
        expired = self._jobs.is_expired(job) or (fault is not None and fault.kind == "expired")
        if self._jobs.state(job) != "Complete" or expired:
            return self._error(178, call.version, request)
        if self._quirks.refs == "redirect":
            return Reply(302, {"Location": f"{self._urls()[1]}/store/{job.id}/{call.file}"})
        return self._file(request, job, call.file, fault)

    def _file(self, request: Request, job: Job, name: int, fault: Fault | None) -> Reply:
        count = self._files_of(job)
        if job.query is None or not 0 <= name - _FIRST_FILE < count:
            return Reply(404, {"Content-Type": "text/plain"}, b"no such file")
        if fault and fault.is_an_answer:
            return faulty(fault, Reply(500, {"Content-Type": "text/plain"}, b"try again"))
        if fault and fault.kind == "changed":
            self._orders[job.id] = self._orders.get(job.id, 0) + 1
        newline = b"\r\n" if self._quirks.line_ends == "crlf" else b"\n"
        form = {"compressed": False, "newline": newline, "order": self._orders.get(job.id, 0), **files.form_of(fault)}
        stored = self._shelf.build(Content(job.query, job.ends_at, name - _FIRST_FILE, count), Form(**form)).result()
        return files.serve(request, stored, fault, made_at=job.ends_at, content_type="text/csv; charset=utf-8")

    def _error(self, code: int, version: int, request: Request, words: str = "") -> Reply:
        return error(code, version, self._quirks, words=words, xml=version != 5 and not _wants_json(request))


def _wants_json(request: Request) -> bool:
    return request.query.get("format") == "json"


def _call(request: Request) -> Call | None:
    """Return what a request is for; None for a path or a method that there is not."""
    if match := _FILE.fullmatch(request.path):
        old, old_file, new, new_file = match.groups()
        call = Call("file", 4 if old else 5, int(old or new), int(old_file or new_file))
        return call if request.method == "GET" else None
    if match := _OLD.fullmatch(request.path):
        version, what, number = match.groups()
        endpoint = {"read": "status"}.get(what.partition("/")[0], what.partition("/")[0])
        call = Call(endpoint, int(version), int(number) if number else None)
    elif match := _NEW.fullmatch(request.path):
        number, cancel = match.groups()
        if number is None:
            call = Call("create" if request.method == "POST" else "query", 5)
        else:
            call = Call("cancel" if cancel else "status", 5, int(number))
    else:
        return None
    return call if request.method == ("POST" if call.endpoint in {"create", "cancel"} else "GET") else None
