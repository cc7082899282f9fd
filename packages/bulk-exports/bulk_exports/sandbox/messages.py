"""Requests and replies, free of sockets."""

from __future__ import annotations

import dataclasses
import html
import json
import urllib.parse
from typing import TYPE_CHECKING, Any, BinaryIO, Final

if TYPE_CHECKING:
    import datetime as dt

    from bulk_exports.sandbox.faults import Fault

JSON: Final = "application/json"
HTML: Final = "text/html; charset=UTF-8"
XML: Final = "application/xml"
PAGE: Final = b"<!DOCTYPE html>\n<html><head><title>Log in</title></head><body><h1>Log in</h1></body></html>\n"


@dataclasses.dataclass(frozen=True)
class Request:
    """What a client asks. Header names are in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes = b""

    @property
    def path(self) -> str:
        """The path without the query."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> dict[str, str]:
        """The query; of a repeated name the last value."""
        return dict(urllib.parse.parse_qsl(self.target.partition("?")[2], keep_blank_values=True))


@dataclasses.dataclass
class FileSlice:
    """A part of an open file; whoever sends it closes it."""

    file: BinaryIO
    start: int
    length: int


@dataclasses.dataclass
class Reply:
    """What the client gets.

    Attributes:
        status: HTTP status.
        headers: Without Content-Length, Date and Connection.
        body: What follows them.
        endpoint: For the request log: which endpoint answered.
        date: For the request log: the first day of the export.
        export_id: For the request log.
        fault: The fault that the request met.
    """

    status: int
    headers: dict[str, str] = dataclasses.field(default_factory=dict)
    body: bytes | FileSlice = b""
    endpoint: str = "other"
    date: dt.date | None = None
    export_id: int | None = None
    fault: Fault | None = None


def json_reply(status: int, value: Any) -> Reply:
    """Return ``value`` as JSON."""
    return Reply(status, {"Content-Type": JSON}, json.dumps(value, ensure_ascii=False).encode())


def error(status: int, message: str) -> Reply:
    """Return an error in the commonest form."""
    return json_reply(status, {"message": message})


def redirect_to_login() -> Reply:
    """Return what web frameworks answer to somebody who is not logged in and does not ask for JSON."""
    return Reply(302, {"Content-Type": HTML, "Location": "/login"}, PAGE)


def s3_error(status: int, code: str, message: str, **more: str) -> Reply:
    """Return an error as S3 words it."""
    elements = {"Code": code, "Message": message, **{name.replace("_", "-"): value for name, value in more.items()}}
    inner = "".join(f"<{name}>{html.escape(value)}</{name}>" for name, value in elements.items())
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{inner}<RequestId>SANDBOX</RequestId></Error>'
    return Reply(status, {"Content-Type": XML}, body.encode())


def faulty(fault: Fault, default: Reply) -> Reply:
    """Return what a fault answers instead of the truth; ``default`` is the origin's way to word a server error."""
    detail = fault.detail
    if fault.kind == "redirect":
        return redirect_to_login()
    if fault.kind == "html":
        return Reply(200, {"Content-Type": HTML}, _bytes(detail.get("body", PAGE)))
    if fault.kind == "not_json":
        return Reply(200, {"Content-Type": JSON}, _bytes(detail.get("body", b'{"id": 1, "sta')))
    reply = dataclasses.replace(default, status=int(detail.get("status", 500)), headers=dict(default.headers))
    if "message" in detail:
        reply.body = json.dumps({"message": detail["message"]}).encode()
    if "body" in detail:
        reply.body = _bytes(detail["body"])
    if detail.get("retry_after") is not None:
        reply.headers["Retry-After"] = str(detail["retry_after"])
    reply.headers.update({name: str(value) for name, value in (detail.get("headers") or {}).items()})
    return reply


def _bytes(body: Any) -> bytes:
    if isinstance(body, bytes):
        return body
    return body.encode() if isinstance(body, str) else json.dumps(body).encode()
