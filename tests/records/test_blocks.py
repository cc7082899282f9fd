"""Both ways of reading give the same records: by the block, and line by line as the definition of what is right."""

from __future__ import annotations

import gzip
import io
import json
import re
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_exports.engine.errors import CorruptFileError, InvalidRowsError
from bulk_exports.fields import Measures
from bulk_exports.files import content as archives
from bulk_exports.files import ndjson
from bulk_exports.records.columns import Columns
from bulk_exports.records.encode import record_blocks, record_rows
from bulk_exports.records.rows import MAX_LEVELS, read_rows
from bulk_exports.records.summary import SummaryBuilder
from bulk_exports.records.verify import verify
from tests.examples import examples

pytestmark = pytest.mark.deep

TYPES = {
    "id": {"type": "integer"},
    "event_time_utc": {"type": "string", "format": "date-time"},
    "touchpoint_id": {"type": ["string", "null"]},
    "amount": {"type": ["number", "null"]},
    "is_upsell": {"type": ["boolean", "null"]},
    "profile_id": {"type": ["integer", "null"]},
    "name": {"type": ["string", "null"]},
    "day": {"type": ["string", "null"], "format": "date"},
    "anything": {},
    "object": {"type": ["object", "null"]},
    "either": {"type": ["integer", "string", "null"]},
}
MEASURES = Measures(key="id", time="event_time_utc", amount="amount")
OWN = {"event_date": "2025-03-01", "day_digest": "9f64a747e1b97f13"}
ENCODER = msgspec.json.Encoder(decimal_format="number")


def columns(names=tuple(TYPES)):
    return Columns({name: TYPES[name] for name in names}, keys=["id"], measures=MEASURES)


def line_by_line(content, names=tuple(TYPES)):
    """What is right, and what the file holds."""
    files = [io.BytesIO(content)]
    tally = SummaryBuilder(columns(names))
    rows = list(read_rows(files, columns(names)))
    lines = [line for file in files for _, line in ndjson.lines(file)]
    for line, row in zip(lines, rows, strict=True):
        tally.add(line + b"\n", row)
    return [row | OWN for row in rows], tally.summary()


def parsed(encoded):
    return [json.loads(line, parse_float=Decimal) for line in encoded.splitlines()]


def by_the_block(content, names=tuple(TYPES)):
    files = [io.BytesIO(content)]
    verification = verify(files, columns(names))
    blocks = list(record_blocks(files, verification, columns(names), OWN))
    rows = list(record_rows(files, verification, columns(names), OWN))
    encoded = b"".join(block.text for block in blocks)
    assert [block.count for block in blocks] == [block.text.count(b"\n") for block in blocks]
    return encoded, rows, verification


def assert_same(content, names=tuple(TYPES)):
    try:
        expected, held = line_by_line(content, names)
    except InvalidRowsError as unfit:
        with pytest.raises(InvalidRowsError, match=f"^{re.escape(str(unfit))}$"):
            verify([io.BytesIO(content)], columns(names))
        return None
    encoded, rows, verification = by_the_block(content, names)
    assert rows == expected
    assert [list(map(type, row.values())) for row in rows] == [list(map(type, row.values())) for row in expected]
    messages = parsed(ENCODER.encode_lines(expected))
    assert parsed(encoded) == messages
    if not verification.verbatim:
        assert len({tuple(row) for row in parsed(encoded)}) <= 1, "the columns of all rows have one and the same order"
    assert verification.summary == held
    return verification


def text(value, **options):
    return json.dumps(value, ensure_ascii=False, **options)


# Values as text of JSON, so that spelling varies too.
texts = st.text(st.characters(codec="utf-8"), max_size=12)
strings = texts.map(text) | texts.map(json.dumps) | st.sampled_from([r'"a\/b"', r'"\ud83d\ude00"', '"\u2028"', '""'])
broken_strings = st.sampled_from([r'"\ud800"', r'"\udc00x"', '"a\tb"', r'"\x"', '"'])
integers = (st.integers() | st.integers(2**62, 2**70)).map(str) | st.just("-0")
decimals = st.decimals(allow_nan=False, allow_infinity=False).map(str) | st.sampled_from(
    ["0.1", "1e400", "1E-7", "12.50", "5.0", "-0.0", "33.333333333333333333", "1e3"]
)
words = st.sampled_from(["true", "false", "null", "0", "1", '"1"', '"TRUE"', '"null"', '"12.50"', '"7"', '" 7 "'])
times = (
    st.datetimes().map(lambda moment: text(moment.isoformat() + "Z"))
    | st.datetimes().map(lambda moment: text(moment.isoformat(" ")))
    | st.sampled_from(['"0001-01-01T00:00:00Z"', '"9999-12-31T23:59:59+00:00"', '"2025-02-29T00:00:00Z"', '"later"'])
)
days = st.dates().map(lambda day: text(day.isoformat())) | st.sampled_from(['"20250301"', '" 2025-03-01"'])
scalars = strings | integers | decimals | words
nested = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]")
        | st.lists(st.tuples(texts.map(text), inner), max_size=3).map(
            lambda pairs: "{" + ",".join(f"{key} : {value}" for key, value in pairs) + "}"
        )
    ),
    max_leaves=6,
)
GOOD = {
    "id": integers,
    "event_time_utc": st.datetimes().map(lambda moment: text(moment.replace(microsecond=0).isoformat() + "Z")),
    "touchpoint_id": strings | integers,
    "amount": integers | decimals | st.just("null"),
    "is_upsell": st.sampled_from(["true", "false", "null"]),
    "profile_id": integers | st.just("null"),
    "name": strings | st.just("null"),
    "day": days,
    "anything": nested,
    "object": st.just("null") | st.just('{"a": {"b": [1.50, null]}}'),
    "either": integers | strings,
}
ODD = {name: GOOD[name] | scalars | times | nested for name in TYPES}
PLAIN = {name: GOOD[name] for name in ("id", "profile_id", "is_upsell")} | {
    "event_time_utc": GOOD["event_time_utc"],
    "touchpoint_id": st.integers(-1, 2**70).map(str),
    "amount": decimals | integers,
    "name": strings | st.just('"touchpoint_id"') | st.just(text('\\"touchpoint_id":5,"')),
}
plain_objects = st.fixed_dictionaries(PLAIN).map(
    lambda row: "{" + ",".join(f'"{name}":{value}' for name, value in row.items()) + "}"
)
unknown_pairs = st.lists(st.tuples(st.sampled_from(["new", "class", "a b", "event_date", "__x"]), nested), max_size=2)


@st.composite
def objects(draw, values):
    """A JSON object with its keys in any order, some absent, some twice, some unknown."""
    names = draw(st.permutations(sorted(values)))
    absent = draw(st.sets(st.sampled_from(sorted(values.keys() - {"id", "event_time_utc"})), max_size=3))
    pairs = [(name, draw(values[name])) for name in names if name not in absent]
    pairs += [(name, draw(values[name])) for name in draw(st.lists(st.sampled_from(names), max_size=1))]
    pairs += draw(unknown_pairs)
    comma, colon = draw(st.sampled_from([(",", ":"), (", ", ": "), (" ,", "\t: ")]))
    return "{" + comma.join(f'"{name}"{colon}{value}' for name, value in pairs) + "}"


good_objects = objects(GOOD)
odd_objects = objects(ODD) | st.sampled_from(
    ["[]", "null", "{", '{"id":1}{"id":2}', '{"id":\n1}', "\ufeff{}", "5", "{}"]
)
line_ends = st.sampled_from(["\n", "\r\n", "\n\n", " \n", "\n \t"])


@st.composite
def files(draw, lines, most):
    parts = [line + draw(line_ends) for line in draw(st.lists(lines, max_size=most))]
    whole = "".join(parts).encode("utf-8", "surrogatepass")
    return whole.rstrip(b"\n") if draw(st.booleans()) else whole


def zipped(content):
    return gzip.compress(content)


@examples(40)
@given(files(good_objects, 6))
def test_rows_that_fit_come_out_the_same_either_way(content):
    assert_same(zipped(content))


@examples(40)
@given(files(good_objects | odd_objects, 4))
def test_rows_that_may_not_fit_come_out_the_same_or_are_refused_for_the_same_reason(content):
    assert_same(zipped(content))


@examples(40)
@given(files(good_objects, 4), st.sets(st.sampled_from(sorted(TYPES.keys() - {"id"}))))
def test_any_selection_comes_out_the_same(content, deselected):
    assert_same(zipped(content), [name for name in TYPES if name not in deselected])


@given(broken_strings)
def test_text_that_is_none_is_refused(broken):
    assert assert_same(b'{"id":1,"event_time_utc":"2025-03-01T00:00:00Z","name":%s}\n' % broken.encode()) is None


@examples(40)
@given(files(good_objects, 8), st.integers(1, 200), st.integers(1, 400))
def test_blocks_may_end_anywhere(content, block, chunk):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ndjson, "BLOCK_BYTES", block)
        patch.setattr(archives, "CHUNK_BYTES", chunk)
        assert_same(zipped(content))


@examples(40)
@given(files(objects(PLAIN) | plain_objects, 6))
def test_lines_that_are_records_as_they_stand_come_out_the_same(content):
    assert_same(zipped(content), tuple(PLAIN))


@examples(40)
@given(st.lists(plain_objects, min_size=2, max_size=6))
def test_plain_rows_are_taken_as_they_stand(rows):
    assert assert_same("".join(row + "\n" for row in rows).encode(), tuple(PLAIN)).verbatim


ROW = b'{"id":%d,"event_time_utc":"2025-03-01T00:00:00Z","touchpoint_id":"a","amount":1.50}\n'
PLAIN_NAMES = ("id", "event_time_utc", "touchpoint_id", "amount")


def test_what_must_be_fitted_is_learnt_by_column():
    rows = [ROW % number for number in range(2000)]
    rows[1500] = rows[1500].replace(b'"a"', b"5")
    verification = assert_same(b"".join(rows), PLAIN_NAMES)
    assert verification.shape.fitted == {"touchpoint_id"}


TIME = "2025-03-01T12:34:56Z"
NEAR_TIMES = [
    TIME[:place] + other + TIME[place + 1 :] for place in range(len(TIME)) for other in "0123456789:-.TtZz \uff12"
]


OVER_MIDNIGHT = ["2025-02-28T12:00:00Z", "2025-02-28T24:00:00Z", "2025-02-30T12:00:00Z"]


@pytest.mark.parametrize(
    "near", [*([time] for time in NEAR_TIMES), [TIME + "2", TIME[1:]], [TIME, None], OVER_MIDNIGHT]
)
def test_times_of_one_day_are_looked_at_all_at_once_and_just_as_closely(near):
    times = ["2025-03-01T23:59:59Z", *near, "2025-03-01T00:00:00Z"]
    lines = (b'{"id":1,"event_time_utc":%s}\n' % text(time).encode() for time in times)
    assert_same(b"".join(lines), PLAIN_NAMES[:2])


NUMBERED = [ROW.replace(b'"a"', b"%d") % (number, number) for number in range(2000)]


@pytest.mark.parametrize(
    "odd",
    [
        b'{"id":1,"touchpoint_id": 7,"amount":1,"event_time_utc":"2025-03-01T00:00:00Z"}\n',
        b'{"id":1,"touchpoint_id":-0,"amount":1,"event_time_utc":"2025-03-01T00:00:00Z"}\n',
        b'{"id":1,"touchpoint_id":5,"touchpoint_id":6,"amount":1,"event_time_utc":"2025-03-01T00:00:00Z"}\n',
        b'{"id":1,"touchpoint_id":5,"touchpoint\\u005fid":6,"amount":1,"event_time_utc":"2025-03-01T00:00:00Z"}\n',
        b"".join(
            [
                b'{"id":1,"touchpoint_id":5,"touchpoint_id":6,"amount":1,"event_time_utc":"2025-03-01T00:00:00Z"}\n',
                b'{"id":1,"touchpoint_id":\t7,"amount":1,"event_time_utc":"2025-03-01T00:00:00Z"}\n',
            ]
        ),
    ],
    ids=["space", "minus zero", "twice", "twice, once escaped", "twice, and then hidden by a tab"],
)
def test_integers_become_text_however_they_are_written(odd):
    verification = assert_same(b"".join([*NUMBERED, odd]), PLAIN_NAMES)
    assert verification.verbatim
    assert verification.shape.numbered == {"touchpoint_id"}


def test_integers_that_turn_out_to_be_text_here_and_there_are_fitted():
    verification = assert_same(b"".join([*NUMBERED, ROW % 1]), PLAIN_NAMES)
    assert not verification.verbatim
    assert verification.shape.fitted == {"touchpoint_id"}
    assert verification.shape.numbered == set()


def test_white_space_around_lines_changes_nothing_about_the_shape():
    content = b"".join(ROW % number for number in range(2000))
    verification = assert_same(content.replace(b"\n", b" \r\n\r\n"), PLAIN_NAMES)
    assert verification.shape.fitted == set()
    assert verification.summary.digest == verify([io.BytesIO(content)], columns(PLAIN_NAMES)).summary.digest


def test_a_column_that_cannot_be_a_field_is_read_line_by_line():
    verification = assert_same(ROW.replace(b"}", b',"a b":1,"class":[]}') % 1, PLAIN_NAMES)
    assert verification.shape is None


def test_an_object_over_two_lines_is_refused_even_if_another_line_makes_up_for_it():
    content = b'{"id":1,"anything":\n{}}\n{"id":2,"anything":{}}{"id":3}\n'
    assert assert_same(content, ("id", "anything")) is None


def test_a_value_of_the_vendor_under_the_name_of_our_own_column_is_dropped():
    assert_same(ROW.replace(b"}", b',"event_date":"1999-01-01"}') % 1, PLAIN_NAMES)


@pytest.mark.parametrize("depth", [MAX_LEVELS - 1, MAX_LEVELS + 1, 100_000])
def test_an_unknown_value_may_be_deep_but_not_bottomless(depth):
    deep = b"[" * depth + b"]" * depth
    verification = assert_same(ROW.replace(b"}", b',"deep":%s}' % deep.replace(b"%", b"")) % 1, PLAIN_NAMES)
    assert (verification is None) == (depth > MAX_LEVELS)


@pytest.mark.parametrize(
    ("odd", "untyped"),
    [(b"null", set()), (b"1.5", {"new"}), (b"1e999", {"new"}), (b'{"a":[]}', {"new"}), (b"[" * 900 + b"]" * 900, None)],
    ids=["null", "fraction", "huge", "object", "bottomless"],
)
def test_an_unknown_value_may_be_another_thing_later_on(odd, untyped):
    rows = [
        ROW.replace(b"}", b',"new":%b}') % (number, value) for number, value in enumerate([b'"text"'] * 2000 + [odd])
    ]
    verification = assert_same(b"".join(rows), PLAIN_NAMES)
    assert (verification and verification.shape.untyped) == untyped


def test_unknown_keys_are_remembered_either_way():
    known = columns(PLAIN_NAMES)
    verify([io.BytesIO(b"".join(ROW.replace(b"}", b',"new":1}') % number for number in range(2000)))], known)
    assert known.unknown == {"new"}


def test_a_misfit_far_into_the_file_is_named_by_its_line():
    rows = [ROW % number for number in range(20_000)]
    rows[17_000] = rows[17_000].replace(b"1.50", b'"much"')
    with pytest.raises(InvalidRowsError, match="line 17001: column `amount`"):
        verify([io.BytesIO(b"\n".join(rows).replace(b"\n\n", b"\n"))], columns(PLAIN_NAMES))


@pytest.mark.parametrize("misfit", [b'{"amount":"much"}\n', b'{"amount":1e-90000}\n{"amount":1e90000}\n', b"no JSON\n"])
def test_a_misfit_in_a_file_that_was_altered_is_put_down_to_that(misfit):
    whole = gzip.compress(misfit + b'{"amount":1}\n' * 100_000)
    altered = whole[:-8] + b"\0\0\0\0" + whole[-4:]
    with pytest.raises(InvalidRowsError):
        verify((io.BytesIO(whole),), columns(["amount"]))
    with pytest.raises(CorruptFileError):
        verify((io.BytesIO(altered),), columns(["amount"]))
