"""STATE as Airbyte keeps it: a message for each stream, stored with that stream, each by itself.

A stream and its ledger are two streams to Airbyte, and a destination that is stopped may have stored the one further
than the other. If the rows of a day were there and its ledger row not, the day would be lost to whoever joins them. So
each message holds the whole bookmark of the run, and where two of them differ, what either of them leaves in doubt is
read again. Beside the bookmark stand::

    "event_date": "2025-03-10"                       the cursor by its name, for people and for Airbyte's own tests
    "run": 17                                        which run wrote the message, counted from 1
    "touched": [["2025-03-07", "2025-03-10"]]        the days that this run had written or looked at by then
    "generation_id": 3                               which reading of everything it belongs to, where that is counted
"""

from __future__ import annotations

import dataclasses
import reprlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from typing_extensions import Self

from bulk_exports.errors import TapError
from bulk_exports.windows.bookmark import Bookmark
from bulk_exports.windows.delivered import DeliveredDays, MalformedStateError

if TYPE_CHECKING:
    from datetime import date

    from bulk_exports.airbyte.catalog import ConfiguredStream

_RUN: Final = "run"
_TOUCHED: Final = "touched"
_GENERATION: Final = "generation_id"


class StateError(TapError):
    """What was given as STATE is none of Airbyte's."""

    def __init__(self, found: str) -> None:
        super().__init__(
            f"STATE cannot be used: it must be a list of STATE messages of the type STREAM; found {found}. "
            "Correct it, or clear the streams to read everything again"
        )


def states_by_stream(found: object) -> dict[str, Mapping[str, Any]]:
    """Return what is remembered of each stream; nothing for a first sync.

    Raises:
        StateError: It makes no sense. It never passes for a first sync.
    """
    if found in (None, {}, []):
        return {}
    if not isinstance(found, list):
        raise StateError("an object" if isinstance(found, Mapping) else reprlib.repr(found))
    return dict(_named_state(message, place) for place, message in enumerate(found, start=1))


def _named_state(message: object, place: int) -> tuple[str, Mapping[str, Any]]:
    kind = _get(message, "type")
    name = _get(_get(_get(message, "stream"), "stream_descriptor"), "name")
    if kind != "STREAM" or not isinstance(name, str):
        raise StateError(f"something else in place {place}, of the type {reprlib.repr(kind)}")
    state = _get(_get(message, "stream"), "stream_state")
    if state is not None and not isinstance(state, Mapping):
        raise StateError(f"a `stream_state` of {name!r} that is no object")
    return name, state or {}


def _get(found: object, key: str) -> object:
    return found.get(key) if isinstance(found, Mapping) else None


@dataclasses.dataclass(frozen=True)
class Remembered:
    """What the STATE of a stream says, or what is left of it where two streams say different things.

    Attributes:
        bookmark: The bookmark.
        run: Which run wrote it; 0 for none.
        touched: The days that this run had written or looked at.
    """

    bookmark: Bookmark
    run: int = 0
    touched: DeliveredDays = dataclasses.field(default_factory=DeliveredDays)

    @classmethod
    def from_state(cls, state: Mapping[str, Any], *, start: date, replication_key: str) -> Self:
        """Read the STATE of a stream.

        Raises:
            MalformedStateError: It makes no sense.
        """
        run = state.get(_RUN, 0)
        if not isinstance(run, int):
            raise MalformedStateError(_RUN, run, "must be a number, or be left out")
        touched = {"delivered": state.get(_TOUCHED, [])}
        of_this_door = {_RUN, _TOUCHED, _GENERATION, replication_key}
        bookmark = {key: value for key, value in state.items() if key not in of_this_door}
        return cls(
            Bookmark.from_state(bookmark, start=start, replication_key=replication_key),
            run,
            DeliveredDays.from_state(touched, start=start, replication_key=replication_key),
        )

    def joined(self, other: Remembered) -> Remembered:
        """Return what is sure where one stream says this and the other one that.

        Delivered is what both say. Of these days those are written again of which one stream may have got something
        else than the other, or either is in doubt: those that the run touched between the two messages or, if two runs
        wrote them, the later run.
        """
        ours, theirs = self.bookmark, other.bookmark
        if ours == theirs:
            return max(self, other, key=lambda each: each.run)
        later = max(self, other, key=lambda each: each.run)
        between = set(self.touched) ^ set(other.touched) if self.run == other.run else set(later.touched)
        bookmark = dataclasses.replace(
            ours,
            delivered=(delivered := ours.delivered & theirs.delivered),
            since=min((day for day in (ours.since, theirs.since) if day), default=None),
            request=later.bookmark.request or ours.request or theirs.request,
            snapshots={
                day: max(found, key=lambda snapshot: snapshot.revision)
                for day in ours.snapshots.keys() | theirs.snapshots.keys()
                if day in delivered
                and (found := [each.snapshots[day] for each in (ours, theirs) if day in each.snapshots])
            },
            rewrite=frozenset(),
        ).with_rewrite(ours.rewrite | theirs.rewrite | between)
        return Remembered(bookmark, later.run)


def remembered(
    chosen: Mapping[str, ConfiguredStream],
    states: Mapping[str, Mapping[str, Any]],
    *,
    start: date,
    replication_key: str,
) -> Remembered:
    """Return with what a run of a stream and its ledger begins.

    Args:
        chosen: What was chosen of the stream and of its ledger.
        states: What is remembered of each stream.
        start: First day that is wanted.
        replication_key: The stream's column of days.

    Raises:
        MalformedStateError: A STATE makes no sense.
    """
    first, *others = (
        Remembered.from_state(
            _of_this_reading(stream, states.get(name, {})), start=start, replication_key=replication_key
        )
        for name, stream in chosen.items()
    )
    for other in others:
        first = first.joined(other)
    return first


def _of_this_reading(stream: ConfiguredStream, state: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the STATE, unless it is of another reading of everything: that must not end this one early."""
    if stream.full_refresh and (stream.generation is None or state.get(_GENERATION) != stream.generation):
        return {}
    return state


def state_message(
    bookmark: Mapping[str, object], *, run: int, touched: DeliveredDays, cursor: str, generation: int | None
) -> dict[str, object]:
    """Return what Airbyte is to remember of a stream."""
    state: dict[str, object] = {**bookmark, _RUN: run, _TOUCHED: touched.as_json()}
    if (last := bookmark.get("replication_key_value")) is not None:
        state[cursor] = last
    if generation is not None:
        state[_GENERATION] = generation
    return state
