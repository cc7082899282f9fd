"""What APSIS One does not document publicly, or leaves open: each a switch, its likeliest answer the default."""

from __future__ import annotations

import dataclasses
from typing import Literal


@dataclasses.dataclass(frozen=True)
class Quirks:
    """How to behave where the documentation is silent.

    Attributes:
        request_shape: How requests must name what they ask for.
        create_code: HTTP status of an accepted request.
        create_answer: Where an accepted request names the address or number: under a documented name of a neighbour,
            under another one, as a path, or in ``Location`` only.
        not_ready: HTTP status of a profile export that is being made.
        retry_after: Whether refusals for want of budget say how long to wait.
        limit_headers: Whether answers tell the budget, as the vendor's do not.
        stale_token: HTTP status for a token that has ended.
        jwt: A JWT that tells its end, one that contradicts ``expires_in`` (which is then too long), or no JWT.
        too_large: What becomes of an export with too many rows: refused when it is asked for, answered with an error in
            a success, ended when it is polled (with 200 or 503).
        wrapper: Whether profiles lie within an object ``profiles``.
        more_members: Whether others lie beside it.
        numbers: Whether attributes are named by version or by definition.
        type_ids: Whether event types are numbers or text.
        no_events: What a profile without events has: nothing, or an empty list.
        timestamps: Unit of attributes that are timestamps.
        words: What a report that is being made says.
        header_auth: Whether links without a secret can be had.
        cuts: By which time of an event windows are cut.
        end_counts: Whether the last moment of a window is part of it.
        byte_order_mark: Whether the CSV file begins with one.
        columns: Their order in the CSV file.
        doubled: Whether files hold some rows twice.
        drift: Whether names and addresses are others in each export.
        etag: Whether the store of reports supports ranges.
    """

    request_shape: Literal["version_ids", "objects", "by_section"] = "version_ids"
    create_code: int = 202
    create_answer: Literal["named", "other_name", "path", "location"] = "named"
    not_ready: int = 404
    retry_after: bool = False
    limit_headers: bool = False
    stale_token: int = 401
    jwt: Literal["true", "against_expires_in", "none"] = "true"
    too_large: Literal["create_400", "create_413", "create_status", "poll_status", "poll_503"] = "poll_status"
    wrapper: bool = True
    more_members: bool = False
    numbers: Literal["version", "definition"] = "version"
    type_ids: Literal["text", "number"] = "text"
    no_events: Literal["missing", "empty"] = "missing"
    timestamps: Literal["seconds", "milliseconds", "text"] = "seconds"
    words: tuple[str, ...] = ("created", "in_progress")
    header_auth: bool = True
    cuts: Literal["server", "source"] = "server"
    end_counts: bool = False
    byte_order_mark: bool = False
    columns: Literal["documented", "reversed"] = "documented"
    doubled: bool = False
    drift: bool = False
    etag: bool = True
