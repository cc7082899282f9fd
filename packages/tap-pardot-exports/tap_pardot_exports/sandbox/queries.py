"""The body of a create: what it may say, with the vendor's codes for what it may not."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import re
from typing import TYPE_CHECKING, Any, Final

from tap_pardot_exports import vocabulary as pardot
from tap_pardot_exports.vocabulary import PardotField, PardotObject, camel

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from bulk_exports.sandbox.days import Days
    from tap_pardot_exports.sandbox.quirks import Quirks

_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
_MORE: Final = {"visitorActivity": ("type", "prospect_only")}


class Refusal(Exception):  # noqa: N818 - reads as what it says: raise Refusal(code, words)
    """A request that is not accepted."""

    def __init__(self, code: int, words: str) -> None:
        super().__init__(words)
        self.code = code
        self.words = words


@dataclasses.dataclass(frozen=True)
class Query:
    """What an export is asked for.

    Attributes:
        thing: The kind of record.
        version: The version of the API.
        fields: Names as they were asked for, with the columns that they are; None for a field of the account's own.
        cursor: By which time.
        after: Records of this moment and before are left out, in epoch seconds.
        before: Records of this moment and after are left out.
        deleted: "true", "false" or "all".
    """

    thing: PardotObject
    version: int
    fields: tuple[tuple[str, PardotField | None], ...]
    cursor: str
    after: float
    before: float
    deleted: str


def first_day(body: bytes) -> dt.date | None:
    """Return the first day that a body asks for, as far as it can be read; for faults and the log."""
    try:
        arguments = json.loads(body)["procedure"]["arguments"]
        text = next(str(value) for name, value in arguments.items() if name.lower().endswith("after"))
        return dt.datetime.fromisoformat(text).date() + dt.timedelta(days=1)
    except (ValueError, LookupError, TypeError, AttributeError, StopIteration, RecursionError, OverflowError):
        return None


class Reader:
    """Reads the bodies of creates.

    Args:
        days: Days of the user's zone.
        clock: Epoch seconds.
        quirks: How the unknown is decided.
        custom: Names of fields that the account has besides the usual ones.
        refused: Names of procedures that the account does not answer.
    """

    def __init__(
        self,
        *,
        days: Days,
        clock: Callable[[], float],
        quirks: Quirks,
        custom: Collection[str],
        refused: Collection[str],
    ) -> None:
        self._days = days
        self._clock = clock
        self._quirks = quirks
        self._custom = custom
        self._refused = refused

    def read(self, body: bytes, version: int) -> Query:
        """Read a body.

        Raises:
            Refusal: It breaks a rule.
        """
        try:
            said = json.loads(body)
        except (ValueError, RecursionError):
            said = None
        if not isinstance(said, dict) or not isinstance(said.get("procedure"), dict):
            raise Refusal(166, "Input is not in the expected format")
        names = {thing.new_name if version == 5 else thing.name: thing for thing in pardot.OBJECTS}
        thing = names.get(str(said.get("object")))
        if thing is None:
            raise Refusal(71, "Input needs to be an object that can be exported")
        procedure = said["procedure"].get("name")
        cursor = next((cursor for cursor in thing.cursors if procedure == f"filter_by_{cursor}"), None)
        if cursor is None or f"{thing.name}.{procedure}" in self._refused:
            raise Refusal(174, f"Unknown procedure: {procedure}")
        after, before, deleted = self._arguments(thing, cursor, version, said["procedure"].get("arguments"))
        return Query(thing, version, self._fields(thing, version, said.get("fields")), cursor, after, before, deleted)

    def _arguments(self, thing: PardotObject, cursor: str, version: int, given: object) -> tuple[float, float, str]:
        stem = cursor.removesuffix("_at")
        known = [f"{stem}_after", f"{stem}_before", *(["deleted"] if thing.knows_deleted else [])]
        known += _MORE.get(thing.name, ())
        spelt = {camel(name) if version == 5 and self._quirks.arguments == "camel" else name: name for name in known}
        if not isinstance(given, dict):
            raise Refusal(176, "Missing procedure arguments")
        for name in given:
            if name not in spelt:
                raise Refusal(175, f"Unknown argument: {name}")
        values = {spelt[name]: value for name, value in given.items()}
        if f"{stem}_after" not in values:
            raise Refusal(176, f"Missing argument: {stem}_after")
        after = self._moment(f"{stem}_after", values)
        before = self._moment(f"{stem}_before", values) if f"{stem}_before" in values else self._clock()
        if before - after > self._quirks.days_of_year * 86_400:
            raise Refusal(177, "The range must be at most one year")
        if before < after:
            raise Refusal(177, f"Invalid argument: {stem}_before must not lie before {stem}_after")
        deleted = str(values.get("deleted", "false")).lower()
        if deleted not in {"true", "false", "all"}:
            raise Refusal(177, "Invalid argument: deleted")
        return after, before, deleted

    def _moment(self, name: str, values: dict[str, Any]) -> float:
        value = values[name]
        if not isinstance(value, str) or not _TIME.fullmatch(value):
            raise Refusal(177, f"Invalid argument: {name}")
        try:
            return self._days.moment(dt.datetime.fromisoformat(value))
        except (ValueError, OverflowError):
            raise Refusal(177, f"Invalid argument: {name}") from None

    def _fields(self, thing: PardotObject, version: int, asked: object) -> tuple[tuple[str, PardotField | None], ...]:
        new = version == 5 or thing.always_new
        known = {name: field for field in thing.fields if (name := field.new if new else field.old)}
        names = list(known) if asked is None else asked
        if not isinstance(names, list) or not names or len(names) > pardot.MAX_FIELDS:
            raise Refusal(166, "Input is not in the expected format: fields")
        if unknown := [str(name) for name in names if name not in known and name not in self._custom]:
            raise Refusal(180, f"Invalid fields requested: {', '.join(unknown)}")
        return tuple((name, known.get(name)) for name in names)
