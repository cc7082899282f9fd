"""What a declaration holds beside what its class says: a type checker tells the same, but not everybody uses one."""

from __future__ import annotations

import dataclasses
import functools
import types
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin, get_type_hints

if TYPE_CHECKING:
    from collections.abc import Iterator


def misfits(thing: object, declared: type, *, where: str = "", unread: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield in words which attributes of a dataclass, and of those in it, hold what their annotations do not allow.

    Args:
        thing: What is looked at.
        declared: Its dataclass; where it is of a class that adds attributes, these are not looked at.
        where: How people find it, if it is a part of something.
        unread: Names in annotations of which nothing is known, because only a type checker imports them.
    """
    hints = _hints(declared, unread)
    for field in dataclasses.fields(declared):
        yield from _misfit(
            getattr(thing, field.name), hints[field.name], f"{where}.{field.name}" if where else field.name
        )


@functools.cache
def _hints(declared: type, unread: tuple[str, ...]) -> dict[str, Any]:
    return get_type_hints(declared, localns=dict.fromkeys(unread, Any))


def _misfit(value: object, hint: Any, where: str) -> Iterator[str]:
    """Yield what a value is, and is not allowed to be."""
    origin = get_origin(hint)
    if origin is Literal:
        if value not in get_args(hint):
            yield f"`{where}` is {value!r:.100}, and none of {', '.join(f'`{word}`' for word in get_args(hint))}"
    elif origin in {Union, types.UnionType}:
        told = [list(_misfit(value, each, where)) for each in get_args(hint)]
        if all(told):
            yield from told[0]
    elif origin is tuple and isinstance(value, (tuple, list)):  # only somebody who uses no type checker writes a list
        for place, each in enumerate(value):
            yield from _misfit(each, get_args(hint)[0], f"{where}[{place}]")
    elif isinstance(kind := origin or hint, type) and kind is not Any:
        if not _is_of(value, kind):
            yield f"`{where}` is of the type {type(value).__name__}, and no {kind.__name__}"
        elif dataclasses.is_dataclass(kind):
            yield from misfits(value, kind, where=where)


def _is_of(value: object, kind: type) -> bool:
    if isinstance(value, bool):  # which Python takes for a number
        return kind is bool
    return isinstance(value, (int, float) if kind is float else kind)
