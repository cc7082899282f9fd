"""How much a vendor exports at a time, as far as a run finds out: what the engine tells of it, and asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from bulk_exports.engine.vendor import RequestT

if TYPE_CHECKING:
    from collections.abc import Sequence


class Sizing(Protocol[RequestT]):
    """What is known of how large a request can be. Used by one thread."""

    def parts(self, request: RequestT) -> Sequence[RequestT]:
        """Return the smaller requests that take the place of one; none for one that cannot be smaller."""

    def is_too_large(self, request: RequestT) -> bool:
        """Tell of a request that nobody has sent yet whether it will probably be too large."""

    def was_too_large(self, request: RequestT) -> None:
        """Take note that the vendor called a request too large."""

    def failed(self, request: RequestT) -> None:
        """Take note that the vendor failed a request again and again, be it for its size or for another reason."""

    def fitted(self, request: RequestT) -> None:
        """Take note that the vendor finished the export of a request."""


class AnySize:
    """Requests that cannot be smaller."""

    def parts(self, request: Any) -> Sequence[Any]:
        """Return none."""
        del request
        return ()

    def is_too_large(self, request: Any) -> bool:
        """Tell that it is not."""
        del request
        return False

    def was_too_large(self, request: Any) -> None:
        """Learn nothing."""

    def failed(self, request: Any) -> None:
        """Learn nothing."""

    def fitted(self, request: Any) -> None:
        """Learn nothing."""
