"""What goes wrong between a business unit and its tap, line by line, and what becomes of the days that it hits.

In every line the days are delivered exactly once and whole, or not at all, with words that say why; no secret is told,
and token and unit go to the API alone.
"""

from __future__ import annotations

import dataclasses
import logging
import re
from typing import Any

import pytest

from bulk_exports.engine.errors import ExportError, StoppingError
from bulk_exports.run import UndeliveredDaysError
from tap_pardot_exports.sandbox import Fault, Quirks

STREAM = "external_activities"


@dataclasses.dataclass(frozen=True)
class Case:
    """A line.

    Attributes:
        name: For the test's name.
        faults: In the order in which they happen.
        exports: How many exports are created, or tried to be.
        fails: The days are not delivered, for a reason with these words.
        stops: The run stops at once, for a reason with these words.
        quirks: Of the business unit.
        options: Of the sandbox.
        settings: Of the tap.
    """

    name: str
    faults: tuple[Fault, ...] = ()
    exports: int = 1
    fails: str | None = None
    stops: str | None = None
    quirks: Quirks = dataclasses.field(default_factory=Quirks)
    options: dict[str, Any] = dataclasses.field(default_factory=dict)
    settings: dict[str, Any] = dataclasses.field(default_factory=dict)


def code(step, number, times=1, **detail):
    return (Fault(step, "code", code=number, times=times, **detail),)


FIVE = {"api_version": "5"}

ANSWERS = [
    Case("nothing"),
    Case("bare answers", quirks=Quirks(wrapped=False)),
    Case("version 5", settings=FIVE),
    Case("version 5 in snake_case, whose creates are HTTP 200", exports=2, settings=FIVE,
         quirks=Quirks(arguments="snake", created_status=200)),
    Case("version 5 that wants fields to be named", settings=FIVE, quirks=Quirks(fields_on_read=True)),
    Case("version 5 with times without offset", settings=FIVE, quirks=Quirks(times="local")),
    Case("an account of version 3", exports=2, options={"versions": [3]}),
    Case("words in another case", quirks=Quirks(complete_word="COMPLETE")),
    Case("one file in a list", quirks=Quirks(one_file="list"), options={"files": 1}),
    Case("one file in a string", options={"files": 1}),
    Case("eleven files", options={"files": 11}),
    Case("files by a relative address", quirks=Quirks(refs="relative")),
    Case("files on another host", quirks=Quirks(refs="other_host")),
    Case("files to which the API redirects", quirks=Quirks(refs="redirect")),
    Case("an export that is known only later", quirks=Quirks(read_lag=80)),
    *(Case(f"no data, {how}", quirks=Quirks(no_data=how), options={"per_day": 0})
      for how in ("absent", "null", "empty_list", "header_only")),
    Case("a token refused with HTTP 200", options={"token_seconds": 40}, quirks=Quirks(token_status=200)),
    Case("tokens that end all the time", options={"token_seconds": 40}),
    Case("refresh tokens that rotate", options={"token_seconds": 40}, quirks=Quirks(rotates=True)),
]  # fmt: skip

FILES = [
    Case("a byte order mark", quirks=Quirks(byte_order_mark=True)),
    Case("CRLF and all cells quoted", quirks=Quirks(line_ends="crlf", quotes="all")),
    Case("another order of columns in each file", quirks=Quirks(headers="shuffled")),
    Case("columns that nobody asked for", quirks=Quirks(new_columns=("mood", "colour"))),
    Case("a column that comes twice", quirks=Quirks(repeated_column=True)),
    Case("rows that come in two files", quirks=Quirks(doubled_rows=True)),
    Case("a row with a column too many", faults=(Fault("file", "rows", rows=["1,2,3"]),), exports=3),
    Case("such rows every day", faults=(Fault("file", "rows", rows=["1,2"], times=None),), exports=11, fails="3: line"),
    Case("a cut", faults=(Fault("file", "cut", at=500),)),
    Case("a reset", faults=(Fault("file", "reset", at=300),)),
    Case("cut short, and the length says so", faults=(Fault("file", "truncate", at=450),)),
    Case("cut short for ever", faults=(Fault("file", "truncate", at=450, times=None),), exports=3, fails="cut short"),
    Case("a page instead of a file", faults=(Fault("file", "html"),)),
    Case("HTTP 500", faults=(Fault("file", "status", status=500),)),
    Case("HTTP 401 for once", faults=(Fault("file", "status", status=401),)),
    Case("a code instead of a file", faults=code("file", 178, status=200)),
    Case("another object when it is resumed", faults=(Fault("file", "cut", at=300), Fault("file", "changed"))),
    Case("gone", faults=(Fault("file", "expired", times=3),), exports=2),
]  # fmt: skip

JOBS = [
    Case("failed once", faults=(Fault("create", "failed"),), exports=2),
    Case("canceled by somebody", faults=(Fault("create", "canceled"),), exports=2),
    Case("failed for a window, but not for its halves", faults=(Fault("create", "failed", times=2),), exports=4),
    Case("said to have failed, once", faults=(Fault("status", "failed"),), exports=2),
    Case("never ready", faults=(Fault("create", "never_finishes"),), exports=2),
    Case("forgotten", faults=(Fault("create", "not_found"),), exports=2),
    Case("not known at first", faults=(Fault("status", "not_found", times=2),)),
    Case("expired", faults=(Fault("create", "expired"),), exports=2),
    Case("a word that nobody knows, for a while", faults=(Fault("status", "unknown_status", word="Paused", times=3),)),
    Case("a word that nobody knows, for ever", faults=(Fault("create", "unknown_status", word="Paused"),),
         fails="'Paused', a status that is not known"),
]  # fmt: skip

CODES = [
    *(Case(f"create: code {number}, HTTP {status}", faults=code("create", number, 2, status=status), exports=3)
      for number in (66, 183, 202) for status in (200, 400, 429)),
    *(Case(f"status: code {number}", faults=code("status", number, 2)) for number in (66, 183, 202, 214)),
    Case("create: 214 for a window, its halves are made", faults=code("create", 214), exports=3),
    Case("status: 192, then it is there", faults=code("status", 192, 1)),
    Case("status: 16 in XML, then it is there", faults=code("status", 16, 1, form="xml")),
    Case("create: 183 in XML", faults=code("create", 183, form="xml", status=200), exports=2),
    Case("create: 504 with a page", faults=(Fault("create", "status", status=504, body="<html>"),), exports=2),
    Case("create: 504, and it is made", faults=(Fault("create", "status", status=504, handled=True),), exports=2),
    Case("create: HTTP 200 with a page", faults=(Fault("create", "html"),), exports=2),
    Case("create: a redirect", faults=(Fault("create", "redirect"),), stops="Check the setting `api_url`"),
    Case("create: 122", faults=code("create", 122), stops="used up .code 122"),
    Case("status: 122", faults=code("status", 122), stops="the next run goes on from there"),
    Case("create: 184 for ever", faults=code("create", 184, None), exports=2, stops="scope `pardot_api`"),
    *(Case(f"create: {number}", faults=code("create", number), stops=f"code {number}.*{words}")
      for number, words in {
          46: "Prospect > External Activity > View", 49: "Prospect > External Activity > View",
          203: "External Activity", 7: "It was asked for .*filter_by_created_at", 8: "It was asked for",
          71: "It was asked for", 153: "It was asked for", 154: "It was asked for", 166: "It was asked for",
          174: "activities_by", 175: "It was asked for", 176: "It was asked for", 177: "created_after",
          180: "custom_fields", 181: "business_unit_id", 182: "business_unit_id", 199: "business_unit_id",
          201: "pi.demo.pardot.com", 198: "api_url", 2: "api_url", 231: "report it", 232: "report it",
          99: "not documented",
      }.items()),
    Case("create: 89 for ever", faults=code("create", 89, None), exports=2, stops="code 88.*Set `api_version` to 4"),
    Case("create: 88 for version 3 that was set", options={"versions": [4]}, settings={"api_version": "3"},
         stops="code 88.*Set `api_version` to 4"),
    Case("an ability that is missing", options={"denied": ["externalActivity"]}, stops="External Activity > View"),
]  # fmt: skip

TOKENS = [
    Case("no token for a while", faults=(Fault("token", "status", status=503, times=2),)),
    Case("a page instead of a token", faults=(Fault("token", "html"),)),
    Case("the connection is reset", faults=(Fault("token", "reset"),)),
    Case("a refresh token that was withdrawn", settings={"refresh_token": "another-refresh-token"}, exports=0,
         stops="invalid_grant: expired access/refresh token.*connecting the app anew"),
    Case("another app", settings={"client_id": "another"}, exports=0, stops="Check `client_id`"),
    Case("another secret", settings={"client_secret": "another-secret"}, exports=0, stops="invalid_client"),
    Case("client credentials", settings={"auth_flow": "client_credentials"}),
    Case("another unit", settings={"business_unit_id": "0Uv000000000009CAA"}, stops="code 201"),
    Case("another time zone than was said", settings={"timezone": "Asia/Tokyo"},
         stops=r"clock is \+00:00 from UTC, that of Asia/Tokyo \+09:00"),
]  # fmt: skip


@pytest.mark.parametrize("case", [*ANSWERS, *FILES, *JOBS, *CODES, *TOKENS], ids=lambda case: case.name)
def test_the_table(unit, caplog, case):
    caplog.set_level(logging.DEBUG)
    made = unit(**{"days": 6, "quirks": case.quirks, **case.options})
    for fault in case.faults:
        made.pardot.inject(fault)
    output = made.run(STREAM, catch=(ExportError, UndeliveredDaysError), **case.settings)
    made.assert_secrets_are_kept(caplog.text)
    assert len(made.calls("create")) == case.exports
    if case.stops:
        assert isinstance(output.error, StoppingError)
        assert re.search(case.stops, str(output.error))
        assert not output.of(STREAM)
    elif case.fails:
        assert isinstance(output.error, UndeliveredDaysError)
        assert re.search(case.fails, str(output.error))
        assert not output.of(STREAM)
    else:
        assert output.error is None
        if case.options.get("per_day") != 0:
            made.assert_true(STREAM)
        assert made.state["bookmarks"][STREAM]["delivered"] == [["2025-02-13", "2025-02-18"]]
    assert not [job for job in made.pardot.jobs.all() if made.pardot.jobs.state(job) in {"Waiting", "Processing"}]
