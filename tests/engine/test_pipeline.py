"""The engine against a scripted vendor, in virtual time: every transition of a request, and the order of results."""

from __future__ import annotations

import _thread
import gc
import itertools
import math
import signal
import threading
import weakref

import pytest
import requests_mock as rm
from hypothesis import given
from hypothesis import strategies as st

from bulk_exports.engine import Delivery, Limits, Pipeline
from bulk_exports.engine.errors import (
    CorruptFileError,
    InvalidRowsError,
    RateLimitedError,
    RequestRejectedError,
    SpoolError,
    UnavailableError,
    UnknownJobError,
)
from bulk_exports.engine.polling import Polling
from bulk_exports.engine.vendor import JobState, JobStatus, Link
from simulation.patience import HANG_SECONDS
from simulation.virtual_time import VirtualClock
from tests.engine.scripted import (
    FAILED,
    LOG,
    READY,
    RUNNING,
    FreeBudget,
    QueuedVendor,
    ScriptedVendor,
    content,
    read,
    reason,
    rows,
    run,
)
from tests.examples import examples


def test_results_come_in_the_order_of_the_orders_whatever_finishes_first(clock, files):
    vendor = ScriptedVendor(clock, seconds=lambda request: 500 - 100 * int(request))
    results = run(vendor, clock, list("01234"))
    assert [result.request for result in results] == list("01234")
    assert rows(results) == [[b'{"request":"%s"}' % request.encode()] for request in "01234"]


def test_nothing_to_do_is_done_at_once(clock, vendor):
    assert run(vendor, clock, []) == []


class LaterBudget(FreeBudget):
    """Lets the first request go at once, and the next one a minute after it."""

    def __init__(self, clock):
        super().__init__()
        self.next_at = clock.now()
        self.clock = clock

    def ready_at(self, now):
        return max(now, self.next_at)

    def spend(self):
        self.next_at = self.clock.now() + 60


def test_a_retry_is_announced_for_when_the_rate_limit_allows_it(clock, vendor, files, caplog):
    vendor.create_limit = LaterBudget(clock)
    vendor.script["create", "a"] = [UnavailableError("no answer")]
    caplog.set_level("WARNING")
    run(vendor, clock, ["a"], jitter=lambda _: 2.0)
    assert "a: no answer; trying again in 60 s" in caplog.text
    first, second = vendor.times("create", "a")
    assert second - first == 60


def test_a_job_that_is_found_unfinished_after_the_machine_slept_is_said_to_be_as_old_as_it_is(clock, vendor, files):
    def sleep_for_hours(request):
        clock.advance(8 * 3600)
        return 1e9

    vendor.seconds = sleep_for_hours
    assert "still 'processing' after 480 minutes" in reason(run(vendor, clock, ["a"]))


def test_no_more_exports_are_in_flight_than_allowed(clock, vendor, files):
    flying = set()
    most = 0
    create = vendor.create

    def counting(request):
        nonlocal most
        flying.add(request)
        most = max(most, len(flying))
        return create(request)

    vendor.create = counting
    requests = [str(number) for number in range(12)]
    with Pipeline(vendor, requests, verify=read, log=LOG, limits=Limits(in_flight=3), clock=clock) as results:
        for result in results:
            flying.discard(result.request)
    assert most == 3


def test_files_are_closed_once_the_next_result_is_asked_for(clock, vendor, files):
    with Pipeline(vendor, list("ab"), verify=read, log=LOG, clock=clock) as results:
        first, *_rest = (result.files[0] for result in results)
        assert first.closed


def test_a_verification_is_let_go_once_the_next_result_is_asked_for(clock, vendor, files):
    class Converted:
        """What keeps something on disk for as long as somebody has it."""

    made = []

    def verify(_order, _files):
        converted = Converted()
        made.append(weakref.ref(converted))
        return converted

    with Pipeline(vendor, list("ab"), verify=verify, log=LOG, clock=clock) as results:
        assert len(list(map(type, results))) == 2
        gc.collect()
        assert [converted() for converted in made] == [None, None]


def test_a_vendor_without_data_names_no_file(clock, vendor):
    vendor.script["status", "a"] = [JobStatus(READY, "completed")]
    (result,) = run(vendor, clock, ["a"])
    assert result.files == ()
    assert result.verification == []


def test_later_jobs_are_first_asked_when_earlier_ones_were_usually_ready(clock, vendor, files):
    requests = [str(number) for number in range(6)]
    run(vendor, clock, requests, limits=Limits(in_flight=1))
    created, *_ = vendor.times("create", "5")
    polls = [at - created for at in vendor.times("status", "5")]
    assert polls[0] > 80
    assert polls[-1] < 95


@pytest.mark.parametrize("step", ["create", "status"])
def test_trouble_is_retried_ever_later_and_forgotten_after_success(clock, vendor, files, step):
    vendor.script[step, "a"] = [UnavailableError("HTTP 503")] * 4
    (result,) = run(vendor, clock, ["a"])
    assert isinstance(result, Delivery)
    times = vendor.times(step, "a")
    assert [late - early for early, late in itertools.pairwise(times[:5])] == [1, 2, 4, 8]


@pytest.mark.parametrize("step", ["create", "status"])
def test_trouble_without_end_fails_the_order_and_says_for_how_long(clock, vendor, files, step):
    vendor.script[step, "a"] = [UnavailableError("HTTP 503")] * 1000
    results = run(vendor, clock, ["a", "b"])
    assert "HTTP 503 (for " in reason(results)
    assert results[1].request == "b"
    assert isinstance(results[1], Delivery)


@pytest.mark.parametrize("step", ["create", "status"])
def test_a_throttled_request_is_sent_again_without_counting_as_trouble(clock, vendor, files, step):
    vendor.script[step, "a"] = [RateLimitedError("429")] * 50
    (result,) = run(vendor, clock, ["a"])
    assert isinstance(result, Delivery)


@pytest.mark.parametrize("step", ["create", "status"])
def test_a_refusal_stops_the_run_but_not_before_what_was_delivered(clock, vendor, files, step):
    vendor.script[step, "b"] = [RequestRejectedError("401: check api_key")]
    delivered = []
    with (
        pytest.raises(RequestRejectedError, match="check api_key"),
        Pipeline(vendor, list("abc"), verify=read, log=LOG, limits=Limits(in_flight=1), clock=clock) as results,
    ):
        delivered.extend(result.request for result in results)
    assert delivered == ["a"]


def test_a_bug_that_a_request_meets_fails_this_request_and_is_named_without_its_text(clock, vendor, files):
    vendor.script["status", "a"] = [ZeroDivisionError("https://a.link/")]
    results = run(vendor, clock, ["a", "b"])
    assert "(ZeroDivisionError)" in reason(results)
    assert "link" not in reason(results)
    assert results[1].request == "b"


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("can't start new thread")], ids=["memory", "threads"])
def test_a_request_that_needs_more_than_the_system_gives_fails_and_says_so(clock, vendor, files, error):
    vendor.script["status", "a"] = [error]
    results = run(vendor, clock, ["a", "b"])
    assert "memory that this process may have is used up" in reason(results)
    assert "fault of the tap" not in reason(results)
    assert results[1].request == "b"


def test_what_concerns_all_requests_stops_the_run(clock, vendor):
    for error in (RequestRejectedError("401"), SpoolError("full")):
        vendor.script["create", "a"] = [error]
        with pytest.raises(type(error)):
            run(vendor, clock, ["a", "b"])


def test_a_failed_job_is_created_again_a_bounded_number_of_times(clock, vendor, files):
    failed = JobStatus(FAILED, "failed", "out of memory")
    vendor.script["status", "a"] = [failed, failed]
    assert rows(run(vendor, clock, ["a"])) == [[b'{"request":"a"}']]
    assert len(vendor.times("create", "a")) == 3
    vendor.script["status", "b"] = [failed] * 3
    results = run(vendor, clock, list("bc"))
    assert "failed" in reason(results)
    assert "out of memory" in reason(results)
    assert len(vendor.times("create", "b")) == 3
    assert rows(results)[1] == [b'{"request":"c"}']


def test_a_job_that_never_finishes_is_given_up_at_its_deadline_naming_the_last_word(clock, vendor, files):
    vendor.script["status", "a"] = [JobStatus(RUNNING, "reticulating")] * 10_000
    results = run(vendor, clock, ["a"], limits=Limits(export_seconds=600))
    assert "still 'reticulating' after 10 minutes" in reason(results)
    created = vendor.times("create", "a")
    assert [late - early for early, late in itertools.pairwise(created)] == [600, 600]


def test_a_new_job_may_be_unknown_for_a_moment(clock, vendor, files):
    vendor.script["status", "a"] = [UnknownJobError("404")] * 3
    run(vendor, clock, ["a"])
    assert len(vendor.times("create", "a")) == 1


def test_a_job_that_stays_unknown_is_created_again(clock, vendor, files):
    vendor.script["status", "a"] = [UnknownJobError("404")] * 1000
    assert "404" in reason(run(vendor, clock, ["a"]))
    assert len(vendor.times("create", "a")) == 3


def test_an_expired_link_is_renewed_and_nothing_is_exported_again(clock, vendor, files):
    files.get("https://files.test/a", [{"status_code": 403}, {"status_code": 403}, {"content": content("a")}])
    assert rows(run(vendor, clock, ["a"])) == [[b'{"request":"a"}']]
    assert len(vendor.times("create", "a")) == 1


def test_a_link_that_is_refused_again_and_again_leads_to_another_export(clock, vendor, files):
    files.get("https://files.test/a", status_code=403)
    assert "refused the link" in reason(run(vendor, clock, ["a"]))
    assert len(vendor.times("create", "a")) == 3


def test_a_damaged_file_is_downloaded_again_then_exported_again_then_the_order_fails(clock, vendor, files):
    files.get("https://files.test/a", content=content("a")[:-1])
    assert "truncated" in reason(run(vendor, clock, ["a"]))
    assert len(vendor.times("create", "a")) == 3
    assert files.call_count == 6


def test_content_that_cannot_be_taken_fails_the_order_at_once(clock, vendor, files):
    def refuse(request, _files):
        if request == "a":
            raise InvalidRowsError("line 3 is not JSON")
        return request

    results = run(vendor, clock, list("ab"), verify=refuse)
    assert reason(results) == "line 3 is not JSON"
    assert results[1].verification == "b"
    assert len(vendor.times("create", "a")) == 1


def test_a_verification_may_find_damage_that_only_it_can_see(clock, vendor, files):
    seen = []

    def suspicious(request, _files):
        seen.append(request)
        if len(seen) == 1:
            raise CorruptFileError("row count differs")
        return request

    (result,) = run(vendor, clock, ["a"], verify=suspicious)
    assert result.verification == "a"


def test_a_create_that_must_wait_delays_no_poll_and_the_other_way_round(clock, files):
    vendor = ScriptedVendor(clock, seconds=10)
    start = clock.now()
    vendor.create_limit.ready_at = lambda now: now if not vendor.jobs else max(now, start + 1000)
    with Pipeline(vendor, list("ab"), verify=read, log=LOG, clock=clock) as results:
        deliveries = iter(results)
        assert next(deliveries).request == "a"
        assert clock.now() < start + 30
        assert next(deliveries).request == "b"
        assert clock.now() >= start + 1000


def test_links_are_asked_for_only_when_a_download_can_begin(clock, files):
    """While both places for downloads are taken nobody else is polled, however ready the jobs are."""
    vendor = ScriptedVendor(clock, seconds=1)
    reading = threading.Semaphore(0)
    go_on = threading.Event()

    def slow(request, _files):
        reading.release()
        assert go_on.wait(timeout=HANG_SECONDS)
        return request

    with Pipeline(vendor, list("abcdef"), verify=slow, log=LOG, clock=clock) as results:
        for _ in range(2):
            assert reading.acquire(timeout=HANG_SECONDS)
        clock.advance(1000)
        in_hand = {request for step, request, _ in vendor.log if step == "status"}
        assert len(in_hand) == 2
        go_on.set()
        assert [result.verification for result in results] == list("abcdef")


def test_an_interrupt_ends_the_wait_of_the_consumer(clock, vendor):
    vendor.create_limit.ready_at = lambda _now: math.inf
    pipeline = Pipeline(vendor, ["a"], verify=read, log=LOG)
    threading.Timer(0, pipeline.interrupt, [SystemExit(143)]).start()
    with pytest.raises(SystemExit), pipeline as results:
        list(results)


def test_a_signal_that_interrupts_no_wait_is_heard_all_the_same(vendor):
    vendor.create_limit.ready_at = lambda _now: math.inf
    pipeline = Pipeline(vendor, ["a"], verify=read, log=LOG)
    before = signal.signal(signal.SIGTERM, lambda *_: pipeline.interrupt(SystemExit(143)))
    # Such is one that the system delivers just before a wait begins: Python knows of it, and nothing wakes up.
    unnoticed = threading.Timer(0.1, _thread.interrupt_main, [signal.SIGTERM])
    too_late = threading.Timer(HANG_SECONDS, pipeline.interrupt, [AssertionError("nobody has heard the signal")])
    unnoticed.start()
    too_late.start()
    try:
        with pytest.raises(SystemExit), pipeline as results:
            list(results)
    finally:
        too_late.cancel()
        signal.signal(signal.SIGTERM, before)


class StatusCodeVendor:
    """The opposite of Cometly: the HTTP status is the state, the poll URL is the link, several files per job."""

    create_limit = status_limit = FreeBudget()

    def __init__(self, polls_until_ready, parts):
        self.left = polls_until_ready
        self.parts = parts

    def create(self, request):
        return f"https://vendor.test/{request}"

    def status(self, job):
        self.left -= 1
        code = 404 if self.left >= 0 else 200
        links = tuple(Link(f"{job}/{part}", {"X-Auth": "token"}) for part in range(self.parts))
        return JobStatus({404: RUNNING, 200: READY}[code], str(code), links=links)


def test_the_engine_fits_a_vendor_that_works_quite_differently(clock):
    with rm.Mocker() as mocker:
        mocker.get(rm.ANY, content=b'{"part":1}\n')
        (result,) = run(StatusCodeVendor(3, 4), clock, ["a"])
        assert result.verification == [b'{"part":1}'] * 4
        assert {request.headers["X-Auth"] for request in mocker.request_history} == {"token"}


@examples(40)
@given(data=st.data(), count=st.integers(1, 12), in_flight=st.integers(1, 6))
def test_whatever_goes_wrong_each_order_has_one_result_in_order(data, count, in_flight):
    clock = VirtualClock()
    vendor = ScriptedVendor(clock, seconds=lambda request: 1 + hash(request) % 200)
    trouble = st.sampled_from([None, UnavailableError("503"), RateLimitedError("429")])
    odd = trouble | st.sampled_from([UnknownJobError("404"), JobStatus(FAILED, "failed"), JobStatus(RUNNING, "odd")])
    requests = [f"request{number}" for number in range(count)]
    for request in requests:
        vendor.script["create", request] = data.draw(st.lists(trouble, max_size=4))
        vendor.script["status", request] = data.draw(st.lists(odd, max_size=6))
    with rm.Mocker() as mocker:
        mocker.get(rm.ANY, content=lambda request, _: content(request.path[1:]))
        results = run(vendor, clock, requests, limits=Limits(in_flight=in_flight))
    assert [result.request for result in results] == requests
    for result in results:
        if isinstance(result, Delivery):
            assert result.verification == [b'{"request":"%s"}' % result.request.encode()]


def test_words_that_nobody_knows_are_given_up_after_minutes_by_all():
    clock = VirtualClock()
    vendor = ScriptedVendor(clock)
    count = 100
    for request in range(count):
        vendor.script["status", request] = [JobStatus(JobState.UNKNOWN, "reticulating")] * 1000
    began = clock.now()
    with Pipeline(vendor, list(range(count)), verify=lambda *_: None, log=LOG, clock=clock) as results:
        reasons = [result.reason for result in results]
    assert len(reasons) == count
    assert all("'reticulating', a status that is not known" in reason for reason in reasons)
    assert clock.now() - began < 20 * 60
    assert len(vendor.jobs) <= 2 * Limits().in_flight


def test_a_word_that_nobody_knows_is_forgiven_once_a_known_one_follows():
    clock = VirtualClock()
    vendor = ScriptedVendor(clock, seconds=900.0)
    unknown, known = JobStatus(JobState.UNKNOWN, "resting"), JobStatus(RUNNING, "processing")
    vendor.script["status", "a"] = ([unknown] * 10 + [known]) * 5
    with Pipeline(vendor, ["a"], verify=lambda *_: None, log=LOG, clock=clock) as results, rm.Mocker() as store:
        store.get(rm.ANY, content=b"")
        assert [type(result) for result in results] == [Delivery]
    assert len(vendor.jobs) == 1


# A queue at the vendor's


def test_time_in_the_vendors_queue_does_not_count_as_the_exports_own(clock, files):
    vendor = QueuedVendor(clock, seconds=600, others=5 * 3600)
    results = run(vendor, clock, ["a", "b"], limits=Limits(export_seconds=1200))
    assert rows(results) == [[b'{"request":"a"}'], [b'{"request":"b"}']]
    assert len(vendor.jobs) == 2


def test_an_export_that_waits_for_too_long_is_not_asked_for_again_behind_itself(clock, files):
    vendor = QueuedVendor(clock, seconds=600, others=5 * 3600)
    results = run(vendor, clock, ["a"], limits=Limits(queue_seconds=2 * 3600))
    assert reason(results) == "the export has been 'waiting' in the vendor's queue for 120 minutes"
    assert len(vendor.jobs) == 1


def test_a_vendor_is_asked_as_often_as_it_wants_to_be(clock, files):
    polling = Polling(first_seconds=40, min_gap_seconds=20, max_gap_seconds=120)
    vendor = QueuedVendor(clock, seconds=900, others=3600)
    run(vendor, clock, ["a", "b"], limits=Limits(polling=polling))
    (_, created_at), _ = vendor.jobs
    asked = vendor.times("status", "a")
    gaps = [later - earlier for earlier, later in itertools.pairwise(asked)]
    assert asked[0] - created_at == 40
    assert all(20 <= gap <= 120 for gap in gaps)
    waiting = [at for at in vendor.times("status", "b") if asked[-1] < at < vendor.starts[1]]
    assert len(waiting) <= 1  # an export that waits is asked again only after as long as one takes
