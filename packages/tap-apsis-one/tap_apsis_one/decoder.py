"""Numbers in files to what they mean. What was defined after a run began is asked for when a file names it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from bulk_exports.engine.errors import ExportError
from bulk_exports.wording import foreign
from tap_apsis_one.definitions import Version, by_number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_apsis_one.account import Account
    from tap_apsis_one.definitions import Definition, Definitions

    Numbers = Mapping[str, Mapping[str, tuple[Definition, Version]]]

MAX_LOOKS: Final = 3
"""So often a run asks for the definitions anew."""

MAX_UNKNOWN: Final = 100
"""So many numbers that nobody knows are told; a file may be full of them."""

_SECTION: Final = "section"
_EVENT_TYPE: Final = "event type"
_VALUE: Final = "attribute or tag"


class Decoder:
    """What the numbers of one account mean.

    Args:
        account: The account.
    """

    def __init__(self, account: Account) -> None:
        self._account = account
        self._lock = threading.Lock()
        self._known: Numbers = {}
        self._unknown: set[tuple[str, str]] = set()
        self._misfits: set[tuple[str, str]] = set()
        self._looks = 0

    def section(self, number: str) -> Definition | None:
        """Return the section of a number; None if no definition explains it."""
        found = self._find(_SECTION, number)
        return found[0] if found else None

    def event_type(self, number: str) -> Definition | None:
        """Return the event type of a number."""
        found = self._find(_EVENT_TYPE, number)
        return found[0] if found else None

    def value(self, number: str) -> tuple[Definition, Version] | None:
        """Return the attribute or tag of a number, and which version of it."""
        return self._find(_VALUE, number)

    def tell_misfit(self, definition: Definition, version: Version) -> None:
        """Tell, once, that a value of an attribute is not what the attribute is said to hold."""
        with self._lock:
            if (_VALUE, version.id) in self._misfits:
                return
            self._misfits.add((_VALUE, version.id))
        told = "A value of the attribute %s is no %s, as its definition says; such values are delivered in `unmapped`"
        self._account.log.warning(told, foreign(definition.name), version.kind)

    def _find(self, what: str, number: str) -> tuple[Definition, Version] | None:
        if self._known and (found := self._known[what].get(number)):
            return found
        with self._lock:
            self._known = self._known or _numbers(self._account.definitions)
            if number not in self._known[what] and (what, number) not in self._unknown and self._looks < MAX_LOOKS:
                self._look_again()
            found = self._known[what].get(number)
            if found is None and (what, number) not in self._unknown and len(self._unknown) < MAX_UNKNOWN:
                self._unknown.add((what, number))
                told = "The account defines no %s %s, which a file holds; it is delivered by its number"
                self._account.log.warning(told, what, foreign(number))
            return found

    def _look_again(self) -> None:
        self._looks += 1
        try:
            self._known = _numbers(self._account.refreshed())
        except ExportError as error:
            self._account.log.warning("What the account defines cannot be asked for again: %s", error)


def _numbers(definitions: Definitions) -> Numbers:
    sections = ((name, each) for each in definitions.sections for name in (each.discriminator, each.id) if name)
    return {
        _SECTION: {name: (each, Version(name)) for name, each in sections},
        _EVENT_TYPE: by_number(definitions.event_types),
        _VALUE: by_number((*definitions.attributes, *definitions.tags)),
    }
