"""One large JSON object, against `json.loads` as the model."""

from __future__ import annotations

import contextlib
import decimal
import gzip
import io
import json
import tracemalloc
from unittest import mock

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bulk_exports.engine.errors import CorruptFileError, InvalidRowsError
from bulk_exports.files import content as archives
from bulk_exports.files import json_stream
from bulk_exports.files.json_object import JsonObject
from bulk_exports.files.json_parts import Crossing, Part

pytestmark = pytest.mark.deep

EVENTS = (None, "sections", None, "events", None)
PATHS = {
    "event": (("profiles", *EVENTS), EVENTS),
    "attributes": (("profiles", None, "sections", None, "attributes"), (None, "sections", None, "attributes")),
}


def columns_of(part):
    yield {"part": part.name, "keys": list(part.keys), "value": part.value}


def rows_of(
    content, *, whole=1024 * 1024, piece=256 * 1024, chunk=2 * 1024 * 1024, parts=PATHS, rows=columns_of, needs=()
):
    columns = dict.fromkeys(("part", "keys", "value"))
    with (
        mock.patch.object(json_stream, "MAX_WHOLE", whole),
        mock.patch.object(json_stream, "PIECE_BYTES", piece),
        mock.patch.object(archives, "CHUNK_BYTES", chunk),
    ):
        rules = JsonObject(parts=parts, rows=rows, needs=needs)
        blocks = list(rules.read(io.BytesIO(content), columns).blocks())
    return [json.loads(line, parse_float=decimal.Decimal) for block in blocks for line in block.splitlines()]


def expected_of(content):
    """Walk through the object as a whole."""
    whole = json.loads(content, parse_float=decimal.Decimal)
    found = []
    profiles = whole.items()
    if isinstance(whole.get("profiles"), dict):
        profiles = whole["profiles"].items()
    for key, profile in profiles:
        sections = profile.get("sections") if isinstance(profile, dict) else None
        for section, inside in (sections if isinstance(sections, dict) else {}).items():
            for name, value in (inside if isinstance(inside, dict) else {}).items():
                if name == "attributes":
                    found.append({"part": name, "keys": [key, section], "value": value})
                elif name == "events" and isinstance(value, (list, dict)):
                    elements = value.items() if isinstance(value, dict) else (("", element) for element in value)
                    found += [
                        {"part": "event", "keys": [key, section, *([name] if name else [])], "value": element}
                        for name, element in elements
                    ]
    return found


texts = st.text(st.sampled_from('ab"\\{}[],: \né李🔥\u2028'), max_size=4)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.decimals(-1000, 1000, places=2).map(float)
    | texts
    | st.just(1e300),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
sections = st.fixed_dictionaries(
    {}, optional={"attributes": values, "events": st.lists(values, max_size=5) | values, "other": values}
)
profiles = st.dictionaries(
    st.text("abc0-", min_size=1, max_size=3),
    st.fixed_dictionaries({}, optional={"sections": st.dictionaries(st.text("123", min_size=1), sections, max_size=3)})
    | values,
    max_size=4,
)


@st.composite
def files(draw):
    """Return the text of an object with profiles, wrapped or not."""
    whole = draw(profiles)
    if draw(st.booleans()):
        whole = {"before": draw(values), "profiles": whole, "metadata": draw(values)}
    return json.dumps(
        whole,
        ensure_ascii=draw(st.booleans()),
        indent=draw(st.sampled_from([None, 1])),
        separators=draw(st.sampled_from([None, (",", ":"), (" ,", " :\t")])),
    )


limits = {"whole": st.integers(1, 200), "piece": st.integers(1, 40), "chunk": st.integers(1, 100)}


@given(files(), st.booleans(), st.booleans(), st.fixed_dictionaries(limits))
def test_every_way_to_write_the_same_object_is_read(text, mark, zipped, sizes):
    content = text.encode("utf-8-sig" if mark else "utf-8")
    assert rows_of(gzip.compress(content) if zipped else content, **sizes) == expected_of(text)


@given(files(), st.data(), st.fixed_dictionaries(limits))
def test_wherever_a_file_is_cut_it_is_not_whole(text, data, sizes):
    content = text.encode()
    cut = data.draw(st.integers(1, len(content) - 1))
    with pytest.raises(CorruptFileError, match="cut short"):
        rows_of(content[:cut], **sizes)


@given(files(), st.data(), st.sampled_from([*'{}[],:"\\0-.eE tfn', "\x00", "NaN", "\\ud800", ",,"]), st.integers(0, 2))
@example("{}", mock.Mock(draw=lambda _: 1), "1", 0)
def test_what_is_no_json_is_refused_and_what_is_some_is_read(text, data, inserted, dropped):
    at = data.draw(st.integers(0, len(text)))
    text = text[:at] + inserted + text[at + dropped :]
    whole = model(text)
    if whole is None:
        with contextlib.suppress(CorruptFileError, InvalidRowsError):
            # Python takes half a character, or a name that comes twice, where nobody asks for it.
            rows_of(text.encode(), whole=20)
            assert json.loads(text, parse_constant=None) is not None
    else:
        assert rows_of(text.encode(), whole=20) == expected_of(text)


def model(text):
    """Return the JSON object in a text; None if there is none, or if it may be read in more ways than one."""

    def without_repeats(pairs):
        assert len(dict(pairs)) == len(pairs)
        return dict(pairs)

    def refuse(_constant):
        raise AssertionError

    try:
        whole = json.loads(text, object_pairs_hook=without_repeats, parse_constant=refuse)
        json.dumps(whole, ensure_ascii=False).encode()
    except (ValueError, AssertionError):
        return None
    return whole if isinstance(whole, dict) else None


@pytest.mark.parametrize(
    ("content", "error", "reason"),
    [
        (b"", CorruptFileError, "0 bytes"),
        (gzip.compress(b"", mtime=0), CorruptFileError, "cut short"),
        (b"<html>", CorruptFileError, "neither gzip nor a JSON object"),
        (gzip.compress(b"[1]", mtime=0), InvalidRowsError, "something else"),
        (gzip.compress(b'{"profiles":{}}', mtime=0)[:-9], CorruptFileError, "truncated"),
        (b'{"a":1}{"b":2}', InvalidRowsError, "something behind its end"),
        (b'{"a":1,}', InvalidRowsError, "something malformed"),
        (b'{"a" 1}', InvalidRowsError, "something malformed"),
        (b'{"a":1 "b":2}', InvalidRowsError, "something malformed"),
        (b"{1:2}", InvalidRowsError, "something malformed"),
        (b'{"a":[1}', InvalidRowsError, "something malformed"),
        (b'{"a":NaN}', InvalidRowsError, "something malformed"),
        (b'{"a":1e9999999}', InvalidRowsError, "a number of more than 1,000 digits"),
        (b'{"a":1e99999999999999999999}', InvalidRowsError, "a number of more than 1,000 digits"),
        (b'{"a":"\xff"}', InvalidRowsError, "not UTF-8"),
        (b'{"a":' + b"[" * 100_000, InvalidRowsError, "more than 500 levels"),
        (b'{"p":{"sections":{"1":{"events":["\\ud800"]}}}}', InvalidRowsError, "lone surrogate"),
        (b'{"p":{"sections":{"1":{"events":[{"a":tru]}}}}', InvalidRowsError, "something malformed"),
    ],
)
def test_what_is_wrong_is_said(content, error, reason):
    with pytest.raises(error, match=reason):
        rows_of(content)


def test_a_part_that_is_too_large_is_refused_wherever_it_ends():
    content = json.dumps({"p": {"sections": {"1": {"events": [{"a": "x" * 5000}]}}}}).encode()
    with (
        mock.patch.object(json_stream, "MAX_PART", 1000),
        pytest.raises(InvalidRowsError, match="a part of more than 1,000 characters"),
    ):
        rows_of(content, whole=100, piece=100, chunk=100)


def test_no_path_may_lead_into_another_ones_part():
    with pytest.raises(ValueError, match="lies within another: one, two"):
        Crossing.of({"one": (("a",),), "two": (("a", "b"),)})
    with pytest.raises(ValueError, match="at least one name"):
        Crossing.of({"one": ((),)})


def test_a_name_goes_before_any_name():
    found = rows_of(b'{"a":{"x":1},"b":{"x":2}}', parts={"named": (("a", "x"),), "other": ((None, "x"),)})
    assert [(row["part"], row["keys"], row["value"]) for row in found] == [("named", [], 1), ("other", ["b"], 2)]


def test_rows_have_the_wanted_columns_and_no_others():
    def rows(part: Part):
        yield {"value": part.value, "weather": "fine"}

    found = rows_of(b'{"p":{"sections":{"1":{"events":[1]}}}}', rows=rows)
    assert found == [{"part": None, "keys": None, "value": 1}]


@pytest.mark.long
def test_a_giant_among_the_profiles_is_not_taken_into_memory():
    event = json.dumps({"correlationId": "a" * 36, "data": {"device": "MOBILE"}})
    giant = '{"p":{"sections":{"1":{"attributes":{},"events":[' + ",".join([event] * 100_000) + "]}}}}"
    file = gzip.compress(giant.encode(), 1)
    reading = JsonObject(parts=PATHS, rows=columns_of).read(io.BytesIO(file), dict.fromkeys(("part", "keys", "value")))
    tracemalloc.start()
    count = sum(block.count(b"\n") for block in reading.blocks())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 100_001
    assert peak < 40_000_000


# Files that are something else

A_PROFILE = {"sections": {"s": {"events": [{"e": 1}]}}}
SMALL = {"whole": 2, "piece": 3, "chunk": 5}


@pytest.mark.parametrize("sizes", [{}, SMALL], ids=["whole", "entered"])
@pytest.mark.parametrize(
    "said",
    [
        {"status": "processing"},
        {"status": 503, "title": "Service Unavailable", "detail": "Export processing failed"},
        {"message": "Endpoint request timed out"},
        {"error": {"code": 7}},
        {"profiles": None},
        {"profiles": "none"},
        {"data": {"profiles": {"p": A_PROFILE}}},
        {"Profiles": {"p": A_PROFILE}},
        {"profiles": {"p": {"x": 1}}},
        {"profiles": {"p": {"Sections": {}}}},
        {"profiles": {"p": {"sections": "none"}}},
        {"profiles": {"p": {"sections": {"s": {"events": "none"}}}}},
        {"p": A_PROFILE, "status": "processing"},
    ],
)
def test_what_is_not_what_the_stream_knows_is_refused(said, sizes):
    with pytest.raises(InvalidRowsError, match="something unexpected under"):
        rows_of(json.dumps(said).encode(), needs=("sections",), **sizes)


@pytest.mark.parametrize("sizes", [{}, SMALL], ids=["whole", "entered"])
@pytest.mark.parametrize(
    ("said", "count"),
    [
        ({}, 0),
        ({"profiles": {}}, 0),
        ({"profiles": []}, 0),
        ({"profiles": {"p": {}}}, 0),
        ({"profiles": {"p": A_PROFILE | {"key": "k", "sections_seen": 3}}}, 1),
        ({"count": 1, "profiles": {"p": A_PROFILE}, "meta": {"x": 1}}, 1),
        ({"p": A_PROFILE, "q": {"sections": {"s": {"events": None}, "t": {}}}}, 1),
    ],
)
def test_what_stands_beside_it_is_skipped(said, count, sizes):
    assert len(rows_of(json.dumps(said).encode(), needs=("sections",), **sizes)) == count


@given(st.dictionaries(texts, values, max_size=4).map(json.dumps) | files())
def test_what_is_refused_does_not_depend_on_what_fits_into_memory(said):
    content = said.encode()

    def ending(**sizes):
        try:
            return rows_of(content, needs=("sections",), **sizes)
        except InvalidRowsError:
            return None

    assert ending() == ending(**SMALL)


@pytest.mark.parametrize("wrapper", ['{"profiles": %s}', "%s"])
def test_a_profile_that_comes_twice_is_read_twice(wrapper):
    twice = '{"p": {"sections": {"s": {"events": [1]}}}, "p": {"sections": {"s": {"events": [2]}}}}'
    rows = rows_of((wrapper % twice).encode(), needs=("sections",))
    assert [row["value"] for row in rows] == [1, 2]
