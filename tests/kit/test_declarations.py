"""A vendor's declaration that contradicts itself fails when it is made, and names stream and rule."""

from __future__ import annotations

import dataclasses
from datetime import date, timedelta

import pytest

from bulk_exports.airbyte.state import state_message
from bulk_exports.fields import Field, Measures
from bulk_exports.reconcile.ledger import ledger_fields
from bulk_exports.spec import DeclarationError, ExportStream, Ledger, ListStream, Variant, Windows
from bulk_exports.windows.bookmark import Bookmark, DaySnapshot
from bulk_exports.windows.delivered import DeliveredDays

FIELDS = (
    Field("id", "integer", "", nullable=False),
    Field("day", "date", ""),
    Field("version", "string", ""),
    Field("at", "timestamp", ""),
    Field("amount", "number", ""),
)
_, DAY, VERSION, *_ = FIELDS
GOOD = {
    "name": "things",
    "vendor": "Acme",
    "fields": FIELDS,
    "key": ("id",),
    "measures": Measures(key="id", time="at", amount="amount"),
    "query": lambda columns: None,
    "creates_per_minute": 5,
}
SNAPSHOT = Windows(snapshot=True, rows_outside="taken")
WITH_LEDGER = {"ledger": Ledger("days"), "window_field": DAY, "version_field": VERSION}


@pytest.mark.parametrize(
    "more",
    [
        {},
        WITH_LEDGER,
        {"windows": Windows(max_days=31)},
        {"windows": Windows(max_days=1000)},
        {"windows": SNAPSHOT, "variants": (Variant("a", {"version": "a"}), Variant("b", {"version": "b"}))},
        {"windows": SNAPSHOT, "fields": FIELDS[:1], "left_out": FIELDS[1:]},
    ],
    ids=["plain", "ledger", "windows", "long windows", "snapshot with variants", "snapshot without a time"],
)
def test_one_that_is_sound_is_taken(more):
    assert ExportStream(**{**GOOD, **more}).name == "things"


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"key": ()}, "it has no key"),
        ({"key": ("ID",)}, "the column `ID` of the key"),
        ({"fields": (*FIELDS, DAY)}, "the column `day` is declared twice"),
        ({"measures": Measures(time="when")}, "the measure `time` names the column `when`, which is not among"),
        ({"measures": Measures(time="day")}, "the column `day`, which is no timestamp but a date"),
        ({"measures": Measures(time="at", amount="version")}, "which is no number but a string"),
        ({"measures": Measures()}, "without a ledger STATE speaks of the days of `measures.time`"),
        ({"windows": Windows(max_days=0)}, "a window has at least one day, not 0"),
        ({"creates_per_minute": 0}, "0 exports a minute are none"),
        ({"window_field": DAY}, "of no use without a ledger"),
        ({"ledger": Ledger("days"), "window_field": DAY}, "it lacks one of them"),
        ({**WITH_LEDGER, "windows": Windows(max_days=2)}, "its windows have up to 2"),
        ({**WITH_LEDGER, "variants": (Variant("deleted"),)}, "neither snapshots nor variants"),
        ({**WITH_LEDGER, "measures": Measures(key="id")}, "the first and the last `measures.time` of a day"),
        ({"variants": (Variant("deleted", {"is_deleted": True}),)}, "the column `is_deleted` of the key"),
        ({"left_out": FIELDS[2:3]}, "the column `version` is declared twice"),
        ({"fields": FIELDS[:1], "left_out": FIELDS[1:]}, "the days of the column `at`, which is left out"),
        ({"windows": Windows(max_days=1001)}, "a window has at most 1000 days, not 1001"),
        ({"calls_per_export": 0}, "an export costs at least one request, not 0"),
        ({"jobs_last": timedelta()}, "exports that last for 0:00:00 are not kept"),
        ({"windows": SNAPSHOT, "jobs_last": timedelta(days=1)}, "a snapshot is not kept for a later run"),
        ({"windows": dataclasses.replace(SNAPSHOT, rows_move=True)}, "a snapshot has no later window"),
        ({"windows": dataclasses.replace(SNAPSHOT, max_days=31)}, "a snapshot has no days, but its windows have up to"),
        ({"windows": Windows(snapshot=True)}, "no row lies outside of a snapshot"),
        (
            {"variants": (Variant("a", {"version": "a"}), Variant("a", {"version": "b"}))},
            "the variant `a` is declared twice",
        ),
        (
            {"variants": (Variant("a", {"version": "a"}), Variant("b", {"version": "a"}))},
            "nothing tells rows of the variants `a` and `b` apart",
        ),
        ({**WITH_LEDGER, "ledger": Ledger("things")}, "its ledger is called `things`, too"),
        (
            {"measures": Measures(), "windows": Windows(snapshot=True, rows_outside="left out")},
            "rows outside of a window are known by `measures.time`",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_one_that_contradicts_itself_names_stream_and_rule(changes, rule):
    with pytest.raises(DeclarationError) as refused:
        ExportStream(**{**GOOD, **changes})
    assert "the stream `things`" in str(refused.value)
    assert rule in str(refused.value)


def keys_of_state():
    """Return every name that stands in STATE beside that of the column of days."""
    day = date(2025, 3, 10)
    held = DaySnapshot(
        export_id=1, digest="", lines_digest="", row_count=0, amount_total=None, exported_at="", revision=1, days=2
    )
    bookmark = Bookmark("at", DeliveredDays(((day, day),)), snapshots={day: held}, jobs=()).to_state()
    doors = state_message(bookmark, run=1, touched=DeliveredDays(), cursor="at", generation=1)
    return sorted({*bookmark, *bookmark["snapshots"][0], *doors} - {"at"})


@pytest.mark.parametrize("name", keys_of_state())
def test_the_column_of_days_is_called_like_nothing_else_in_state(name):
    field = Field(name, "timestamp", "")
    with pytest.raises(DeclarationError, match=f"the stream `things`.*`{name}`.*the name of something else in STATE"):
        ExportStream(**{**GOOD, "fields": (*FIELDS, field), "measures": Measures(time=name)})


@pytest.mark.parametrize("key", [(), ("ID",)])
def test_a_list_needs_a_key_among_its_fields(key):
    with pytest.raises(DeclarationError, match=r"`list`.*its key"):
        ListStream(name="list", fields=FIELDS, key=key, rows=lambda client: [])


def test_a_list_has_each_column_once():
    with pytest.raises(DeclarationError, match=r"`list`.*`day` is declared twice"):
        ListStream(name="list", fields=(*FIELDS, DAY), key=("id",), rows=lambda client: [])


@pytest.mark.parametrize("kind", ["integer", "string"])
def test_a_ledger_holds_the_names_of_exports_as_the_vendor_gives_them(kind):
    stream = ExportStream(**{**GOOD, **WITH_LEDGER, "ledger": Ledger("days", names_of_exports=kind)})
    (column,) = [field for field in ledger_fields(stream) if field.name == "export_id"]
    assert column.kind == kind
