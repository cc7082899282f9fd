from __future__ import annotations

import datetime as dt
import gzip
import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
import requests

from simulation.patience import HANG_SECONDS
from tap_cometly.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DAY = dt.date(2025, 3, 1)
NOON_LATER = dt.datetime(2025, 3, 10, 12, tzinfo=dt.timezone.utc).timestamp()


class Clock:
    """Stands still unless a test moves it."""

    def __init__(self, now: float = NOON_LATER) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def go(self, seconds: float) -> None:
        self.now += seconds


class Client:
    """Somebody who talks to a sandbox as the tap would."""

    def __init__(self, cometly: Sandbox, resource: str = "events") -> None:
        self.cometly = cometly
        self.url = f"{cometly.api_url}/{resource}/exports"
        self.session = requests.Session()
        self.headers = {"Authorization": f"Bearer {cometly.api_key}", "Accept": "application/json"}

    def create(self, date: dt.date | str | None = DAY, **body: Any) -> requests.Response:
        if date is not None:
            body["date"] = str(date)
        return self.session.post(self.url, json=body, headers=self.headers, timeout=HANG_SECONDS)

    def status(self, export_id: int) -> requests.Response:
        return self.session.get(
            f"{self.url}/{export_id}", headers=self.headers, timeout=HANG_SECONDS, allow_redirects=False
        )

    def link(self, date: dt.date = DAY, **body: Any) -> str:
        export_id = self.create(date, **body).json()["export_id"]
        for _ in range(10):
            told = self.status(export_id).json()
            if told["status"] == "completed":
                break  # otherwise a busy machine is still writing the file
        return told["download_url"]

    def get(self, link: str, **headers: str) -> requests.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.session.get(link, headers={"Accept-Encoding": "identity", **named}, timeout=HANG_SECONDS)

    def rows(self, date: dt.date = DAY, **body: Any) -> list[dict[str, Any]]:
        return parse(self.get(self.link(date, **body)).content)


def parse(data: bytes) -> list[dict[str, Any]]:
    return [json.loads(line, parse_float=Decimal) for line in gzip.decompress(data).splitlines()]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sandbox(clock: Clock) -> Iterator[Callable[..., Sandbox]]:
    """Make sandboxes whose jobs take no time and whose budgets are large, unless said otherwise."""
    made = []

    def make(**options: Any) -> Sandbox:
        defaults = {"clock": clock, "job_seconds": 0, "creates_per_minute": 10_000, "polls_per_minute": 10_000}
        cometly = Sandbox(**{**defaults, **options})
        cometly.start()
        made.append(cometly)
        return cometly

    yield make
    for cometly in made:
        cometly.stop()
