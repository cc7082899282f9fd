"""What a run tells: a bar on a terminal, a line per window elsewhere, and its figures as fields of that line."""

from __future__ import annotations

import contextlib
import logging
import sys
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pendulum import Duration
from singer_sdk import metrics

from bulk_exports.engine.threads import signals_blocked
from bulk_exports.engine.vendor import Started
from bulk_exports.wording import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import date

    from bulk_exports.engine import Delivery
    from bulk_exports.spec import ExportRequest
    from bulk_exports.windows.windows import Window

Result = TypeVar("Result")

NOTICEABLE_SECONDS: Final = 1.0
"""A shorter wait is not worth a word."""


class Report:
    """Tells how the windows of one run go.

    Args:
        windows: What the run exports.
        exports: In how many exports.
        now: The engine's clock, in seconds.
        log: Where the lines go.
        metrics_log: Where the metrics go.
        stream: Name of the stream.
        is_first: Whether lines need not say which stream they are about: it is the one that everybody thinks of.
        vendor: What people call the vendor.
        in_flight: How many exports may be under way at once.
        is_test: Whether nothing is delivered: of an export that is verified a row is written, and no STATE.
    """

    def __init__(
        self,
        *,
        windows: Sequence[Window],
        exports: int,
        now: Callable[[], float],
        log: logging.Logger,
        metrics_log: logging.Logger,
        stream: str,
        is_first: bool = True,
        vendor: str,
        in_flight: int,
        is_test: bool = False,
    ) -> None:
        self._is_test = is_test
        self._windows = exports
        self._days = len({day for window in windows for day in window.days()})
        self._now = now
        self._log = log
        self._metrics_log = metrics_log
        self._stream = stream
        self._shown = "" if is_first else f"{stream} "
        self._vendor = vendor
        self._in_flight = in_flight
        self._causes = ("the rate limit on new exports", f"{vendor} to make the export", "the download")
        self._began_at = now()
        self._asked_at = self._arrived_at = self._began_at
        self._first_arrived_at: float | None = None
        self._done = self._rows_written = self._rows_outside = 0
        # Each day once, however many exports hold a part of it.
        self._delivered: set[date] = set()
        self._changed: set[date] = set()
        self._outside_is_told = False
        self._bar: Any = None

    @contextlib.contextmanager
    def on_terminal(self) -> Iterator[None]:
        """In this context, show a bar instead of lines, if stderr is a terminal."""
        if not (self._windows and sys.stderr.isatty()):
            yield
            return
        # Imported here because most runs have no terminal.
        from tqdm import tqdm  # noqa: PLC0415
        from tqdm.contrib.logging import logging_redirect_tqdm  # noqa: PLC0415

        with signals_blocked():  # the bar has one that watches over it
            bar = tqdm(total=self._windows, unit="day" if self._windows == self._days else "export", dynamic_ncols=True)
        with logging_redirect_tqdm(), bar:
            self._bar = bar
            yield
        self._bar = None

    def each(self, results: Iterable[Result]) -> Iterator[Result]:
        """Yield results, and notice how long each was waited for."""
        self._asked_at = self._now()
        for result in results:
            if isinstance(result, Started):  # which nobody has waited for
                yield result
                continue
            self._arrived_at = self._now()
            if self._first_arrived_at is None:
                self._first_arrived_at = self._arrived_at
            yield result
            self._asked_at = self._now()

    def export_ended(self, request: ExportRequest[Any], seconds: float, ready: bool) -> None:  # noqa: FBT001
        """Log how long the vendor took for an export, as the SDK's metric `job_duration`.

        For those who look into the matter only (DEBUG): people and programs that watch a run have the line of the day.
        """
        tags = {
            metrics.Tag.STREAM.value: self._stream,
            metrics.Tag.JOB_TYPE.value: "event_export",
            metrics.Tag.STATUS.value: (metrics.Status.SUCCEEDED if ready else metrics.Status.FAILED).value,
            "event_date": str(request),
        }
        point = metrics.Point("timer", metrics.Metric.JOB_DURATION, seconds, tags)
        self._metrics_log.debug("METRIC: %s", point)

    def split(self, more: int) -> None:
        """Take note that a window was split, so that there are more exports."""
        self._windows += more
        if self._bar is not None:
            self._bar.total = self._windows

    def failed(self) -> None:
        """Count a window that will not be delivered; the engine has said why."""
        self._step()

    def delivered(
        self,
        delivery: Delivery[ExportRequest[Any], Any],
        rows: int,
        *,
        outside: int = 0,
        left_out: bool = True,
        changed: bool,
        revision: int,
        least_left: float,
    ) -> None:
        """Tell that a window is delivered: a sentence for people, and its figures as fields for programs.

        Args:
            delivery: The window.
            rows: How many rows it has.
            outside: How many rows lie outside of it.
            left_out: Whether these were left out.
            changed: Whether they were written; if not, the target has them already.
            revision: Which version of the window this is, counted from 1.
            least_left: In how many seconds the rate limit lets the last export be created; less than 0 if it has been.
        """
        self._step()
        window = delivery.request.window
        self._delivered.update(window.days())
        self._changed.update(window.days() if changed else ())
        self._rows_outside += outside
        self._rows_written += rows if changed else 0
        now = self._now()
        level = logging.INFO
        if self._bar is not None:
            self._bar.set_postfix_str(f"{delivery.request}: {counted(rows, 'row')}")
            level = logging.DEBUG  # the bar has just said so
        parts = [f"{counted(rows, 'row')}, {_size(delivery.file_bytes)}"]
        if outside:
            parts.append(f"{counted(outside, 'row')} outside of it{' left out' if left_out else ''}")
            if not left_out and not self._outside_is_told:
                self._outside_is_told = True
                self._log.warning(
                    "%s: %s outside of the window, by the time that STATE goes by; they are delivered all the same. "
                    "%s may cut windows by another time: please report it",
                    window,
                    f"{counted(outside, 'row')} {'lies' if outside == 1 else 'lie'}",
                    self._vendor,
                )
        waited = self._arrived_at - self._asked_at
        if waited >= NOTICEABLE_SECONDS:
            parts.append(f"waited {_duration(waited)} for {self._cause(delivery)}")
        if self._windows > self._done:
            parts.append(f"about {_duration(self._seconds_left(delivery, least_left, now), up=True)} left")
        done = "verified" if self._is_test else "delivered" if changed else "unchanged"
        figures = {
            "stream": self._stream,
            "event_date": window.first.isoformat(),
            **({"last_date": window.last.isoformat()} if len(window) > 1 else {}),
            "rows": rows,
            "bytes": delivery.file_bytes,
            "changed": changed,
            "revision": revision,
            "seconds": round(now - delivery.created_at, 3),
            "export_id": delivery.job,
        }
        message = "%s%s %s (%d of %d): %s"
        self._log.log(
            level,
            message,
            self._shown,
            delivery.request,
            done,
            self._done,
            self._windows,
            "; ".join(parts),
            extra=figures,
        )

    def ended(self, left: int) -> None:
        """Tell how the run went, once every day is delivered. Where there was none, the plan has said so.

        Args:
            left: How many days are left for the next run.
        """
        if not self._windows:
            return
        figures = self._figures()
        self._log.info(
            "%sDone: %s delivered, %d of them new or changed, %s written, in %s%s",
            self._shown and f"{self._stream}: ",
            counted(figures["days"], "day"),
            figures["changed_days"],
            counted(figures["rows"], "row"),
            _duration(figures["seconds"]),
            f"; {counted(left, 'day')} left for the next run" if left else "",
            extra={**figures, "days_left": left},
        )

    def stopped(self) -> None:
        """Tell how far a run got that somebody stopped."""
        self._log.warning(
            "Stopped: %d of %s delivered. The next run goes on with the others",
            len(self._delivered),
            counted(self._days, "day"),
            extra=self._figures(),
        )

    def _figures(self) -> dict[str, Any]:
        return {
            "days": len(self._delivered),
            "changed_days": len(self._changed),
            "rows": self._rows_written,
            "seconds": round(self._now() - self._began_at, 3),
        }

    def _seconds_left(self, delivery: Delivery[ExportRequest[Any], Any], least_left: float, now: float) -> float:
        """Return how long the days that are left will take: as long as whatever is slowest.

        That is the rate limit, after which the last export still takes as long as this one did; or the vendor, who
        makes only as many exports at once as may be under way; or else the pace since the first day arrived, which
        shows how fast files come and rows are written.
        """
        left = self._windows - self._done
        each = now - delivery.created_at
        began_at = self._arrived_at if self._first_arrived_at is None else self._first_arrived_at
        return max(
            least_left + each,
            (left / self._in_flight - 1) * each,
            left * (now - began_at) / self._done,
        )

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


def _duration(seconds: float, *, up: bool = False) -> str:
    """Return a duration in words, to the minute (the one begun, or the next) where it is longer than one."""
    whole = max(round(seconds), 1)
    if whole > 60:
        whole = -(-whole // 60) * 60 if up else whole - whole % 60
    return Duration(seconds=whole).in_words(locale="en")
