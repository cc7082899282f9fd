"""Errors as each version of the API words them."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Final

from bulk_exports.sandbox.messages import XML, Reply, json_reply

if TYPE_CHECKING:
    from tap_pardot_exports.sandbox.quirks import Quirks

WORDS: Final = {
    49: "Access denied",
    66: "You have reached your concurrent API request limit",
    88: "Your account must use version 4 of the API.",
    89: "Your account is unable to use version 4 of the API.",
    122: "Daily API rate limit met",
    153: "Missing required parameter: fields",
    178: "The export is not in a state that allows this",
    181: "Missing Pardot-Business-Unit-Id header",
    182: "Invalid Pardot-Business-Unit-Id header",
    183: "An internal error occurred, please try again later",
    184: "access_token is invalid, unknown, or malformed",
    192: "The requested record was not found",
    198: "The requested endpoint does not exist",
    201: "Unable to find the business unit; check the domain and the business unit id",
    202: "Too many requests in a minute",
    203: "The user lacks an ability",
    214: "The request timed out",
}


def error(code: int, version: int, quirks: Quirks, *, words: str = "", status: int | None = None, xml: bool) -> Reply:
    """Return an error.

    Args:
        code: The code.
        version: The version that is spoken.
        quirks: Which HTTP status it has.
        words: What is said; the usual words if nothing.
        status: The HTTP status, if it is to be another one.
        xml: Whether versions 3 and 4 speak XML, as they do to whoever does not ask for JSON.
    """
    usual = {184: quirks.token_status, 122: quirks.quota_status, 192: 404, 198: 404}
    told = words or WORDS.get(code, "An error occurred")
    http_status = status or usual.get(code, quirks.error_status)
    if version == 5:
        return json_reply(http_status, {"code": code, "message": told})
    if xml:
        body = (
            f'<?xml version="1.0"?>\n<rsp stat="fail" version="1.0"><err code="{code}">{html.escape(told)}</err></rsp>'
        )
        return Reply(http_status, {"Content-Type": XML}, body.encode())
    return json_reply(http_status, {"@attributes": {"stat": "fail", "version": 1, "err_code": code}, "err": told})
