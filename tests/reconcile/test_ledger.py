"""The day ledger: which export of a day is true now, what it holds, what was asked."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest

from bulk_exports.reconcile.ledger import change
from bulk_exports.records.summary import DaySummary
from bulk_exports.windows.bookmark import DaySnapshot
from simulation.tapping import days_before, sync

DAY = date(2025, 3, 2)
MEMORY = DaySnapshot(
    export_id=1,
    lines_digest="00",
    digest="00",
    row_count=412,
    amount_total=Decimal("18230.5"),
    exported_at="2025-03-03T06:00:04Z",
    revision=1,
)


def content(rows, amount_total):
    return DaySummary(rows, "01", "01", amount_total, None, None)


@pytest.fixture
def two_days(clock, config):
    return {**config, "start_date": days_before(clock, 2)[0].isoformat()}


def selecting(tap, config, **streams):
    """Return the catalog with some streams selected or not."""
    catalog = tap(config=dict(config)).catalog_dict
    for entry in catalog["streams"]:
        for metadata in entry["metadata"]:
            if not metadata["breadcrumb"]:
                selected = metadata["metadata"]["selected"]
                metadata["metadata"]["selected"] = streams.get(entry["tap_stream_id"], selected)
    return catalog


def test_a_change_reads_like_a_sentence():
    assert change(DAY, MEMORY, content(409, Decimal("17980.500000")), 2) == (
        "2025-03-02 changed since 2025-03-03 06:00 UTC: 412 → 409 rows, amount 18 230.50 → 17 980.500000 (revision 2)"
    )
    assert change(DAY, MEMORY, content(1_000_409, Decimal(18230)), 12).endswith(
        "412 → 1 000 409 rows, amount 18 230.50 → 18 230.00 (revision 12)"
    )


@pytest.mark.parametrize(
    ("total", "words"),
    [
        ("1e28", "10 000 000 000 000 000 000 000 000 000.00"),
        ("12345678901234567890123456789.123", "12 345 678 901 234 567 890 123 456 789.123"),
        ("1e999", "1.000000e+999"),
        ("-1e999", "-1.000000e+999"),
        ("1e-999", "1.000000e-999"),
        ("9" * 5000, "1.000000e+5000"),
    ],
)
def test_totals_beyond_all_bounds_are_told_in_few_words(total, words):
    assert change(DAY, MEMORY, content(1, Decimal(total)), 2).endswith(f"amount 18 230.50 → {words} (revision 2)")


def test_without_amounts_the_change_tells_rows_only():
    assert change(DAY, MEMORY, content(409, None), 2).endswith(": 412 → 409 rows (revision 2)")


def test_every_day_has_a_row_with_what_it_holds_and_what_was_asked(cometly, two_days, tap):
    output = sync({**two_days, "fields": ["amount", "event_name"], "event_names": ["purchase", "subscribe"]}, tap=tap)
    assert [row["event_date"] for row in output.ledger] == output.days
    for row in output.ledger:
        records = [record for record in output.records if record["event_date"] == row["event_date"]]
        assert {record["day_digest"] for record in records} == {row["day_digest"]}
        assert row["row_count"] == len(records)
        assert row["amount_total"] == sum(Decimal(record["amount"]) for record in records)
        assert row["first_event_time_utc"] == min(record["event_time_utc"] for record in records)
        assert row["last_event_time_utc"] == max(record["event_time_utc"] for record in records)
        assert row["exported_at"] == row["checked_at"]
        assert (row["revision"], row["is_open"]) == (1, False)
        assert row["query_mode"] == "profile"
        assert row["event_names"] == "purchase,subscribe"
        assert row["fields"] == "amount,event_name,event_time_utc,id"
        assert row["timezone"] == "UTC"
        assert row["sources"] is row["attribution_model"] is row["attribution_window"] is None


def test_it_is_written_after_the_rows_of_its_day_and_before_its_state(two_days, tap):
    told = []
    for message in sync(two_days, tap=tap).messages:
        if message["type"] == "RECORD":
            told.append((message["stream"], message["record"]["event_date"]))
        elif message["type"] == "STATE" and "events" in message["value"]["bookmarks"]:
            told.append(("STATE", message["value"]["bookmarks"]["events"].get("replication_key_value")))
    first, *in_order = dict.fromkeys(told)
    assert first == ("STATE", None)
    days = sorted({day for _, day in in_order})
    assert in_order == [(what, day) for day in days for what in ("events", "event_days", "STATE")]


def test_a_check_that_finds_nothing_changed_moves_the_time_of_the_check_only(clock, two_days, tap):
    first = sync(two_days, tap=tap)
    clock.advance(3600)
    second = sync(two_days, state=first.state, tap=tap)
    assert second.records == []
    for before, after in zip(first.ledger, second.ledger, strict=True):
        assert after["checked_at"] > before["checked_at"]
        assert {**after, "checked_at": before["checked_at"]} == before


def test_a_changed_day_gets_a_new_export_and_a_higher_revision_and_is_told(clock, cometly, two_days, tap, caplog):
    caplog.set_level("INFO")
    outputs = [sync(two_days, tap=tap)]
    day = outputs[0].days[1]
    for amount in ("1.00", "2.00"):
        purchase = next(record for record in outputs[0].records if record["event_date"] == day)
        cometly.history.edit(purchase["id"], amount=amount)
        clock.advance(3600)
        outputs.append(sync(two_days, state=outputs[-1].state, tap=tap))
    rows = [next(row for row in output.ledger if row["event_date"] == day) for output in outputs]
    assert [row["revision"] for row in rows] == [1, 2, 3]
    assert len({row["export_id"] for row in rows}) == len({row["day_digest"] for row in rows}) == 3
    told = [each.getMessage() for each in caplog.records if " changed since " in each.getMessage()]
    assert len(told) == 2
    assert told[1].startswith(f"{day} changed since {rows[1]['exported_at'][:16].replace('T', ' ')} UTC: ")
    assert told[1].endswith("(revision 3)")


def test_a_whole_day_is_written_again_if_one_row_of_it_changed(cometly, two_days, tap):
    first = sync(two_days, tap=tap)
    some = first.records[-1]
    cometly.history.edit(some["id"], amount="0.01")
    second = sync(two_days, state=first.state, tap=tap)
    of_the_day = [record["id"] for record in first.records if record["event_date"] == some["event_date"]]
    assert sorted(record["id"] for record in second.records) == sorted(of_the_day)


def test_deselected_it_is_not_there_and_nothing_else_is_different(two_days, tap):
    catalog = selecting(tap, two_days, event_days=False)
    output = sync(two_days, catalog=catalog, tap=tap)
    everything = sync(two_days, tap=tap)
    assert not [message for message in output.messages if message.get("stream") == "event_days"]
    assert len(output.records) == len(everything.records) > 0
    assert output.bookmark["delivered"] == everything.bookmark["delivered"]
    again = sync(two_days, state=output.state, catalog=catalog, tap=tap)
    assert again.records == again.ledger == []


def test_selected_again_it_says_once_that_it_does_not_know_older_days(two_days, tap, caplog):
    caplog.set_level("INFO")
    first = sync(two_days, catalog=selecting(tap, two_days, event_days=False), tap=tap)
    second = sync(two_days, state=first.state, tap=tap)
    assert len(second.ledger) == 2
    assert caplog.text.count("`event_days` is selected again") == 1
    sync(two_days, state=second.state, tap=tap)
    assert caplog.text.count("`event_days` is selected again") == 1


def test_without_events_it_asks_cometly_nothing_moves_nothing_and_says_why(cometly, two_days, tap, caplog):
    output = sync(two_days, catalog=selecting(tap, two_days, events=False), tap=tap)
    assert output.records == output.ledger == []
    assert not cometly.requests
    assert all("events" not in state["bookmarks"] for state in output.states)
    assert "`event_days` is written together with `events`, which is not selected" in caplog.text


def test_the_open_day_is_written_with_every_run_and_never_delivered(clock, cometly, two_days, tap):
    config = {**two_days, "include_open_day": True}
    first = sync(config, tap=tap)
    today = (days_before(clock, 1)[0] + timedelta(days=1)).isoformat()
    assert first.days[-1] == today
    assert [row["is_open"] for row in first.ledger] == [False, False, True]
    assert first.bookmark["replication_key_value"] < today
    assert today not in {each["event_date"] for each in first.bookmark["snapshots"]}
    second = sync(config, state=first.state, tap=tap)
    assert second.days == [today]
    clock.advance(86_400)
    third = sync({**config, "include_open_day": False}, state=second.state, tap=tap)
    assert third.days == [today]
    row = third.ledger[-1]
    assert (row["event_date"], row["is_open"], row["revision"]) == (today, False, 1)
    assert third.bookmark["replication_key_value"] == today
