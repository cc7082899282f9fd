"""The control endpoint: what Python can do with a sandbox, for everybody else. No key, no budget.

================================= ==================================================================================
``GET    /sandbox/requests``      the request log as NDJSON, without headers; ``DELETE`` empties it
``GET    /sandbox/faults``        faults still waiting; ``DELETE`` clears them
``POST   /sandbox/faults``        ``{"step": "file", "kind": "cut", "at": 1000, "times": 2}``
================================= ==================================================================================

A vendor's sandbox adds routes of its own.
"""

from __future__ import annotations

import decimal
import json
import re
from typing import TYPE_CHECKING, Any, Final

from bulk_exports.sandbox.messages import Reply, Request, error, json_reply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, MutableSequence

    from bulk_exports.sandbox.faults import Fault, Faults
    from bulk_exports.sandbox.journal import LoggedRequest

PREFIX: Final = "/sandbox/"

_NUMBERS: Final = decimal.Context(
    prec=100, Emax=99, Emin=-99, traps=[decimal.Overflow, decimal.Subnormal, decimal.Clamped, decimal.InvalidOperation]
)


class Control:
    """Answers requests under ``/sandbox/``.

    Args:
        faults: What waits to go wrong.
        fault: The vendor's class of faults.
        requests: The request log.
        routes: What the vendor adds: by method and pattern, functions of the request and of the numbers in the path.
    """

    def __init__(
        self,
        *,
        faults: Faults,
        fault: type[Fault],
        requests: MutableSequence[LoggedRequest],
        routes: Mapping[str, Callable[..., Any]],
    ) -> None:
        self._routes: dict[str, Callable[..., Any]] = {
            r"GET requests": lambda _: ndjson(json.dumps(entry.as_json()) for entry in list(requests)),
            r"DELETE requests": lambda _: requests.clear(),
            r"GET faults": lambda _: json_reply(200, [_shown(waiting) for waiting in faults.pending()]),
            r"POST faults": lambda request: faults.inject(fault.from_json(body_of(request))),
            r"DELETE faults": lambda _: faults.clear(),
            **routes,
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
        return error(404, "No such control; see the documentation of the sandbox's control module.")


def body_of(request: Request) -> dict[str, Any]:
    """Return the object in the body of a request; numbers with a point are Decimal.

    Raises:
        ValueError: It is no JSON object.
    """
    value = json.loads(request.body or b"{}", parse_float=_NUMBERS.create_decimal)
    if not isinstance(value, dict):
        raise ValueError("The body must be a JSON object.")  # noqa: TRY004 - it becomes a 422
    return value


def ndjson(lines: Iterable[str]) -> Reply:
    """Return lines of JSON."""
    return Reply(200, {"Content-Type": "application/x-ndjson"}, "".join(line + "\n" for line in lines).encode())


def _shown(fault: Fault) -> dict[str, Any]:
    return json.loads(json.dumps(fault.as_json(), default=repr))  # type: ignore[no-any-return]
