"""The control endpoint: what Python can do with a sandbox, for everybody else. No key, no budget.

Besides the request log and the faults (see `bulk_exports.sandbox.control`):

================================================= ==================================================================
``GET    /sandbox/truth?date=2025-03-01&fields=`` the rows that an export would hold now, as NDJSON; all parameters of
                                                  the API, lists with commas; or ``?export_id=40001``
``POST   /sandbox/events``                        ``{"time": "2025-03-01T12:00:00Z", "amount": 9.5}`` adds an event
``GET    /sandbox/events/{id}``                   an event; ``PATCH`` changes columns or ``time``; ``DELETE`` deletes
``POST   /sandbox/events/{id}/reattribute``       ``{"seed": 1}`` or ``{"touchpoints": [{"source": "email"}]}``
``POST   /sandbox/contacts/merge``                ``{"contact": 5, "into": 6}``
``PUT    /sandbox/custom-events/{slot}``          ``{"label": "Demo"}``
================================================= ==================================================================
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, Final

from bulk_exports.sandbox.control import body_of, ndjson
from bulk_exports.sandbox.messages import Reply, Request, json_reply
from tap_cometly.sandbox import spelling
from tap_cometly.sandbox.quirks import Quirks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tap_cometly.sandbox.history import History
    from tap_cometly.sandbox.queries import Row

_LISTS: Final = ("fields", "sources", "event_names")


class Truth:
    """Tells and changes what is true in the Space."""

    def __init__(
        self,
        *,
        history: History,
        truth: Callable[..., Iterator[Row]],
        truth_of: Callable[[int], Iterator[Row]],
    ) -> None:
        self._history = history
        self._truth = truth
        self._truth_of = truth_of

    @property
    def routes(self) -> dict[str, Callable[..., Any]]:
        """What the control endpoint can do with it."""
        history = self._history
        return {
            r"GET truth": self._tell,
            r"POST events": self._add,
            r"GET events/(\d+)": lambda _, event_id: json_reply(200, self._event(event_id)),
            r"PATCH events/(\d+)": self._edit,
            r"DELETE events/(\d+)": lambda _, event_id: history.delete(event_id),
            r"POST events/(\d+)/reattribute": lambda request, event_id: history.reattribute(
                event_id, **body_of(request)
            ),
            r"POST contacts/merge": lambda request: history.merge_contacts(**_whole_numbers(body_of(request))),
            r"PUT custom-events/(\d+)": lambda request, slot: history.rename_custom_event(slot, **body_of(request)),
        }

    def _tell(self, request: Request) -> Reply:
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
        return ndjson(spelling.lines(rows, Quirks()))

    def _add(self, request: Request) -> Reply:
        columns = body_of(request)
        if "time" not in columns:
            raise ValueError("An event needs a time.")
        return json_reply(201, {"id": self._history.add(_time(columns.pop("time")), **columns)})

    def _edit(self, request: Request, event_id: int) -> None:
        columns = body_of(request)
        time = columns.pop("time", None)
        if columns:
            self._history.edit(event_id, **columns)
        if time is not None:
            self._history.back_date(event_id, _time(time))

    def _event(self, event_id: int) -> dict[str, Any]:
        event = self._history.find(event_id)
        return {**event._asdict(), "amount": str(event.amount), "event_time_utc": event.event_time_utc}


def _whole_numbers(body: dict[str, Any]) -> dict[str, Any]:
    for name, value in body.items():
        if type(value) is not int:
            raise ValueError(f"{name} must be a whole number.")
    return body


def _time(value: Any) -> dt.datetime | float:
    if isinstance(value, str):
        return dt.datetime.fromisoformat(value.replace("Z", "+00:00"))
    return float(value)
