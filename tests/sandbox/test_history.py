"""The past can change: every change shows in the next export of the days it touches, and in no other."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_cometly import vocabulary
from tap_cometly.sandbox import Sandbox
from tests.examples import examples

from .conftest import DAY, Client, Clock

NEXT = DAY + dt.timedelta(days=1)
FIELDS = ["amount", "profile_id", "event_name", "configured_name"]
ATTRIBUTION = {"sources": vocabulary.SOURCES[:15], "attribution_model": "linear", "attribution_window": 0}
NOON = dt.datetime(2025, 3, 1, 12, tzinfo=dt.timezone.utc)


@pytest.fixture
def cometly(sandbox):
    return sandbox()


@pytest.fixture
def history(cometly):
    return cometly.history


def truth(cometly, day=DAY):
    return {row["id"]: row for row in cometly.truth(day, fields=FIELDS)}


def test_a_late_event_appears_on_its_day_with_a_new_identifier(cometly, history):
    before = truth(cometly)
    event_id = history.add(NOON, amount="12.30", event_name="custom_event_1", profile_id=5)
    assert event_id > max(truth(cometly, dt.date(2025, 3, 9)))
    assert truth(cometly).pop(event_id) == {
        "id": event_id,
        "event_time_utc": "2025-03-01T12:00:00Z",
        "amount": Decimal("12.30"),
        "profile_id": 5,
        "event_name": "custom_event_1",
        "configured_name": "Demo booked",
    }
    assert len(truth(cometly)) == len(before) + 1


def test_added_events_never_share_an_identifier(history):
    assert len({history.add(NOON) for _ in range(50)}) == 50


def test_an_edit_changes_what_it_says_and_nothing_else(cometly, history):
    before = truth(cometly)
    event_id = next(iter(before))
    history.edit(event_id, amount=0.1)
    history.edit(event_id, event_name="purchase")
    changed = {"amount": Decimal("0.1"), "event_name": "purchase", "configured_name": "purchase"}
    assert truth(cometly) == {**before, event_id: {**before[event_id], **changed}}


def test_a_deleted_event_is_gone_for_good(cometly, history):
    before = truth(cometly)
    event_id = next(iter(before))
    history.delete(event_id)
    assert truth(cometly) == {key: row for key, row in before.items() if key != event_id}
    for act in (history.delete, history.find, lambda gone: history.edit(gone, amount=1)):
        with pytest.raises(LookupError, match=str(event_id)):
            act(event_id)


def test_a_back_dated_event_moves_to_its_new_day(cometly, history):
    event_id = next(iter(truth(cometly, NEXT)))
    history.back_date(event_id, NOON)
    assert event_id not in truth(cometly, NEXT)
    assert truth(cometly)[event_id]["event_time_utc"] == "2025-03-01T12:00:00Z"
    history.back_date(event_id, NOON.timestamp() + 86_400)
    assert event_id in truth(cometly, NEXT)
    assert event_id not in truth(cometly)


def test_merged_contacts_are_one_from_then_on(cometly, history):
    before = truth(cometly)
    first, second, third = sorted({row["profile_id"] for row in before.values()})[:3]
    history.merge_contacts(first, second)
    history.merge_contacts(second, third)
    profiles = [row["profile_id"] for row in truth(cometly).values()]
    old = [row["profile_id"] for row in before.values()]
    assert profiles.count(third) == sum(map(old.count, (first, second, third)))
    history.merge_contacts(third, first)  # a circle of merges does not hang
    assert len(truth(cometly)) == len(before)


def test_a_merge_does_not_change_how_people_came(cometly, history):
    query = {"fields": ["ad_id", "amount"], **ATTRIBUTION}
    before = list(cometly.truth(DAY, **query))
    first, second, *_ = (row["profile_id"] for row in truth(cometly).values())
    history.merge_contacts(first, second)
    assert list(cometly.truth(DAY, **query)) == before


def test_a_renamed_custom_event_carries_its_new_label(cometly, history):
    history.rename_custom_event(1, "Termin")
    history.rename_custom_event(2, None)
    history.rename_custom_event(50, "Neu")
    labels = {row["event_name"]: row["configured_name"] for row in truth(cometly).values()}
    assert labels["custom_event_1"] == "Termin"
    assert labels.get("custom_event_2") is None
    with pytest.raises(ValueError, match="custom_event_51"):
        history.rename_custom_event(51, "x")


def test_an_event_can_get_another_journey(cometly, history):
    sources = ["email", "google_ads", "x_ads"]
    query = {"fields": ["amount", "ad_id"], **ATTRIBUTION, "sources": sources}
    event_id = history.add(NOON, amount=100)
    history.reattribute(event_id, touchpoints=[{"source": name, "days_before": 3} for name in sources])

    def rows():
        return [row for row in cometly.truth(DAY, **query) if row["id"] == event_id]

    told = rows()
    assert sorted(row["source"] for row in told) == sources
    assert sum(row["amount"] for row in told) == 100
    assert [row["ad_id"] is None for row in told] == [row["source"] == "email" for row in told]
    stories = []
    for seed in range(1, 6):
        history.reattribute(event_id, seed=seed)
        stories.append(str(list(cometly.truth(DAY, **ATTRIBUTION))))
    assert len(set(stories)) > 1
    with pytest.raises(ValueError, match="seed or touchpoints"):
        history.reattribute(event_id)


def test_what_cannot_be_edited_is_refused(cometly, history):
    event_id = next(iter(truth(cometly)))
    with pytest.raises(ValueError, match="Cannot set colour; known are amount, "):
        history.edit(event_id, colour="red")
    with pytest.raises(LookupError):
        history.edit(5, amount=1)


def test_a_change_makes_no_new_file_of_other_days(cometly, history):
    client = Client(cometly)
    links = {day: client.link(day) for day in (DAY, NEXT)}
    tags = {day: client.get(link).headers["ETag"] for day, link in links.items()}
    history.delete(next(iter(truth(cometly))))
    after = {day: client.get(client.link(day)).headers["ETag"] for day in links}
    assert after[DAY] != tags[DAY]
    assert after[NEXT] == tags[NEXT]
    assert history.at(cometly._clock()).revision(NEXT) == (0, 0)


def apply(history, change, number, row, contact):
    time = NOON.timestamp() + number % 170_000
    actions = {
        "add": lambda: history.add(time, amount=number),
        "edit": lambda: history.edit(row["id"], amount=number),
        "delete": lambda: history.delete(row["id"]),
        "move": lambda: history.back_date(row["id"], time),
        "merge": lambda: history.merge_contacts(contact, row["profile_id"]),
        "rename": lambda: history.rename_custom_event(number % 50 + 1, str(number)),
        "reattribute": lambda: history.reattribute(row["id"], seed=number),
    }
    actions[change]()


CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["add", "edit", "delete", "move", "merge", "rename", "reattribute"]),
        st.integers(0, 10**6),
        st.integers(0, 30),
    ),
    max_size=12,
)


@examples(15)
@given(changes=CHANGES)
def test_after_any_history_an_export_holds_the_truth(changes):
    clock = Clock()
    unlimited = {"creates_per_minute": 10**6, "polls_per_minute": 10**6, "job_seconds": 0}
    with Sandbox(clock=clock, events_per_day=20, **unlimited) as cometly:
        client = Client(cometly)
        history = cometly.history
        for change, number, wait in changes:
            clock.go(wait)
            rows = list(cometly.truth(DAY, fields=["profile_id"])) or [{"id": history.add(NOON), "profile_id": 1}]
            row = rows[number % len(rows)]
            apply(history, change, number, row, rows[0]["profile_id"])
            for day in (DAY, NEXT):
                for query in ({"fields": FIELDS}, {"fields": ["amount", "ad_id"], **ATTRIBUTION}):
                    assert client.rows(day, **query) == list(cometly.truth(day, **query))
