"""The local Account Engagement: its manners, its queue, its program."""

from __future__ import annotations

import csv
import io
import re
import signal
import subprocess
import sys

import pytest
import requests

from simulation.patience import HANG_SECONDS
from tap_pardot_exports import vocabulary
from tap_pardot_exports.sandbox import Fault, Quirks, Sandbox
from tap_pardot_exports.sandbox.__main__ import main
from tap_pardot_exports.sandbox.local import CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN, UNIT

BODY = {
    "object": "visitor",
    "fields": ["id", "updated_at"],
    "procedure": {
        "name": "filter_by_updated_at",
        "arguments": {"updated_after": "2025-02-01 00:00:00", "updated_before": "2025-02-10 00:00:00"},
    },
}


class Stranger:
    """Somebody who talks to a business unit without the tap."""

    def __init__(self, pardot):
        self.pardot = pardot
        form = {"grant_type": "refresh_token", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
        said = requests.post(
            f"{pardot.login_url}/services/oauth2/token", {**form, "refresh_token": REFRESH_TOKEN}, timeout=HANG_SECONDS
        )
        self.headers = {"Authorization": f"Bearer {said.json()['access_token']}", "Pardot-Business-Unit-Id": UNIT}

    def __call__(self, method, path, body=None, **headers):
        given = {name: value for name, value in {**self.headers, **headers}.items() if value}
        url = path if path.startswith("http") else self.pardot.api_url + path
        return requests.request(method, url, json=body, headers=given, timeout=HANG_SECONDS)

    def create(self, **changes):
        return self("POST", "/api/export/version/4/do/create?format=json", {**BODY, **changes})

    def read(self, number):
        return self("GET", f"/api/export/version/4/do/read/id/{number}?format=json").json()["export"]


@pytest.fixture
def pardot(unit):
    return unit(days=30, token_seconds=1e9).pardot


@pytest.fixture
def ask(pardot):
    return Stranger(pardot)


@pytest.mark.parametrize(
    ("headers", "code", "status"),
    [
        ({"Authorization": None}, 184, 401),
        ({"Authorization": "Bearer nonsense"}, 184, 401),
        ({"Pardot-Business-Unit-Id": None}, 181, 400),
        ({"Pardot-Business-Unit-Id": "5"}, 182, 400),
        ({"Pardot-Business-Unit-Id": "0Uv000000000009CAA"}, 201, 400),
    ],
)
def test_who_asks_must_be_known(ask, headers, code, status):
    for path in ("/api/export/version/4/do/query?format=json", "/api/v5/exports"):
        reply = ask("GET", path, **headers)
        said = reply.json()
        assert (reply.status_code, said.get("code") or said["@attributes"]["err_code"]) == (status, code)


def test_without_asking_for_json_one_gets_xml(ask):
    reply = ask("GET", "/api/export/version/3/do/query")
    assert reply.headers["Content-Type"] == "application/xml"
    assert '<err code="88">' in reply.text


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"object": "Visitor"}, 71),
        ({"fields": ["colour"]}, 180),
        ({"fields": []}, 166),
        ({"fields": ["id"] * 151}, 166),
        ({"procedure": "filter_by_updated_at"}, 166),
        ({"procedure": {"name": "filter_by_created_at", "arguments": {}}}, 174),
        ({"procedure": {"name": "filter_by_updated_at"}}, 176),
        ({"procedure": {"name": "filter_by_updated_at", "arguments": {"updated_before": "2025-02-10 00:00:00"}}}, 176),
        ({"procedure": {"name": "filter_by_updated_at", "arguments": {"updatedAfter": "2025-02-10 00:00:00"}}}, 175),
        ({"procedure": {"name": "filter_by_updated_at", "arguments": {"updated_after": "soon"}}}, 177),
        ({"procedure": {"name": "filter_by_updated_at", "arguments": {"updated_after": "2023-02-10 00:00:00"}}}, 177),
    ],
)
def test_what_is_asked_for_must_make_sense(ask, changes, code):
    reply = ask.create(**changes)
    assert (reply.status_code, reply.json()["@attributes"]["err_code"]) == (400, code)


def test_exports_are_made_one_after_the_other(ask, clock):
    first, second = (ask.create().json()["export"]["id"] for _ in range(2))
    assert [ask.read(number)["state"] for number in (first, second)] == ["Processing", "Waiting"]
    clock.advance(30)
    assert [ask.read(number)["state"] for number in (first, second)] == ["Complete", "Processing"]
    answers = [
        ask("POST", f"/api/export/version/4/do/cancel/id/{number}?format=json").json() for number in (first, second)
    ]
    assert answers[0]["@attributes"]["err_code"] == 178
    assert answers[1]["export"]["state"] == "Canceled"
    assert ask.create().json()["export"]["state"] == "Processing"


def test_files_hold_what_was_asked_for_and_are_gone_after_seven_days(ask, pardot, clock):
    number = ask.create().json()["export"]["id"]
    clock.advance(30)
    refs = ask.read(number)["resultRefs"]
    assert len(refs) == 3
    rows = [row for ref in refs for row in csv.DictReader(io.StringIO(ask("GET", ref).text))]
    true = {
        row["id"]
        for row in pardot.truth("visitors", at=clock.now() - 30)
        if "2025-02-01T00:00:00Z" < row["updated_at"] < "2025-02-10T00:00:00Z"
    }
    assert sorted(int(row["id"]) for row in rows) == sorted(true)
    clock.advance(7 * 86_400)
    assert (ask.read(number)["isExpired"], "resultRefs" in ask.read(number)) == (True, False)
    assert ask("GET", refs[0]).status_code == 400


def test_what_waits_for_seven_days_is_cancelled(ask, pardot, clock):
    pardot.jobs.occupy(30 * 86_400)
    number = ask.create().json()["export"]["id"]
    clock.advance(8 * 86_400)
    assert [pardot.jobs.state(job) for job in pardot.jobs.all()] == ["Canceled", "Canceled"]
    assert ask.read(number)["state"] == "Canceled"


def test_the_quota_begins_anew_at_midnight(unit, clock):
    ask = Stranger(unit(calls_per_day=2).pardot)
    path = "/api/export/version/4/do/query?format=json"
    assert [ask("GET", path).status_code for _ in range(3)] == [200, 200, 429]
    clock.advance(86_400)
    ask = Stranger(ask.pardot)
    assert ask("GET", path).status_code == 200


def test_exports_can_be_listed_without_their_files(ask, clock):
    path = "/api/export/version/4/do/query?format=json"
    assert ask("GET", path).json() == {"result": {"total_results": 0}}
    number = ask.create().json()["export"]["id"]
    clock.advance(30)
    assert ask("GET", path).json()["result"]["export"]["id"] == number
    ask.create()
    listed = ask("GET", path).json()["result"]["export"]
    assert [export["id"] for export in listed] == [number + 1, number]
    assert not any("resultRefs" in export for export in listed)


def test_bounds_are_left_out_or_not(unit, clock):
    counts = []
    for bounds in ("exclusive", "inclusive"):
        ask = Stranger(unit(days=30, quirks=Quirks(bounds=bounds)).pardot)
        number = ask.create().json()["export"]["id"]
        clock.advance(30)
        refs = ask.read(number)["resultRefs"]
        times = {row["updated_at"] for ref in refs for row in csv.DictReader(io.StringIO(ask("GET", ref).text))}
        counts.append(times & {"2025-02-01 00:00:00", "2025-02-10 00:00:00"})
    assert counts == [set(), {"2025-02-01 00:00:00", "2025-02-10 00:00:00"}]


def test_the_world_can_be_seen_and_changed_from_outside(pardot):
    control = pardot.control_url

    def do(method, path, body=None):
        return requests.request(method, f"{control}/{path}", json=body, timeout=HANG_SECONDS)

    key = do("POST", "records", {"stream": "prospects", "values": {"email": "a@acme.example"}}).json()["id"]
    assert do("PATCH", f"records/{key}", {"stream": "prospects", "values": {"city": "Ulm"}}).status_code == 204
    assert do("DELETE", f"records/{key}", {"stream": "prospects"}).status_code == 204
    told = [line for line in do("GET", "truth?stream=prospects").text.splitlines() if f'"id": {key},' in line]
    assert len(told) == 1
    assert '"city": "Ulm"' in told[0]
    assert '"is_deleted": true' in told[0]
    assert do("GET", "truth?stream=prospect").status_code == 404
    assert do("POST", "queue", {"seconds": 60}).status_code == 201
    assert do("POST", "faults", {"step": "create", "kind": "code", "code": 183}).status_code == 204
    assert do("GET", "faults").json()[0]["code"] == 183


@pytest.mark.parametrize("arguments", [("create", "cod"), ("crate", "code"), ("file", "canceled")])
def test_a_fault_that_cannot_be_is_refused(arguments):
    with pytest.raises(ValueError, match="Unknown"):
        Fault(*arguments)


@pytest.mark.long
def test_the_same_seed_makes_the_same_world(clock):
    def world(seed):
        with Sandbox(seed=seed, clock=clock.time) as pardot:
            return [list(pardot.world.rows(thing, clock.now())) for thing in vocabulary.OBJECTS]

    first = world(1)
    assert first == world(1)
    assert first != world(2)


@pytest.mark.slow
@pytest.mark.siblings
def test_the_program_says_how_to_use_it_and_ends_in_good_order():
    command = [sys.executable, "-m", "tap_pardot_exports.sandbox", "--verbose", "--fault", "token:status,status=503"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        banner = "".join(process.stdout.readline() for _ in range(7))
        told = dict(re.findall(r"^export TAP_PARDOT_EXPORTS_(\w+)=(\S+)$", banner, re.MULTILINE))
        assert set(told) == {"API_URL", "LOGIN_URL", "BUSINESS_UNIT_ID", "CLIENT_ID", "CLIENT_SECRET", "REFRESH_TOKEN"}
        reply = requests.post(f"{told['LOGIN_URL']}/services/oauth2/token", {}, timeout=HANG_SECONDS)
        assert reply.status_code == 503
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=HANG_SECONDS)
        assert process.returncode == 0
        assert errors.strip().endswith("login POST /services/oauth2/token 503 fault=status")
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--quirk", "bounds=vague"], "bounds is one of: exclusive, inclusive"),
        (["--fault", "create:cod"], "did you mean 'code'"),
        (["--timezone", "Mars/Olympus"], "Mars/Olympus"),
    ],
)
def test_a_mistake_is_explained(capsys, arguments, complaint):
    with pytest.raises(SystemExit):
        main(arguments)
    assert complaint in capsys.readouterr().err
