"""PyAirbyte, Airbyte's own client, reads the source into its DuckDB cache."""

from __future__ import annotations

import os
import signal
import subprocess
import threading

import airbyte
import pytest
from airbyte import exceptions as exc

from simulation.patience import HANG_SECONDS
from tap_cometly.sandbox import Fault, Sandbox
from tests import long_ago
from tests.airbyte.official.conftest import PROGRAM
from tests.airbyte.speaking import PAIR

DAYS = long_ago.last_days(11)
WRONG_DAYS = """
    SELECT count(*) FROM (
        SELECT event_date, row_count, amount_total FROM event_days
        EXCEPT SELECT d.event_date, count(e.id), coalesce(sum(e.amount), 0)
        FROM event_days d LEFT JOIN events e USING (event_date, day_digest) GROUP BY d.event_date
    )
"""


@pytest.fixture
def stuck():
    """The days whose exports take for ever, as long as they are in here."""
    return set()


@pytest.fixture
def files():
    """Is set as soon as a file is asked for."""
    return threading.Event()


@pytest.fixture
def cometly(stuck, files):
    def asked(request):
        if request.endpoint == "file":
            files.set()

    def seconds(day, _attempt):
        return 3600 if day in stuck else 0.05

    with Sandbox(**long_ago.space(events_per_day=40, job_seconds=seconds), on_request=asked) as sandbox:
        yield sandbox


@pytest.fixture
def cache(tmp_path):
    return airbyte.DuckDBCache(db_path=str(tmp_path / "cache.duckdb"), schema_name="main", cache_dir=tmp_path / "cache")


@pytest.fixture
def source(cometly):
    """Return PyAirbyte's source for the days up to one of these."""

    def make(last=5, *, streams=PAIR, **changes):
        config = {
            "api_key": cometly.api_key,
            "api_url": cometly.api_url,
            "timezone": "UTC",
            "start_date": str(DAYS[0]),
            "end_date": str(DAYS[last]),
            **changes,
        }
        chosen = streams and list(streams)
        return airbyte.get_source("source-cometly", config=config, local_executable=PROGRAM, streams=chosen)

    return make


def rows(cometly, days):
    return sum(len(list(cometly.truth(day))) for day in days)


def in_cache(cache, query):
    return [tuple(row.values()) for row in cache.run_sql_query(query)]


def holds(cache, cometly, days):
    """Whether the cache holds these days, each of them as the ledger says."""
    (found,) = in_cache(cache, "SELECT (SELECT count(*) FROM events), (SELECT count(*) FROM event_days)")
    assert found == (rows(cometly, days), len(days))
    assert in_cache(cache, WRONG_DAYS) == [(0,)]
    return True


def test_the_first_sync_brings_all_and_the_second_what_is_new(source, cache, cometly):
    source().check()
    first = source().read(cache)
    assert first.processed_records == rows(cometly, DAYS[:6]) + 6
    assert holds(cache, cometly, DAYS[:6])
    second = source(7).read(cache)
    assert second.processed_records == rows(cometly, DAYS[6:8]) + 3 + 2  # three days are looked at again
    assert holds(cache, cometly, DAYS[:8])
    again = source(7).read(cache, force_full_refresh=True)
    assert again.processed_records == rows(cometly, DAYS[:8]) + 8
    assert holds(cache, cometly, DAYS[:8])


def test_of_a_sync_that_is_killed_nothing_is_kept_and_the_next_one_brings_it(source, cache, cometly, stuck, files):
    source(2).read(cache)
    files.clear()
    stuck.add(DAYS[9])
    killer = threading.Thread(target=lambda: files.wait(HANG_SECONDS) and os.kill(source_process(), signal.SIGKILL))
    killer.start()
    with pytest.raises(exc.AirbyteConnectorFailedError):
        source(9).read(cache)
    killer.join()
    assert holds(cache, cometly, DAYS[:3])
    stuck.clear()
    source(9).read(cache)
    assert holds(cache, cometly, DAYS[:10])


def source_process():
    """Return the process of the source that PyAirbyte has started."""
    listing = subprocess.run(["ps", "-A", "-ww", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True)
    for pid, parent, command in (line.split(maxsplit=2) for line in listing.stdout.splitlines()):
        if int(parent) == os.getpid() and "source-cometly read" in command:
            return int(pid)
    raise AssertionError("no source is running")


def test_a_day_that_fails_fails_the_whole_sync_for_pyairbyte(source, cache, cometly):
    """The README says so: it keeps nothing of a run that did not end well. Days go on from where it began."""
    source(2).read(cache)
    cometly.inject(Fault("create", "failed", day=DAYS[4], times=None))
    with pytest.raises(exc.AirbyteConnectorFailedError):
        source(5).read(cache)
    assert holds(cache, cometly, DAYS[:3])
    source(3).read(cache)  # its advice: a shorter run
    assert holds(cache, cometly, DAYS[:4])


def test_a_wrong_key_is_told_in_our_words(source, cache):
    with pytest.raises(exc.AirbyteConnectorCheckFailedError) as caught:
        source(api_key="recognisable").check()
    assert "Check the setting `api_key`" in str(caught.value.context)
    with pytest.raises(exc.AirbyteConnectorFailedError):
        source(api_key="recognisable").read(cache)


def test_a_form_that_contradicts_itself_is_refused_before_cometly_is_asked(source, cometly):
    asked = {"rows": "credit", "sources": ["carrier_pigeon"], "attribution_model": "linear", "attribution_window": 30}
    with pytest.raises(exc.AirbyteConnectorValidationFailedError):
        source(streams=None, attribution=asked).validate_config()
    assert not cometly.requests


def test_some_records_may_be_looked_at(source, stuck):
    stuck.add(DAYS[5])
    looked_at = list(source().get_records("events", limit=5))
    assert len(looked_at) == 5
    assert {row["event_date"] for row in looked_at} == {str(DAYS[0])}


def test_one_stream_can_be_read_alone(source, cache, cometly):
    source(streams=["events"]).read(cache)
    assert in_cache(cache, "SELECT count(*) FROM events") == [(rows(cometly, DAYS[:6]),)]


def test_one_column_makes_a_narrow_table(source, cache, cometly):
    """PyAirbyte chooses streams, not columns; the setting does."""
    source(2, fields=["amount"]).read(cache)
    assert holds(cache, cometly, DAYS[:3])
    columns = {name for (name,) in in_cache(cache, "SELECT column_name FROM (DESCRIBE events)")}
    assert {name for name in columns if not name.startswith("_airbyte")} == {
        "id",
        "event_date",
        "event_time_utc",
        "amount",
        "day_digest",
    }
