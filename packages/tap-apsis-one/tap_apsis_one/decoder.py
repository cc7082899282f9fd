"""Numbers in files to what they mean. What was defined after a run began is asked for when a file names it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from bulk_exports.engine.errors import ExportError
from bulk_exports.wording import foreign
from tap_apsis_one.definitions import by_number

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tap_apsis_one.account import Account
    from tap_apsis_one.definitions import Definition, Definitions, Version

MAX_LOOKS: Final = 3
"""So often a run asks for the definitions anew."""

MAX_UNKNOWN: Final = 100
"""So many numbers that nobody knows are told; a file may be full of them."""

Numbers = dict[str, "tuple[Definition, Version]"]


def _sections(definitions: Definitions) -> Mapping[str, object]:
    return definitions.section_numbers()


def _event_types(definitions: Definitions) -> Mapping[str, object]:
    return by_number(definitions.event_types)


def _values(definitions: Definitions) -> Mapping[str, object]:
    return by_number((*definitions.attributes, *definitions.tags))


class Decoder:
    """What the numbers of one account mean.

    Args:
        account: The account.
    """

    def __init__(self, account: Account) -> None:
        self._account = account
        self._lock = threading.Lock()
        self._known: dict[Callable[[Definitions], Mapping[str, object]], Mapping[str, object]] = {}
        self._unknown: set[tuple[str, str]] = set()
        self._looks = 0

    def section(self, number: str) -> Definition | None:
        """Return the section of a number; None if no definition explains it."""
        return self._find("section", number, _sections)  # type: ignore[return-value]

    def event_type(self, number: str) -> Definition | None:
        """Return the event type of a number."""
        found = self._find("event type", number, _event_types)
        return found[0] if isinstance(found, tuple) else None

    def value(self, number: str) -> tuple[Definition, Version] | None:
        """Return the attribute or tag of a number, and which version of it."""
        found = self._find("attribute or tag", number, _values)
        return found if isinstance(found, tuple) else None

    def _find(self, what: str, number: str, numbers: Callable[[Definitions], Mapping[str, object]]) -> object:
        known = self._known.get(numbers)
        if known is not None and number in known:
            return known[number]
        with self._lock:
            known = self._known[numbers] = self._known.get(numbers) or numbers(self._account.definitions)
            if number in known:
                return known[number]
            if (what, number) in self._unknown:
                return None
            if self._looks < MAX_LOOKS:
                self._looks += 1
                known = self._looked_again(numbers)
                if number in known:
                    return known[number]
            if len(self._unknown) >= MAX_UNKNOWN:
                return None
            self._unknown.add((what, number))
            self._account.log.warning(
                "The account defines no %s %s, which a file holds; it is delivered by its number", what, foreign(number)
            )
            return None

    def _looked_again(self, numbers: Callable[[Definitions], Mapping[str, object]]) -> Mapping[str, object]:
        try:
            definitions = self._account.refreshed()
        except ExportError as error:
            self._account.log.warning("What the account defines cannot be asked for again: %s", error)
            return {}
        self._known.clear()
        known = self._known[numbers] = numbers(definitions)
        return known
