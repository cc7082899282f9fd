"""Those parts of a JSON object that are wanted, and the paths that lead to them."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, NamedTuple

from bulk_exports.wording import foreign

if TYPE_CHECKING:
    from collections.abc import Collection, Container, Iterable, Mapping

Path = tuple["str | None", ...]
"""Names on the way from the outermost object to a part. None stands for any place in a list, and for any name but those
that other paths name at this point."""


class Part(NamedTuple):
    """A part of the object.

    Attributes:
        name: What the stream calls parts of this kind.
        keys: The names of the objects that stand where the path has None, from the outside to the inside.
        value: What stands there. Numbers with a fraction are decimals.
    """

    name: str
    keys: tuple[str, ...]
    value: Any


class UnexpectedPartError(Exception):
    """Something stands on the way to parts that is not what the stream knows.

    Attributes:
        names: The names on the way to it.
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names
        super().__init__(f"something unexpected under {foreign('.'.join(filter(None, names)))!r}")


@dataclasses.dataclass(frozen=True)
class Crossing:
    """A place where paths part.

    Attributes:
        part: What the stream calls the parts that stand here, if they do.
        open_names: Which names on the way here stand where the path has None.
        named: Where the names that some path has lead to.
        others: Where all others lead to, as do the places in a list.
        needed: Of these names an object here must have one.
        is_strict: Whether nothing but what leads on may stand here.
    """

    part: str | None
    open_names: tuple[int, ...]
    named: Mapping[str, Crossing]
    others: Crossing | None
    needed: frozenset[str] = frozenset()
    is_strict: bool = False

    @classmethod
    def of(cls, parts: Mapping[str, Iterable[Path]], needs: Collection[str] = ()) -> Crossing:
        """Return where all paths begin.

        Args:
            parts: Paths of parts.
            needs: See `bulk_exports.files.json_object.JsonObject`.

        Raises:
            ValueError: One part lies within another, or is the whole object.
        """
        start = cls._after(0, [(name, path) for name, paths in parts.items() for path in paths], frozenset(needs))
        if start is None or start.part is not None:
            raise ValueError("at least one part is needed, and its path needs at least one name")
        return start

    @classmethod
    def _after(cls, length: int, ways: list[tuple[str, Path]], needs: frozenset[str]) -> Crossing | None:
        """Return where paths lead to whose beginnings of this length are the same."""
        if not ways:
            return None
        part, path = ways[0]
        if any(len(path) == length for _, path in ways):
            if len(ways) > 1:
                raise ValueError(f"of these parts one lies within another: {', '.join(sorted(dict(ways)))}")
            return cls(part, tuple(place for place, name in enumerate(path) if name is None), {}, None)

        def onwards(name: str | None) -> Crossing | None:
            return cls._after(length + 1, [way for way in ways if way[1][length] == name], needs)

        named = {name: onwards(name) for _, path in ways if (name := path[length]) is not None}
        ahead = {name: there for name, there in named.items() if there}
        return cls(None, (), ahead, onwards(None), needs & ahead.keys(), bool(needs))

    def onwards(self, name: str) -> Crossing | None:
        """Return where a name leads to, if any path goes that way."""
        return self.named.get(name, self.others)

    def keys(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Return the keys of a part that stands here.

        Args:
            names: The names on the way here, a place in a list being no name.
        """
        return tuple([names[place] for place in self.open_names if names[place]])

    def collect(self, value: Any, names: tuple[str, ...], parts: list[Part]) -> None:
        """Add the parts of a value that stands here to these.

        Args:
            value: The value.
            names: The names on the way here.
            parts: Where they are added.

        Raises:
            UnexpectedPartError: Something else stands here.
        """
        if self.part is not None:
            parts.append(Part(self.part, self.keys(names), value))
        elif isinstance(value, dict):
            if value:
                self.check(value, names)
            for name, inner in value.items():
                if there := self.onwards(name):
                    there.collect(inner, (*names, name), parts)
        elif isinstance(value, list) and (there := self.others):
            if there.part is not None:
                part, keys = there.part, there.keys((*names, ""))
                parts += [Part(part, keys, inner) for inner in value]
            else:
                for inner in value:
                    there.collect(inner, (*names, ""), parts)
        elif self.is_strict and not (value is None and self.others and self.others.part):
            raise UnexpectedPartError(names)

    def check(self, has: Container[str], names: tuple[str, ...], *, is_list: bool = False) -> None:
        """Look whether an object or a list that stands here is what is expected.

        Args:
            has: The names in it.
            names: The names on the way here.
            is_list: Whether it is a list.

        Raises:
            UnexpectedPartError: It is something else.
        """
        if (is_list and self.is_strict and not self.others) or (
            self.needed and not any(name in has for name in self.needed)
        ):
            raise UnexpectedPartError(names)
