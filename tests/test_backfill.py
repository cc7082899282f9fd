"""The law of the limit: a backfill takes as long as the rate limit says, and no longer (`simulation.backfill`)."""

from __future__ import annotations

import pytest

from simulation.backfill import backfill, law
from tests.examples import SOAK


def jobs_of_any_length(day, attempt):
    return 20 + (day.toordinal() * 37 + attempt) % 160


def test_the_law_counts_minutes_of_five_creates_and_one_job_more():
    assert law(1, limit=5, job_seconds=20) == 20
    assert law(5, limit=5, job_seconds=20) == 20
    assert law(12, limit=5, job_seconds=20) == 140
    assert law(12, limit=5, job_seconds=20, others=[1, 2, 61, 62]) == 200


def in_order(result):
    return result.output.days == [day.isoformat() for day in result.days]


@pytest.mark.long
@pytest.mark.parametrize("window", ["fixed", "sliding"])
@pytest.mark.parametrize(("days", "job_seconds"), [(1, 300), (12, 20), (60, 90)])
def test_alone_a_backfill_is_as_quick_as_the_limit_allows_and_never_refused(days, job_seconds, window):
    result = backfill(days, job_seconds=job_seconds, window=window)
    assert in_order(result)
    assert result.ratio <= 1.05
    assert result.refusals == 0


@pytest.mark.long
def test_jobs_of_any_length_exceed_no_budget_and_change_no_order():
    result = backfill(60, job_seconds=jobs_of_any_length)
    assert in_order(result)
    assert result.refusals == 0
    assert result.ratio <= 1.25


@pytest.mark.long
def test_jobs_of_minutes_keep_a_pipe_full_that_is_wide_enough():
    assert backfill(60, job_seconds=300, max_exports_in_flight=30).ratio <= 1.05


@pytest.mark.long
@pytest.mark.parametrize("window", ["fixed", "sliding"])
@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_beside_a_rival_a_backfill_takes_what_the_rival_leaves_and_waits_when_asked(share, window):
    result = backfill(40, job_seconds=90, rival=share, window=window, failing=[15])
    assert in_order(result)
    assert result.creates == 41
    assert result.theirs > 5
    assert result.ratio <= 1.10
    assert result.refusals > 0
    assert result.impatient == 0


@pytest.mark.slow
@pytest.mark.parametrize("window", ["fixed", "sliding"])
def test_months_beside_a_rival_with_half_the_budget(window):
    days = min(365, round(146 * SOAK))  # the whole year in CI
    result = backfill(days, job_seconds=90, rival=0.5, window=window, failing=[days // 2])
    assert in_order(result)
    assert result.creates == days + 1
    assert result.theirs > days / 2
    assert result.ratio <= 1.10
    assert result.impatient == 0
