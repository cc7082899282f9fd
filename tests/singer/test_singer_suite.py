"""The SDK's standard suite, and the checks that it cannot make: its own cannot see duplicate keys or loose state."""

from __future__ import annotations

import pytest
from singer_sdk.testing import get_tap_test_class

from simulation.tapping import sync
from tap_cometly.sandbox import Sandbox
from tap_cometly.tap import TapCometly
from tests import long_ago

# The address must be known when the tests are collected; the fixture below starts to answer on it.
COMETLY = Sandbox(**long_ago.space(events_per_day=30))
CONFIG = {"api_key": COMETLY.api_key, "api_url": COMETLY.api_url, **long_ago.asked_for(long_ago.last_days(1))}
ATTRIBUTED = {"sources": ["google_ads", "email"], "attribution_model": "linear", "attribution_window": 30}


@pytest.fixture(scope="module", autouse=True)
def _answering():
    """Answer, and let nobody take the settings of whoever runs the tests for these."""
    with COMETLY, pytest.MonkeyPatch.context() as patch:
        patch.setenv("TAP_COMETLY_API_URL", "no address of ours")
        yield


def suite(**settings):
    """Make the standard suite.

    Left to itself it prefers the environment, and a .env in any folder above the SDK, to its configuration, which it
    changes accordingly: in a checkout that is in use it would ask the user's own Space.
    """
    config = {**CONFIG, **settings}
    catalog = TapCometly(config=config, parse_env_config=False).catalog_dict
    for stream in catalog["streams"]:
        stream["metadata"][-1]["metadata"]["selected"] = True
    return get_tap_test_class(TapCometly, config=config, catalog=catalog, parse_env_config=False)


TestStandardSuite = suite()
TestStandardSuiteWithAttribution = suite(**ATTRIBUTED)


@pytest.mark.parametrize("settings", [{}, ATTRIBUTED], ids=["plain", "attributed"])
class TestWhatTheStandardSuiteCannotSee:
    def test_keys_are_unique_and_complete(self, settings):
        output = sync({**CONFIG, **settings})
        keys = [tuple(record[key] for key in output.schema["key_properties"]) for record in output.records]
        assert len(set(keys)) == len(keys) > 0
        assert all(None not in key for key in keys)

    def test_every_record_has_exactly_the_columns_of_the_schema(self, settings):
        output = sync({**CONFIG, **settings})
        columns = set(output.schema["schema"]["properties"])
        assert all(set(record) == columns for record in output.records)

    def test_final_state_holds_no_progress_markers(self, settings):
        output = sync({**CONFIG, **settings})
        progress = {"replication_key", "replication_key_value", "delivered", "since"}
        assert set(output.bookmark) == progress | {"request", "snapshots", "rewrite"}
        assert not any(output.state["bookmarks"]["event_days"])

    def test_replaying_the_final_state_emits_nothing_and_changes_nothing(self, settings):
        first = sync({**CONFIG, **settings})
        again = sync({**CONFIG, **settings}, state=first.state)
        assert again.records == []
        assert [row["event_date"] for row in again.ledger] == [row["event_date"] for row in first.ledger[-3:]]
        assert again.state == first.state

    def test_state_of_another_tap_version_replays_the_lookback(self, settings):
        first = sync({**CONFIG, **settings})
        bookmark = {"replication_key": "event_date", "replication_key_value": first.days[-1]}
        again = sync({**CONFIG, **settings}, state={"bookmarks": {"events": bookmark}})
        assert again.days == first.days[-3:]
