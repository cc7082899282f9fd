"""What one export is asked for: which stream it is for, and by which names STATE remembers what was asked."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final

from tap_apsis_one import bodies

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from bulk_exports.spec import ExportRequest
    from tap_apsis_one.definitions import Definition
    from tap_apsis_one.selection import Column, Selection
    from tap_apsis_one.settings import Settings

_MEANING: Final[Mapping[str, tuple[str, ...]]] = {
    "profiles": ("sections", "segment"),
    "profile_events": ("sections", "segment", "event_types"),
    "email_events": ("segment",),
}
"""Settings that decide which rows a stream has."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ApsisQuery:
    """What is asked for.

    Attributes:
        stream: The stream.
        columns: Its columns that are wanted.
        meaning: What decides which rows there are, by the names of settings.
        wanted: Attributes and tags of these columns.
    """

    stream: str
    columns: tuple[str, ...]
    meaning: Mapping[str, Any]
    wanted: tuple[Definition, ...] = ()

    @classmethod
    def of(
        cls,
        settings: Settings,
        stream: str,
        columns: Collection[str],
        columns_of: Mapping[str, Column] | None = None,
    ) -> ApsisQuery:
        """Return what these settings ask for.

        Args:
            settings: What the user wants.
            stream: The stream.
            columns: Its columns that are wanted.
            columns_of: Attributes and tags by the names of their columns.
        """
        meaning = {name: getattr(settings, name) for name in _MEANING[stream]}
        meaning = {name: sorted(value) if isinstance(value, tuple) else value for name, value in meaning.items()}
        meaning["request_body"] = settings.request_body.get(stream)
        chosen = (column for name, column in (columns_of or {}).items() if name in columns)
        wanted = tuple(each for column in chosen for each in column.definitions)
        return cls(stream=stream, columns=tuple(columns), meaning=meaning, wanted=wanted)

    @property
    def breaking(self) -> Collection[str]:
        """All of that: rows of two requests that differ in it do not mix."""
        return self.meaning.keys()

    @property
    def is_report(self) -> bool:
        """Whether it is an export of e-mail events, which is a thing of its own."""
        return self.stream == "email_events"

    @property
    def path(self) -> str:
        """Where it is asked for."""
        return "/emails/reports" if self.is_report else "/audience/profiles/exports"

    def body(self, settings: Settings, selection: Selection, request: ExportRequest[ApsisQuery]) -> dict[str, Any]:
        """Return the body of a request."""
        if self.stream == "profiles":
            return bodies.profiles(settings, selection, self.wanted, request.planned_at)
        window = bodies.bounds(request.window.first, request.window.last, request.planned_at)
        if self.is_report:
            return bodies.email_events(settings, selection, self.wanted, window)
        return bodies.profile_events(settings, selection, window)

    def fingerprint(self) -> Mapping[str, Any]:
        """Return the query as STATE remembers it."""
        return {**self.meaning, "fields": sorted(self.columns)}

    def ledger_values(self) -> Mapping[str, Any]:
        """Return nothing: no stream of this vendor has a ledger."""
        return {}
