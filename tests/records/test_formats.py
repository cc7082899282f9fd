"""Files of any format: verified and written, they are the rows that NDJSON with the same values would have been."""

from __future__ import annotations

import csv
import gc
import gzip
import io
import json
import os
import weakref
from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_exports.engine.errors import CorruptFileError, InvalidRowsError, SpoolError
from bulk_exports.fields import Measures
from bulk_exports.files.csv import Csv
from bulk_exports.files.json_object import JsonObject
from bulk_exports.records.columns import Columns
from bulk_exports.records.encode import record_blocks, record_rows
from bulk_exports.records.verify import verify

TYPES = {
    "id": {"type": "integer"},
    "at": {"type": ["string", "null"], "format": "date-time"},
    "amount": {"type": ["number", "null"]},
    "open": {"type": ["boolean", "null"]},
    "note": {"type": ["string", "null"]},
}
OWN = {"event_date": "2025-03-01"}
JSON = JsonObject(parts={"row": (("rows", None),)}, rows=lambda part: [part.value])

rows = st.lists(
    st.fixed_dictionaries(
        {
            "id": st.integers(-(10**15), 10**15),
            "at": st.none()
            | st.integers(0, 2**31).map(lambda second: f"{datetime.fromtimestamp(second, timezone.utc):%FT%TZ}"),
            "amount": st.none() | st.decimals(-(10**6), 10**6, places=2),
            "open": st.none() | st.booleans(),
            "note": st.none() | st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=5),
        }
    ),
    max_size=30,
)


def columns():
    return Columns(TYPES, keys=("id",), measures=Measures(key="id", time="at", amount="amount"))


def as_lines(content):
    return b"".join(json.dumps(row, default=float).encode() + b"\n" for row in content) or gzip.compress(b"")


def as_csv(content, header=tuple(TYPES)):
    text = io.StringIO()
    writer = csv.DictWriter(text, header, extrasaction="ignore")
    writer.writeheader()
    writer.writerows({name: int(v) if isinstance(v, bool) else v for name, v in row.items()} for row in content)
    return text.getvalue().encode()


def as_object(content):
    return json.dumps({"rows": content}, default=float).encode()


def records(verification, files):
    return [
        json.loads(line)
        for block in record_blocks(files, verification, columns(), OWN)
        for line in block.text.splitlines()
    ]


@given(rows, st.permutations(list(TYPES)), st.integers(0, 30))
def test_whatever_the_format_the_same_values_are_the_same_day(content, header, cut):
    expected = verify([lines := io.BytesIO(as_lines(content))], columns(), keys=True)
    for file_format, files in {
        Csv(): [io.BytesIO(as_csv(content, header))],
        Csv(missing="refuse"): [io.BytesIO(as_csv(part, header)) for part in (content[:cut], content[cut:])],
        JSON: [io.BytesIO(as_object(content))],
    }.items():
        found = verify(files, columns(), file_format=file_format, keys=True)
        assert found.summary.digest == expected.summary.digest
        assert found.summary.amount_total == expected.summary.amount_total
        assert (found.summary.rows, found.summary.span) == (len(content), expected.summary.span)
        assert sorted(found.keys) == sorted(expected.keys)
        assert records(found, files) == records(expected, [lines])
        one_by_one = list(record_rows(files, found, columns(), OWN))
        assert json.loads(json.dumps(one_by_one, default=float)) == records(expected, [lines])


CONTENT = [{"id": 7, "at": "2025-03-01T10:00:00Z", "amount": 1.5, "open": True, "note": "a,\nb"}]


@pytest.mark.parametrize(("file_format", "write"), [(Csv(), as_csv), (JSON, as_object)], ids=["csv", "json"])
def test_a_file_that_was_converted_is_not_read_again(file_format, write):
    file = io.BytesIO(write(CONTENT))
    verification = verify([file], columns(), file_format=file_format)
    file.close()
    assert records(verification, [file]) == [CONTENT[0] | OWN]
    assert verification.verbatim


@pytest.mark.parametrize(("file_format", "write"), [(Csv(), as_csv), (JSON, as_object)], ids=["csv", "json"])
def test_a_day_that_is_the_same_again_is_known_by_its_lines_and_another_one_is_named_anew(file_format, write):
    first = verify([io.BytesIO(write(CONTENT))], columns(), file_format=file_format).summary
    again = verify([io.BytesIO(write(CONTENT))], columns(), file_format=file_format, before=first).summary
    assert again == first
    other = [CONTENT[0] | {"note": "c"}]
    changed = verify([io.BytesIO(write(other))], columns(), file_format=file_format, before=first).summary
    assert changed == verify([io.BytesIO(write(other))], columns(), file_format=file_format).summary
    assert changed.digest != first.digest


def test_in_another_order_of_columns_csv_has_the_same_lines():
    header = list(TYPES)[::-1]
    one, other = (
        verify([io.BytesIO(as_csv(CONTENT, names))], columns(), file_format=Csv()) for names in (TYPES, header)
    )
    assert one.summary == other.summary


def test_of_several_files_the_one_with_the_misfit_is_named_with_its_line():
    files = [as_csv(CONTENT), as_csv(CONTENT) + b'8,,,,"c\nd"\n\nx,,,,\n']
    with pytest.raises(InvalidRowsError, match="file 2 of 2: line 7: column `id` holds text that does not fit"):
        verify(list(map(io.BytesIO, files)), columns(), file_format=Csv())
    files[0] = gzip.compress(files[0])[:-3]
    with pytest.raises(CorruptFileError, match="file 1 of 2: the gzip file is truncated"):
        verify(list(map(io.BytesIO, files)), columns(), file_format=Csv())


def test_a_key_that_is_missing_fails_the_file():
    with pytest.raises(InvalidRowsError, match="line 2: column `id` is missing"):
        verify([io.BytesIO(b"note\na\n")], columns(), file_format=Csv())


def test_what_files_lacked_and_what_nobody_wanted_is_remembered():
    wanted = columns()
    verify([io.BytesIO(b"id,mood\n1,x\n")], wanted, file_format=Csv())
    assert wanted.unknown == {"mood"}
    assert wanted.missing == TYPES.keys() - {"id"}


def test_values_that_must_be_fitted_are_fitted_in_both_passes():
    file = io.BytesIO(b"id,at,amount,open,note\n+7,2025-03-01T11:00:00+01:00,1e2,yes,5\n".replace(b"yes", b" true "))
    verification = verify([file], columns(), file_format=Csv())
    assert records(verification, [file]) == [
        {"id": 7, "at": "2025-03-01T10:00:00Z", "amount": 100, "open": True, "note": "5", **OWN}
    ]


def test_converted_rows_leave_the_disk_with_the_verification_that_has_them():
    verification = verify([io.BytesIO(as_csv(CONTENT))], columns(), file_format=Csv())
    number = verification.converted.file.fileno()
    gone = weakref.ref(verification.converted)
    del verification
    gc.collect()
    assert gone() is None
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(number)


def test_a_full_disk_stops_the_run_with_words(monkeypatch, tmp_path):
    monkeypatch.setenv("TMPDIR", str(tmp_path / "missing"))
    with pytest.raises(SpoolError, match="set TMPDIR"):
        verify([io.BytesIO(as_csv(CONTENT))], columns(), file_format=Csv())
