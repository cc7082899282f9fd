"""What goes wrong on request: where, how, on which day, how often."""

from __future__ import annotations

import dataclasses
import datetime as dt
import difflib
import json
import threading
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar, Final

from bulk_exports.sandbox.messages import faulty

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from typing_extensions import Self

    from bulk_exports.sandbox.messages import Reply

Kinds = dict[str, frozenset[str]]

STEPS: Final = ("create", "status", "link", "file")
"""``link`` is a status request of a finished job; it matches ``status`` too."""

ANSWERS: Final[Kinds] = {
    "status": frozenset({"status", "message", "body", "headers", "retry_after", "handled"}),
    "html": frozenset({"body", "handled"}),
    "not_json": frozenset({"body", "handled"}),
    "redirect": frozenset({"handled"}),
}
"""Kinds that answer something else, at every step, with their details."""

WIRE: Final[Kinds] = {
    "reset": frozenset({"at", "headers", "handled"}),
    "stall": frozenset({"at", "headers", "handled"}),
    "cut": frozenset({"at", "handled"}),
    "trickle": frozenset({"at", "bytes_per_second", "handled"}),
    "slow_close": frozenset({"length", "handled"}),
}
"""Kinds that spoil the way of a true answer, at every step."""

JOB: Final[Kinds] = {
    "unknown_status": frozenset({"word"}),
    "never_finishes": frozenset(),
    "failed": frozenset({"message"}),
    "no_link": frozenset(),
    "not_found": frozenset(),
}
"""Kinds of jobs: at ``create`` the fate of that job, at ``status`` or ``link`` that one answer."""

OBJECT: Final[Kinds] = {
    "truncate": frozenset({"at"}),
    "corrupt": frozenset({"at"}),
    "trailing": frozenset({"data"}),
    "empty": frozenset(),
    "plain": frozenset(),
    "members": frozenset({"rows"}),
    "no_newline": frozenset(),
    "crlf": frozenset(),
    "blank_lines": frozenset(),
    "content_encoding": frozenset(),
    "rows": frozenset({"rows", "replace"}),
    "changed": frozenset(),
    "expired": frozenset(),
    "ignore_range": frozenset(),
    "wrong_content_range": frozenset({"shift"}),
}
"""Kinds of files, at steps that end with ``file`` only."""

_NUMBERS: Final = frozenset({"times", "after", "at", "status", "bytes_per_second", "shift"})
_ONLY_RANGED: Final = frozenset({"ignore_range", "wrong_content_range"})


@dataclasses.dataclass(init=False, eq=False)
class Fault:
    """One thing that goes wrong.

    A vendor's sandbox may know more steps, and more kinds of fates of a job: it derives a class and names them.

    Args:
        step: Where: ``create``, ``status``, ``link`` (a status request of a finished job) or ``file``.
        kind: What; see below.
        day: Only for exports of this day (or of a window that starts on it). None: any.
        times: How many requests it hits; None: all.
        after: How many matching requests are let through first.
        **detail: How exactly; see below.

    Answers of another kind (``handled=True``: the request takes effect before it is answered so):

    - ``status``: ``status=500``, ``message`` or ``body`` (text or JSON), ``headers``, ``retry_after`` (seconds, an HTTP
      date or nonsense; none if not given).
    - ``html``: 200 with a page; ``not_json``: 200 with text; both with ``body``. ``redirect``: 302 to ``/login``.

    Trouble on the way of a true answer (``handled=False``: the request takes no effect). ``at`` counts bytes of the
    body, from the end if negative:

    - ``reset``: RST instead of any byte, or after ``at`` bytes; ``headers=True`` sends the head first.
    - ``stall``: no more bytes after ``at=0``, or not even the head (``headers=False``), until the client goes away.
    - ``cut``: an orderly close after ``at`` bytes (half).
    - ``trickle``: ``bytes_per_second=8`` from byte ``at=0`` on.
    - ``slow_close``: every byte arrives, the end does not: no Content-Length (``length=True``: with it) and no close.

    Jobs (``create``: the fate of the created job; ``status`` or ``link``: that one answer):

    - ``unknown_status``: ``word="paused"``. ``never_finishes``. ``failed``: ``message``. ``no_link``: completed without
      a link. ``not_found``: 404.

    Files:

    - ``truncate``: only ``at`` bytes (half), and Content-Length agrees. ``corrupt``: byte ``at`` (the middle) is
      flipped; -8 to -5 are the CRC. ``trailing``: ``data`` after the end. ``empty``: zero bytes.
    - ``plain``: not compressed. ``members``: a gzip member per ``rows=50``. ``no_newline``, ``crlf``, ``blank_lines``.
      ``content_encoding``: declared as ``Content-Encoding: gzip``.
    - ``rows``: lines (bytes or text) that are added, or with ``replace=True`` instead; or a callable from the
      iterator of all lines to the lines of the file.
    - ``changed``: from this transfer on, the object holds the same rows in another order, with another ETag.
    - ``expired``: 403 as if the link were too old. ``ignore_range``: 200 for a Range. ``wrong_content_range``: 206 with
      what begins ``shift=1`` bytes later. These two hit only requests with Range.

    Raises:
        ValueError: Step, kind or detail is unknown, or they do not go together.
    """

    steps: ClassVar[tuple[str, ...]] = STEPS
    answers: ClassVar[Kinds] = ANSWERS
    jobs: ClassVar[Kinds] = JOB
    objects: ClassVar[Kinds] = OBJECT

    step: str
    kind: str
    day: dt.date | None
    times: int | None
    after: int
    detail: dict[str, Any]

    def __init__(
        self,
        step: str,
        kind: str,
        *,
        day: dt.date | None = None,
        times: int | None = 1,
        after: int = 0,
        **detail: Any,
    ) -> None:
        if step not in self.steps:
            raise ValueError(f"Unknown step {step!r}{_hint(step, self.steps)}.")
        kinds = self.answers | WIRE | (self.objects if step.endswith("file") else self.jobs)
        if kind not in kinds:
            raise ValueError(f"Unknown kind {kind!r} for step {step!r}{_hint(kind, kinds)}.")
        unknown = [name for name in detail if name not in kinds[kind]]
        if unknown:
            known = ", ".join(sorted(kinds[kind])) or "none"
            raise ValueError(f"Unknown detail {unknown[0]!r} of {kind!r}; known: {known}.")
        self.step = step
        self.kind = kind
        self.day = day
        self.times = times
        self.after = after
        self.detail = detail

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``step:kind,name=value,...``, such as ``file:cut,at=1000,times=2,day=2025-03-01``, or the JSON form.

        Raises:
            ValueError: It is not of that form, or says something unknown.
        """
        if text.startswith("{"):
            return cls.from_json(json.loads(text))
        head, *pairs = text.split(",")
        step, colon, kind = head.partition(":")
        if not colon:
            raise ValueError(f"{text!r}: expected step:kind, then ,name=value for details.")
        given = {}
        for pair in pairs:
            name, equals, value = pair.partition("=")
            if not equals:
                raise ValueError(f"{text!r}: expected name=value, got {pair!r}.")
            given[name] = value if name in {"day", "word", "message"} else plain_value(value)
        return cls.from_json({"step": step, "kind": kind, **given})

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> Self:
        """Read the form that the control endpoint takes: the arguments as one object, the day as text.

        Raises:
            ValueError: Something is unknown or missing.
        """
        values = dict(given)
        if values.get("day") is not None:
            values["day"] = dt.date.fromisoformat(values["day"])
        for name in _NUMBERS & values.keys():
            if type(values[name]) not in {int, float, Decimal} and (name, values[name]) != ("times", None):
                raise ValueError(f"{name} must be a number.")
        try:
            return cls(**values)
        except TypeError as error:
            raise ValueError(f"A fault needs a step and a kind: {error}") from None

    def as_json(self) -> dict[str, Any]:
        """Return the form that `from_json` reads."""
        day = self.day and self.day.isoformat()
        rest = {"day": day, "times": self.times, "after": self.after, **self.detail}
        return {"step": self.step, "kind": self.kind, **rest}

    @property
    def is_an_answer(self) -> bool:
        """Whether something else is answered than the truth."""
        return self.kind in self.answers

    @property
    def is_of_a_job(self) -> bool:
        """Whether it is about the life of a job."""
        return self.kind in self.jobs

    def meet(self, act: Callable[[], Reply], default: Reply) -> Reply:
        """Answer truly, or what the fault says; if the fault is not handled, the request takes no effect.

        Args:
            act: Does what was asked, and answers truly.
            default: The vendor's way to word a server error.
        """
        reply = act() if self.detail.get("handled", not self.is_an_answer) else None
        if reply is None or self.is_an_answer:
            false = faulty(self, default)
            if reply is not None:
                false.export_id = reply.export_id
            reply = false
        reply.fault = self
        return reply


class Faults:
    """The faults that wait for their request, in the order in which they were injected."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[_Waiting] = []

    def inject(self, fault: Fault) -> None:
        """Let ``fault`` happen from now on."""
        with self._lock:
            self._waiting.append(_Waiting(fault))

    def clear(self) -> None:
        """Forget every fault."""
        with self._lock:
            self._waiting.clear()

    def pending(self) -> list[Fault]:
        """Return the faults that have not yet happened as often as they should."""
        with self._lock:
            return [waiting.fault for waiting in self._waiting if waiting.is_left]

    def take(self, steps: Collection[str], day: dt.date | None, *, ranged: bool = False) -> Fault | None:
        """Return the fault that this request meets, if any.

        Every fault counts every request that it matches (for ``after``); the first that is ready happens.
        """
        met = None
        with self._lock:
            for waiting in self._waiting:
                if waiting.matches(steps, day, ranged=ranged) and waiting.is_ready() and met is None:
                    waiting.happened += 1
                    met = waiting.fault
        return met


class _Waiting:
    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.happened = 0
        self._passed = 0

    @property
    def is_left(self) -> bool:
        return self.fault.times is None or self.happened < self.fault.times

    def matches(self, steps: Collection[str], day: dt.date | None, *, ranged: bool) -> bool:
        fault = self.fault
        return (
            fault.step in steps
            and (fault.day is None or fault.day == day)
            and (ranged or fault.kind not in _ONLY_RANGED)
        )

    def is_ready(self) -> bool:
        """Count one matching request, and say whether the fault may happen to it."""
        self._passed += 1
        return self.is_left and self._passed > self.fault.after


def plain_value(text: str) -> Any:
    """Read a value of the command line: a number, true, false, none, or else text."""
    words = {"true": True, "false": False, "none": None}
    if text.lower() in words:
        return words[text.lower()]
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    return text


def _hint(name: str, known: Collection[str]) -> str:
    near = next(iter(difflib.get_close_matches(name, known, n=1)), None)
    return f" (did you mean {near!r}?)" if near else f"; known: {', '.join(known)}"
