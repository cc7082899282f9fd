"""How the command ends where the system refuses to go on: in words that help, with a status that says: try again."""

from __future__ import annotations

import json
import threading

import pytest
import requests

from bulk_exports.errors import TapError
from tests.endings import ended, tap_in


@pytest.fixture
def file(config, clock, tmp_path):
    """A configuration for the command."""
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config | {"start_date": "2025-02-17"}))
    return path


@pytest.fixture
def tap(clock):
    return tap_in(clock)


def failing(tap, error):
    """Return a tap whose client cannot be made."""

    class Failing(tap):
        def connect(self, *_):
            raise error

    return Failing


def test_a_run_that_ends_well_ends_with_0(tap, file):
    end = ended(tap, "--config", file)
    assert end.status == 0, end.told
    assert b'"RECORD"' in end.written


def test_memory_that_is_used_up_is_told(tap, file):
    end = ended(failing(tap, MemoryError()), "--config", file)
    assert end.status == 1
    assert "The memory that this process may have is used up, or the number of its threads" in end.told[-1]
    assert "`max_exports_in_flight`" in end.told[-1]
    assert "Traceback" not in "\n".join(end.told)


def test_a_thread_that_cannot_be_started_is_told(tap, file, monkeypatch):
    def start(_):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    end = ended(tap, "--config", file)
    assert end.status == 1
    assert "or the number of its threads" in end.told[-1]
    assert "Traceback" not in "\n".join(end.told)


def test_what_the_system_refuses_is_told_and_no_link_with_it(tap, file):
    full = ended(failing(tap, OSError(28, "No space left on device")), "--config", file)
    assert full.status == 1
    assert "No space left on device" in full.told[-1]
    link = ended(failing(tap, requests.ConnectionError("https://files.test/?Signature=s3cret")), "--config", file)
    assert link.status == 1
    assert "refuses to go on: ConnectionError" in link.told[-1]
    assert "s3cret" not in "\n".join(link.told)


@pytest.mark.parametrize(("passing", "status"), [(True, 1), (False, 2)])
def test_an_error_that_passes_ends_with_1_and_one_that_does_not_with_2(tap, file, passing, status):
    class OddError(TapError):
        is_passing = passing

    end = ended(failing(tap, OddError("all is odd")), "--config", file)
    assert end.status == status
    assert "all is odd. See docs/troubleshooting.md" in end.told[-1]


def test_any_other_error_is_a_fault_and_looks_like_one(tap, file):
    with pytest.raises(RuntimeError, match="a fault"):
        ended(failing(tap, RuntimeError("a fault")), "--config", file)
