"""What an attempt waits for ends with its time, whoever keeps it waiting, and nothing of it stays open."""

from __future__ import annotations

import contextlib
import socket
import threading
import time

import pytest
import requests

from bulk_exports.engine.deadline import Deadline, WatchedSession
from bulk_exports.engine.download import Transfer, bare_session
from bulk_exports.engine.errors import UnavailableError
from bulk_exports.engine.vendor import Link
from simulation.patience import HANG_SECONDS
from tests.faults.raw_server import RawServer, answer, for_ever, whole_request

SECONDS = 0.1
"""These tests wait for what never comes, for real."""
A_WHILE = 1
"""So long a file may be silent that is read to its end all the same, on a machine that is busy, too."""
TRICKLE = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"  # so that it ends, should nobody end it


def test_a_name_lookup_is_left_alone(monkeypatch):
    over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: over.wait(HANG_SECONDS) and [])
    with WatchedSession() as session, Deadline(SECONDS) as deadline, deadline.holding():
        with pytest.raises(requests.ConnectionError):
            session.get("http://somewhere.test/")
        assert deadline.passed
        assert not over.is_set()
    over.set()


def test_a_connection_that_nobody_waits_for_any_more_is_closed():
    ours, theirs = socket.socketpair()
    over = threading.Event()

    def connect():
        over.wait(HANG_SECONDS)
        return ours

    with theirs:
        with Deadline(SECONDS) as deadline, pytest.raises(TimeoutError):
            deadline.wait_for(connect)
        over.set()
        theirs.settimeout(HANG_SECONDS)
        assert theirs.recv(1) == b""


def test_what_keeps_a_connection_from_being_made_is_told():
    def connect():
        raise ConnectionRefusedError("nobody listens")

    with Deadline(HANG_SECONDS) as deadline, pytest.raises(ConnectionRefusedError, match="nobody listens"):
        deadline.wait_for(connect)


def test_a_deadline_that_ends_leaves_the_one_around_it_in_force():
    with (
        RawServer(for_ever(b" ", TRICKLE)) as server,
        WatchedSession() as session,
        Deadline(SECONDS) as deadline,
        deadline.holding(),
    ):
        with Deadline(HANG_SECONDS) as inner, inner.holding():
            pass
        with pytest.raises(requests.RequestException):
            session.get(f"http://{server.address}/")
        assert deadline.passed


@pytest.mark.long
def test_while_one_file_of_an_export_stalls_the_time_of_the_others_stands_still():
    """They are read in one thread, in whichever order; all but one of them wait for their reader."""
    stalled = threading.Event()

    def halting():
        yield b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf"
        stalled.wait(HANG_SECONDS)
        yield b"half"

    session = bare_session()
    files = [Transfer(session, now=time.monotonic, read_seconds=A_WHILE) for _ in range(2)]
    with contextlib.ExitStack() as stack:
        for each in (session, *files):
            stack.callback(each.close)
        one, other = (stack.enter_context(RawServer(says)) for says in (halting(), for_ever(b"X")))
        pieces = files[0].fetch(Link(f"http://{one.address}/"))
        assert next(pieces) == b"half"
        with pytest.raises(UnavailableError):  # which takes as long as the first file would have, too
            next(files[1].fetch(Link(f"http://{other.address}/")))
        stalled.set()
        assert list(pieces) == [b"half"]
        assert files[0].complete


def test_an_answer_whose_headers_cannot_be_read_is_closed():
    hung_up = threading.Event()

    def serve():
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(HANG_SECONDS)
            whole_request(connection)
            connection.sendall(answer(b"{}", "Content-Length: 7"))
            if not connection.recv(1):
                hung_up.set()

    with socket.create_server(("127.0.0.1", 0)) as listener, WatchedSession() as session:
        server = threading.Thread(target=serve)
        server.start()
        with pytest.raises(requests.RequestException) as kept:  # and with the error all that hangs on it
            session.get(f"http://127.0.0.1:{listener.getsockname()[1]}/", stream=True)
        server.join()
        assert kept.value
    assert hung_up.is_set()


def test_the_body_of_a_redirect_is_not_read():
    with (
        RawServer(answer(b" " * 1_000_000, "Location: /", status="302 Found")) as server,
        WatchedSession() as session,
        session.get(f"http://{server.address}/", stream=True, allow_redirects=False) as redirect,
    ):
        assert redirect.raw.tell() == 0
