"""A day's export as Cometly would write it: 20 columns, some 600 bytes a row, gzipped.

Every file begins with the same rows, so that a shorter one is the beginning of a longer one.
"""

from __future__ import annotations

import concurrent.futures
import gzip
import itertools
import json
import random
import shutil
from datetime import date
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

DAY: Final = date(2025, 3, 1)
FIELDS: Final = (
    "profile_id", "company_id", "event_name", "configured_name", "amount", "is_upsell", "ad_id", "ad_name", "adset_id",
    "adset_name", "campaign_id", "campaign_name", "account_name", "order_id", "order_name", "event_url",
)  # fmt: skip
"""What is asked for; four more columns come by themselves."""

_ROWS_AT_ONCE: Final = 1_000_000
"""Rows that one process makes. More of them make more members of the gzip file."""
_WORDS: Final = (
    "Prospecting | Lookalike 2%",
    "Herbst Aktion - Müller",
    "Video 15s",
    "再訪問者",
    "🔥 Retargeting 🛒",
    "Main",
)
_EVENTS: Final = ("purchase", "view_content", "add_to_cart", "initiate_checkout", "sign_up", "subscribe")


def make_file(path: Path, rows: int) -> None:
    """Write a file of so many rows."""
    firsts = range(0, rows, _ROWS_AT_ONCE)
    members = [path.with_name(f"{path.name}.{first}") for first in firsts]
    counts = [min(_ROWS_AT_ONCE, rows - first) for first in firsts]
    if len(members) == 1:
        _make_member(members[0], 0, rows)
    else:
        with concurrent.futures.ProcessPoolExecutor() as pool:
            list(pool.map(_make_member, members, firsts, counts))
    members[0].rename(path)
    with path.open("ab") as file:
        for member in members[1:]:
            with member.open("rb") as part:
                shutil.copyfileobj(part, file)
            member.unlink()


def _make_member(path: Path, first: int, rows: int) -> None:
    dice = random.Random(first)  # noqa: S311 - made-up data
    ads = [(str(dice.randrange(10**17, 10**18)), f"{dice.choice(_WORDS)} {number}") for number in range(500)]
    with gzip.open(path, "wb", compresslevel=6) as file:
        for number in itertools.islice(itertools.count(first), rows):
            row = _row(dice, ads, number)
            file.write(json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")


def _row(dice: random.Random, ads: list[tuple[str, str]], number: int) -> dict[str, object]:
    ad, adset, campaign = (dice.choice(ads) if dice.random() < 0.8 else (None, None) for _ in range(3))
    event = dice.choice(_EVENTS)
    bought = event == "purchase"
    second = dice.randrange(86_400)
    return {
        "id": 7_399_390_000_000 + number,
        "event_time_utc": f"{DAY}T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}Z",
        "touchpoint_id": 473_560_960_000_000 + dice.randrange(10**8),
        "source": "google_ads",
        "profile_id": dice.randrange(10**10),
        "company_id": dice.randrange(10**8) if dice.random() < 0.3 else None,
        "event_name": event,
        "configured_name": event,
        "amount": dice.randrange(50_000) / 100 if bought else 0,
        "is_upsell": dice.random() < 0.1,
        "ad_id": ad[0],
        "ad_name": ad[1],
        "adset_id": adset[0],
        "adset_name": adset[1],
        "campaign_id": campaign[0],
        "campaign_name": campaign[1],
        "account_name": "Main account",
        "order_id": str(dice.randrange(10**13)) if bought else None,
        "order_name": f"#{dice.randrange(10**6)}" if bought else None,
        "event_url": f"https://shop.example/{event}/collections/spring?ref={dice.randrange(10**8)}"
        f"&session={dice.getrandbits(64):016x}&campaign={campaign[0]}",
    }
