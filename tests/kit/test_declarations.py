"""A vendor's declaration that cannot be, or contradicts itself, fails when it is made, and names stream and rule."""

from __future__ import annotations

import dataclasses
from datetime import date, timedelta

import pytest

from bulk_exports.airbyte.state import state_message
from bulk_exports.fields import Field, Measures
from bulk_exports.files.csv import Csv
from bulk_exports.files.json_object import JsonObject
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
NUMBER = Field("number", "integer", "")
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
        (
            {"variants": (Variant("deleted", {"is_deleted": True}),)},
            "the column `is_deleted` of the ledger or a variant",
        ),
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


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"key": ()}, "it has no key"),
        ({"key": ("ID",)}, "the column `ID` of the key is not among its fields"),
        ({"key": ("day",)}, "the column `day` of the key may be null"),
        ({"key": "id"}, "`key` is of the type str, and no tuple"),
        ({"fields": (*FIELDS, DAY)}, "`day` is declared twice"),
        (
            {"fields": (dataclasses.replace(DAY, kind="day"), *FIELDS)},
            "`fields[0].kind` is 'day', and none of `integer`, ",
        ),
        ({"rows": None}, "`rows` is of the type NoneType, and no Callable"),
        ({"name": "a list"}, "cannot be called 'a list'"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_list_that_cannot_be_names_stream_and_rule(changes, rule):
    good = {"name": "list", "fields": FIELDS, "key": ("id",), "rows": lambda client: []}
    assert ListStream(**good).names == ("list",)
    with pytest.raises(DeclarationError) as refused:
        ListStream(**{**good, **changes})
    assert f"the stream `{changes.get('name', 'list')}`" in str(refused.value)
    assert rule in str(refused.value)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        (
            {"windows": Windows(rows_outside="left_out")},
            "`windows.rows_outside` is 'left_out', and none of `refused`, ",
        ),
        ({"windows": Windows(max_days=1.5)}, "`windows.max_days` is of the type float, and no int"),
        ({"windows": Windows(snapshot="no")}, "`windows.snapshot` is of the type str, and no bool"),
        ({"windows": Windows}, "`windows` is of the type type, and no Windows"),
        ({"fields": (*FIELDS, Field("x", "datetime", ""))}, "`fields[5].kind` is 'datetime', and none of `integer`, "),
        ({"left_out": (Field("x", "text", ""),)}, "`left_out[0].kind` is 'text'"),
        ({"fields": (*FIELDS, Field("", "string", ""))}, "a column has no name"),
        ({"fields": (*FIELDS, "x")}, "`fields[5]` is of the type str, and no Field"),
        ({"fields": iter(FIELDS)}, "`fields` is of the type tuple_iterator, and no tuple"),
        (
            {**WITH_LEDGER, "ledger": Ledger("days", names_of_exports="int")},
            "`ledger.names_of_exports` is 'int', and none of `integer`, `string`",
        ),
        (
            {**WITH_LEDGER, "ledger": Ledger("days", query_fields=(Field("x", "text", ""),))},
            "`ledger.query_fields[0].kind` is 'text'",
        ),
        ({"key": "id"}, "`key` is of the type str, and no tuple"),
        ({"key": ("day",)}, "the column `day` of the key may be null"),
        ({"query": {"fields": []}}, "`query` is of the type dict, and no Callable"),
        ({"in_order": lambda names: list(names)[1:]}, "its `in_order` does not return just those columns"),
        ({"jobs_last": 3600}, "`jobs_last` is of the type int, and no timedelta"),
        ({"creates_per_minute": "5"}, "`creates_per_minute` is of the type str, and no float"),
        ({"creates_per_minute": float("nan")}, "nan exports a minute are none"),
        ({"polling": 5}, "`polling` is of the type int, and no Polling"),
        ({"selected_by_default": "no"}, "`selected_by_default` is of the type str, and no bool"),
        ({"format": Csv}, "and no format, such as `Csv()`"),
        ({"format": "csv"}, "`format` is 'csv', and no format"),
        ({"format": Csv(delimiter=";;")}, "one character, no quote and no line end: ';;'"),
        ({"format": Csv(delimiter="")}, "one character, no quote and no line end: ''"),
        ({"format": Csv(delimiter='"')}, "one character, no quote and no line end"),
        ({"format": Csv(missing="refused")}, "`format.missing` is 'refused', and none of `null`, `refuse`"),
        ({"format": Csv(repeated="last")}, "`format.repeated` is 'last', and none of `first`, `refuse`"),
        ({"format": Csv(zone="UTC")}, "`format.zone` is of the type str, and no tzinfo"),
        ({"format": Csv(named={"Number": "nr"})}, "the heading `Number` of its CSV files is to name the column `nr`"),
        ({"format": JsonObject(parts={}, rows=list)}, "`format.parts` cannot be: at least one part is needed"),
        ({"format": JsonObject(parts={"a": (("a",),)}, rows=None)}, "`format.rows` is of the type NoneType"),
        ({"format": JsonObject(parts={"a": (("a",),)}, rows=list, needs="a")}, "`format.needs` is of the type str"),
        (
            {**WITH_LEDGER, "fields": (*FIELDS, NUMBER), "version_field": NUMBER},
            "its version field `number` is no string but a integer",
        ),
        (
            {**WITH_LEDGER, "fields": (*FIELDS, NUMBER), "window_field": NUMBER},
            "its window field `number` is no date but a integer",
        ),
        (
            {**WITH_LEDGER, "window_field": dataclasses.replace(DAY, nullable=False)},
            "its window field `day` differs from the column of that name",
        ),
        (
            {**WITH_LEDGER, "version_field": dataclasses.replace(VERSION, description="Which.")},
            "its version field `version` differs from the column of that name",
        ),
        (
            {"variants": (Variant("a", {"amount": "much"}), Variant("b", {"amount": 2}))},
            "of the variant `a`, the value of the column `amount`, 'much', is no number",
        ),
        (
            {"variants": (Variant("a", {"id": None}), Variant("b", {"id": 2}))},
            "of the variant `a`, the value of the column `id`, None, is no integer",
        ),
        ({**WITH_LEDGER, "ledger": Ledger("days/things")}, "cannot be called 'days/things'"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_of_the_wrong_kind_names_stream_and_rule(changes, rule):
    with pytest.raises(DeclarationError) as refused:
        ExportStream(**{**GOOD, **changes})
    assert "the stream `things`" in str(refused.value)
    assert rule in str(refused.value)


@pytest.mark.parametrize("name", ["", "a/b", "a b", "a.b", "..", "-a", "a\n", "ärger"])
def test_a_stream_has_a_name_that_files_and_state_can_take(name):
    with pytest.raises(DeclarationError) as refused:
        ExportStream(**{**GOOD, "name": name})
    assert f"cannot be called {name!r}; a name has letters (a to z, A to Z), digits" in str(refused.value)


@pytest.mark.parametrize("name", ["things", "Things2", "_things", "my-things", "2025"])
def test_other_names_are_taken(name):
    assert ExportStream(**{**GOOD, "name": name}).name == name


def test_a_heading_may_name_what_the_columns_are_derived_from():
    headings = Csv(named={"Number": "nr"}, derive=lambda table: table)
    assert ExportStream(**{**GOOD, "format": headings}).format is headings
    assert ExportStream(**{**GOOD, "format": Csv(named={"Number": "id"})})


def test_the_columns_of_a_ledger_have_names_of_their_own():
    ledger = Ledger("days", query_fields=(Field("row_count", "integer", ""),))
    stream = ExportStream(**{**GOOD, **WITH_LEDGER, "ledger": ledger})
    with pytest.raises(DeclarationError, match=r"the stream `days`.*`row_count` is declared twice"):
        ledger_fields(stream)


@pytest.mark.parametrize("kind", ["integer", "string"])
def test_a_ledger_holds_the_names_of_exports_as_the_vendor_gives_them(kind):
    stream = ExportStream(**{**GOOD, **WITH_LEDGER, "ledger": Ledger("days", names_of_exports=kind)})
    (column,) = [field for field in ledger_fields(stream) if field.name == "export_id"]
    assert column.kind == kind
