"""Ad accounts, campaigns, ad sets and ads with the identifiers and names that real ones have."""

from __future__ import annotations

import functools
from typing import Final, NamedTuple

from bulk_exports.sandbox.dice import roll
from tap_cometly import vocabulary


class Ad(NamedTuple):
    """An ad with everything above it; all None for touchpoints that no ad caused."""

    ad_id: str | None = None
    ad_name: str | None = None
    adset_id: str | None = None
    adset_name: str | None = None
    campaign_id: str | None = None
    campaign_name: str | None = None
    account_id: str | None = None
    account_name: str | None = None


NO_AD: Final = Ad()

_ACCOUNTS: Final = (
    "Main account",
    "Müller & Söhne GmbH",
    "Αφοί Παπαδόπουλοι",
    "Цветы «Ромашка»",
    "株式会社ひかり",
    "متجر النور",
)
_CAMPAIGNS: Final = (
    "Spring sale, broad",
    "Größenwahn? Übergrößen!",
    "Καλοκαιρινές προσφορές",
    "Чёрная пятница",
    "夏のセール 2025",
    "تخفيضات الصيف",
    "🔥 Retargeting 🛒",
    'He said "buy now"',
    "back\\slash / slash",
)
_AUDIENCES: Final = (
    "Lookalike 1%",
    "Interessen: Möbel",
    "18-34, Αθήνα",
    "Новые клиенты",
    "再訪問者",
    "عملاء سابقون",
    "🎯 warm",
)
_CREATIVES: Final = (
    "Video 15s",
    "Karussell № 3",
    "O'Neil's \"hook\" v2",
    "静止画 A",
    "Tab\there",
    "👩‍💻 UGC",
    "C:\\ads\\final",
)


@functools.lru_cache(maxsize=256)  # a Space has those of a dozen sources; whoever makes many Spaces makes these once
def ads_of(source: str, seed: int) -> tuple[Ad, ...]:
    """Return the Space's ads on one paid source: two accounts, each with three campaigns, ad sets and ads."""
    start = roll(seed, vocabulary.PAID_SOURCES.index(source))
    ads = []
    for account in range(2):
        account_bits = roll(start, account)
        account_id = _account_id(source, account_bits)
        for campaign in range(3):
            campaign_bits = roll(account_bits, campaign)
            for adset in range(3):
                adset_bits = roll(campaign_bits, adset)
                for ad in range(3):
                    ad_bits = roll(adset_bits, ad)
                    ads.append(
                        Ad(
                            ad_id=_long_id(ad_bits),
                            ad_name=_pick(_CREATIVES, ad_bits),
                            adset_id=_long_id(adset_bits),
                            adset_name=_pick(_AUDIENCES, adset_bits),
                            campaign_id=_long_id(campaign_bits),
                            campaign_name=_pick(_CAMPAIGNS, campaign_bits),
                            account_id=account_id,
                            account_name=_pick(_ACCOUNTS, account_bits),
                        )
                    )
    return tuple(ads)


def _pick(names: tuple[str, ...], bits: int) -> str:
    return names[bits % len(names)]


def _long_id(bits: int) -> str:
    """Eighteen digits: far above 2**53, where a float would lose the last ones."""
    return str(120_000_000_000_000_000 + bits % 10**16)


def _account_id(source: str, bits: int) -> str:
    if source in {"facebook_ads", "instagram_ads"}:
        return f"act_{bits % 10**15:015d}"
    if source in {"google_ads", "youtube_ads"}:
        return f"{bits % 1000:03d}-{bits // 1000 % 1000:03d}-{bits // 10**6 % 10**4:04d}"
    return str(bits % 10**10)
