"""`LocalVendor`: origins that listen, faults that wait, a journal of what was asked; a vendor's sandbox derives it."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any, ClassVar

from bulk_exports.sandbox import journal
from bulk_exports.sandbox.control import PREFIX, Control
from bulk_exports.sandbox.faults import Fault, Faults
from bulk_exports.sandbox.server import Origin

if TYPE_CHECKING:
    import types
    from collections.abc import Callable, Mapping

    from typing_extensions import Self

    from bulk_exports.sandbox.journal import LoggedRequest
    from bulk_exports.sandbox.messages import Reply, Request
    from bulk_exports.sandbox.server import Answer


class LocalVendor:
    """A vendor on this machine.

    Use it as a context manager, or call `start` and `stop`.

    Args:
        clock: Epoch seconds; every time the server knows comes from it.
        on_request: Is called with every request as it is logged.
    """

    fault: ClassVar[type[Fault]] = Fault
    """What can go wrong here."""

    def __init__(
        self, *, clock: Callable[[], float] = time.time, on_request: Callable[[LoggedRequest], None] | None = None
    ) -> None:
        self.faults = Faults()
        self.requests: list[LoggedRequest] = []
        self._clock = clock
        self._on_request = on_request
        self._origins: list[Origin] = []
        self._control: Control | None = None
        self._cleanup = contextlib.ExitStack()

    @property
    def control_url(self) -> str:
        """Where the control endpoint is; see `bulk_exports.sandbox.control`."""
        return self._origins[0].url + PREFIX.rstrip("/")

    def start(self) -> None:
        """Answer requests from now on."""
        for origin in self._origins:
            origin.start()

    def stop(self) -> None:
        """Hang up on everybody and remove every file."""
        for origin in self._origins:
            origin.stop()
        self._cleanup.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: types.TracebackType | None,
    ) -> None:
        self.stop()

    def inject(self, fault: Fault) -> None:
        """Let ``fault`` happen from now on."""
        self.faults.inject(fault)

    def _listen(self, name: str, address: tuple[str, int], answer: Answer, software: str) -> Origin:
        """Open an origin, whose requests are logged under its name; the first one has the control endpoint, too.

        Do it before anything is made that must be cleaned up: it fails when the port is taken.
        """
        first = not self._origins

        def logged(request: Request) -> Reply:
            if first and self._control and request.path.startswith(PREFIX):
                return self._control.answer(request)
            reply = answer(request)
            entry = journal.note(self._clock(), name, request, reply)
            self.requests.append(entry)
            if self._on_request:
                self._on_request(entry)
            return reply

        origin = Origin(address, logged, software, self._clock)
        self._origins.append(origin)
        return origin

    def _steer(self, routes: Mapping[str, Callable[..., Any]]) -> None:
        """Open the control endpoint, with these routes besides the ones that every vendor has."""
        self._control = Control(faults=self.faults, fault=self.fault, requests=self.requests, routes=routes)
