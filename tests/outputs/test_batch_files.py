"""BATCH: the same rows as in RECORD mode, in files that are whole when they are named."""

from __future__ import annotations

import gzip
import json
from decimal import Decimal
from pathlib import Path

import fsspec
import pytest
from singer_sdk.exceptions import ConfigValidationError
from singer_sdk.helpers._batch import BatchConfig

from bulk_exports.outputs.batch_files import BatchFolder
from bulk_exports.records.encode import Records
from simulation.tapping import days_before, sync

ATTRIBUTED = {"sources": ["google_ads", "facebook_ads"], "attribution_model": "linear", "attribution_window": 30}


def batch_config(root, compression="gzip", **more):
    encoding = {"format": "jsonl", "compression": compression}
    return {"batch_config": {"encoding": encoding, "storage": {"root": str(root), "prefix": "of-"}, **more}}


def rows_of(message):
    rows = []
    for url in message["manifest"]:
        with fsspec.open(url) as file:
            content = file.read()
        content = gzip.decompress(content) if message["encoding"].get("compression") == "gzip" else content
        rows += [json.loads(line, parse_float=Decimal) for line in content.splitlines()]
    return rows


def batches_of(output):
    return [message for message in output.messages if message["type"] == "BATCH"]


def in_order(rows):
    return sorted(rows, key=lambda row: json.dumps(row, default=str))


def of_events(output):
    return [
        message["record"] for message in output.messages if message.get("stream") == "events" and "record" in message
    ]


@pytest.mark.parametrize("compression", ["gzip", "none"])
@pytest.mark.parametrize("more", [{}, ATTRIBUTED], ids=["plain", "attributed"])
def test_files_hold_what_records_would(clock, config, tap, tmp_path, compression, more):
    config = {**config, **more, "start_date": days_before(clock, 3)[0].isoformat()}
    by_record = sync(config, tap=tap)
    by_batch = sync({**config, **batch_config(tmp_path, compression)}, tap=tap)
    rows = [row for message in batches_of(by_batch) for row in rows_of(message)]
    assert of_events(by_batch) == []
    assert in_order(rows) == in_order(of_events(by_record))
    assert list(rows[0]) == list(of_events(by_record)[0])
    schemas = [
        next(message for message in output.messages if message.get("stream") == "events" and "schema" in message)
        for output in (by_record, by_batch)
    ]
    assert schemas[0] == schemas[1]
    assert by_batch.bookmark["delivered"] == by_record.bookmark["delivered"]


def test_files_go_wherever_fsspec_can(clock, config, tap):
    config = {**config, "start_date": days_before(clock, 2)[0].isoformat(), **batch_config("memory://batches")}
    output = sync(config, tap=tap)
    assert sum(len(rows_of(message)) for message in batches_of(output)) > 0
    assert all(message["manifest"][0].startswith("memory://") for message in batches_of(output))


def test_state_follows_the_files_of_a_whole_day(clock, config, tap, tmp_path):
    days = [day.isoformat() for day in days_before(clock, 4)]
    output = sync({**config, "start_date": days[0], **batch_config(tmp_path, batch_size=15)}, tap=tap)
    named, delivered = {}, set()
    for message in output.messages:
        if message["type"] == "BATCH":
            (row_day,) = {row["event_date"] for row in rows_of(message)}
            assert row_day not in delivered
            named[row_day] = named.get(row_day, 0) + len(rows_of(message))
        elif message["type"] == "STATE" and (intervals := message["value"]["bookmarks"]["events"].get("delivered")):
            delivered = {day for day in days if any(first <= day <= last for first, last in intervals)}
            assert delivered <= named.keys()
    assert delivered == set(days)


def test_parts_are_bounded_and_say_stream_day_export_and_part(clock, config, tap, tmp_path):
    (day,) = days_before(clock, 1)
    config = {**config, "start_date": day.isoformat(), **batch_config(tmp_path, batch_size=7)}
    output = sync(config, tap=tap)
    messages = batches_of(output)
    sizes = [len(rows_of(message)) for message in messages]
    assert set(sizes[:-1]) == {7}
    assert 0 < sizes[-1] <= 7
    (export,) = {row["export_id"] for row in output.ledger}
    names = [f"of-events-{day}-export-{export}-part-{part:05}.jsonl.gz" for part in range(1, len(messages) + 1)]
    assert [Path(message["manifest"][0]).name for message in messages] == names
    assert sorted(path.name for path in tmp_path.iterdir()) == names


def test_a_file_that_is_not_complete_never_has_its_name(tmp_path):
    folder = BatchFolder(BatchConfig.from_dict(batch_config(tmp_path, batch_size=3)["batch_config"]))

    def blocks():
        yield Records(b"".join(b'{"id":%d}\n' % number for number in range(4)), 4)
        assert sorted(path.suffix for path in tmp_path.iterdir()) == [".gz", ".unfinished"]
        raise KeyboardInterrupt

    parts = folder.parts("events", blocks())
    assert next(parts)[1] == 3
    with pytest.raises(KeyboardInterrupt):
        next(parts)
    assert [path.name for path in tmp_path.iterdir()] == ["of-events-part-00001.jsonl.gz"]


@pytest.mark.parametrize(
    "change",
    [
        {"stream_maps": {"events": {"id": "id"}}},
        {"stream_maps": {"events": {"__alias__": "other"}}},
        {"flattening_enabled": True, "flattening_max_depth": 1},
    ],
)
def test_what_files_cannot_honour_is_refused(clock, cometly, config, tap, tmp_path, change):
    output = sync({**config, **batch_config(tmp_path), **change}, tap=tap, catch=ConfigValidationError)
    assert "cannot be combined" in str(output.error)
    assert not cometly.requests
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "change",
    [{"encoding": {"format": "parquet"}}, {"encoding": {"format": "jsonl", "compression": "lz4"}}, {"batch_size": 0}],
)
def test_files_of_another_kind_are_refused(tmp_path, change):
    config = {**batch_config(tmp_path)["batch_config"], **change}
    with pytest.raises(ConfigValidationError, match="batch_config"):
        BatchFolder(BatchConfig.from_dict(config))


def test_a_connection_test_writes_no_files(clock, config, tap, tmp_path):
    assert tap(config={**config, **batch_config(tmp_path)}).run_connection_test()
    assert list(tmp_path.iterdir()) == []
