"""The store of reports: whoever holds a link, or the token of one that holds no secret, may fetch a file."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Final

from bulk_exports.sandbox.files import form_of, refusal, serve
from bulk_exports.sandbox.messages import Reply, Request, s3_error
from tap_apsis_one.sandbox.api import FOLDER

if TYPE_CHECKING:
    from collections.abc import Callable

    from bulk_exports.sandbox.faults import Faults
    from bulk_exports.sandbox.links import Links
    from tap_apsis_one.sandbox.exports import Exports
    from tap_apsis_one.sandbox.quirks import Quirks

_SUFFIX: Final = ".csv.gz"


class Files:
    """Answers the requests to the origin of the files."""

    def __init__(
        self, *, exports: Exports, links: Links, faults: Faults, quirks: Quirks, clock: Callable[[], float]
    ) -> None:
        self._exports = exports
        self._links = links
        self._faults = faults
        self._quirks = quirks
        self._clock = clock

    def answer(self, request: Request) -> Reply:
        """Answer a request."""
        reply = self._served(request)
        reply.endpoint = "emails_file"
        return reply

    def _served(self, request: Request) -> Reply:
        name = request.path.removeprefix(FOLDER).removesuffix(_SUFFIX)
        export = self._exports.find(name, "emails")
        if export is None or self._clock() < export.ends_at:
            return s3_error(404, "NoSuchKey", "The specified key does not exist.")
        given = request.headers.get("x-apsis-auth")
        if given is None or "authorization" in request.headers:
            if refused := refusal(request, self._links, self._clock):
                return refused
        elif not hmac.compare_digest(given, export.link_token):
            return s3_error(403, "AccessDenied", "Access Denied")
        if self._clock() >= export.dies_at:
            return s3_error(410, "Gone", "The file is no longer available.")
        fault = self._faults.take(["emails_file"], export.asked.first_day, ranged="range" in request.headers)
        if fault and fault.kind == "expired":
            reply = s3_error(403, "AccessDenied", "Request has expired")
            reply.fault = fault
            return reply

        def act() -> Reply:
            return serve(
                request,
                self._exports.file(export, **form_of(fault)),
                fault,
                made_at=export.ends_at,
                content_type="text/csv",
                ranges=self._quirks.etag,
            )

        of_object = fault is not None and fault.kind in fault.objects
        reply = fault.meet(act, s3_error(500, "InternalError", "Try again.")) if fault and not of_object else act()
        reply.date, reply.export_id, reply.fault = export.asked.first_day, export.number, fault
        return reply
