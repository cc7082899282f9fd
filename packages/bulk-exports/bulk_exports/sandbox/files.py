"""How a finished file is served: in whole or in part, in the manners of S3, or damaged as a fault wants it."""

from __future__ import annotations

import dataclasses
import email.utils
import hashlib
import io
import re
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from bulk_exports.sandbox.days import utc_text
from bulk_exports.sandbox.messages import FileSlice, Reply, Request, s3_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from bulk_exports.sandbox.faults import Fault
    from bulk_exports.sandbox.links import Links
    from bulk_exports.sandbox.shelf import StoredObject

_RANGE: Final = re.compile(r"bytes=(\d*)-(\d*)")
_MEMBER_ROWS: Final = 50
_DAMAGES: Final = frozenset({"truncate", "corrupt", "trailing", "empty"})


def refusal(
    request: Request, links: Links, clock: Callable[[], float], *, allows_authorization: bool = False
) -> Reply | None:
    """Return what is wrong with a request for a presigned link, before the object is looked at."""
    if request.method not in {"GET", "HEAD"}:
        return s3_error(405, "MethodNotAllowed", "The specified method is not allowed against this resource.")
    if "authorization" in request.headers and not allows_authorization:
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
    if request.method != "GET" or not links.is_genuine(request.path, query):
        return s3_error(
            403,
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided.",
        )
    if clock() >= links.expiry(query).timestamp():
        return expired(request, links, clock)
    return None


def expired(request: Request, links: Links, clock: Callable[[], float]) -> Reply:
    """Return what S3 answers to a link that is too old."""
    return s3_error(
        403,
        "AccessDenied",
        "Request has expired",
        X_Amz_Expires=request.query["X-Amz-Expires"],
        Expires=utc_text(links.expiry(request.query).timestamp()),
        ServerTime=utc_text(clock()),
    )


def serve(
    request: Request,
    stored: StoredObject,
    fault: Fault | None,
    *,
    made_at: float,
    content_type: str,
    content_encoding: str | None = None,
    ranges: bool = True,
    nothing: bool = False,
) -> Reply:
    """Return a stored file, or the part of it that is asked for.

    Args:
        request: For its Range and If-Match.
        stored: The file, in the form that `form_of` wants for the fault.
        fault: How the bytes are damaged, or a Range misunderstood.
        made_at: Epoch seconds of Last-Modified.
        content_type: The header.
        content_encoding: The header; None: none.
        ranges: Whether Range is honoured.
        nothing: Serve zero bytes instead.
    """
    kind = fault.kind if fault else None
    file: BinaryIO = stored.path.open("rb")
    size, etag = stored.size, stored.etag
    if nothing:
        file, size, etag = _in_memory(b"", file)
    if fault and kind in _DAMAGES:
        file, size, etag = _in_memory(_damaged(file.read(), fault), file)
    headers = {
        "Content-Type": content_type,
        "ETag": etag,
        "Accept-Ranges": "bytes",
        "Last-Modified": email.utils.formatdate(made_at, usegmt=True),
    }
    if content_encoding or kind == "content_encoding":
        headers["Content-Encoding"] = content_encoding or "gzip"
    if request.headers.get("if-match", etag) not in {etag, "*"}:
        file.close()
        return s3_error(
            412,
            "PreconditionFailed",
            "At least one of the pre-conditions you specified did not hold",
            Condition="If-Match",
        )
    whole = Reply(200, headers, FileSlice(file, 0, size))
    if not ranges or kind == "ignore_range":
        return whole
    return _partial(request.headers.get("range"), whole, fault)


def form_of(fault: Fault | None) -> dict[str, Any]:
    """Return how a fault changes the form of a file: arguments of `bulk_exports.sandbox.shelf.Form`."""
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
