"""The origin of the links: the manners of S3."""

from __future__ import annotations

import gzip

import pytest
import requests

from simulation.patience import HANG_SECONDS
from tap_cometly.sandbox import Quirks

from .conftest import Client, parse


@pytest.fixture
def client(sandbox):
    return Client(sandbox())


@pytest.fixture
def link(client):
    return client.link(fields=["amount", "event_name"])


def test_a_file_is_gzip_of_one_object_per_line(client, link):
    reply = client.get(link)
    assert reply.status_code == 200
    assert reply.headers["Content-Type"] == "application/gzip"
    assert "Content-Encoding" not in reply.headers
    assert int(reply.headers["Content-Length"]) == len(reply.content)
    assert gzip.decompress(reply.content).endswith(b"}\n")
    assert {tuple(row) for row in parse(reply.content)} == {("id", "event_time_utc", "amount", "event_name")}


def test_files_come_from_another_origin_without_rate_headers(client, link):
    assert link.startswith(client.cometly.files_url + "/")
    assert not client.cometly.api_url.startswith(client.cometly.files_url)
    assert "X-RateLimit-Limit" not in client.get(link).headers


def test_an_authorization_header_is_a_400(client, link, sandbox):
    reply = client.get(link, Authorization="Bearer sandbox-key")
    assert reply.status_code == 400
    assert "<Code>InvalidArgument</Code>" in reply.text
    assert client.cometly.requests[-1].had_authorization
    assert "sandbox-key" not in reply.text
    lenient = Client(sandbox(quirks=Quirks(files_authorization="ignore")))
    assert lenient.get(lenient.link(), Authorization="Bearer sandbox-key").status_code == 200


def test_nothing_but_the_signed_get_is_let_through(client, link):
    path, _, query = link.partition("?")
    assert requests.head(link, timeout=HANG_SECONDS).status_code == 403
    assert requests.put(link, timeout=HANG_SECONDS).status_code == 405
    assert client.get(path).status_code == 403
    assert "SignatureDoesNotMatch" in client.get(link.replace("X-Amz-Expires=900", "X-Amz-Expires=901")).text
    assert "SignatureDoesNotMatch" in client.get(f"{path}x?{query}").text


def test_parts_are_parts_of_the_whole(client, link):
    whole = client.get(link).content
    size = len(whole)
    for asked, start, end in [
        ("bytes=0-0", 0, 0),
        ("bytes=10-19", 10, 19),
        ("bytes=10-", 10, size - 1),
        ("bytes=-7", size - 7, size - 1),
        (f"bytes=5-{size + 100}", 5, size - 1),
    ]:
        reply = client.get(link, Range=asked)
        assert reply.status_code == 206
        assert reply.headers["Content-Range"] == f"bytes {start}-{end}/{size}"
        assert reply.content == whole[start : end + 1]
    assert client.cometly.requests[-1].range == f"bytes=5-{size + 100}"


def test_a_range_beyond_the_end_is_a_416_that_tells_the_size(client, link):
    size = len(client.get(link).content)
    reply = client.get(link, Range=f"bytes={size}-")
    assert (reply.status_code, reply.headers["Content-Range"]) == (416, f"bytes */{size}")
    assert "<Code>InvalidRange</Code>" in reply.text


@pytest.mark.parametrize("asked", ["bytes=", "bytes=-", "rows=1-2", "bytes=1-2,4-5"])
def test_a_range_that_makes_no_sense_gives_the_whole(client, link, asked):
    assert client.get(link, Range=asked).status_code == 200


def test_ranges_may_be_ignored_altogether(sandbox):
    client = Client(sandbox(quirks=Quirks(range_requests="ignore")))
    assert client.get(client.link(), Range="bytes=1-2").status_code == 200


def test_if_match_guards_against_another_object(client, link):
    tag = client.get(link).headers["ETag"]
    assert client.get(link, If_Match=tag, Range="bytes=1-").status_code == 206
    reply = client.get(link, If_Match='"other"', Range="bytes=1-")
    assert reply.status_code == 412
    assert "<Code>PreconditionFailed</Code>" in reply.text


def test_the_same_rows_make_the_same_file(client):
    first, second = client.get(client.link()), client.get(client.link())
    assert first.url.partition("?")[0] != second.url.partition("?")[0]
    assert first.content == second.content
    assert first.headers["ETag"] == second.headers["ETag"]


def test_stopping_leaves_no_file_behind(sandbox, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    cometly = sandbox()
    client = Client(cometly)
    client.get(client.link())
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files
    assert all(path.stat().st_mode & 0o077 == 0 for path in (*files, *tmp_path.iterdir()))
    cometly.stop()
    assert list(tmp_path.iterdir()) == []
