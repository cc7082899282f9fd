"""The origin behind the links, with the manners of S3."""

from __future__ import annotations

import dataclasses
import email.utils
import hashlib
import io
import re
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from tap_cometly.sandbox.events import utc_text
from tap_cometly.sandbox.faults import ANSWERS, Fault, Faults
from tap_cometly.sandbox.messages import FileSlice, Reply, Request, faulty, s3_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tap_cometly.sandbox.jobs import Job, Jobs
    from tap_cometly.sandbox.links import Links
    from tap_cometly.sandbox.quirks import Quirks

FOLDER: Final = "/cometly-exports/"

_RANGE: Final = re.compile(r"bytes=(\d*)-(\d*)")
_MEMBER_ROWS: Final = 50
_STEPS: Final = {"events": "file", "contacts": "contacts_file", "companies": "companies_file"}
_DAMAGES: Final = frozenset({"truncate", "corrupt", "trailing", "empty"})


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
        refusal = self._refusal(request)
        if job is None:
            reply = refusal or s3_error(404, "NoSuchKey", "The specified key does not exist.")
            reply.endpoint = "file"
            return reply
        step, date = _STEPS[job.resource], job.query.date
        fault = None if refusal else self._faults.take([step], date, ranged="range" in request.headers)
        reply = refusal or self._serve(request, job, fault)
        reply.endpoint, reply.date, reply.export_id, reply.fault = step, date, job.export_id, fault
        return reply

    def _refusal(self, request: Request) -> Reply | None:
        """Return what is wrong with the request, before the object is looked at."""
        if request.method not in {"GET", "HEAD"}:
            return s3_error(405, "MethodNotAllowed", "The specified method is not allowed against this resource.")
        if "authorization" in request.headers and self._quirks.files_authorization == "reject":
            return s3_error(
                400,
                "InvalidArgument",
                "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string "
                "parameter or the Authorization header should be specified",
                ArgumentName="Authorization",
                ArgumentValue="(hidden)",
            )
        query = request.query
        if "X-Amz-Signature" not in query:
            return s3_error(403, "AccessDenied", "Access Denied")
        if request.method != "GET" or not self._links.is_genuine(request.path, query):
            return s3_error(
                403,
                "SignatureDoesNotMatch",
                "The request signature we calculated does not match the signature you provided.",
            )
        if self._clock() >= self._links.expiry(query).timestamp():
            return self._expired(request)
        return None

    def _expired(self, request: Request) -> Reply:
        return s3_error(
            403,
            "AccessDenied",
            "Request has expired",
            X_Amz_Expires=request.query["X-Amz-Expires"],
            Expires=utc_text(self._links.expiry(request.query).timestamp()),
            ServerTime=utc_text(self._clock()),
        )

    def _serve(self, request: Request, job: Job, fault: Fault | None) -> Reply:
        kind = fault.kind if fault else None
        if fault and kind in ANSWERS:
            return faulty(fault, s3_error(500, "InternalError", "We encountered an internal error. Please try again."))
        if kind == "expired":
            return self._expired(request)
        if kind == "changed":
            job.order += 1
        stored = self._jobs.file(job, **_form(fault))
        file: BinaryIO = stored.path.open("rb")
        size, etag = stored.size, stored.etag
        if stored.rows == 0 and self._quirks.empty_day == "zero_bytes":
            file, size, etag = _in_memory(b"", file)
        if fault and kind in _DAMAGES:
            file, size, etag = _in_memory(_damaged(file.read(), fault), file)
        headers = {
            "Content-Type": "application/gzip",
            "ETag": etag,
            "Accept-Ranges": "bytes",
            "Last-Modified": email.utils.formatdate(job.ends_at, usegmt=True),
        }
        if self._quirks.content_encoding or kind == "content_encoding":
            headers["Content-Encoding"] = "gzip"
        if request.headers.get("if-match", etag) not in {etag, "*"}:
            file.close()
            return s3_error(
                412,
                "PreconditionFailed",
                "At least one of the pre-conditions you specified did not hold",
                Condition="If-Match",
            )
        whole = Reply(200, headers, FileSlice(file, 0, size))
        if self._quirks.range_requests == "ignore" or kind == "ignore_range":
            return whole
        return _partial(request.headers.get("range"), whole, fault)


def _partial(asked: str | None, whole: Reply, fault: Fault | None) -> Reply:
    """Return the part of a file that a Range asks for; a Range that S3 does not understand gives all."""
    match = _RANGE.fullmatch(asked or "")
    body = whole.body
    if not match or not any(match.groups()) or not isinstance(body, FileSlice):
        return whole
    size = body.length
    first, last = match.groups()
    start = int(first) if first else max(size - int(last), 0)
    end = min(int(last) if first and last else size - 1, size - 1)
    if start > end:
        body.file.close()
        refusal = s3_error(
            416,
            "InvalidRange",
            "The requested range is not satisfiable",
            RangeRequested=asked or "",
            ActualObjectSize=str(size),
        )
        refusal.headers["Content-Range"] = f"bytes */{size}"
        return refusal
    if fault and fault.kind == "wrong_content_range":
        start = min(max(start + int(fault.detail.get("shift", 1)), 0), end)
    headers = {**whole.headers, "Content-Range": f"bytes {start}-{end}/{size}"}
    return dataclasses.replace(whole, status=206, headers=headers, body=FileSlice(body.file, start, end - start + 1))


def _form(fault: Fault | None) -> dict[str, Any]:
    """Return how a fault changes the form of a file."""
    if fault is None:
        return {}
    if fault.kind == "rows":
        return {"alter": _altered(fault)}
    forms: dict[str, dict[str, Any]] = {
        "plain": {"compressed": False},
        "members": {"member_rows": fault.detail.get("rows", _MEMBER_ROWS)},
        "no_newline": {"final_newline": False},
        "crlf": {"newline": b"\r\n"},
        "blank_lines": {"blank_lines": True},
    }
    return forms.get(fault.kind, {})


def _altered(fault: Fault) -> Callable[[Iterator[bytes]], Iterable[bytes]]:
    rows = fault.detail.get("rows", ())
    if callable(rows):
        alter: Callable[[Iterator[bytes]], Iterable[bytes]] = rows
        return alter
    given = [rows] if isinstance(rows, (str, bytes)) else rows
    more = [line.encode() if isinstance(line, str) else line for line in given]

    def alter_lines(lines: Iterator[bytes]) -> Iterable[bytes]:
        if not fault.detail.get("replace"):
            yield from lines
        yield from more

    return alter_lines


def _damaged(data: bytes, fault: Fault) -> bytes:
    detail = fault.detail
    if fault.kind == "empty":
        return b""
    if fault.kind == "truncate":
        return data[: detail.get("at", len(data) // 2)]
    if fault.kind == "trailing":
        more = detail.get("data", b"\x00garbage after the end")
        return data + (more if isinstance(more, bytes) else str(more).encode())
    at = detail.get("at", len(data) // 2) % len(data)
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]


def _in_memory(data: bytes, replaced: BinaryIO) -> tuple[BinaryIO, int, str]:
    replaced.close()
    digest = hashlib.md5(data, usedforsecurity=False).hexdigest()
    return io.BytesIO(data), len(data), f'"{digest}"'
