"""What a run tells: a bar on a terminal, a line per day elsewhere, a metric per export for programs."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pendulum import Duration
from singer_sdk import metrics

from tap_cometly.engine.threads import signals_blocked

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Iterable, Iterator

    from tap_cometly.engine import Delivery
    from tap_cometly.spec import ExportRequest

Result = TypeVar("Result")

NOTICEABLE_SECONDS: Final = 1.0
"""A shorter wait is not worth a word."""


class Report:
    """Tells how the days of one run go.

    Args:
        days: How many days the run exports.
        now: The engine's clock, in seconds.
        log: Where the lines go.
        metrics_log: Where the metrics go.
        stream: Name of the stream, for the metrics.
        vendor: What people call the vendor.
    """

    def __init__(
        self,
        *,
        days: int,
        now: Callable[[], float],
        log: logging.Logger,
        metrics_log: logging.Logger,
        stream: str,
        vendor: str,
    ) -> None:
        self._days = days
        self._now = now
        self._log = log
        self._metrics_log = metrics_log
        self._stream = stream
        self._causes = ("the rate limit on new exports", f"{vendor} to make the export", "the download")
        self._began_at = now()
        self._asked_at = self._arrived_at = self._began_at
        self._done = 0
        self._bar: Any = None

    @contextlib.contextmanager
    def on_terminal(self) -> Iterator[None]:
        """In this context, show a bar instead of lines, if stderr is a terminal."""
        if not (self._days and sys.stderr.isatty()):
            yield
            return
        # Imported here because most runs have no terminal.
        from tqdm import tqdm  # noqa: PLC0415
        from tqdm.contrib.logging import logging_redirect_tqdm  # noqa: PLC0415

        with signals_blocked():  # the bar has one that watches over it
            bar = tqdm(total=self._days, unit="day", dynamic_ncols=True)
        with logging_redirect_tqdm(), bar:
            self._bar = bar
            yield
        self._bar = None

    def each(self, results: Iterable[Result]) -> Iterator[Result]:
        """Yield results, and notice how long each was waited for."""
        self._asked_at = self._now()
        for result in results:
            self._arrived_at = self._now()
            yield result
            self._asked_at = self._now()

    def export_ended(self, request: ExportRequest[Any], seconds: float, ready: bool) -> None:  # noqa: FBT001
        """Log how long the vendor took for an export, as the SDK's metric `job_duration`."""
        tags = {
            metrics.Tag.STREAM.value: self._stream,
            metrics.Tag.JOB_TYPE.value: "event_export",
            metrics.Tag.STATUS.value: (metrics.Status.SUCCEEDED if ready else metrics.Status.FAILED).value,
            "event_date": str(request),
        }
        metrics.log(self._metrics_log, metrics.Point("timer", metrics.Metric.JOB_DURATION, seconds, tags))

    def failed(self) -> None:
        """Count a day that will not be delivered; the engine has said why."""
        self._step()

    def delivered(self, delivery: Delivery[ExportRequest[Any], Any], rows: int, *, changed: bool = True) -> None:
        """Tell that a day is delivered.

        Args:
            delivery: The day.
            rows: How many rows it has.
            changed: Whether they were written; if not, the target has them already.
        """
        self._step()
        if self._bar is not None:
            self._bar.set_postfix_str(f"{delivery.request}: {rows:,} rows")
            return
        parts = [f"{rows:,} rows, {_size(delivery.file_bytes)}"]
        waited = self._arrived_at - self._asked_at
        if waited >= NOTICEABLE_SECONDS:
            parts.append(f"waited {_duration(waited)} for {self._cause(delivery)}")
        if left := self._days - self._done:
            parts.append(f"about {_duration((self._now() - self._began_at) / self._done * left)} left")
        done = "delivered" if changed else "unchanged"
        self._log.info("%s %s (%d of %d): %s", delivery.request, done, self._done, self._days, "; ".join(parts))

    def _step(self) -> None:
        self._done += 1
        if self._bar is not None:
            self._bar.update()

    def _cause(self, delivery: Delivery[ExportRequest[Any], Any]) -> str:
        """Return what most of the last wait went into."""
        moments = [self._asked_at, delivery.created_at, delivery.ready_at, self._arrived_at]
        waits = {
            name: max(min(end, self._arrived_at) - max(begin, self._asked_at), 0)
            for name, begin, end in zip(self._causes, moments, moments[1:], strict=False)
        }
        return max(waits, key=lambda name: waits[name])


def _size(count: int) -> str:
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:
            return f"{count} {unit}"
        count = round(count / 1000)
    return f"{count} GB"


def _duration(seconds: float) -> str:
    """Return a duration in words, to the minute where it is longer than one."""
    whole = max(round(seconds), 1)
    return Duration(seconds=whole - whole % 60 if whole > 60 else whole).in_words(locale="en")
