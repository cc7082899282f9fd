"""The control endpoint: what Python can do with a sandbox, for everybody else. No key, no budget.

================================================= ==================================================================
``GET    /sandbox/requests``                      the request log as NDJSON, without headers; ``DELETE`` empties it
``GET    /sandbox/truth?date=2025-03-01&fields=`` the rows that an export would hold now, as NDJSON; all parameters of
                                                  the API, lists with commas; or ``?export_id=40001``
``GET    /sandbox/faults``                        faults still waiting; ``DELETE`` clears them
``POST   /sandbox/faults``                        ``{"step": "file", "kind": "cut", "at": 1000, "times": 2}``
``POST   /sandbox/events``                        ``{"time": "2025-03-01T12:00:00Z", "amount": 9.5}`` adds an event
``GET    /sandbox/events/{id}``                   an event; ``PATCH`` changes columns or ``time``; ``DELETE`` deletes
``POST   /sandbox/events/{id}/reattribute``       ``{"seed": 1}`` or ``{"touchpoints": [{"source": "email"}]}``
``POST   /sandbox/contacts/merge``                ``{"contact": 5, "into": 6}``
``PUT    /sandbox/custom-events/{slot}``          ``{"label": "Demo"}``
================================================= ==================================================================
"""

from __future__ import annotations

import datetime as dt
import decimal
import json
import re
from typing import TYPE_CHECKING, Any, Final

from tap_cometly.sandbox import spelling
from tap_cometly.sandbox.faults import Fault, Faults
from tap_cometly.sandbox.messages import Reply, Request, error, json_reply
from tap_cometly.sandbox.quirks import Quirks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, MutableSequence

    from tap_cometly.sandbox.history import History
    from tap_cometly.sandbox.journal import LoggedRequest
    from tap_cometly.sandbox.queries import Row

PREFIX: Final = "/sandbox/"

_NUMBERS: Final = decimal.Context(
    prec=100, Emax=99, Emin=-99, traps=[decimal.Overflow, decimal.Subnormal, decimal.Clamped, decimal.InvalidOperation]
)
_LISTS: Final = ("fields", "sources", "event_names")


class Control:
    """Answers requests under ``/sandbox/``."""

    def __init__(
        self,
        *,
        faults: Faults,
        history: History,
        requests: MutableSequence[LoggedRequest],
        truth: Callable[..., Iterator[Row]],
        truth_of: Callable[[int], Iterator[Row]],
    ) -> None:
        self._faults = faults
        self._history = history
        self._requests = requests
        self._truth = truth
        self._truth_of = truth_of
        self._routes: dict[str, Callable[..., Any]] = {
            r"GET requests": lambda _: _ndjson(json.dumps(entry.as_json()) for entry in list(self._requests)),
            r"DELETE requests": lambda _: self._requests.clear(),
            r"GET truth": self._tell_truth,
            r"GET faults": lambda _: json_reply(200, [_shown(fault) for fault in self._faults.pending()]),
            r"POST faults": lambda request: self._faults.inject(Fault.from_json(_body(request))),
            r"DELETE faults": lambda _: self._faults.clear(),
            r"POST events": self._add,
            r"GET events/(\d+)": lambda _, event_id: json_reply(200, self._event(event_id)),
            r"PATCH events/(\d+)": self._edit,
            r"DELETE events/(\d+)": lambda _, event_id: self._history.delete(event_id),
            r"POST events/(\d+)/reattribute": lambda request, event_id: self._history.reattribute(
                event_id, **_body(request)
            ),
            r"POST contacts/merge": lambda request: self._history.merge_contacts(**_whole_numbers(_body(request))),
            r"PUT custom-events/(\d+)": lambda request, slot: self._history.rename_custom_event(slot, **_body(request)),
        }

    def answer(self, request: Request) -> Reply:
        """Answer a request."""
        asked = f"{request.method} {request.path.removeprefix(PREFIX)}"
        for pattern, act in self._routes.items():
            match = re.fullmatch(pattern, asked)
            if match:
                try:
                    reply = act(request, *map(int, match.groups()))
                except LookupError as trouble:
                    return error(404, str(trouble.args[0]) if trouble.args else "Not found.")
                except RecursionError:
                    return error(422, "The body is nested too deep.")
                except (TypeError, ValueError, ArithmeticError, AttributeError) as trouble:
                    return error(422, str(trouble) or type(trouble).__name__)
                return reply if isinstance(reply, Reply) else Reply(204)
        return error(404, "No such control; see the documentation of tap_cometly.sandbox.control.")

    def _tell_truth(self, request: Request) -> Reply:
        query: dict[str, Any] = request.query
        if "export_id" in query:
            rows = self._truth_of(int(query["export_id"]))
        else:
            day = dt.date.fromisoformat(query.pop("date", ""))
            for name in _LISTS:
                query[name] = tuple(filter(None, query.get(name, "").split(",")))
            if "at" in query:
                query["at"] = float(query["at"])
            if "attribution_window" in query:
                query["attribution_window"] = int(query["attribution_window"])
            rows = self._truth(day, **query)
        return _ndjson(spelling.lines(rows, Quirks()))

    def _add(self, request: Request) -> Reply:
        columns = _body(request)
        if "time" not in columns:
            raise ValueError("An event needs a time.")
        return json_reply(201, {"id": self._history.add(_time(columns.pop("time")), **columns)})

    def _edit(self, request: Request, event_id: int) -> None:
        columns = _body(request)
        time = columns.pop("time", None)
        if columns:
            self._history.edit(event_id, **columns)
        if time is not None:
            self._history.back_date(event_id, _time(time))

    def _event(self, event_id: int) -> dict[str, Any]:
        event = self._history.find(event_id)
        return {**event._asdict(), "amount": str(event.amount), "event_time_utc": event.event_time_utc}


def _body(request: Request) -> dict[str, Any]:
    value = json.loads(request.body or b"{}", parse_float=_NUMBERS.create_decimal)
    if not isinstance(value, dict):
        raise ValueError("The body must be a JSON object.")  # noqa: TRY004 - it becomes a 422
    return value


def _whole_numbers(body: dict[str, Any]) -> dict[str, Any]:
    for name, value in body.items():
        if type(value) is not int:
            raise ValueError(f"{name} must be a whole number.")
    return body


def _time(value: Any) -> dt.datetime | float:
    if isinstance(value, str):
        return dt.datetime.fromisoformat(value.replace("Z", "+00:00"))
    return float(value)


def _shown(fault: Fault) -> dict[str, Any]:
    return json.loads(json.dumps(fault.as_json(), default=repr))  # type: ignore[no-any-return]


def _ndjson(lines: Iterator[str]) -> Reply:
    return Reply(200, {"Content-Type": "application/x-ndjson"}, "".join(line + "\n" for line in lines).encode())
