"""The digest of a day: of the values that are written, not of how Cometly writes them."""

from __future__ import annotations

import io
import json
from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bulk_exports.fields import Measures
from bulk_exports.records.columns import Columns
from bulk_exports.records.summary import SummaryBuilder
from bulk_exports.records.verify import verify
from bulk_exports.windows.bookmark import DaySnapshot
from tests.examples import examples

TYPES = {
    "id": {"type": "integer"},
    "touchpoint_id": {"type": "string"},
    "event_time_utc": {"type": "string", "format": "date-time"},
    "event_name": {"type": ["string", "null"]},
    "amount": {"type": ["number", "null"]},
    "is_upsell": {"type": ["boolean", "null"]},
    "anything": {},
}
MEASURES = Measures(key="id", time="event_time_utc", amount="amount")
COLUMNS = Columns(TYPES, keys=["id", "touchpoint_id"], measures=MEASURES)

numbers = st.none() | st.integers(-1000, 1000).map(Decimal) | st.decimals(-1000, 1000, places=2)
rows = st.fixed_dictionaries(
    {
        "id": st.integers(1, 9),
        "touchpoint_id": st.integers(1, 99).map(str) | st.text(min_size=1, max_size=3),
        "event_time_utc": st.sampled_from(["2025-03-01T10:00:00Z", "2025-03-01T10:00:59Z"]),
        "event_name": st.none() | st.text(max_size=5),
        "amount": numbers,
        "is_upsell": st.none() | st.booleans(),
        "anything": st.none() | st.text(max_size=2) | st.dictionaries(st.sampled_from("ab"), numbers | st.booleans()),
    }
)


@st.composite
def number_texts(draw, number):
    """Any of the ways to write a number in JSON."""
    plain = f"{number:f}"
    ways = [plain, f"{plain}{'0' if '.' in plain else '.0'}", f"{plain}e0", f"{number.scaleb(-1):f}E+1"]
    if number == number.to_integral_value():
        ways.append(str(int(number)))
    return draw(st.sampled_from(ways))


@st.composite
def spelt(draw, value):
    """Any of the ways to write a JSON value."""
    space = draw(st.sampled_from(["", "", " ", "\t", " \r "]))
    if isinstance(value, Decimal):
        text = draw(number_texts(value))
    elif isinstance(value, dict):
        members = draw(st.permutations(list(value.items())))
        text = "{" + ",".join([f"{space}{json.dumps(name)}:{draw(spelt(each))}" for name, each in members]) + "}"
    else:
        text = json.dumps(value, ensure_ascii=draw(st.booleans()))
        text = text.replace("/", draw(st.sampled_from(["/", "\\/"]))) if isinstance(value, str) else text
    return space + text


@st.composite
def lines(draw, row):
    """Any of the ways in which Cometly might write a row: whatever order, spelling, types, and columns more or less."""
    written = {name: draw(spelt(value)) for name, value in row.items()}
    if row["touchpoint_id"].isdecimal() and str(int(row["touchpoint_id"])) == row["touchpoint_id"]:
        written["touchpoint_id"] = draw(st.sampled_from([row["touchpoint_id"], written["touchpoint_id"]]))
    if row["amount"] is not None:
        written["amount"] = draw(st.sampled_from([written["amount"], json.dumps(f"{row['amount']:f}")]))
    if row["is_upsell"] is not None:
        written["is_upsell"] = draw(st.sampled_from([written["is_upsell"], str(int(row["is_upsell"]))]))
    written["event_time_utc"] = draw(
        st.sampled_from([written["event_time_utc"], json.dumps(row["event_time_utc"].replace("T", " ")[:-1])])
    )
    written |= draw(st.dictionaries(st.sampled_from(["extra", "another"]), st.sampled_from(["1", '"x"', "[1.50]"])))
    for name in [name for name, value in row.items() if value is None]:
        if draw(st.booleans()):
            del written[name]
    members = draw(st.permutations(list(written.items())))
    return "{" + ",".join(f"{json.dumps(name)}:{text}" for name, text in members) + "}\n"


@st.composite
def files(draw, some_rows):
    """Any of the files in which Cometly might give these rows."""
    return "".join([draw(lines(row)) for row in draw(st.permutations(some_rows))]).encode()


def content(file, before=None):
    return verify((io.BytesIO(file),), COLUMNS, before=before).summary


def plainly(some_rows):
    return "".join(json.dumps(row, default=float) + "\n" for row in some_rows).encode()


@examples(80)
@given(data=st.data(), some_rows=st.lists(rows, min_size=1, max_size=5))
def test_equal_rows_have_the_same_digest_however_cometly_writes_them(data, some_rows):
    one, other = data.draw(files(some_rows)), data.draw(files(some_rows))
    assert content(one).digest == content(other).digest
    assert content(one).rows == len(some_rows)


@examples(40)
@given(data=st.data(), some_rows=st.lists(rows, min_size=1, max_size=5), other=rows)
def test_any_other_row_has_another_digest_however_it_is_written(data, some_rows, other):
    place = data.draw(st.integers(0, len(some_rows) - 1))
    assume(other != some_rows[place])
    changed = [*some_rows[:place], other, *some_rows[place + 1 :]]
    assert content(data.draw(files(some_rows))).digest != content(data.draw(files(changed))).digest


def snapshot_of(found):
    return DaySnapshot(
        export_id=1,
        digest=found.digest,
        lines_digest=found.lines_digest,
        row_count=found.rows,
        amount_total=None,
        exported_at="2025-03-02T06:00:00Z",
        revision=1,
    )


@examples(20)
@given(data=st.data(), some_rows=st.lists(rows, min_size=1, max_size=4), others=st.lists(rows, min_size=1, max_size=4))
def test_what_was_known_before_changes_nothing_of_what_is_found(data, some_rows, others):
    before = snapshot_of(content(data.draw(files(some_rows))))
    for each in (data.draw(files(some_rows)), data.draw(files(others))):
        assert content(each, before) == content(each)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('"event_name":null', '"event_name":"null"'),
        ('"event_name":null', '"event_name":"None"'),
        ('"event_name":"5"', '"touchpoint_id":"5"'),
        ('"amount":1', '"amount":null'),
        ('"amount":-1', '"amount":-2'),
        ('"amount":0.10000000000000000000000000000000000001', '"amount":0.1'),
        ('"anything":1', '"anything":"1"'),
        ('"anything":{"a":1}', '"anything":{"b":1}'),
    ],
)
def test_values_that_look_alike_do_not_have_the_same_digest(one, other):
    start = '{"id":1,"event_time_utc":"2025-03-01T10:00:00Z",'
    ends = ["}\n" if '"touchpoint_id"' in each else ',"touchpoint_id":"1"}\n' for each in (one, other)]
    assert content(f"{start}{one}{ends[0]}".encode()).digest != content(f"{start}{other}{ends[1]}".encode()).digest


def test_a_day_without_rows_is_the_same_whatever_columns_are_asked_for():
    some = [Columns(dict(list(TYPES.items())[:count]), measures=MEASURES) for count in (1, 2, 7)]
    digests = {SummaryBuilder(columns).summary().digest for columns in some}
    assert len(digests) == 1


def test_other_columns_of_the_same_lines_are_another_content():
    file = b'{"id":1,"amount":"5"}\n'
    as_number = verify((io.BytesIO(file),), Columns({"id": TYPES["id"], "amount": {"type": "number"}}, keys=["id"]))
    as_text = verify((io.BytesIO(file),), Columns({"id": TYPES["id"], "amount": {"type": "string"}}, keys=["id"]))
    assert as_number.summary.digest != as_text.summary.digest
    assert as_number.summary.lines_digest != as_text.summary.lines_digest


@pytest.mark.parametrize("amount", ["1.0", "1.00", "1e0", "10E-1", "0.1e1", '"1"', '"1.0"'])
def test_however_a_number_is_written_it_is_the_same_number_by_the_block_too(amount):
    row = '{{"id":1,"touchpoint_id":"a","event_time_utc":"2025-03-01T10:00:00Z","event_name":"x","amount":{},'
    row += '"is_upsell":true,"anything":null}}\n'
    assert content((row.format(1) * 3).encode()).digest == content((row.format(amount) * 3).encode()).digest


@pytest.mark.parametrize(
    ("one", "other"), [('"a":1', '"a":1.0'), ('"a":1,"b":2', '"b":2,"a":1'), ('"a":[0.10]', '"a":[0.1]')]
)
def test_parts_of_a_value_may_be_written_in_any_way_too(one, other):
    row = '{{"id":1,"touchpoint_id":"a","event_time_utc":"2025-03-01T10:00:00Z","event_name":"x","amount":1,'
    row += '"is_upsell":true,"anything":{{{}}}}}\n'
    assert content(row.format(one).encode()).digest == content(row.format(other).encode()).digest


def test_a_name_that_need_not_outlive_its_form_is_that_of_the_lines():
    row = b'{"id":1,"touchpoint_id":"a","event_time_utc":"2025-03-01T10:00:00Z","amount":%b}\n'
    summaries = [verify((io.BytesIO(row % amount),), COLUMNS, name=False).summary for amount in (b"1", b"1", b"1.0")]
    first, again, other = summaries
    assert [summary.digest for summary in summaries] == [summary.lines_digest for summary in summaries]
    assert first == again
    assert first.digest != other.digest
    assert verify((io.BytesIO(row % b"1.0"),), COLUMNS, before=first, name=False).summary == other
