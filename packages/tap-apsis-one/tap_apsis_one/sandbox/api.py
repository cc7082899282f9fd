"""The API of the local account: tokens, lists of definitions, exports."""

from __future__ import annotations

import base64
import json
import re
import secrets
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import unquote

from bulk_exports.sandbox.days import utc_text
from bulk_exports.sandbox.files import form_of, serve
from bulk_exports.sandbox.messages import Reply, Request, json_reply
from tap_apsis_one.sandbox import asked as bodies
from tap_apsis_one.sandbox.asked import RefusedError
from tap_apsis_one.sandbox.population import SECTIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bulk_exports.sandbox.faults import Fault, Faults
    from bulk_exports.sandbox.limits import Budgets
    from bulk_exports.sandbox.links import Links
    from tap_apsis_one.sandbox.asked import Asked
    from tap_apsis_one.sandbox.content import Writer
    from tap_apsis_one.sandbox.exports import Export, Exports
    from tap_apsis_one.sandbox.population import Population
    from tap_apsis_one.sandbox.quirks import Quirks

FOLDER: Final = "/reports/"
_TITLES: Final = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    410: "Gone",
    413: "Payload Too Large",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}
_ROUTES: Final = {
    "lists": re.compile(r"GET /audience/sections/([^/]+)/(attributes|tags|events)"),
    "sections": re.compile(r"GET /audience/sections"),
    "segments": re.compile(r"GET /audience/segments"),
    "activities": re.compile(r"GET /emails/sections/([^/]+)/activities"),
    "create": re.compile(r"POST /audience/profiles/exports"),
    "status": re.compile(r"GET /audience/profiles/exports/([^/]+)"),
    "emails_create": re.compile(r"POST /emails/reports"),
    "emails_status": re.compile(r"GET /emails/reports/([^/]+)"),
}


class Limits(NamedTuple):
    """Requests per minute, and exports at a time."""

    tokens: int = 10
    creates: int = 1
    polls: int = 60
    lists: int = 6000
    pending: int | None = None
    rows: int | None = None


def problem(status: int, detail: str) -> Reply:
    """Return an error as the vendor words it."""
    return json_reply(status, {"status": status, "title": _TITLES.get(status, "Error"), "detail": detail})


class Api:
    """Answers the requests to the API's origin."""

    def __init__(
        self,
        *,
        population: Population,
        writer: Writer,
        exports: Exports,
        quirks: Quirks,
        keys: Mapping[str, str],
        limits: Limits,
        budgets: Budgets,
        links: Links,
        faults: Faults,
        clock: Callable[[], float],
        token_seconds: float,
        url: str,
        files_url: str,
    ) -> None:
        self._population = population
        self._writer = writer
        self._exports = exports
        self._quirks = quirks
        self._keys = keys
        self._limits = limits
        self._budgets = budgets
        self._links = links
        self._faults = faults
        self._clock = clock
        self._token_seconds = token_seconds
        self._url = url
        self._files_url = files_url
        self._tokens: dict[str, float] = {}

    def revoke(self) -> None:
        """Let no token that was given so far be good any more."""
        self._tokens.clear()

    def answer(self, request: Request) -> Reply:
        """Answer a request."""
        asked = f"{request.method} {request.path}"
        if asked == "POST /oauth/token":
            reply = self._met("token", None, lambda: self._token(request), "token", self._limits.tokens)
            reply.endpoint = "token"
            return reply
        for endpoint, route in _ROUTES.items():
            if found := route.fullmatch(asked):
                reply = self._let_in(request) or self._routed(endpoint, request, *map(unquote, found.groups()))
                reply.endpoint = endpoint if reply.endpoint == "other" else reply.endpoint
                return reply
        return problem(404, "No such endpoint.")

    def _token(self, request: Request) -> Reply:
        try:
            said = json.loads(request.body)
            good = (
                said["grant_type"] == "client_credentials"
                and self._keys.get(said["client_id"]) == said["client_secret"]
            )
        except (ValueError, KeyError, TypeError):
            return problem(400, "The request body is malformed.")
        if not good:
            return problem(401, "The client credentials are not valid.")
        now, quirks = self._clock(), self._quirks
        ends_at = int(now + self._token_seconds)
        claims = {"iss": "https://sandbox.apsis.one", "iat": int(now), "exp": ends_at, "jti": secrets.token_hex(8)}
        parts = [_base64({"alg": "RS256", "typ": "JWT"}), _base64(claims), secrets.token_urlsafe(40)]
        value = secrets.token_urlsafe(60) if quirks.jwt == "none" else ".".join(parts)
        self._tokens[value] = ends_at
        seconds = 86_400 if quirks.jwt == "against_expires_in" else int(self._token_seconds)
        return json_reply(200, {"access_token": value, "expires_in": seconds, "token_type": "Bearer"})

    def _let_in(self, request: Request) -> Reply | None:
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or self._clock() >= self._tokens.get(value, 0.0):
            return problem(self._quirks.stale_token, "The access token is missing, or not valid any more.")
        return None

    def _routed(self, endpoint: str, request: Request, *names: str) -> Reply:
        if endpoint in {"create", "emails_create"}:
            kind = "profiles" if endpoint == "create" else "emails"
            return self._create(endpoint, kind, request)
        if endpoint in {"status", "emails_status"}:
            return self._status(endpoint, request, *names)
        return self._met("list", None, lambda: self._list(endpoint, *names), "lists", self._limits.lists)

    def _met(self, steps: str, day: Any, act: Callable[[], Reply], budget: str, limit: int) -> Reply:
        """Answer within a budget, or what a fault says."""
        verdict = self._budgets.spend("account", budget, limit)
        if verdict.retry_after is not None:
            reply = problem(429, "The rate limit is exceeded.")
            if self._quirks.retry_after:
                reply.headers["Retry-After"] = str(verdict.retry_after)
        else:
            fault = self._faults.take([steps], day)
            reply = fault.meet(act, problem(500, "Something went wrong.")) if fault else act()
        if self._quirks.limit_headers:
            reply.headers.update({name: value for name, value in verdict.headers.items() if name != "Retry-After"})
        return reply

    # Lists

    def _list(self, endpoint: str, section: str = "", kind: str = "") -> Reply:
        if endpoint == "sections":
            return json_reply(200, {"items": self._population.sections()})
        if endpoint == "segments":
            return json_reply(200, {"items": self._population.segments()})
        if section not in {own for _, own, _ in SECTIONS}:
            return problem(404, "There is no such section.")
        if endpoint == "activities":
            items = [
                {
                    "id": f"act-{number}",
                    "name": f"Campaign {number}, week",
                    "status": "sent",
                    "sent_at": "2026-01-05T08:00:00Z",
                }
                for number in range(7)
            ]
            return json_reply(200, {"items": items if section == SECTIONS[0][1] else []})
        lists = {
            "attributes": self._population.attributes,
            "tags": self._population.tags,
            "events": self._population.event_types,
        }
        return json_reply(200, {"items": [each.listed() for each in lists[kind]() if each.section == section]})

    # Exports

    def _create(self, endpoint: str, kind: str, request: Request) -> Reply:
        try:
            asked = bodies.read(kind, request.body, self._population, self._quirks)
        except RefusedError as refused:
            return problem(refused.status, str(refused))
        events = kind == "emails" or bool(asked.events)
        limit = self._limits.creates if events else self._limits.polls
        day = asked.first_day
        verdict = self._budgets.spend("account", "event exports" if events else "profile exports", limit)
        reply = None
        if verdict.retry_after is not None:
            reply = problem(429, "The rate limit is exceeded.")
            if self._quirks.retry_after:
                reply.headers["Retry-After"] = str(verdict.retry_after)
        elif self._limits.pending is not None and self._exports.pending() >= self._limits.pending:
            reply = problem(429, "The maximum number of pending exports is reached.")
        if reply is None:
            fault = self._faults.take([endpoint], day)
            fate = fault if fault and fault.is_of_a_job else None

            def act() -> Reply:
                return self._created(kind, asked, fate)

            reply = fault.meet(act, problem(500, "Something went wrong.")) if fault and not fate else act()
            reply.fault = fault
        if self._quirks.limit_headers:
            reply.headers.update({name: value for name, value in verdict.headers.items() if name != "Retry-After"})
        reply.date = day
        return reply

    def _is_too_large(self, asked: Asked) -> bool:
        return self._limits.rows is not None and self._writer.count(asked) > self._limits.rows

    def _created(self, kind: str, asked: Asked, fate: Fault | None) -> Reply:
        form = self._quirks.too_large
        if form.startswith("create") and self._is_too_large(asked):
            if form == "create_status":
                return json_reply(200, {"status": "error"})
            return problem(int(form[-3:]), "The export would be too large; use a shorter interval.")
        export = self._exports.create(asked, fate)
        path = ("/audience/profiles/exports/" if kind == "profiles" else "/emails/reports/") + export.name
        answers: dict[str, dict[str, Any]] = {
            "named": {"file_download_url": self._url + path} if kind == "profiles" else {"report_id": export.name},
            "other_name": {"status": "created", "poll": self._url + path}
            if kind == "profiles"
            else {"id": export.name},
            "path": {"path": path},
            "location": {},
        }
        reply = json_reply(self._quirks.create_code, answers[self._quirks.create_answer])
        if self._quirks.create_answer == "location":
            reply.headers["Location"] = self._url + path
        reply.export_id = export.number
        return reply

    def _status(self, endpoint: str, request: Request, name: str) -> Reply:
        kind = "profiles" if endpoint == "status" else "emails"
        verdict = self._budgets.spend("account", f"{kind} polls", self._limits.polls)
        if verdict.retry_after is not None:
            return problem(429, "The rate limit is exceeded.")
        export = self._exports.find(name, kind)
        if export is None:
            return problem(410, "There is no such export.") if kind == "profiles" else problem(404, "No such report.")
        ready = self._clock() >= export.ends_at
        wants_file = kind == "profiles" and "gzip" in request.headers.get("accept-encoding", "")
        prefix = "" if kind == "profiles" else "emails_"
        steps = ["file"] if wants_file else [f"{prefix}status", *([f"{prefix}link"] if ready else [])]
        fault = self._faults.take(steps, export.asked.first_day, ranged="range" in request.headers)
        told_by = fault if fault and fault.is_of_a_job else export.fate
        tell = self._profiles_told if kind == "profiles" else self._emails_told

        def act() -> Reply:
            return tell(request, export, told_by, fault, ready=ready)

        of_file = fault is not None and wants_file and fault.kind in fault.objects
        of_answer = fault is not None and not fault.is_of_a_job and not of_file
        reply = fault.meet(act, problem(500, "Something went wrong.")) if fault and of_answer else act()
        reply.date, reply.export_id, reply.fault = export.asked.first_day, export.number, fault or export.fate
        if wants_file:
            reply.endpoint = "file"
        if self._quirks.limit_headers:
            reply.headers.update({name: value for name, value in verdict.headers.items() if name != "Retry-After"})
        return reply

    def _profiles_told(
        self, request: Request, export: Export, told_by: Fault | None, fault: Fault | None, *, ready: bool
    ) -> Reply:
        kind = told_by.kind if told_by else None
        if kind == "not_found" or self._clock() >= export.dies_at:
            return problem(410, "The file is no longer available.")
        if not ready or kind == "never_finishes":
            return problem(404, "Not ready.") if self._quirks.not_ready == 404 else Reply(self._quirks.not_ready)
        if kind == "failed":
            return problem(503, "The export could not be processed.")
        if self._quirks.too_large.startswith("poll") and self._is_too_large(export.asked):
            if self._quirks.too_large == "poll_503":
                return problem(503, "The export could not be processed.")
            return json_reply(200, {"status": "error"})
        form = form_of(fault)
        packed = "gzip" in request.headers.get("accept-encoding", "") and "compressed" not in form
        stored = self._exports.file(export, **{"compressed": packed, **form})
        return serve(
            request,
            stored,
            fault,
            made_at=export.ends_at,
            content_type="application/json",
            content_encoding="gzip" if packed else None,
            ranges=self._quirks.etag,
            nothing=False,
        )

    def _emails_told(
        self, request: Request, export: Export, told_by: Fault | None, fault: Fault | None, *, ready: bool
    ) -> Reply:
        del fault
        kind = told_by.kind if told_by else None
        if told_by and kind == "unknown_status":
            return json_reply(200, {"status": told_by.detail.get("word", "paused")})
        if kind == "not_found":
            return problem(404, "There is no such report.")
        if not ready or kind == "never_finishes":
            words = self._quirks.words
            done = (self._clock() - export.created_at) / max(export.ends_at - export.created_at, 0.001)
            return json_reply(200, {"status": words[min(int(done * len(words)), len(words) - 1)]})
        if kind == "failed" or (self._quirks.too_large.startswith("poll") and self._is_too_large(export.asked)):
            return json_reply(200, {"status": "error"})
        told: dict[str, Any] = {"status": "completed", "file_expires_at": utc_text(export.dies_at)}
        reply_headers = {}
        if kind != "no_link":
            path = f"{FOLDER}{export.name}.csv.gz"
            told["file_download_url_expires_at"] = utc_text(self._clock() + self._links.seconds)
            if self._quirks.header_auth and request.query.get("header_auth") == "true":
                told["file_download_url"] = self._files_url + path
                reply_headers["x-apsis-auth"] = export.link_token
            else:
                told["file_download_url"] = self._files_url + self._links.sign(path)
        reply = json_reply(200, told)
        reply.headers.update(reply_headers)
        return reply


def _base64(value: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")
