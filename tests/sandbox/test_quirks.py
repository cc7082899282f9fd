"""Every unknown of a file's text is a switch."""

from __future__ import annotations

import gzip
import json
import zlib
from decimal import Decimal

import pytest

from simulation.patience import HANG_SECONDS
from tap_cometly.sandbox import Quirks

from .conftest import DAY, Client

FIELDS = ["amount", "is_upsell", "profile_id", "company_id", "order_id"]


def lines(sandbox, **quirks):
    client = Client(sandbox(quirks=Quirks(**quirks)))
    return client, gzip.decompress(client.get(client.link(fields=FIELDS)).content).splitlines()


def values(sandbox, name, **quirks):
    # Strings as they are, numbers as they are spelled.
    _, found = lines(sandbox, **quirks)
    return {json.loads(line, parse_float=lambda text: ("number", text)).get(name) for line in found}


def test_amounts_can_be_spelled_in_three_ways(sandbox):
    shortest = values(sandbox, "amount")
    assert 0 in shortest
    assert any(isinstance(value, tuple) and not value[1].endswith("0") for value in shortest)
    cents = values(sandbox, "amount", amounts="cents")
    assert ("number", "0.00") in cents
    assert all(value[1][-3] == "." for value in cents)
    assert "0.00" in values(sandbox, "amount", amounts="string")


@pytest.mark.parametrize(
    ("quirk", "expected"), [("boolean", {True, False}), ("integer", {1, 0}), ("string", {"1", "0"})]
)
def test_booleans_can_be_spelled_in_three_ways(sandbox, quirk, expected):
    found = values(sandbox, "is_upsell", booleans=quirk)
    assert found == expected
    assert {type(value) for value in found} == {type(value) for value in expected}


def test_identifiers_can_be_strings(sandbox):
    assert all(isinstance(value, int) for value in values(sandbox, "id"))
    assert all(value.isdigit() for value in values(sandbox, "id", integers="string"))


@pytest.mark.parametrize(
    ("quirk", "shape"),
    [
        ("z", "dddd-dd-ddTdd:dd:ddZ"),
        ("offset", "dddd-dd-ddTdd:dd:dd+dd:dd"),
        ("naive", "dddd-dd-dd dd:dd:dd"),
        ("fraction", "dddd-dd-ddTdd:dd:dd.ddddddZ"),
    ],
)
def test_times_can_be_spelled_in_four_ways(sandbox, quirk, shape):
    found = values(sandbox, "event_time_utc", times=quirk)
    assert {"".join("d" if sign.isdigit() else sign for sign in value) for value in found} == {shape}


def test_missing_values_can_be_missing_keys(sandbox):
    _, found = lines(sandbox, nulls="missing")
    rows = [json.loads(line) for line in found]
    assert all(value is not None for row in rows for value in row.values())
    assert any("company_id" not in row for row in rows)


def test_columns_can_be_new_and_in_any_order(sandbox):
    _, found = lines(sandbox, new_columns=("mood",), key_order="shuffled")
    rows = [json.loads(line) for line in found]
    assert all(row["mood"] == "new" for row in rows)
    assert len({tuple(row) for row in rows}) > 1


def test_files_can_have_members_no_last_newline_and_a_content_encoding(sandbox):
    client = Client(sandbox(quirks=Quirks(member_rows=10, final_newline=False, content_encoding=True)))
    link = client.link()
    reply = client.session.get(link, stream=True, timeout=HANG_SECONDS)
    raw = reply.raw.read(decode_content=False)
    assert reply.headers["Content-Encoding"] == "gzip"
    first = zlib.decompressobj(31)
    assert len(first.decompress(raw).splitlines()) == 10
    assert first.unused_data
    text = gzip.decompress(raw)
    assert not text.endswith(b"\n")
    assert [json.loads(line) for line in text.splitlines()] == list(client.cometly.truth(DAY))


def test_a_429_can_have_other_bodies_and_a_reset_time(sandbox):
    for quirk, text in [("html", "<html>"), ("empty", "")]:
        client = Client(sandbox(creates_per_minute=1, quirks=Quirks(too_many_body=quirk, reset_header=True)))
        client.create()
        reply = client.create()
        assert (reply.status_code, reply.text.startswith(text)) == (429, True)
        assert reply.headers["X-RateLimit-Reset"] == str(int(client.cometly._clock()) + 60)


def test_company_mode_can_mean_companies_only(sandbox):
    plain, companies = (
        Client(sandbox(quirks=Quirks(company_mode=mode))).rows(fields=FIELDS, query_mode="company")
        for mode in ("same", "companies")
    )
    assert 0 < len(companies) < len(plain)
    assert all(row["company_id"] and row["profile_id"] is None for row in companies)


def test_shares_can_be_rounded_and_lost(sandbox):
    query = {
        "fields": ["amount"],
        "sources": ["google_ads", "email"],
        "attribution_model": "linear",
        "attribution_window": 0,
    }
    exact, cents, lost = (
        Client(sandbox(quirks=quirks)).rows(**query)
        for quirks in (Quirks(), Quirks(share_digits=2), Quirks(sources_apply="after_credit"))
    )
    total = sum(Decimal(row["amount"]) for row in exact)
    assert sum(Decimal(row["amount"]) for row in cents) == total
    assert all(Decimal(row["amount"]).as_tuple().exponent >= -2 for row in cents)
    assert sum(Decimal(row["amount"]) for row in lost) < total
