"""The disk: full, not writable, not there. The run stops with a clear error, and nothing is lost or left behind."""

from __future__ import annotations

import errno
import os
import tempfile

import pytest

from bulk_exports.engine import download
from bulk_exports.engine.errors import SpoolError
from tests.faults.world import by_id

ROOM = 2500


class SmallDisk:
    """A file on a disk with room for `ROOM` bytes; what does not fit fails when the buffer is written out."""

    def __init__(self, file):
        self._file = file
        self._unwritten = 0

    def __getattr__(self, name):
        return getattr(self._file, name)

    def _check(self):
        if self._unwritten > ROOM:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def write(self, data):
        self._unwritten += len(data)
        self._check()
        return self._file.write(data)

    def close(self):
        self._file.close()
        self._check()


class LateDisk(SmallDisk):
    """The same, but it takes everything at first."""

    def write(self, data):
        self._unwritten += len(data)
        return self._file.write(data)

    def flush(self):
        self._check()
        self._file.flush()


def stops_and_leaves_the_rest_to_the_next_run(world, words):
    """The run stops with these words; with a healthy disk the next one brings what it did not."""
    first = world.run(max_exports_in_flight=1)
    assert isinstance(first.error, SpoolError)
    assert words in str(first.error)
    assert "TMPDIR" in str(first.error)
    return first


@pytest.mark.parametrize("disk", [SmallDisk, LateDisk], ids=["when written", "when flushed"])
def test_a_full_disk_stops_the_run_and_the_next_one_brings_what_is_missing(world, monkeypatch, disk):
    spool_file = download.spool_file
    files = []

    def second_is_too_small():
        files.append(disk(spool_file()) if files else spool_file())
        return files[-1]

    with monkeypatch.context() as full:
        full.setattr(download, "spool_file", second_is_too_small)
        first = stops_and_leaves_the_rest_to_the_next_run(world, "No space left on device")
    assert first.days == [world.days[0].isoformat()]
    assert all(file.closed for file in files)
    second = world.run(state=first.state)
    assert by_id([*first.records, *second.records]) == world.truth()


@pytest.mark.parametrize("folder", ["missing", "file"])
def test_without_a_folder_for_spool_files_the_run_stops_with_the_reason(world, monkeypatch, tmp_path, folder):
    (tmp_path / "file").touch()
    monkeypatch.setenv("TMPDIR", str(tmp_path / folder))
    stops_and_leaves_the_rest_to_the_next_run(world, str(tmp_path / folder))


def test_no_usable_folder_at_all_is_told_too(world, monkeypatch):
    def nowhere():
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']")

    for name in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pathlib.Path.is_dir", lambda _: False)
    monkeypatch.setattr(tempfile, "gettempdir", nowhere)
    stops_and_leaves_the_rest_to_the_next_run(world, "No usable temporary directory")


def test_spool_files_are_private_and_have_no_name(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with download.spool_file() as file:
        assert os.fstat(file.fileno()).st_mode & 0o077 == 0
        assert list(tmp_path.iterdir()) == []
