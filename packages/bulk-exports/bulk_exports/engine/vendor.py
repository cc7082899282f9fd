"""What the engine and a vendor say to each other: the protocol, the states of a job, the errors.

The engine knows no vendor. It calls `Vendor.create` and `Vendor.status`, each when the vendor's budget allows, and
fetches the links that a finished job names. Everything that differs between vendors (paths, authentication, whether
the state is in the body or in the HTTP status, one file or several) stays behind this protocol.
"""

from __future__ import annotations

import dataclasses
import enum
from typing import IO, TYPE_CHECKING, Generic, Protocol, TypeVar, runtime_checkable

from bulk_exports.engine.errors import ClientMistakeError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bulk_exports.engine.budgets import JobCap
    from bulk_exports.engine.errors import QuotaUsedUpError
    from bulk_exports.job_names import JobName

RequestT = TypeVar("RequestT")
"""What one export is asked for; the engine only passes it on and prints it."""
Order_contra = TypeVar("Order_contra", contravariant=True)
VerificationT = TypeVar("VerificationT")
"""What the consumer wants to know about the files of an export."""


class JobState(enum.Enum):
    """Where a job stands at the vendor."""

    WAITING = "waiting"
    """In the vendor's queue, behind others: how long that takes says nothing about the job."""
    RUNNING = "running"
    """Not finished."""
    UNKNOWN = "unknown"
    """The vendor's word is none that it has documented: perhaps not finished, perhaps never to be."""
    READY = "ready"
    FAILED = "failed"


@dataclasses.dataclass(frozen=True)
class Link:
    """Where a file can be fetched, for a while. A secret: it is neither shown nor stored.

    Attributes:
        url: The address.
        headers: What must be sent along, for vendors whose links need credentials.
        trusts: Tells to which other addresses of the vendor the headers may follow a redirect; to none by itself.
    """

    url: str = dataclasses.field(repr=False)
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict, repr=False)
    trusts: Callable[[str], bool] = dataclasses.field(default=lambda _url: False, repr=False, compare=False)


@dataclasses.dataclass(frozen=True)
class JobStatus:
    """One answer to "how far is it?".

    Attributes:
        state: Where the job stands.
        word: The vendor's own word for it, for messages.
        message: The vendor's explanation, for messages.
        links: The files of a finished job; empty for one without data.

    Raises:
        ClientMistakeError: State or links are something else: nobody would find the job finished, or its files.
    """

    state: JobState
    word: str
    message: str = ""
    links: tuple[Link, ...] = ()

    def __post_init__(self) -> None:
        state: object = self.state
        if not isinstance(state, JobState):
            raise ClientMistakeError(
                f"The state of a job must be a JobState, such as JobState.READY; found one of the type "
                f"{type(state).__name__}. The vendor's own word for it is the second argument of JobStatus"
            )
        links: object = self.links
        if not isinstance(links, (tuple, list)) or not all(isinstance(link, Link) for link in links):
            raise ClientMistakeError("The links of a job must be a tuple of Link(url), and no bare addresses")


class RateLimit(Protocol):
    """How soon the next request may be sent. Times are seconds of the engine's clock."""

    def ready_at(self, now: float) -> float:
        """Return when the next request may be sent; infinity if an answer must come first."""

    def seconds_for(self, count: int, now: float) -> float:
        """Return how long it takes at least until the last of so many more requests may be sent."""

    def spend(self) -> None:
        """Note that a request is being sent; the vendor notes the answer."""

    def returned(self) -> None:
        """Note that it was not sent."""


class Vendor(Protocol[Order_contra]):
    """What a vendor of asynchronous exports implements. Methods are called from several threads."""

    @property
    def create_limit(self) -> RateLimit:
        """How soon the next export may be created."""

    @property
    def status_limit(self) -> RateLimit:
        """How soon the next status may be asked for."""

    def create(self, request: Order_contra) -> JobName:
        """Start an export.

        Returns:
            The vendor's name of the job, to ask for it later, be it in another run: nothing secret.

        Raises:
            RateLimitedError: The vendor refuses for now; its budget knows until when.
            UnavailableError: The network or the vendor is in trouble.
            RequestRejectedError: No later attempt would help.
        """

    def status(self, job: JobName) -> JobStatus:
        """Ask how far a job is. The links of the answer are fresh.

        Raises:
            RateLimitedError: The vendor refuses for now; its budget knows until when.
            UnavailableError: The network or the vendor is in trouble.
            UnknownJobError: The vendor does not know the job.
            RequestRejectedError: No later attempt would help.
        """


@runtime_checkable
class Cancels(Protocol):
    """A vendor whose jobs can be cancelled: those that nobody will fetch would keep others waiting."""

    def cancel(self, job: JobName) -> None:
        """Ask that a job be given up.

        Raises:
            ExportError: It is not.
        """


@runtime_checkable
class CapsJobs(Protocol):
    """A vendor that allows so many jobs at a time. The engine tells the cap which are under way."""

    @property
    def job_cap(self) -> JobCap:
        """Which jobs of this account are under way; one of the budgets of `Vendor.create_limit`."""


@dataclasses.dataclass(frozen=True)
class Started(Generic[RequestT]):
    """An export was created; told as soon as it is, whatever comes in between.

    Attributes:
        request: What was asked for.
        job: The vendor's name of the export.
    """

    request: RequestT
    job: JobName


@dataclasses.dataclass(frozen=True)
class Delivery(Generic[RequestT, VerificationT]):
    """A fulfilled request: its files are complete and were verified.

    Attributes:
        request: What was asked for.
        job: The vendor's name of the export.
        files: The files, from their beginning; closed when the next result is asked for.
        verification: What the verification of the files returned.
        file_bytes: What the files weigh, compressed.
        created_at: When the vendor had accepted the export, in seconds of the engine's clock.
        ready_at: When it was seen finished.
    """

    request: RequestT
    job: JobName
    files: tuple[IO[bytes], ...]
    verification: VerificationT
    file_bytes: int
    created_at: float
    ready_at: float


@dataclasses.dataclass(frozen=True)
class Failure(Generic[RequestT]):
    """A request that could not be fulfilled; the run goes on with the others.

    Attributes:
        request: What was asked for.
        reason: Why it failed, for the user.
    """

    request: RequestT
    reason: str


@dataclasses.dataclass(frozen=True)
class Left(Generic[RequestT]):
    """A request that was not tried to its end, because nothing is left of what the vendor allows for a day.

    Attributes:
        request: What was asked for.
        job: The export that was created for it, and is not fetched; None if there is none.
        error: What is used up, and until when.
    """

    request: RequestT
    job: JobName | None
    error: QuotaUsedUpError
