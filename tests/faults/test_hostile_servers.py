"""Servers that nobody would run but by mistake or out of malice: an end in bounded time, in words, without secrets."""

from __future__ import annotations

import contextlib
import functools
import gzip
import itertools
import logging
import socket
import struct
import subprocess
import sys
import time
import zlib
from datetime import date, datetime, timedelta, timezone

import pytest

from bulk_exports.engine import Limits
from bulk_exports.engine.answer import MAX_ANSWER_BYTES
from bulk_exports.engine.download import CONNECT_SECONDS, Transfer, bare_session
from bulk_exports.engine.errors import (
    ExportError,
    InvalidAnswerError,
    LocalLimitError,
    RequestRejectedError,
    UnavailableError,
    WrongClockError,
)
from bulk_exports.engine.logs import LinksKeptOut
from bulk_exports.engine.vendor import Link
from bulk_exports.environment import Environment
from bulk_exports.spec import ExportRequest
from bulk_exports.windows.windows import Window
from simulation.patience import HANG_SECONDS
from tap_cometly.client import CometlyClient
from tap_cometly.events import EventQuery
from tap_cometly.settings import Settings
from tests.faults.raw_server import RawServer, answer, for_ever, said

pytestmark = pytest.mark.deep

KEY = "a-key-that-nobody-may-see"
NOW = datetime(2025, 3, 2, 12, tzinfo=timezone.utc)
REQUEST = ExportRequest(Window.single(date(2025, 3, 1)), EventQuery(), NOW)
IMPATIENCE = 0.3
"""So long may an answer take, in seconds, that has no end: those tests wait for it, for real.

Everywhere else a limit is there to end a hang: an answer that is late must not look like one that never ends.
"""


def client(server, seconds=HANG_SECONDS):
    settings = Settings.from_config({"api_key": KEY, "api_url": f"http://{server.address}"}, now=NOW)
    environment = Environment(limits=Limits(read_seconds=seconds), now=lambda: NOW)
    made = CometlyClient(settings, environment.connection(logging.getLogger("test"), {}, stream="events"))
    made._api._attempt_seconds -= CONNECT_SECONDS  # the server is here
    made.create_limit.spend()
    made.status_limit.spend()
    return made


def transfer(seconds=HANG_SECONDS):
    return Transfer(bare_session(), now=time.monotonic, read_seconds=seconds)


def fetched(server, made=None, path="/file"):
    made = made or transfer()
    with contextlib.closing(made):
        for _ in made.fetch(Link(f"http://{server.address}{path}", {"X-Secret": "only for the first host"})):
            pass
        made.file.seek(0)
        return made.file.read()


ENDLESS = {
    "headers that trickle": lambda: for_ever(b"X"),
    "headers without end": lambda: for_ever(b"X-Header: more\r\n"),
    "100 Continue without end": lambda: for_ever(b"HTTP/1.1 100 Continue\r\n\r\n", b""),
    "a body that trickles": lambda: for_ever(b" ", b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"),
    "chunks that trickle": lambda: for_ever(b"0", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
    "trailers that trickle": lambda: for_ever(b"X", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"),
    "a redirect whose body trickles": lambda: for_ever(
        b" ", b"HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 1000000\r\n\r\n"
    ),
}


@pytest.mark.parametrize("answers", ENDLESS.values(), ids=ENDLESS)
def test_an_answer_without_end_ends_the_attempt(answers):
    with RawServer(answers()) as server, client(server, IMPATIENCE) as asking, pytest.raises(ExportError):
        asking.create(REQUEST)


@pytest.mark.parametrize("answers", ENDLESS.values(), ids=ENDLESS)
def test_a_file_without_end_ends_the_attempt(answers):
    with RawServer(*(answers() for _ in range(9))) as server, pytest.raises(ExportError):
        fetched(server, transfer(IMPATIENCE))


def compressed(count):
    """Return so many megabytes of blanks as gzip has them; what is the same a thousand times is packed once."""
    piece = b" " * 1_000_000
    packer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    packed = packer.compress(piece) + packer.flush(zlib.Z_FULL_FLUSH)
    checksum = functools.reduce(lambda before, _: zlib.crc32(piece, before), range(count), 0)
    end = struct.pack("<LL", checksum, count * len(piece) % 2**32)
    return gzip.compress(b"")[:10] + packed * count + packer.flush() + end


CONTENTS = {
    "long": (lambda: b" " * (MAX_ANSWER_BYTES + 1), ()),
    "a bomb": (lambda: compressed(400), ("Content-Encoding: gzip",)),
    "a bomb in a bomb": (lambda: gzip.compress(compressed(400)), ("Content-Encoding: gzip, gzip",)),
    "not compressed": (lambda: b"not compressed at all", ("Content-Encoding: gzip",)),
    "cut": (lambda: gzip.compress(b'{"export_id": 7}')[:-9], ("Content-Encoding: gzip",)),
}
"""Bodies of answers and their headers; a bomb takes its time, and is made only where it goes off."""


@pytest.mark.parametrize(("content", "headers"), CONTENTS.values(), ids=CONTENTS)
def test_an_answer_is_read_up_to_a_bound(content, headers):
    with RawServer(answer(content(), *headers)) as server, client(server) as asking, pytest.raises(UnavailableError):
        asking.create(REQUEST)


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "deflate", "x-gzip"])
def test_an_answer_that_a_proxy_has_compressed_is_read(encoding):
    pack = zlib.compress if encoding == "deflate" else gzip.compress
    content = pack(b'{"export_id": 7}')
    with RawServer(answer(content, f"Content-Encoding: {encoding}")) as server, client(server) as asking:
        assert asking.create(REQUEST) == 7


@pytest.mark.parametrize(
    "headers",
    [
        ("Date: banana",),
        ("Date: Sun, 99 Foo 99999 99:99:99 GMT",),
        ("X-RateLimit-Limit: " + "9" * 5000, "X-RateLimit-Remaining: -1"),
        ("X-RateLimit-Limit: ٣",),
        ("Retry-After: " + "9" * 400,),
        ("Content-Type: \x1b[31m",),
    ],
)
@pytest.mark.parametrize("status", ["202 Accepted", "429 Too Many Requests", "503 Unavailable"])
def test_absurd_headers_change_nothing(headers, status):
    with RawServer(said({"export_id": 7}, *headers, status=status)) as server, client(server) as asking:
        if status.startswith("202"):
            assert asking.create(REQUEST) == 7
        else:
            with pytest.raises(ExportError):
                asking.create(REQUEST)


MANY_VALUES = b'{"export_id": 7, "errors": [[]' + b",[]" * 200_000 + b"]}"


@pytest.mark.parametrize("content", [b"[" * 100_000, b'{"a":' * 50_000, b"\xff\xfe", b"9" * 100_000, b"", MANY_VALUES])
@pytest.mark.parametrize("status", ["200 OK", "422 Unprocessable"])
def test_answers_that_make_no_sense_are_told_in_words(content, status):
    with RawServer(answer(content, status=status)) as server, client(server) as asking, pytest.raises(ExportError):
        asking.create(REQUEST)


@pytest.mark.parametrize("export_id", [True, False, "", "12a", "٣", -1, 1.5, None, [], "9" * 50, int("9" * 4000)])
def test_what_is_no_number_of_an_export_is_none(export_id):
    with (
        RawServer(said({"export_id": export_id})) as server,
        client(server) as asking,
        pytest.raises(UnavailableError, match="returned no export_id"),
    ):
        asking.create(REQUEST)


def test_digits_in_text_are_the_number_of_an_export():
    with RawServer(said({"export_id": "40718"})) as server, client(server) as asking:
        assert asking.create(REQUEST) == 40718


def test_a_status_of_another_export_is_refused():
    told = {"export_id": 8, "status": "completed", "download_url": "https://files.test/other"}
    with (
        RawServer(said(told, status="200 OK")) as server,
        client(server) as asking,
        pytest.raises(UnavailableError, match="about another export"),
    ):
        asking.status(7)


@pytest.mark.parametrize("hours", [-13, -2, 0, 2, 13])
def test_a_clock_that_is_wrong_is_told_and_one_that_is_far_off_stops_the_run(hours, caplog):
    there = (NOW + timedelta(hours=hours)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    with RawServer(said({"export_id": 7}, f"Date: {there}")) as server, client(server) as asking:
        if abs(hours) > 12:
            with pytest.raises(WrongClockError, match="Set the clock of this machine"):
                asking.create(REQUEST)
        else:
            asking.create(REQUEST)
    assert ("set the clock" in caplog.text) == (abs(hours) == 2)


@pytest.mark.parametrize("zone", ["", " -0000", " GMT", " +0000"])
def test_a_date_without_a_zone_is_in_utc_wherever_the_machine_stands(zone, monkeypatch, caplog):
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    time.tzset()
    try:
        there = f"Date: {NOW:%a, %d %b %Y %H:%M:%S}{zone}"
        with RawServer(said({"export_id": 7}, there)) as server, client(server) as asking:
            assert asking.create(REQUEST) == 7
    finally:
        monkeypatch.undo()
        time.tzset()
    assert "clock" not in caplog.text


def test_words_of_the_server_are_shown_in_one_short_line_without_the_key():
    message = f"\x1b[31mInvalid {KEY}\nINFO all is well, see https://files.test/?Signature=s3cret " + "x" * 5_000_000
    with (
        RawServer(said({"message": message}, status="422 Unprocessable")) as server,
        client(server) as asking,
        pytest.raises(RequestRejectedError) as refused,
    ):
        asking.create(REQUEST)
    shown = str(refused.value)
    assert len(shown) < 600
    assert shown.isprintable()
    assert not [secret for secret in (KEY, "s3cret", "files.test") if secret in shown]


@pytest.mark.parametrize(
    "redirect",
    [
        answer(b"x", "Location: /login", status="302 Found"),
        answer(b"", "Location: http://[", status="302 Found"),
        ENDLESS["a redirect whose body trickles"](),
    ],
    ids=["usual", "to no address", "with a body that trickles"],
)
def test_a_redirect_of_the_api_is_not_followed_and_not_read(redirect):
    with (
        RawServer(redirect) as server,
        client(server) as asking,
        pytest.raises(RequestRejectedError, match="redirects instead of answering"),
    ):
        asking.create(REQUEST)
    assert len(server.asked) == 1


# Links


def test_a_redirect_of_the_store_is_followed_without_credentials(tmp_path, monkeypatch):
    content = gzip.compress(b'{"id":1}')
    (tmp_path / "netrc").write_text(
        "machine 127.0.0.1 login user password hunter2\nmachine localhost login a password b"
    )
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with RawServer(answer(content)) as other:
        elsewhere = f"Location: http://localhost:{other.address.partition(':')[2]}/there"
        with RawServer(answer(b"moved", elsewhere, status="302 Found")) as server:
            assert fetched(server) == content
    assert b"only for the first host" in server.asked[0]
    for asked in (*server.asked, *other.asked):
        assert b"authorization" not in asked.lower()
    assert b"only for the first host" not in other.asked[0]


@pytest.mark.parametrize(
    "location",
    [
        "http://[",
        "http://files.test/in-the-clear",
        "ftp://127.0.0.1/",
        "//files.test/",
        "file:///etc/passwd",
        "http://:99999/",
    ],
)
def test_a_redirect_to_what_may_not_be_asked_is_refused(location):
    redirect = answer(b"", f"Location: {location}", status="302 Found")
    with RawServer(redirect) as server, pytest.raises(ExportError) as refused:
        fetched(server)
    assert "files.test" not in str(refused.value)
    assert len(server.asked) == 1


def test_redirects_have_an_end():
    with RawServer(answer(b"", "Location: /again", status="307 Again")) as server:
        with pytest.raises(InvalidAnswerError, match="more than 5 times"):
            fetched(server)
        assert len(server.asked) == 6


def test_a_link_in_the_clear_is_refused_before_anything_is_sent():
    with contextlib.closing(transfer()) as made, pytest.raises(InvalidAnswerError, match="not https"):
        list(made.fetch(Link("http://files.test/file")))


@pytest.mark.parametrize("tag", ['W/"1"', "W/1", "1", ""])
def test_a_file_is_resumed_only_where_every_byte_is_vouched_for(tag):
    begun = answer(b"first version, ", f"ETag: {tag}").replace(b"Content-Length: 15", b"Content-Length: 30")
    whole = answer(b"second version, from the start", f"ETag: {tag}")
    made = transfer()
    with RawServer(begun, whole) as server:
        with pytest.raises(UnavailableError):
            for _ in made.fetch(Link(f"http://{server.address}/")):
                pass
        assert fetched(server, made) == b"second version, from the start"
    assert b"range" not in server.asked[1].lower()


@pytest.mark.parametrize(
    "headers",
    [
        ("Content-Range: bytes 0-9/" + "9" * 5000,),
        ("Content-Range: banana",),
        ("ETag: \x00",),
        ("Content-Encoding: br",),
    ],
)
def test_absurd_headers_of_the_store_are_told_in_words(headers):
    with RawServer(answer(b"x", *headers, status="206 Partial")) as server, pytest.raises(ExportError):
        fetched(server)


def test_too_few_open_files_are_named_as_what_they_are(monkeypatch):
    def full(*_args, **_options):
        raise OSError(24, "Too many open files")

    with RawServer(b"") as server, client(server) as asking:
        monkeypatch.setattr(socket, "create_connection", full)
        monkeypatch.setattr("urllib3.util.connection.create_connection", full)
        with pytest.raises(LocalLimitError, match="`max_exports_in_flight`"):
            asking.create(REQUEST)
        with contextlib.closing(transfer()) as made, pytest.raises(LocalLimitError, match="ulimit -n"):
            list(made.fetch(Link(f"http://{server.address}/")))


OUT_OF_FILES = """
import logging, resource
from datetime import date, datetime, timezone
from tap_cometly.client import CometlyClient
from tap_cometly.settings import Settings
from bulk_exports.environment import Environment
from bulk_exports.engine.errors import LocalLimitError
from tap_cometly.events import EventQuery
from bulk_exports.spec import ExportRequest
from bulk_exports.windows.windows import Window

now = datetime(2025, 3, 2, 12, tzinfo=timezone.utc)
settings = Settings.from_config({"api_key": "k", "api_url": "https://api.cometly.invalid"}, now=now)
asking = CometlyClient(settings, Environment().connection(logging.getLogger("t"), {}, stream="events"))
asking.create_limit.spend()
resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))
try:
    asking.create(ExportRequest(Window.single(date(2025, 3, 1)), EventQuery(), now))
except LocalLimitError as error:
    print(error)
"""


def test_too_few_open_files_to_look_a_host_up_are_no_trouble_of_the_network():
    done = subprocess.run(
        [sys.executable, "-c", OUT_OF_FILES], capture_output=True, check=True, text=True, timeout=HANG_SECONDS
    )
    assert done.stderr == ""
    assert "may open no more files" in done.stdout


def test_a_file_that_always_has_a_little_more_has_an_end(monkeypatch):
    monkeypatch.setattr("bulk_exports.engine.download.MAX_WAIT_SECONDS", 3.0)
    clock = itertools.count()  # a second later each time one looks: each piece takes one
    pieces = for_ever(b"10000\r\n" + bytes(65536) + b"\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    made = Transfer(bare_session(), now=lambda: float(next(clock)), read_seconds=HANG_SECONDS)
    with RawServer(pieces) as server, pytest.raises(InvalidAnswerError, match="does not end"):
        fetched(server, made)


# Logs of other libraries


def test_no_library_prints_a_link_whatever_it_says(caplog):
    caplog.set_level(logging.DEBUG)
    link = "https://files.test/cometly-exports/b0a7?X-Amz-Signature=s3cret"
    malformed = answer(b"x").replace(b"Connection", b"no colon here\r\nConnection")
    with LinksKeptOut(logging.getLogger("tap-cometly")), RawServer(malformed) as server:
        with contextlib.suppress(ExportError):
            fetched(server, path="/cometly-exports/b0a7?X-Amz-Signature=s3cret")
        for name in ("urllib3.connection", "urllib3.connectionpool", "some.library", "requests", "py.warnings", None):
            logging.getLogger(name).warning("Failed to parse headers (url=%s): %r", link, ValueError(link))
            logging.getLogger(name).error("while asking %(link)s", {"link": link}, exc_info=ValueError(link))
            logging.getLogger(name).warning("%s %d", *[link])
            logging.getLogger(name).warning("asking", extra={"url": link, "request": {"headers": [link]}})
            elsewhere = {"name": name or "root", "levelno": 30, "msg": "asked %s", "args": (link,), "answer": link}
            logging.getLogger(name).handle(logging.makeLogRecord(elsewhere))
    shown = f"{caplog.text}{[vars(record) for record in caplog.records]}"
    assert "Failed to parse" in shown
    assert "asking" in shown
    assert not [secret for secret in ("s3cret", "files.test", "b0a7", "127.0.0.1") if secret in shown]


def test_the_log_of_the_tap_says_what_it_says(caplog):
    caplog.set_level(logging.DEBUG)
    with LinksKeptOut(logging.getLogger("tap-cometly")):
        logging.getLogger("tap-cometly.events").info(
            "2025-03-01 delivered (%d of %d): 1,234 rows, 12 kB", 1, 2, extra={"day": "2025-03-01"}
        )
    assert "2025-03-01 delivered (1 of 2): 1,234 rows, 12 kB" in caplog.text
    assert caplog.records[-1].day == "2025-03-01"
