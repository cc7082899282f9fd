"""STATE as it is handed over: unwrapped, and refused where it would pass for none and reload everything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final

from bulk_exports.errors import TapError

if TYPE_CHECKING:
    from collections.abc import Collection

_MELTANOS: Final = "singer_state"
_BOOKMARKS: Final = "bookmarks"
_WHAT_TO_DO: Final = (
    "Hand over the last STATE that the target printed, or what `meltano state get` prints; `{}`, or no `--state` at "
    "all, begins anew"
)


class UnusableStateError(TapError, ValueError):
    """A STATE that holds nothing of this tap, and yet something."""

    page: ClassVar[str] = "docs/state.md#handing-it-over"

    def __init__(self, found: str) -> None:
        super().__init__(f"STATE cannot be used: {found}. {_WHAT_TO_DO}")


def unwrapped(state: Mapping[str, Any], *, exports: Collection[str], others: Collection[str]) -> dict[str, Any]:
    """Return the ``{"bookmarks": ...}`` that a STATE holds, be it a whole STATE message or as Meltano stores it.

    Args:
        state: What was handed over.
        exports: The names of the streams whose days STATE remembers.
        others: The names of the other streams of this tap.

    Raises:
        UnusableStateError: It is not empty, and holds no bookmark of this tap.
    """
    inner = state
    if _MELTANOS in state:
        inner = state[_MELTANOS]
    elif state.get("type") == "STATE":
        inner = state.get("value", {})
    if not isinstance(inner, Mapping):
        raise UnusableStateError(f"it holds {inner!r} where an object with `{_BOOKMARKS}` is expected")
    if not inner:
        return {}
    bookmarks = inner.get(_BOOKMARKS)
    if not isinstance(bookmarks, Mapping):
        found = "no" if bookmarks is None else f"{bookmarks!r} as"
        raise UnusableStateError(f"it has {found} `{_BOOKMARKS}`; found {_named(inner)}")
    strangers = bookmarks.keys() - set(exports) - set(others)
    # Beside a bookmark of ours, those of others do no harm: several taps may share one STATE.
    if strangers and not bookmarks.keys() & set(exports):
        raise UnusableStateError(
            f"it has no bookmark of {_named(exports)}; found {_named(strangers)}, which this tap does not know"
        )
    for name, bookmark in bookmarks.items():
        if not isinstance(bookmark, Mapping):
            raise UnusableStateError(f"the bookmark of `{name}` must be an object; found {bookmark!r}")
    return {_BOOKMARKS: dict(bookmarks)}


def _named(names: Collection[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names))
