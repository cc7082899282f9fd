"""Transfers from stores with other manners than the sandbox's: what is joined is always of one and the same object."""

from __future__ import annotations

import io
import os

import pytest
import requests
import requests_mock as rm

from bulk_exports.engine.download import PIECE_BYTES, Transfer
from bulk_exports.engine.errors import UnavailableError
from bulk_exports.engine.vendor import Link

LINK = Link("https://files.test/a")
OLD, NEW = b"0123456789", b"abcdefghij"


def whole(content, **headers):
    return {"status_code": 200, "content": content, "headers": {"ETag": '"old"', **headers}}


def part(content, content_range, **headers):
    return {
        "status_code": 206,
        "content": content,
        "headers": {"ETag": '"old"', "Content-Range": content_range, **headers},
    }


CUT = whole(OLD[:4], **{"Content-Length": "10"})


@pytest.fixture
def fetch():
    """Fetch until the store has no more answers; return what arrived and which ranges were asked for."""

    def fetching(*answers):
        with rm.Mocker() as store, requests.Session() as session:
            store.get(LINK.url, list(answers))
            transfer = Transfer(session, now=lambda: 0.0)
            for _ in answers[:-1]:
                with pytest.raises(UnavailableError):
                    transfer.arriving(LINK).read()
                assert not transfer.complete
            content = transfer.arriving(LINK).read()
            assert transfer.complete
            transfer.file.seek(0)
            assert transfer.file.read() == content
            assert len(content) == transfer.received
            transfer.close()
            return content, [request.headers.get("Range") for request in store.request_history]

    return fetching


def test_the_rest_of_the_same_object_is_joined_on(fetch):
    content, ranges = fetch(CUT, part(OLD[4:], "bytes 4-9/10"))
    assert content == OLD
    assert ranges == [None, "bytes=4-"]


def test_a_rest_that_comes_in_several_parts_is_asked_for_part_by_part(fetch):
    content, ranges = fetch(CUT, part(OLD[4:6], "bytes 4-5/10"), part(OLD[6:], "bytes 6-9/10"))
    assert content == OLD
    assert ranges == [None, "bytes=4-", "bytes=6-"]


@pytest.mark.parametrize(
    "other",
    [
        part(NEW[4:], "bytes 4-9/10", ETag='"new"'),
        part(NEW[4:], "bytes 4-11/12"),
        part(NEW[5:], "bytes 5-9/10"),
        part(NEW[4:], "bytes 4-9/*"),
        part(NEW[4:], "nonsense"),
        {"status_code": 412},
        {"status_code": 416, "headers": {"Content-Range": "bytes */4"}},
    ],
    ids=["another tag", "another length", "another part", "no length", "no range", "changed", "shorter than it was"],
)
def test_the_rest_of_anything_else_is_not_joined_on(fetch, other):
    content, ranges = fetch(CUT, other, whole(NEW, **{"Content-Length": "10"}))
    assert content == NEW
    assert ranges == [None, "bytes=4-", None]


def test_a_store_that_sends_everything_again_is_taken_at_its_word(fetch):
    content, _ = fetch(CUT, whole(NEW, **{"Content-Length": "10"}))
    assert content == NEW


def test_an_object_without_a_tag_is_fetched_from_the_beginning(fetch):
    untagged = {"status_code": 200, "content": OLD[:4], "headers": {"Content-Length": "10"}}
    content, ranges = fetch(untagged, whole(NEW))
    assert content == NEW
    assert ranges == [None, None]


@pytest.fixture
def transfer():
    with requests.Session() as session:
        transfer = Transfer(session, now=lambda: 0.0)
        yield transfer
        transfer.close()


def test_what_has_arrived_is_read_while_the_rest_is_on_its_way(transfer):
    content = bytes(range(256)) * (3 * PIECE_BYTES // 256)
    with rm.Mocker() as store:
        store.get(LINK.url, **whole(content, **{"Content-Length": str(len(content))}))
        with transfer.arriving(LINK) as file:
            assert file.read(4) == content[:4]
            assert transfer.received == PIECE_BYTES
            assert not transfer.complete
            file.seek(0)
            assert file.read() == content
            assert transfer.complete


def test_a_resumed_file_is_read_again_only_when_the_rest_has_arrived(transfer):
    with rm.Mocker() as store:
        store.get(LINK.url, [CUT, whole(NEW, **{"Content-Length": "10"})])
        with pytest.raises(UnavailableError), transfer.arriving(LINK) as file:
            file.read()
        with transfer.arriving(LINK) as file:
            assert transfer.complete
            assert file.read() == NEW


def test_the_end_of_a_file_is_where_all_of_it_has_arrived(transfer):
    with rm.Mocker() as store:
        store.get(LINK.url, **whole(OLD, **{"Content-Length": "10"}))
        with transfer.arriving(LINK) as file:
            assert file.seek(-3, os.SEEK_END) == 7
            assert transfer.complete
            assert file.read() == OLD[-3:]


def test_a_file_that_nobody_reads_to_its_end_is_hung_up_on(transfer):
    body = io.BytesIO(bytes(2 * PIECE_BYTES))
    with rm.Mocker() as store:
        store.get(LINK.url, body=body)
        with transfer.arriving(LINK) as file:
            file.read(1)
            assert not body.closed
        assert body.closed
    assert not transfer.complete


@pytest.mark.parametrize(
    ("trusted", "seen"), [("https://other.test/", "for the vendor only"), ("https://x.test/", None)]
)
def test_what_must_be_sent_along_follows_a_redirect_only_to_where_the_vendor_says(transfer, trusted, seen):
    link = Link(LINK.url, {"Unit": "for the vendor only"}, trusts=lambda url: url.startswith(trusted))
    with rm.Mocker() as store:
        store.get(LINK.url, status_code=302, headers={"Location": "https://other.test/b"})
        store.get("https://other.test/b", **whole(OLD))
        with transfer.arriving(link) as file:
            assert file.read() == OLD
        assert [request.headers.get("Unit") for request in store.request_history] == ["for the vendor only", seen]
