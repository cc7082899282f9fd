"""Exports of the local account: asked for, made, ended, forgotten."""

from __future__ import annotations

import dataclasses
import itertools
import secrets
import threading
from typing import TYPE_CHECKING, Any, Final

from bulk_exports.sandbox.shelf import Form, Shelf
from tap_apsis_one.sandbox.content import Content, Writer

if TYPE_CHECKING:
    from collections.abc import Callable

    from bulk_exports.sandbox.faults import Fault
    from bulk_exports.sandbox.shelf import StoredObject
    from tap_apsis_one.sandbox.asked import Asked

_FIRST_NUMBER: Final = 5001
DAY_SECONDS: Final = 86_400.0


@dataclasses.dataclass
class Export:
    """An export.

    Attributes:
        number: For the request log.
        name: What addresses end with.
        asked: What was asked for.
        created_at: When.
        ends_at: When it is made.
        dies_at: When its file is gone.
        fate: What becomes of it, if it does not end well.
        content: What it holds, once it is made.
        link_token: With which its file may be fetched by a link that holds no secret.
    """

    number: int
    name: str
    asked: Asked
    created_at: float
    ends_at: float
    dies_at: float
    fate: Fault | None = None
    content: Content | None = None
    link_token: str = dataclasses.field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)

    def is_pending(self, now: float) -> bool:
        """Tell whether it is under way."""
        return now < self.ends_at or (self.fate is not None and self.fate.kind == "never_finishes")


class Exports:
    """Every export of the account.

    Args:
        writer: Writes files.
        clock: Epoch seconds.
        job_seconds: How long an export takes, or a function from what was asked for and the number of the attempt.
        drift: Whether each export has names of its own.
    """

    def __init__(
        self,
        writer: Writer,
        clock: Callable[[], float],
        job_seconds: float | Callable[[Asked, int], float],
        *,
        drift: bool,
    ) -> None:
        self._writer = writer
        self._clock = clock
        self._job_seconds = job_seconds
        self._drift = drift
        self._lock = threading.Lock()
        self._numbers = itertools.count(_FIRST_NUMBER)
        self._by_name: dict[str, Export] = {}
        self.shelf: Shelf[Content] = Shelf("apsis-sandbox", ".part", writer.lines)
        self.revision: Callable[[], int] = lambda: 0

    def create(self, asked: Asked, fate: Fault | None) -> Export:
        """Begin an export."""
        with self._lock:
            now, number = self._clock(), next(self._numbers)
            attempt = 1 + sum(other.asked == asked for other in self._by_name.values())
            seconds = self._job_seconds(asked, attempt) if callable(self._job_seconds) else self._job_seconds
            export = Export(number, secrets.token_hex(16), asked, now, now + seconds, now + seconds + DAY_SECONDS, fate)
            self._by_name[export.name] = export
        return export

    def find(self, name: str, kind: str) -> Export | None:
        """Return an export by what its address ends with."""
        export = self._by_name.get(name)
        return export if export and export.asked.kind == kind else None

    def all(self) -> list[Export]:
        """Return all of them, the oldest first."""
        with self._lock:
            return list(self._by_name.values())

    def pending(self) -> int:
        """Return how many are under way."""
        now = self._clock()
        return sum(export.is_pending(now) for export in self.all())

    def file(self, export: Export, **form: Any) -> StoredObject:
        """Return the file of an export that has ended."""
        with self._lock:
            if export.content is None:
                number = export.number if self._drift else 0
                export.content = Content(export.asked, int(export.ends_at * 1000), self.revision(), number)
        end = {"newline": b"\r\n"} if export.asked.kind == "emails" else {}
        return self.shelf.build(export.content, Form(**{**end, **form})).result()
