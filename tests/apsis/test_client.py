"""What the two exports' answers mean, in each form that the documentation leaves open."""

from __future__ import annotations

import json
import logging
from datetime import date, datetime, timezone

import pytest

from bulk_exports.engine import Limits
from bulk_exports.engine.errors import (
    InvalidAnswerError,
    RateLimitedError,
    RequestRejectedError,
    UnavailableError,
    UnknownJobError,
    WindowTooLargeError,
)
from bulk_exports.engine.vendor import JobState
from bulk_exports.environment import Environment
from bulk_exports.spec import ExportRequest
from bulk_exports.windows.windows import Window
from simulation.virtual_time import VirtualClock
from tap_apsis_one.account import Account
from tap_apsis_one.client import ApsisClient
from tap_apsis_one.query import ApsisQuery
from tap_apsis_one.settings import Settings

URL = "https://api.apsis.test"
NOW = datetime(2026, 2, 10, tzinfo=timezone.utc)
EXPORTS, REPORTS = f"{URL}/audience/profiles/exports", f"{URL}/emails/reports"
SECRET = "recognisable-secret"
POLL = f"{EXPORTS}/abc-secret-of-a-link"


class Asking:
    """A client that is asked, and whose budgets are kept, as the engine does it."""

    def __init__(self, **settings):
        self.clock = VirtualClock(NOW.timestamp())
        given = {"client_id": "c", "client_secret": SECRET, "api_url": URL, **settings}
        self.settings = Settings.from_config(given, now=NOW)
        environment = Environment(self.clock, Limits(read_seconds=5), lambda: NOW)
        self.account = Account(self.settings, environment.connection(logging.getLogger("tap-apsis-one"), {}))
        self.client = ApsisClient(self.account)

    def create(self, stream="profile_events"):
        query = ApsisQuery.of(self.settings, stream, ())
        self.client.create_limit.spend()
        request = ExportRequest(Window(date(2026, 1, 1), date(2026, 1, 30), "new"), query, NOW)
        job = self.client.create(request)
        self.client.job_cap.started(job, self.clock.now())
        return job

    def status(self, job):
        self.client.status_limit.spend()
        status = self.client.status(job)
        if status.state in {JobState.READY, JobState.FAILED}:
            self.client.job_cap.ended(job)
        return status


@pytest.fixture
def asking(requests_mock):
    requests_mock.post(f"{URL}/oauth/token", json={"access_token": "token-1", "expires_in": 86_400})
    section = {"discriminator": "s.web", "id": 4100, "name": "Web"}
    requests_mock.get(f"{URL}/audience/sections", json={"items": [section]})
    lists = {
        "attributes": [{"discriminator": "com.apsis1.attributes.email", "name": "Email", "versions": [{"id": "1"}]}],
        "tags": [],
        "events": [{"discriminator": "e.order", "name": "Order", "versions": [{"id": "9"}]}],
    }
    for kind, items in lists.items():
        requests_mock.get(f"{URL}/audience/sections/s.web/{kind}", json={"items": items})
    return Asking()


# Creating


def test_an_export_of_events_is_asked_for(asking, requests_mock):
    requests_mock.post(EXPORTS, status_code=202, json={"poll": POLL})
    job = asking.create()
    assert requests_mock.last_request.json() == {
        "attributes": ["1"],
        "events": ["9"],
        "start_at": "2026-01-01T00:00:00Z",
        "end_at": "2026-01-31T00:00:00Z",
    }
    assert requests_mock.last_request.headers["Authorization"] == "Bearer token-1"
    assert "secret" not in job


@pytest.mark.parametrize(
    "answer",
    [
        {"status_code": 200, "json": {"file_download_url": POLL}},
        {"status_code": 202, "json": {"id": "x", "anything": POLL}},
        {"status_code": 201, "json": {"path": "/audience/profiles/exports/abc-secret-of-a-link"}},
        {"status_code": 202, "json": POLL},
        {"status_code": 202, "text": "", "headers": {"Location": POLL}},
        {"status_code": 202, "json": {}, "headers": {"Location": "/audience/profiles/exports/abc-secret-of-a-link"}},
        {"status_code": 202, "json": {"data": [{"n": 1}, {"href": POLL}]}},
        {"status_code": 202, "json": {"docs": "https://docs.test/exports", "poll": POLL}},
        {"status_code": 202, "text": f"{POLL}\n"},
        {"status_code": 202, "json": {"path": "audience/profiles/exports/abc-secret-of-a-link"}},
    ],
    ids=[
        "known name",
        "any name",
        "path",
        "bare",
        "empty with location",
        "object with location",
        "nested",
        "beside another",
        "text",
        "path without a slash",
    ],
)
def test_the_address_of_an_export_is_found_wherever_it_is(asking, requests_mock, answer):
    requests_mock.post(EXPORTS, **answer)
    requests_mock.get(POLL, status_code=404)
    assert asking.status(asking.create()).state is JobState.RUNNING


@pytest.mark.parametrize(
    "answer",
    [
        {"json": {"report_id": "r-7"}},
        {"json": {"id": "r-7", "link": "/emails/reports/other"}},
        {"json": {"url": f"{REPORTS}/r-7"}},
        {"json": {}, "headers": {"Location": f"{REPORTS}/r-7/"}},
    ],
    ids=["report_id", "id", "address", "location"],
)
def test_the_number_of_a_report_is_found_wherever_it_is(asking, requests_mock, answer):
    requests_mock.post(REPORTS, status_code=202, **answer)
    requests_mock.get(f"{REPORTS}/r-7?header_auth=true", json={"status": "created"})
    assert asking.status(asking.create("email_events")).word == "created"


@pytest.mark.parametrize("stream", ["profile_events", "email_events"])
@pytest.mark.parametrize("said", [{}, {"count": 1}, [], None])
def test_an_acceptance_that_names_nothing_is_worth_another_attempt(asking, requests_mock, stream, said):
    for address in (EXPORTS, REPORTS):
        requests_mock.post(address, status_code=202, json=said)
    with pytest.raises(UnavailableError, match="nothing by which the export can be found"):
        asking.create(stream)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (200, {"status": "error"}),
        (400, {"detail": "The export is too large."}),
        (413, {"detail": "Reduce the size of the export"}),
    ],
)
def test_an_export_that_is_too_large_is_told_apart_by_words(asking, requests_mock, status, said):
    requests_mock.post(EXPORTS, status_code=status, json=said)
    with pytest.raises(WindowTooLargeError, match="fewer `attributes`, `tags` or `event_types`") as caught:
        asking.create()
    assert said.get("detail", "").rstrip(".") in str(caught.value)


@pytest.mark.parametrize(
    ("status", "said", "told"),
    [
        (400, {"detail": "events: the value is malformed"}, ["events: the value is malformed", "`request_shape`"]),
        (400, {"detail": "attributes: size must be between 1 and 75"}, ["between 1 and 75", "`request_shape`"]),
        (413, {"detail": "More than 25 sections make it too large"}, ["25 sections", "fewer `sections`"]),
        (413, {}, ["413", "fewer `sections`"]),
    ],
)
def test_other_refusals_are_shown_in_the_vendors_words(asking, requests_mock, status, said, told):
    requests_mock.post(EXPORTS, status_code=status, json=said)
    with pytest.raises(RequestRejectedError) as caught:
        asking.create()
    assert all(words in str(caught.value) for words in told)
    assert SECRET not in str(caught.value)


def test_too_many_pending_exports_hold_creates_until_one_ends(asking, requests_mock):
    requests_mock.post(EXPORTS, status_code=202, json={"poll": POLL})
    job = asking.create()
    asking.clock.advance(61)
    requests_mock.post(EXPORTS, status_code=429, json={"detail": "The maximum number of pending exports is reached"})
    with pytest.raises(RateLimitedError):
        asking.create()
    limit, now = asking.client.create_limit, asking.clock.now()
    assert now < limit.ready_at(now) < now + 60
    requests_mock.get(POLL, content=b'{"profiles": {}}')
    asking.status(job)
    assert limit.ready_at(now) == now


def test_any_other_429_is_about_the_minute(asking, requests_mock):
    requests_mock.post(EXPORTS, status_code=429, json={"detail": "Slow down"})
    with pytest.raises(RateLimitedError):
        asking.create()
    assert asking.client.create_limit.ready_at(asking.clock.now()) == asking.clock.now() + 60


# Profiles


@pytest.fixture
def profiles(asking, requests_mock):
    requests_mock.post(EXPORTS, status_code=202, json={"poll": POLL})
    return asking, asking.create()


@pytest.mark.parametrize("status", [202, 404])
def test_an_export_that_is_not_ready(profiles, requests_mock, status):
    asking, job = profiles
    requests_mock.get(POLL, status_code=status)
    assert asking.status(job).state is JobState.RUNNING


def test_a_file_that_begins_is_ready_and_is_fetched_from_the_same_address(profiles, requests_mock):
    asking, job = profiles
    requests_mock.get(POLL, content=b'{"profiles": {' + b" " * 20_000_000)
    status = asking.status(job)
    assert status.state is JobState.READY
    (link,) = status.links
    assert link.url == POLL
    assert link.headers == {"Authorization": "Bearer token-1", "Accept-Encoding": "gzip"}
    assert "secret" not in repr(status)


@pytest.mark.parametrize("content", [b"{}", b'{"profiles": {}}', b'{"p-1": {"sections": {}}}', b"\x1f\x8b\x08"])
def test_a_short_file_is_ready_too(profiles, requests_mock, content):
    asking, job = profiles
    requests_mock.get(POLL, content=content)
    assert asking.status(job).state is JobState.READY


def test_an_error_in_place_of_the_file_means_that_it_is_too_large(profiles, requests_mock):
    asking, job = profiles
    requests_mock.get(POLL, json={"status": "error"})
    with pytest.raises(WindowTooLargeError):
        asking.status(job)


@pytest.mark.parametrize(
    "said",
    [
        {"status": "processing"},
        {"status": 503, "title": "Unavailable", "detail": "Export processing failed"},
        {"message": "Endpoint request timed out"},
        {"profiles": None},
        {"profiles": "none"},
        {"data": {"profiles": {}}},
        {"profiles": {"p": {"x": 1}}},
    ],
)
def test_an_answer_that_is_no_export_is_not_taken_for_an_empty_one(profiles, requests_mock, said):
    asking, job = profiles
    requests_mock.get(POLL, json=said)
    assert asking.status(job).state is JobState.UNKNOWN


@pytest.mark.parametrize("more", [{}, {"profiles": {}}])
def test_an_export_that_failed_has_failed(profiles, requests_mock, more):
    asking, job = profiles
    requests_mock.get(POLL, json={"status": "Failed", **more})
    assert asking.status(job).state is JobState.FAILED


def test_what_the_vendor_says_of_a_failure_is_shown(profiles, requests_mock):
    asking, job = profiles
    requests_mock.get(POLL, json={"status": "ERROR", "detail": "Segment too complex."})
    with pytest.raises(WindowTooLargeError, match=r"with an error\. Segment too complex\. It is taken to be too"):
        asking.status(job)
    requests_mock.get(POLL, status_code=503, json={"detail": "Segment too complex"})
    asking.status(job)
    assert asking.status(job).message.startswith("Segment too complex. The cause may be")


def test_where_an_export_is_is_not_shown_whoever_says_it(profiles, requests_mock):
    asking, job = profiles
    for place in (POLL, POLL.removeprefix(URL)):
        requests_mock.get(POLL, status_code=400, json={"detail": f"Bad request: {place}"})
        with pytest.raises(RequestRejectedError) as caught:
            asking.status(job)
        assert "abc-secret" not in str(caught.value)


def test_410_ends_the_export(profiles, requests_mock):
    asking, job = profiles
    requests_mock.get(POLL, status_code=410)
    assert asking.status(job).state is JobState.FAILED


def test_503_is_asked_for_once_more_and_then_ends_the_export(profiles, requests_mock):
    asking, job = profiles
    requests_mock.get(POLL, status_code=503)
    assert [asking.status(job).state for _ in range(2)] == [JobState.RUNNING, JobState.FAILED]


def test_503_was_an_outage_if_the_export_goes_on(profiles, requests_mock):
    asking, job = profiles
    requests_mock.get(POLL, [{"status_code": status} for status in (503, 404, 503, 503)])
    states = [asking.status(job).state for _ in range(4)]
    assert states == [JobState.RUNNING] * 3 + [JobState.FAILED]


@pytest.mark.parametrize("status", [500, 502, 504])
def test_other_trouble_of_the_vendor_is_of_the_moment(profiles, requests_mock, status):
    asking, job = profiles
    requests_mock.get(POLL, status_code=status)
    with pytest.raises(UnavailableError):
        asking.status(job)


def test_a_redirect_leads_to_the_file(profiles, requests_mock):
    asking, job = profiles
    requests_mock.get(POLL, status_code=302, headers={"Location": "https://store.test/file"})
    assert asking.status(job).state is JobState.READY
    assert requests_mock.call_count == len(requests_mock.request_history)
    assert not [request for request in requests_mock.request_history if request.hostname == "store.test"]


def test_an_address_on_another_host_is_not_asked(asking, requests_mock):
    requests_mock.post(EXPORTS, status_code=202, json={"poll": "https://other.test/steal"})
    job = asking.create()
    with pytest.raises(InvalidAnswerError, match="not its API's"):
        asking.status(job)
    assert not [request for request in requests_mock.request_history if request.hostname == "other.test"]


@pytest.mark.parametrize("status", [401, 403])
def test_a_stale_token_is_renewed_and_the_link_carries_the_new_one(profiles, requests_mock, status):
    asking, job = profiles
    requests_mock.post(f"{URL}/oauth/token", json={"access_token": "token-2"})
    requests_mock.get(POLL, [{"status_code": status}, {"content": b"{}"}])
    (link,) = asking.status(job).links
    assert link.headers["Authorization"] == "Bearer token-2"


# Reports


@pytest.fixture
def report(asking, requests_mock):
    requests_mock.post(REPORTS, status_code=202, json={"report_id": "r-7"})
    return asking, asking.create("email_events")


def test_a_report_that_is_ready_has_a_link_and_a_token_of_its_own(report, requests_mock):
    asking, job = report
    said = {"status": "completed", "file_download_url": "https://store.test/r-7.csv.gz"}
    requests_mock.get(f"{REPORTS}/r-7?header_auth=true", json=said, headers={"x-apsis-auth": "of-the-link"})
    (link,) = asking.status(job).links
    assert (link.url, link.headers) == ("https://store.test/r-7.csv.gz", {"x-apsis-auth": "of-the-link"})


def test_without_a_token_of_its_own_a_link_is_used_as_it_is_and_gets_no_bearer(report, requests_mock):
    asking, job = report
    said = {"status": "completed", "file_download_url": "https://store.test/r-7.csv.gz?sig=1"}
    requests_mock.get(f"{REPORTS}/r-7", json=said)
    (link,) = asking.status(job).links
    assert link.headers == {}


def test_words_that_nobody_knows_are_waited_out_and_told_once(report, requests_mock, caplog):
    asking, job = report
    caplog.set_level(logging.INFO)
    requests_mock.get(f"{REPORTS}/r-7", json={"status": "reticulating"})
    assert [asking.status(job).state for _ in range(3)] == [JobState.RUNNING] * 3
    assert caplog.text.count("reticulating") == 1


@pytest.mark.parametrize(("word", "state"), [("COMPLETED", JobState.READY), ("Failed", JobState.FAILED)])
def test_words_of_reports_are_known_however_they_are_written(report, requests_mock, word, state):
    asking, job = report
    said = {"status": word, "file_download_url": "https://store.test/r-7.csv.gz", "detail": "no luck"}
    requests_mock.get(f"{REPORTS}/r-7?header_auth=true", json=said)
    status = asking.status(job)
    assert status.state is state
    assert ("no luck" in status.message) is (state is JobState.FAILED)


def test_a_report_that_ends_as_error_was_too_large(report, requests_mock):
    asking, job = report
    requests_mock.get(f"{REPORTS}/r-7", json={"status": "error"})
    with pytest.raises(WindowTooLargeError):
        asking.status(job)


@pytest.mark.parametrize("url", [None, "", 5])
def test_a_report_that_is_completed_without_a_link_is_not_yet_known_well_enough(report, requests_mock, url):
    asking, job = report
    requests_mock.get(f"{REPORTS}/r-7", json={"status": "completed", "file_download_url": url})
    with pytest.raises(UnknownJobError, match="no download link"):
        asking.status(job)


def test_a_report_that_is_not_known(report, requests_mock):
    asking, job = report
    requests_mock.get(f"{REPORTS}/r-7", status_code=404)
    with pytest.raises(UnknownJobError):
        asking.status(job)


# Lists


def test_definitions_are_asked_for_once(asking, requests_mock):
    requests_mock.post(EXPORTS, status_code=202, json={"poll": POLL})
    asking.create()
    asking.clock.advance(61)
    asking.create()
    lists = [request for request in requests_mock.request_history if request.method == "GET"]
    assert len(lists) == 4


def test_a_list_of_several_pages_is_read_to_its_end(asking, requests_mock):
    more = {"items": [{"discriminator": "s.club", "name": "Club"}], "next": None}
    requests_mock.get(f"{URL}/audience/sections", json={"items": [], "next": "/audience/sections/page2"})
    requests_mock.get(f"{URL}/audience/sections/page2", json=more)
    for kind in ("attributes", "tags", "events"):
        requests_mock.get(f"{URL}/audience/sections/s.club/{kind}", json={"items": []})
    assert [section.name for section in asking.account.definitions.sections] == ["Club"]


def test_a_list_is_waited_for_in_bounded_time(asking, requests_mock, caplog):
    requests_mock.get(f"{URL}/audience/sections", status_code=503)
    began = asking.clock.now()
    with pytest.raises(UnavailableError):
        _ = asking.account.definitions
    assert 10 < asking.clock.now() - began < 600
    assert "trying again" in caplog.text


def test_trouble_that_passes_costs_a_list_nothing(asking, requests_mock):
    good = {"json": {"items": [{"discriminator": "s.web", "name": "Web"}]}}
    requests_mock.get(f"{URL}/audience/sections", [{"status_code": 500}, {"status_code": 429}, {"text": "oops"}, good])
    assert [section.name for section in asking.account.definitions.sections] == ["Web"]


def test_an_account_without_sections_is_trouble_of_the_moment(asking, requests_mock):
    requests_mock.get(f"{URL}/audience/sections", json=[])
    with pytest.raises(UnavailableError, match="no sections"):
        _ = asking.account.definitions


def test_events_are_not_asked_for_where_there_are_no_types_of_them(asking, requests_mock):
    requests_mock.get(f"{URL}/audience/sections/s.web/events", json=[])
    with pytest.raises(InvalidAnswerError, match="no event types"):
        asking.create()
    now = asking.clock.now()
    assert asking.client.create_limit.ready_at(now) == now


def test_activities_are_looked_for_in_both_spellings(asking, requests_mock):
    requests_mock.get(f"{URL}/emails/sections/s.web/activities", status_code=404)
    requests_mock.get(f"{URL}/emails/section/s.web/activities", json={"items": [{"id": "act-1"}]})
    assert [(section.name, item) for section, item in asking.account.email_activities()] == [("Web", {"id": "act-1"})]


def test_nothing_secret_is_logged(profiles, requests_mock, caplog):
    asking, job = profiles
    caplog.set_level(logging.DEBUG, "tap-apsis-one")
    requests_mock.get(POLL, [{"status_code": 403, "json": {"detail": f"{SECRET} token-1"}}] * 2)
    with pytest.raises(RequestRejectedError) as caught:
        asking.status(job)
    told = [caught.value, *(record.getMessage() for record in caplog.records if record.name == "tap-apsis-one")]
    assert not [words for words in map(str, told) if any(each in words for each in (SECRET, "token-1", "abc-secret"))]
    assert json.dumps(job)
