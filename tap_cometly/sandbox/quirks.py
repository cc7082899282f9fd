"""What Cometly does not document, as switches: each default is the likeliest answer."""

from __future__ import annotations

import dataclasses
from typing import Literal


@dataclasses.dataclass(frozen=True)
class Quirks:
    """One switch per unknown of the API. Defaults are what the vendor's pages make likeliest.

    Attributes:
        unknown_names: An unknown event, source or field name is a 422, or is ignored.
        attribution_without_sources: A model or window without sources is ignored, or is a 422.
        future_day: A day that has not begun is a 422, or an empty file.
        open_day: The running day holds what happened so far, or is a 422.
        company_mode: ``query_mode=company`` changes nothing, or gives only rows with a company, without a profile.
        sources_apply: Multi-touch models see only the requested sources, or see all and then lose the others' shares.
        share_digits: Decimals to which shares are cut; the last touchpoint gets what is left over.
        too_many_body: What a 429 says: Laravel's JSON, an HTML page, or nothing.
        reset_header: Whether a 429 also carries ``X-RateLimit-Reset``.
        running_code: HTTP status of a status request while the job runs.
        fresh_links: Every status request signs a new link; otherwise the first link stays and dies.
        job_lifetime: Seconds after its end at which a job becomes a 404; None: never.
        empty_day: An empty day is a gzip of nothing, an object of zero bytes, has no link, or fails.
        range_requests: The files origin honours ``Range``, or sends everything.
        files_authorization: The files origin refuses an ``Authorization`` header, or does not care.
        member_rows: Rows per gzip member; None: one member.
        final_newline: Whether the last line ends with a newline.
        content_encoding: Whether files come with ``Content-Encoding: gzip``.
        key_order: Keys of a row come in the order they were asked for, or in another one per row.
        new_columns: Names of columns that nobody asked for.
        amounts: ``42.5`` and ``0``, ``42.50`` and ``0.00``, or ``"42.50"``.
        integers: Identifiers are JSON numbers, or strings of digits.
        booleans: ``true``, ``1`` or ``"1"``.
        nulls: A missing value is ``null``, or its key is absent.
        texts: Text is UTF-8 as it is, or all but ASCII is escaped.
        created_at: Rows of contacts have the time of their creation, or not (the newest page has no such column).
        max_range_days: Longer ranges of contacts and companies are a 422; None: any range is taken.
        times: ``...T09:15:02Z``, ``...+00:00``, ``... 09:15:02`` without zone, or with a fraction of a second.
    """

    unknown_names: Literal["reject", "ignore"] = "reject"
    attribution_without_sources: Literal["ignore", "reject"] = "ignore"
    future_day: Literal["reject", "empty"] = "reject"
    open_day: Literal["partial", "reject"] = "partial"
    company_mode: Literal["same", "companies"] = "same"
    sources_apply: Literal["before_credit", "after_credit"] = "before_credit"
    share_digits: int = 6
    too_many_body: Literal["json", "html", "empty"] = "json"
    reset_header: bool = False
    running_code: int = 200
    fresh_links: bool = True
    job_lifetime: float | None = None
    empty_day: Literal["empty_gzip", "zero_bytes", "no_link", "failed"] = "empty_gzip"
    range_requests: Literal["honour", "ignore"] = "honour"
    files_authorization: Literal["reject", "ignore"] = "reject"
    member_rows: int | None = None
    final_newline: bool = True
    content_encoding: bool = False
    key_order: Literal["asked", "shuffled"] = "asked"
    new_columns: tuple[str, ...] = ()
    amounts: Literal["shortest", "cents", "string"] = "shortest"
    integers: Literal["number", "string"] = "number"
    booleans: Literal["boolean", "integer", "string"] = "boolean"
    nulls: Literal["null", "missing"] = "null"
    texts: Literal["utf-8", "ascii"] = "utf-8"
    created_at: Literal["absent", "present"] = "absent"
    max_range_days: int | None = None
    times: Literal["z", "offset", "naive", "fraction"] = "z"
