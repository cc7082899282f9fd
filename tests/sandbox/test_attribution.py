"""The eight models."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_cometly import vocabulary
from tap_cometly.sandbox.attribution import credit, split, within
from tap_cometly.sandbox.events import Event
from tap_cometly.sandbox.journeys import Journeys, Touchpoint

DAY = 86_400
PATH = [
    Touchpoint(number, time, source)
    for number, (time, source) in enumerate(
        [(1, "direct"), (2, "google_ads"), (3, "email"), (4, "facebook_ads"), (5, "google_ads"), (6, "direct")]
    )
]
ALL = vocabulary.SOURCES
AMOUNTS = st.decimals(-1000, 100_000, places=2)


def shares(model, sources=ALL, amount="100", **options):
    credited = credit(Decimal(amount), PATH, model=model, sources=sources, **options)
    return [(touch.touchpoint_id, share) for touch, share in credited]


@pytest.mark.parametrize(
    ("model", "sources", "expected"),
    [
        ("first_touch", ALL, [(0, 100)]),
        ("first_touch", ["google_ads"], []),
        ("last_touch", ALL, [(5, 100)]),
        ("last_touch", ["email"], []),
        ("first_platform_touch", ["google_ads", "email"], [(1, 100)]),
        ("last_platform_touch", ["facebook_ads", "email"], [(3, 100)]),
        ("last_non_direct_touch", ALL, [(4, 100)]),
        ("last_non_direct_touch", ["email"], []),
        ("linear", ["google_ads", "facebook_ads", "email"], [(1, 25), (2, 25), (3, 25), (4, 25)]),
        ("linear_paid", ["google_ads", "email"], [(1, 50), (4, 50)]),
        ("linear_paid", ["email", "direct"], []),
        ("u_shaped", ["google_ads", "facebook_ads", "email"], [(1, 40), (2, 10), (3, 10), (4, 40)]),
        ("u_shaped", ["google_ads", "email"], [(1, 40), (2, 20), (4, 40)]),
        ("u_shaped", ["google_ads"], [(1, 50), (4, 50)]),
        ("u_shaped", ["email"], [(2, 100)]),
        ("linear", ["sms"], []),
    ],
)
def test_a_model_credits_what_it_says(model, sources, expected):
    assert shares(model, sources) == expected


def test_sources_may_filter_after_the_credit():
    assert shares("linear", ["google_ads"], "60", narrow=False) == [(1, 10), (4, 10)]


def test_a_share_that_does_not_come_out_even_goes_to_the_last():
    assert [str(share) for _, share in shares("linear", ["google_ads", "email"])] == [
        "33.333333",
        "33.333333",
        "33.333334",
    ]
    assert [str(share) for _, share in shares("linear", ["google_ads", "email"], digits=2)] == [
        "33.33",
        "33.33",
        "33.34",
    ]


@given(
    amount=AMOUNTS,
    event_id=st.integers(1, 10**12),
    model=st.sampled_from(vocabulary.ATTRIBUTION_MODELS),
    sources=st.lists(st.sampled_from(vocabulary.SOURCES), min_size=1, max_size=15, unique=True),
    window=st.sampled_from(vocabulary.ATTRIBUTION_WINDOWS),
    digits=st.integers(0, 8),
)
def test_shares_sum_to_the_amount_and_only_matching_touchpoints_get_any(
    amount, event_id, model, sources, window, digits
):
    event = Event(id=event_id, time=1_700_000_000, event_name="purchase", amount=amount, profile_id=event_id // 3)
    journey = within(Journeys(1).of(event), event.time, window)
    credited = credit(amount, journey, model=model, sources=sources, digits=digits)
    assert not credited or sum(share for _, share in credited) == amount
    assert all(touch.source in sources for touch, _ in credited)
    assert all(touch.time < event.time for touch, _ in credited)
    assert not window or all(event.time - touch.time <= window * DAY for touch, _ in credited)
    assert len({touch.touchpoint_id for touch, _ in credited}) == len(credited)
    assert model in vocabulary.MULTI_TOUCH_MODELS or len(credited) <= 1


@given(amount=AMOUNTS, weights=st.lists(st.integers(1, 50), min_size=1, max_size=40), digits=st.integers(0, 10))
def test_any_split_is_exact(amount, weights, digits):
    assert sum(split(amount, weights, digits)) == amount


@given(event_id=st.integers(1, 10**13))
def test_a_journey_has_one_to_six_touchpoints_in_order(event_id):
    event = Event(id=event_id, time=1_700_000_000, event_name="purchase")
    journey = Journeys(1).of(event)
    assert 1 <= len(journey) <= 6
    assert [touch.time for touch in journey] == sorted(touch.time for touch in journey)


def test_events_of_a_contact_share_the_touchpoint_that_won_the_contact(sandbox):
    cometly = sandbox(events_per_day=400)
    rows = list(
        cometly.truth(
            dt.date(2025, 3, 1),
            sources=vocabulary.SOURCES[:15],
            attribution_model="first_touch",
            attribution_window=0,
        )
    )
    assert len({row["touchpoint_id"] for row in rows}) < len(rows)
