"""The connection test: one request, an answer within seconds, and words for whatever the user can mend."""

from __future__ import annotations

import pytest

from tap_cometly.sandbox import Fault


def test_it_creates_one_export_and_does_not_wait_for_it(source, cometly, clock):
    began = clock.now()
    assert source.check() == {"status": "SUCCEEDED"}
    assert [request.endpoint for request in cometly.requests] == ["create"]
    assert clock.now() == began


def test_what_is_odd_about_the_settings_is_logged_by_every_command(source):
    odd = {"strat_date": "2025-01-01"}
    file = source.file("odd", source.config | odd)
    for said in (source("check", "--config", file), source("discover", "--config", file), source.read(**odd)):
        assert said.status == 0
        told = [each for each in said.of("LOG") if each["level"] == "WARN" and "strat_date" in each["message"]]
        assert [each["message"] for each in told] == [
            "strat_date: unknown setting (did you mean 'start_date'?); it has no effect"
        ]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"api_key": "recognisable"}, "Check the setting `api_key`"),
        ({"api_key": None}, "api_key: is required"),
        ({"end_date": "2100-01-01"}, "end_date: must not lie in the future"),
        ({"fields": ["ad_id"]}, "fields: ad hierarchy fields need `sources`"),
        ({"attribution": {"rows": "credit", "sources": ["email"]}}, "attribution_model: is required with `sources`"),
        ({"attribution": {"rows": "events", "sources": ["email"]}}, "`sources` does not belong"),
        ({"batch_config": {}}, "batch_config: is a setting of the Singer tap"),
        ({"api_url": "http://127.0.0.1:9/api"}, "no answer from the Cometly API"),
        ({"fields": ["no_such_field"]}, "HTTP 422"),
    ],
    ids=str,
)
def test_what_the_user_can_mend_is_failed_and_not_an_error(source, changes, told):
    status = source.check(**changes)
    assert status["status"] == "FAILED"
    assert told in status["message"]
    assert "recognisable" not in str(status)


def test_a_subscription_that_has_ended_is_failed(source, cometly):
    cometly.inject(Fault("create", "status", status=403, times=None))
    assert "HTTP 403" in source.check()["message"]


def test_with_the_budget_used_up_a_key_that_may_ask_for_exports_must_do(source, cometly):
    cometly.inject(Fault("create", "status", status=429, times=None))
    assert source.check() == {"status": "SUCCEEDED"}
    assert [request.endpoint for request in cometly.requests] == ["create", "status"]


def test_with_the_budget_used_up_a_wrong_key_is_found_all_the_same(source, cometly):
    cometly.inject(Fault("create", "status", status=429, times=None))
    assert "Check the setting `api_key`" in source.check(api_key="wrong")["message"]


def test_a_day_is_tried_even_if_none_is_wanted_yet(source, cometly, clock):
    tomorrow = "2025-02-20"
    assert source.check(start_date=tomorrow) == {"status": "SUCCEEDED"}
    (request,) = cometly.requests
    assert request.date.isoformat() == "2025-02-18"
