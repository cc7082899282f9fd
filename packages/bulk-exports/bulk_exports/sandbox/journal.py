"""The request log: what was asked, when, and what was answered."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from bulk_exports.sandbox.days import utc_text

if TYPE_CHECKING:
    import datetime as dt

    from bulk_exports.sandbox.messages import Reply, Request


@dataclasses.dataclass(frozen=True)
class LoggedRequest:
    """One request, noted before its answer is sent.

    Attributes:
        at: Epoch seconds of the sandbox's clock.
        origin: Name of the origin, such as ``api`` or ``files``.
        endpoint: ``create``, ``status``, ``file``, a vendor's own word, or ``other``.
        method: HTTP method.
        path: Without the query.
        status: HTTP status of the answer (also of one that a fault keeps from arriving).
        date: The (first) day of the export, where known.
        export_id: The export, where known.
        headers: Names in lower case.
        fault: The kind of fault that it met.
    """

    at: float
    origin: str
    endpoint: str
    method: str
    path: str
    status: int
    date: dt.date | None
    export_id: int | None
    headers: dict[str, str] = dataclasses.field(repr=False)
    fault: str | None

    @property
    def range(self) -> str | None:
        """The Range header."""
        return self.headers.get("range")

    @property
    def had_authorization(self) -> bool:
        """Whether an Authorization header came along."""
        return "authorization" in self.headers

    def as_json(self) -> dict[str, Any]:
        """Return everything but the headers, which hold the key."""
        return {
            **{field.name: getattr(self, field.name) for field in dataclasses.fields(self) if field.repr},
            "at": utc_text(self.at),
            "date": self.date and self.date.isoformat(),
            "range": self.range,
            "had_authorization": self.had_authorization,
        }

    def line(self) -> str:
        """Return it as a line for people."""
        parts = [utc_text(self.at), self.origin, self.method, self.path, str(self.status)]
        more = {"day": self.date, "export": self.export_id, "range": self.range, "fault": self.fault}
        return " ".join(parts + [f"{name}={value}" for name, value in more.items() if value is not None])


def note(at: float, origin: str, request: Request, reply: Reply) -> LoggedRequest:
    """Return the log entry of a request and its reply."""
    return LoggedRequest(
        at=at,
        origin=origin,
        endpoint=reply.endpoint,
        method=request.method,
        path=request.path,
        status=reply.status,
        date=reply.date,
        export_id=reply.export_id,
        headers=request.headers,
        fault=reply.fault.kind if reply.fault else None,
    )
