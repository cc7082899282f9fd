"""What the engine and a vendor say to each other: the protocol, the states of a job, the errors.

The engine knows no vendor. It calls `Vendor.create` and `Vendor.status`, each when the vendor's budget allows, and
fetches the links that a finished job names. Everything that differs between vendors (paths, authentication, whether
the state is in the body or in the HTTP status, one file or several) stays behind this protocol.
"""

from __future__ import annotations

import dataclasses
import enum
from typing import IO, TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

Order = TypeVar("Order")
"""What one export is asked for; the engine only passes it on and prints it."""
Order_contra = TypeVar("Order_contra", contravariant=True)
Proof = TypeVar("Proof")
"""What the consumer wants to know about the files of an export."""


class JobState(enum.Enum):
    """Where a job stands at the vendor."""

    RUNNING = "running"
    """Not finished. An unknown word of the vendor counts as this, until the deadline."""
    READY = "ready"
    FAILED = "failed"


@dataclasses.dataclass(frozen=True)
class Link:
    """Where a file can be fetched, for a while. A secret: it is neither shown nor stored.

    Attributes:
        url: The address.
        headers: What must be sent along, for vendors whose links need credentials.
    """

    url: str = dataclasses.field(repr=False)
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict, repr=False)


@dataclasses.dataclass(frozen=True)
class JobStatus:
    """One answer to "how far is it?".

    Attributes:
        state: Where the job stands.
        word: The vendor's own word for it, for messages.
        message: The vendor's explanation, for messages.
        links: The files of a finished job; empty for one without data.
    """

    state: JobState
    word: str
    message: str = ""
    links: tuple[Link, ...] = ()


class Budget(Protocol):
    """How soon the next request may be sent. Times are seconds of the engine's clock."""

    def ready_at(self, now: float) -> float:
        """Return when the next request may be sent; infinity if an answer must come first."""

    def spend(self) -> None:
        """Note that a request is being sent; the vendor notes the answer."""


class Vendor(Protocol[Order_contra]):
    """What a vendor of asynchronous exports implements. Methods are called from several threads."""

    @property
    def create_budget(self) -> Budget:
        """How soon the next export may be created."""

    @property
    def status_budget(self) -> Budget:
        """How soon the next status may be asked for."""

    def create(self, order: Order_contra) -> Hashable:
        """Start an export.

        Returns:
            The vendor's name of the job, to ask for it later.

        Raises:
            Throttled: The vendor refuses for now; its budget knows until when.
            Unavailable: The network or the vendor is in trouble.
            Refused: No later attempt would help.
        """

    def status(self, job: Hashable) -> JobStatus:
        """Ask how far a job is. The links of the answer are fresh.

        Raises:
            Throttled: The vendor refuses for now; its budget knows until when.
            Unavailable: The network or the vendor is in trouble.
            JobUnknown: The vendor does not know the job.
            Refused: No later attempt would help.
        """


class ExportError(Exception):
    """Something about an export went wrong; the text is meant for the user."""


class Refused(ExportError):  # noqa: N818 - reads as what the vendor did
    """The vendor will refuse every further request too: the whole run must stop."""


class Throttled(ExportError):  # noqa: N818
    """The budget is used up; it is the budget that knows how long to wait."""


class Unavailable(ExportError):  # noqa: N818
    """The network, the vendor or its file store is in trouble; worth another attempt."""


class JobUnknown(ExportError):  # noqa: N818
    """The vendor does not know the job: not yet, or not any more."""


class LinkExpired(ExportError):  # noqa: N818
    """The file store does not honour the link (any more); a fresh one is needed."""


class Damaged(ExportError):  # noqa: N818
    """The file is not what the vendor wrote: cut short, altered, or no such file at all."""


class Unfit(ExportError):  # noqa: N818
    """The file is whole but its content cannot be taken; fetching it again would not help."""


class SpoolError(ExportError):
    """The local disk does not take the file: the whole run must stop."""


@dataclasses.dataclass(frozen=True)
class Delivery(Generic[Order, Proof]):
    """A fulfilled order: its files are complete and were proven.

    Attributes:
        order: What was asked for.
        job: The vendor's name of the export.
        files: The files, from their beginning; closed when the next result is asked for.
        proof: What the proof of the files returned.
        file_bytes: What the files weigh, compressed.
        created_at: When the vendor had accepted the export, in seconds of the engine's clock.
        ready_at: When it was seen finished.
    """

    order: Order
    job: Hashable
    files: tuple[IO[bytes], ...]
    proof: Proof
    file_bytes: int
    created_at: float
    ready_at: float


@dataclasses.dataclass(frozen=True)
class Failure(Generic[Order]):
    """An order that could not be fulfilled; the run goes on with the others.

    Attributes:
        order: What was asked for.
        reason: Why it failed, for the user.
    """

    order: Order
    reason: str
