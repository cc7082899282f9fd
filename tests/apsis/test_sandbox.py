"""The local APSIS One is as strict as the vendor says it is, and behaves where nothing is said as its switches want."""

from __future__ import annotations

import csv
import gzip
import io
import json
import urllib.error
import urllib.request
from datetime import date, datetime, timezone

import pytest

from simulation.virtual_time import VirtualClock
from tap_apsis_one.sandbox import Fault, Limits, Quirks, Sandbox
from tap_apsis_one.sandbox.__main__ import _parser
from tap_apsis_one.sandbox.__main__ import _sandbox as sandbox_of

NOW = datetime(2026, 2, 10, 6, tzinfo=timezone.utc)
EVENTS = {
    "attributes": ["490000", "490010"],
    "events": ["530000", "530030", "530031"],
    "start_at": "2026-02-01T00:00:00Z",
    "end_at": "2026-02-03T00:00:00Z",
}


class Client:
    """Asks as plainly as can be."""

    def __init__(self, sandbox, clock):
        self.sandbox, self.clock = sandbox, clock
        self.token = None

    def __call__(self, method, address, body=None, **headers):
        url = address if address.startswith("http") else self.sandbox.api_url + address
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.token and url.startswith(self.sandbox.api_url):
            headers |= {"Authorization": f"Bearer {self.token}"}
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, content, headers, method=method)  # noqa: S310 - our own address
        try:
            with urllib.request.urlopen(request) as answer:  # noqa: S310
                return answer.status, dict(answer.headers), answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, dict(error.headers), error.read()

    def log_in(self, **changes):
        body = {"grant_type": "client_credentials", **self.sandbox.credentials, **changes}
        status, _, content = self("POST", "/oauth/token", {name: body[name] for name in body if name != "api_url"})
        self.token = json.loads(content).get("access_token")
        return status

    def create(self, body=None, path="/audience/profiles/exports", **changes):
        return self("POST", path, {**(body or EVENTS), **changes})

    def poll_url(self, body=None, **changes):
        _, _, content = self.create(body, **changes)
        return json.loads(content)["file_download_url"]


@pytest.fixture
def account():
    """Make a sandbox and somebody who is let in."""
    opened = []

    def make(**options):
        clock = VirtualClock(NOW.timestamp())
        small = {"profiles": 10, "events_per_day": 20, "emails_per_day": 20, "job_seconds": 10.0}
        sandbox = Sandbox(clock=clock.time, **{**small, **options})
        sandbox.start()
        opened.append(sandbox)
        client = Client(sandbox, clock)
        client.log_in()
        return client

    yield make
    for sandbox in opened:
        sandbox.stop()


def detail(answer):
    return json.loads(answer[2])["detail"]


def test_nobody_is_let_in_without_a_token_that_is_good(account):
    client = account(token_seconds=100)
    assert client("GET", "/audience/sections")[0] == 200
    client.clock.advance(101)
    assert client("GET", "/audience/sections")[0] == 401
    assert client.log_in() == 200
    client.sandbox.revoke_tokens()
    assert client("GET", "/audience/sections")[0] == 401


@pytest.mark.parametrize("changes", [{"client_secret": "wrong"}, {"client_id": "nobody"}, {"grant_type": "password"}])
def test_no_token_for_wrong_credentials(account, changes):
    assert account().log_in(**changes) == 401


@pytest.mark.parametrize(
    ("changes", "status", "words"),
    [
        ({"colour": 1}, 400, "Unrecognized field"),
        ({"start_at": None}, 400, "start_at is not"),
        ({"start_at": 5}, 400, "start_at is not"),
        ({"end_at": "2026-02-01T00:00:00Z"}, 400, "end_at must be after"),
        ({"end_at": "2026-05-01T00:00:01Z"}, 400, "exceeds three months"),
        ({"attributes": [490000]}, 400, "malformed"),
        ({"attributes": "490000"}, 400, "malformed"),
        ({"attributes": ["1"]}, 400, "there is no version 1"),
        ({"attributes": ["490000"] * 76}, 400, "at most 75"),
        ({"tags": ["500000"] * 26}, 400, "at most 25"),
        ({"segment_filter": "x" * 100_001}, 413, "larger than 100 kB"),
    ],
    ids=str,
)
def test_a_request_is_read_strictly(account, changes, status, words):
    answer = account(limits=Limits(creates=100)).create(**changes)
    assert answer[0] == status
    assert words in detail(answer)


def test_an_export_is_made_kept_for_a_day_and_gone(account):
    client = account()
    url = client.poll_url()
    assert client("GET", url)[0] == 404
    client.clock.advance(10)
    status, headers, content = client("GET", url)
    assert (status, "Content-Encoding" in headers) == (200, False)
    status, headers, packed = client("GET", url, Accept_Encoding="gzip")
    assert headers["Content-Encoding"] == "gzip"
    assert json.loads(gzip.decompress(packed)) == json.loads(content)
    client.clock.advance(86_400)
    client.log_in()
    assert client("GET", url)[0] == 410
    assert client("GET", url + "x")[0] == 410


def test_events_alone_give_an_empty_file(account):
    client = account()
    url = client.poll_url(attributes=[])
    client.clock.advance(10)
    assert json.loads(client("GET", url)[2]) == {"profiles": {}}


def test_a_file_holds_what_was_asked_for_and_nothing_else(account):
    client = account()
    url = client.poll_url()
    client.clock.advance(10)
    types, numbers, times = set(), set(), set()
    for profile in json.loads(client("GET", url)[2])["profiles"].values():
        for section in profile["sections"].values():
            numbers |= section["attributes"].keys()
            types |= {event["typeId"] for event in section.get("events", [])}
            times |= {event["createdAt"] for event in section.get("events", [])}
    assert numbers == {"490000", "490010"}
    assert types <= {"530000", "530031"}  # the older version is of an earlier year
    assert types
    begin, end = (datetime(2026, 2, day, tzinfo=timezone.utc).timestamp() * 1000 for day in (1, 3))
    assert all(begin <= time < end for time in times)


def test_a_report_comes_by_a_link_without_a_secret_and_by_a_signed_one(account):
    client = account(limits=Limits(creates=100))
    body = {"start_at": EVENTS["start_at"], "end_at": EVENTS["end_at"], "additional_attribute_mappings": ["490000"]}
    _, _, content = client.create(body, path="/emails/reports")
    number = json.loads(content)["report_id"]
    assert json.loads(client("GET", f"/emails/reports/{number}")[2]) == {"status": "created"}
    client.clock.advance(10)
    _, headers, content = client("GET", f"/emails/reports/{number}?header_auth=true")
    url, token = json.loads(content)["file_download_url"], headers["x-apsis-auth"]
    assert "?" not in url
    assert client("GET", url)[0] == 403
    assert client("GET", url, x_apsis_auth="other")[0] == 403
    packed = client("GET", url, x_apsis_auth=token)[2]
    signed = json.loads(client("GET", f"/emails/reports/{number}")[2])["file_download_url"]
    assert client("GET", signed)[2] == packed
    assert client("GET", signed, Authorization="Bearer x")[0] == 400
    rows = list(csv.DictReader(io.StringIO(gzip.decompress(packed).decode(), newline="")))
    assert len(rows) == 40
    assert "Email (version_id: 490000)" in rows[0]


def test_budgets_and_the_cap_on_pending_exports(account):
    client = account(limits=Limits(pending=1), job_seconds=1000.0)
    assert client.create()[0] == 202
    assert detail(client.create()) == "The rate limit is exceeded."
    client.clock.advance(61)
    answer = client.create()
    assert (answer[0], detail(answer)) == (429, "The maximum number of pending exports is reached.")
    client.clock.advance(1000)
    assert client.create()[0] == 202


@pytest.mark.parametrize(("kind", "status"), [("failed", 503), ("not_found", 410), ("never_finishes", 404)])
def test_the_fate_of_an_export(account, kind, status):
    client = account()
    client.sandbox.inject(Fault("create", kind))
    url = client.poll_url()
    client.clock.advance(100)
    assert client("GET", url)[0] == status


def test_the_truth_is_told_to_everybody():
    with Sandbox(profiles=5, events_per_day=3, emails_per_day=2, first_day=date(2026, 1, 1)) as sandbox:
        for stream, count in (("profile_events", 3), ("email_events", 2)):
            url = f"{sandbox.control_url}/truth?stream={stream}&first=2026-01-02"
            with urllib.request.urlopen(url) as answer:  # noqa: S310 - our own address
                assert len(answer.read().splitlines()) == count


def test_the_command_line_makes_the_same_sandbox():
    options = _parser().parse_args(
        ["--profiles", "7", "--creates-per-minute", "60", "--quirk", "not_ready=202", "--fault", "file:cut,at=5"]
    )
    sandbox = sandbox_of(options)
    sandbox.start()
    try:
        assert sandbox.population.profiles == 7
        assert sandbox.limits.creates == 60
    finally:
        sandbox.stop()


def test_every_unknown_is_described():
    described = Quirks.__doc__ or ""
    assert [name for name in Quirks.__dataclass_fields__ if f"        {name}: " not in described] == []
