"""A vendor's declaration that contradicts itself fails when it is made, and names stream and rule."""

from __future__ import annotations

import pytest

from bulk_exports.fields import Field, Measures
from bulk_exports.spec import DeclarationError, ExportStream, Ledger, ListStream, Variant, Windows

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
WITH_LEDGER = {"ledger": Ledger("days"), "window_field": DAY, "version_field": VERSION}


@pytest.mark.parametrize(
    "more", [{}, WITH_LEDGER, {"windows": Windows(max_days=31)}], ids=["plain", "ledger", "windows"]
)
def test_one_that_is_sound_is_taken(more):
    assert ExportStream(**GOOD, **more).name == "things"


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


@pytest.mark.parametrize("key", [(), ("ID",)])
def test_a_list_needs_a_key_among_its_fields(key):
    with pytest.raises(DeclarationError, match=r"`list`.*its key"):
        ListStream(name="list", fields=FIELDS, key=key, rows=lambda client: [])
