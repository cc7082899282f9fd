"""Whoever is no client of the sandbox: pages of other sites, nonsense, bodies without an end. A 4xx, no traceback."""

from __future__ import annotations

import socket

import pytest

from tap_cometly.sandbox import Sandbox

pytestmark = pytest.mark.deep

DEEP = b"[" * 100_000
EXPORTS = "/public-api/v1/events/exports"


@pytest.fixture(scope="module")
def cometly():
    with Sandbox(creates_per_minute=6000, polls_per_minute=6000) as sandbox:
        yield sandbox


def ask(cometly, method, path, body=b"", **headers):
    """Send a request as it is; return the status."""
    own = cometly.api_url.split("/")[2]
    host, port = own.split(":")
    given = {"Host": own, "Authorization": f"Bearer {cometly.api_key}", "Content-Length": str(len(body)), **headers}
    lines = [
        f"{method} {path} HTTP/1.1",
        *(f"{name.replace('_', '-')}: {value}" for name, value in given.items() if value),
    ]
    with socket.create_connection((host, int(port)), 10) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        answer = connection.makefile("rb").readline().split()
    return int(answer[1])


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "localhost:{port}"}, 200),
        ({"Host": "[::1]:{port}"}, 200),
        ({"Host": "localhost:1"}, 421),
        ({"Host": "evil.example:{port}"}, 421),
        ({"Host": "127.0.0.1.evil.example:{port}"}, 421),
        ({"Host": "127.0.0.1"}, 421),
        ({"Host": None}, 421),
        ({"Origin": "http://127.0.0.1:{port}"}, 200),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "https://127.0.0.1:{port}"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
def test_only_who_means_the_sandbox_is_answered(cometly, headers, status):
    port = cometly.api_url.split("/")[2].split(":")[1]
    given = {name: value and value.format(port=port) for name, value in headers.items()}
    assert ask(cometly, "GET", "/sandbox/faults", **given) == status
    assert ask(cometly, "POST", "/sandbox/contacts/merge", b"{}", **given) == (422 if status == 200 else status)


@pytest.mark.parametrize("host", ["cometly", "192.168.7.7", "[fe80::1]"])
def test_opened_to_others_it_answers_to_names_of_their_network(host):
    with Sandbox(host="0.0.0.0") as cometly:  # noqa: S104 - that is what is tested
        port = cometly.api_url.split("/")[2].split(":")[1]
        assert ask(cometly, "GET", "/sandbox/faults", Host=f"{host}:{port}") == 200
        assert ask(cometly, "GET", "/sandbox/faults", Host=f"evil.example:{port}") == 421


NONSENSE = [
    ("POST", EXPORTS, b"", {"Content_Length": "x"}, 400),
    ("POST", EXPORTS, b"", {"Content_Length": "-1"}, 400),
    ("POST", EXPORTS, b"", {"Content_Length": "1048577"}, 413),
    ("POST", EXPORTS, b"", {"Content_Length": "9" * 5000}, 413),
    ("POST", EXPORTS, b"5\r\n{}", {"Transfer_Encoding": "chunked"}, 411),
    ("POST", EXPORTS, DEEP, {}, 422),
    ("POST", EXPORTS, b"\xff", {}, 422),
    ("POST", EXPORTS, b'{"date":' + b"9" * 5000 + b"}", {}, 422),
    ("POST", EXPORTS, b'{"fields":[{}],"sources":[[1]],"date":"2025-01-01"}', {}, 422),
    ("GET", f"{EXPORTS}/{'9' * 5000}", b"", {}, 404),
    ("GET", "http://[", b"", {}, 404),
    ("POST", "/sandbox/events", DEEP, {}, 422),
    ("POST", "/sandbox/events", b'{"time":1e999}', {}, 422),
    ("POST", "/sandbox/events", b'{"time":1,"amount":1e9999999}', {}, 422),
    ("GET", f"/sandbox/events/{'9' * 5000}", b"", {}, 422),
    ("PATCH", "/sandbox/events/5", b'{"amount":"x"}', {}, 422),
    ("POST", "/sandbox/faults", b'{"step":["x"],"kind":{}}', {}, 422),
    ("POST", "/sandbox/faults", b'{"step":"file","kind":"cut","at":"x"}', {}, 422),
    ("POST", "/sandbox/faults", b'{"step":"file","kind":"cut","times":[]}', {}, 422),
    ("POST", "/sandbox/faults", b'{"step":"file","kind":"cut","day":5}', {}, 422),
    ("POST", "/sandbox/contacts/merge", b'{"contact":"x","into":[]}', {}, 422),
    ("POST", "/sandbox/events/1/reattribute", b'{"touchpoints":5}', {}, 404),
    ("GET", "/sandbox/truth?date=x", b"", {}, 422),
    ("GET", "/sandbox/truth?date=9999-12-31", b"", {}, 422),
    ("GET", "/sandbox/truth?date=2025-01-01&at=x", b"", {}, 422),
    ("GET", "/sandbox/truth?export_id=x", b"", {}, 422),
]


@pytest.mark.parametrize(("method", "path", "body", "headers", "status"), NONSENSE, ids=range(len(NONSENSE)))
def test_nonsense_is_the_askers_fault(cometly, capfd, method, path, body, headers, status):
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    assert ask(cometly, method, path, body, **given) == status
    assert "Traceback" not in capfd.readouterr().err
