"""Every kind of fault, over real sockets."""

from __future__ import annotations

import datetime as dt
import gzip
import http.client
import json
import socket
import struct
import threading
import urllib.parse
import zlib

import pytest
import requests

from simulation.patience import HANG_SECONDS
from tap_cometly.sandbox import Fault

from .conftest import DAY, Client, parse


@pytest.fixture
def cometly(sandbox):
    return sandbox()


@pytest.fixture
def client(cometly):
    return Client(cometly)


def listen(link: str, **headers: str) -> socket.socket:
    """Ask for a link by hand, to see every byte that comes."""
    parts = urllib.parse.urlsplit(link)
    connection = socket.create_connection((parts.hostname, parts.port), timeout=HANG_SECONDS)
    lines = [f"GET {parts.path}?{parts.query} HTTP/1.1", f"Host: {parts.netloc}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
    return connection


def read_until_end(connection: socket.socket) -> bytes:
    with connection, connection.makefile("rb") as stream:
        return stream.read()


def read_until_error(connection: socket.socket) -> tuple[bytes, OSError | None]:
    received = b""
    try:
        while piece := connection.recv(65536):
            received += piece
    except OSError as error:
        return received, error
    return received, None


# Answers of another kind.


@pytest.mark.parametrize("step", ["create", "status", "link", "file"])
@pytest.mark.parametrize("status", [401, 403, 404, 422, 429, 500, 502, 503, 504])
def test_any_status_at_any_step(cometly, client, step, status):
    link = client.link()
    export_id = 40001
    cometly.inject(Fault(step, "status", status=status, retry_after=7, headers={"X-Extra": "yes"}, body="<oops>"))
    ask = {"create": client.create, "file": lambda: client.get(link)}.get(step, lambda: client.status(export_id))
    reply = ask()
    assert (reply.status_code, reply.headers["Retry-After"], reply.headers["X-Extra"]) == (status, "7", "yes")
    assert reply.text == "<oops>"
    assert cometly.requests[-1].fault == "status"
    assert ask().ok


@pytest.mark.parametrize("retry_after", ["Mon, 10 Mar 2025 12:00:30 GMT", "soon", -5, 10**12, ""])
def test_a_429_may_ask_for_anything(cometly, client, retry_after):
    cometly.inject(Fault("create", "status", status=429, retry_after=retry_after))
    assert client.create().headers["Retry-After"] == str(retry_after)


def test_a_429_may_say_nothing(cometly, client):
    cometly.inject(Fault("status", "status", status=429))
    export_id = client.create().json()["export_id"]
    assert "Retry-After" not in client.status(export_id).headers


def test_a_create_that_fails_makes_no_job_unless_it_is_handled(cometly, client):
    cometly.inject(Fault("create", "status", status=500))
    cometly.inject(Fault("create", "status", status=504, handled=True))
    assert [client.create().status_code for _ in range(3)] == [500, 504, 202]
    assert [entry.export_id for entry in cometly.requests] == [None, 40001, 40002]


def test_pages_and_redirects_instead_of_json(cometly, client):
    cometly.inject(Fault("create", "html"))
    cometly.inject(Fault("create", "not_json"))
    cometly.inject(Fault("create", "redirect"))
    html, broken = client.create(), client.create()
    assert (html.status_code, html.headers["Content-Type"]) == (200, "text/html; charset=UTF-8")
    with pytest.raises(requests.JSONDecodeError):
        broken.json()
    reply = client.session.post(client.url, headers=client.headers, allow_redirects=False, timeout=HANG_SECONDS)
    assert (reply.status_code, reply.headers["Location"]) == (302, "/login")


def test_a_page_instead_of_a_file(cometly, client):
    cometly.inject(Fault("file", "html"))
    reply = client.get(client.link())
    assert reply.status_code == 200
    assert reply.content.startswith(b"<!DOCTYPE html>")


# Trouble on the way.


@pytest.mark.parametrize("step", ["create", "status", "file"])
def test_a_reset_connection(cometly, client, step):
    link = client.link()
    cometly.inject(Fault(step, "reset"))
    ask = {"create": client.create, "file": lambda: client.get(link)}.get(step, lambda: client.status(40001))
    with pytest.raises(requests.ConnectionError):
        ask()
    assert ask().ok


def test_a_reset_arrives_as_one_after_so_many_bytes(cometly, client):
    link = client.link()
    whole = client.get(link).content
    cometly.inject(Fault("file", "reset", at=100))
    with listen(link) as connection:
        received, error = read_until_error(connection)
    assert isinstance(error, ConnectionResetError)
    # The kernel may throw away what was not yet read, but never adds anything.
    assert whole[:100].startswith(received.partition(b"\r\n\r\n")[2])


def test_a_reset_create_may_have_made_a_job(cometly, client):
    cometly.inject(Fault("create", "reset"))
    cometly.inject(Fault("create", "reset", handled=False))
    for _ in range(2):
        with pytest.raises(requests.ConnectionError):
            client.create()
    assert client.create().json()["export_id"] == 40002


@pytest.mark.parametrize(("at", "expected"), [(0, 0), (100, 100), (-1, -1), (None, "half"), (10**9, None)])
def test_a_cut_ends_the_body_in_good_order(cometly, client, at, expected):
    link = client.link()
    whole = client.get(link).content
    cometly.inject(Fault("file", "cut", **({} if at is None else {"at": at})))
    head, _, body = read_until_end(listen(link)).partition(b"\r\n\r\n")
    assert f"Content-Length: {len(whole)}".encode() in head
    assert body == whole[: len(whole) // 2 if expected == "half" else expected]


def test_a_resumed_transfer_can_be_cut_again(cometly, client):
    link = client.link()
    whole = client.get(link).content
    cometly.inject(Fault("file", "cut", at=50, times=2))
    received = b""
    while len(received) < len(whole):
        answer = read_until_end(listen(link, Range=f"bytes={len(received)}-", Connection="close"))
        received += answer.partition(b"\r\n\r\n")[2]
    assert received == whole
    assert [entry.fault for entry in cometly.requests[-3:]] == ["cut", "cut", None]


@pytest.mark.parametrize("detail", [{}, {"at": 10}, {"headers": False}])
def test_a_stall_is_silent_until_the_client_gives_up(cometly, client, detail):
    link = client.link()
    cometly.inject(Fault("file", "stall", **detail))
    with listen(link) as connection:
        received = b""
        while "headers" not in detail and len(received.partition(b"\r\n\r\n")[2]) < detail.get("at", 0):
            received += connection.recv(1)
        connection.settimeout(0.05)
        more, error = read_until_error(connection)
    assert isinstance(error, TimeoutError)
    head, _, body = (received + more).partition(b"\r\n\r\n")
    assert len(body) == detail.get("at", 0)
    assert head.startswith(b"HTTP/1.1 200 OK") or detail != {"at": 10}


def test_stopping_ends_stalls_and_idle_connections(cometly, client):
    link = client.link()
    cometly.inject(Fault("file", "stall"))
    stalled = listen(link)
    assert stalled.recv(1) == b"H"
    stopper = threading.Thread(target=cometly.stop)
    stopper.start()
    assert read_until_end(stalled).startswith(b"TTP/1.1 200 OK")
    stopper.join(HANG_SECONDS)
    assert not stopper.is_alive()


def test_a_trickle_comes_little_by_little(cometly, client):
    link = client.link()
    whole = client.get(link).content
    cometly.inject(Fault("file", "trickle", bytes_per_second=20, at=200))
    with listen(link) as connection:
        received = b""
        while len(received.partition(b"\r\n\r\n")[2]) < 202:
            received += connection.recv(1)
    assert received.partition(b"\r\n\r\n")[2] == whole[:202]


def test_a_quick_trickle_brings_everything(cometly, client):
    link = client.link()
    whole = client.get(link).content
    cometly.inject(Fault("file", "trickle", bytes_per_second=10**6))
    assert client.get(link).content == whole


def test_a_slow_close_brings_every_byte_but_not_the_end(cometly, client):
    link = client.link()
    whole = client.get(link).content
    cometly.inject(Fault("file", "slow_close"))
    with listen(link) as connection:
        received = b""
        while len(received.partition(b"\r\n\r\n")[2]) < len(whole):
            received += connection.recv(65536)
        connection.settimeout(0.05)
        with pytest.raises(TimeoutError):
            connection.recv(1)
    head, _, body = received.partition(b"\r\n\r\n")
    assert body == whole
    assert b"Content-Length" not in head
    assert b"Connection: close" in head


# Files.


def damaged(cometly, client, kind, **detail):
    link = client.link()
    whole = client.get(link)
    cometly.inject(Fault("file", kind, **detail))
    reply = client.get(link)
    assert int(reply.headers["Content-Length"]) == len(reply.content)
    return whole, reply


def test_a_truncated_object_does_not_end(cometly, client):
    whole, reply = damaged(cometly, client, "truncate", at=-9)
    assert reply.content == whole.content[:-9]
    assert reply.headers["ETag"] != whole.headers["ETag"]
    with pytest.raises(EOFError):
        gzip.decompress(reply.content)


@pytest.mark.parametrize("at", [None, -6, -2])
def test_a_corrupt_object_betrays_itself(cometly, client, at):
    whole, reply = damaged(cometly, client, "corrupt", **({} if at is None else {"at": at}))
    assert len(reply.content) == len(whole.content)
    with pytest.raises((OSError, EOFError, zlib.error)):
        gzip.decompress(reply.content)


def test_garbage_after_the_end(cometly, client):
    whole, reply = damaged(cometly, client, "trailing", data="garbage")
    assert reply.content == whole.content + b"garbage"


def test_an_object_of_no_bytes(cometly, client):
    _, reply = damaged(cometly, client, "empty")
    assert (reply.status_code, reply.content) == (200, b"")


def test_a_plain_file(cometly, client):
    whole, reply = damaged(cometly, client, "plain")
    assert reply.content == gzip.decompress(whole.content)


def test_several_gzip_members(cometly, client):
    whole, reply = damaged(cometly, client, "members", rows=20)
    decompressor = zlib.decompressobj(31)
    decompressor.decompress(reply.content)
    assert decompressor.unused_data
    assert gzip.decompress(reply.content) == gzip.decompress(whole.content)


def test_other_ways_to_end_lines(cometly, client):
    whole, reply = damaged(cometly, client, "no_newline")
    text = gzip.decompress(whole.content)
    assert gzip.decompress(reply.content) == text[:-1]
    assert gzip.decompress(damaged(cometly, client, "crlf")[1].content) == text.replace(b"\n", b"\r\n")
    assert gzip.decompress(damaged(cometly, client, "blank_lines")[1].content) == text.replace(b"\n", b"\n\n")[:-1]


def test_a_declared_content_encoding(cometly, client):
    link = client.link()
    whole = client.get(link)
    cometly.inject(Fault("file", "content_encoding"))
    reply = client.get(link)
    assert reply.headers["Content-Encoding"] == "gzip"
    assert reply.content == gzip.decompress(whole.content)


def test_rows_that_should_not_be(cometly, client):
    _, reply = damaged(cometly, client, "rows", rows=[b"not json", '["no object"]', b'{"id": null}'])
    lines = gzip.decompress(reply.content).splitlines()
    assert lines[-3:] == [b"not json", b'["no object"]', b'{"id": null}']
    assert json.loads(lines[0])
    _, reply = damaged(cometly, client, "rows", rows=["{}"], replace=True)
    assert gzip.decompress(reply.content) == b"{}\n"
    _, reply = damaged(cometly, client, "rows", rows=lambda lines: (line.replace(b'"id"', b'"key"') for line in lines))
    assert all("key" in json.loads(line) for line in gzip.decompress(reply.content).splitlines())


def test_a_changed_object_has_the_same_rows_in_another_file(cometly, client):
    link = client.link()
    before = client.get(link)
    cometly.inject(Fault("file", "changed"))
    assert client.get(link, Range="bytes=10-", If_Match=before.headers["ETag"]).status_code == 412
    after = client.get(link)
    assert after.headers["ETag"] != before.headers["ETag"]
    assert parse(after.content) != parse(before.content)
    assert sorted(map(str, parse(after.content))) == sorted(map(str, parse(before.content)))


def test_a_link_can_die_early(cometly, client):
    link = client.link()
    cometly.inject(Fault("file", "expired"))
    reply = client.get(link)
    assert (reply.status_code, "Request has expired" in reply.text) == (403, True)
    assert client.get(link).ok


def test_faults_of_ranges_wait_for_a_range(cometly, client):
    link = client.link()
    cometly.inject(Fault("file", "ignore_range"))
    cometly.inject(Fault("file", "wrong_content_range", shift=5))
    whole = client.get(link)
    assert whole.status_code == 200
    ignored = client.get(link, Range="bytes=100-")
    assert (ignored.status_code, ignored.content) == (200, whole.content)
    wrong = client.get(link, Range="bytes=100-")
    size = len(whole.content)
    assert (wrong.status_code, wrong.headers["Content-Range"]) == (206, f"bytes 105-{size - 1}/{size}")
    assert wrong.content == whole.content[105:]


# Jobs.


def test_the_fate_of_a_job_stays_with_it(cometly, client, clock):
    kinds = [
        Fault("create", "failed", message="Out of cheese."),
        Fault("create", "never_finishes"),
        Fault("create", "unknown_status", word="paused"),
        Fault("create", "no_link"),
        Fault("create", "not_found"),
    ]
    for fault in kinds:
        cometly.inject(fault)
    jobs = [client.create().json()["export_id"] for _ in range(6)]
    clock.go(10**6)
    for _ in range(2):
        failed, endless, paused, linkless, lost, good = (client.status(export_id) for export_id in jobs)
        assert (failed.json()["status"], failed.json()["message"]) == ("failed", "Out of cheese.")
        assert endless.json()["status"] == "processing"
        assert paused.json()["status"] == "paused"
        assert (linkless.json()["status"], "download_url" in linkless.json()) == ("completed", False)
        assert lost.status_code == 404
        assert "download_url" in good.json()


def test_a_failing_job_lives_before_it_fails(sandbox, clock):
    cometly = sandbox(job_seconds=30)
    client = Client(cometly)
    cometly.inject(Fault("create", "failed"))
    export_id = client.create().json()["export_id"]
    assert client.status(export_id).json()["status"] == "queued"
    clock.go(30)
    assert client.status(export_id).json()["status"] == "failed"


@pytest.mark.parametrize(
    ("kind", "status"),
    [("unknown_status", "paused"), ("never_finishes", "processing"), ("failed", "failed"), ("no_link", "completed")],
)
def test_one_answer_can_be_wrong(cometly, client, kind, status):
    export_id = client.create().json()["export_id"]
    cometly.inject(Fault("status", kind))
    answer = client.status(export_id).json()
    assert (answer["status"], "download_url" in answer) == (status, False)
    assert "download_url" in client.status(export_id).json()


def test_a_job_can_be_unknown_at_first(cometly, client):
    export_id = client.create().json()["export_id"]
    cometly.inject(Fault("status", "not_found", times=2))
    assert [client.status(export_id).status_code for _ in range(3)] == [404, 404, 200]


def test_the_link_step_is_a_status_request_of_a_finished_job(sandbox, clock):
    cometly = sandbox(job_seconds=30)
    client = Client(cometly)
    cometly.inject(Fault("link", "status", status=503))
    export_id = client.create().json()["export_id"]
    assert client.status(export_id).status_code == 200
    clock.go(30)
    assert [client.status(export_id).status_code for _ in range(2)] == [503, 200]


# Where, when, how often.


def test_a_fault_hits_its_day_so_many_times_after_so_many(cometly, client):
    cometly.inject(Fault("create", "status", day=DAY, times=2, after=1))
    cometly.inject(Fault("create", "status", status=503, day=DAY + dt.timedelta(days=1), times=None))
    assert [client.create().status_code for _ in range(4)] == [202, 500, 500, 202]
    assert [client.create("2025-03-02").status_code for _ in range(3)] == [503] * 3
    assert client.create("2025-03-03").status_code == 202
    assert len(cometly.faults.pending()) == 1
    cometly.faults.clear()
    assert client.create("2025-03-02").status_code == 202


def test_other_resources_have_steps_of_their_own(cometly, client):
    cometly.inject(Fault("contacts_create", "status", status=500))
    assert client.create().status_code == 202
    window = {"start_date": "2025-03-01 00:00:00", "end_date": "2025-03-01 23:59:59"}
    contacts = Client(cometly, "contacts")
    assert [contacts.create(None, **window).status_code for _ in range(2)] == [500, 202]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("crate", "reset"), "did you mean 'create'"),
        (("file", "cutt"), "did you mean 'cut'"),
        (("create", "cut", {"a": 1}), "known: at, handled"),
        (("status", "truncate"), "Unknown kind"),
        (("file", "never_finishes"), "Unknown kind"),
    ],
)
def test_a_fault_that_cannot_be_is_refused(arguments, complaint):
    step, kind, *detail = arguments
    with pytest.raises(ValueError, match=complaint):
        Fault(step, kind, **(detail[0] if detail else {}))


def test_a_fault_can_be_written_as_text_and_as_json():
    fault = Fault.parse("file:cut,at=1000,times=2,day=2025-03-01")
    assert fault.as_json() == {"step": "file", "kind": "cut", "day": "2025-03-01", "times": 2, "after": 0, "at": 1000}
    again = Fault.parse(json.dumps(fault.as_json()))
    assert again.as_json() == fault.as_json()
    assert Fault.parse("create:status,status=503,times=none").times is None
    for text in ("file", "file:cut,at", "file:cut,day=tomorrow", '{"step": "file"}'):
        with pytest.raises(ValueError, match=r"."):
            Fault.parse(text)


def test_a_connection_stays_open_between_requests_and_after_most_faults(cometly, client):
    parts = urllib.parse.urlsplit(client.link())
    cometly.inject(Fault("file", "expired"))
    connection = http.client.HTTPConnection(parts.netloc, timeout=HANG_SECONDS)
    sockets = []
    for _ in range(3):
        connection.request("GET", f"{parts.path}?{parts.query}")
        connection.getresponse().read()
        sockets.append(connection.sock)
    assert sockets[0] is sockets[1] is sockets[2]
    connection.close()


def test_a_client_that_goes_away_in_the_middle_is_no_news(sandbox, capfd):
    cometly = sandbox(events_per_day=lambda day: 30_000)
    client = Client(cometly)
    connection = listen(client.link())
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.recv(10)
    connection.close()
    assert client.create().ok
    cometly.stop()
    assert capfd.readouterr().err == ""
