"""The fault table: each fault at every step where it can happen, against the sandbox over sockets.

Three days are due and the middle one meets the fault. Whatever becomes of it, the others arrive; what arrives is the
truth, each row once; and after the fault is gone, the next run brings the rest.
"""

from __future__ import annotations

import itertools

import pytest

from bulk_exports.engine.errors import RequestRejectedError
from bulk_exports.run import UndeliveredDaysError
from tap_cometly.sandbox import Fault, Quirks
from tests.faults.world import Case, World, by_id, cases

API_STEPS = ("create", "status", "link")
STEPS = (*API_STEPS, "file")
FOR_EVER = None

FIRST_BYTE, MID_FILE, LAST_BYTE = {"at": 0}, {"at": 2000}, {"at": -1}
PLACES = {"before the first byte": FIRST_BYTE, "mid-file": MID_FILE, "before the last byte": LAST_BYTE}


def at_every_step(name, *, kind, steps=STEPS, times=1, **how):
    """The same fault at each step, as one line each. What becomes of the day is the same everywhere."""
    detail = {key: how.pop(key) for key in list(how) if key not in Case.__dataclass_fields__}
    for step in steps:
        fault = Fault(step, kind, times=times, **detail)
        yield Case(f"{name}, {step}", (fault,), **{"exports": 1 + exports_lost(fault), **how})


def exports_lost(fault):
    """How many exports are made without an answer that says so."""
    arrives = fault.detail.get("handled", fault.kind in {"reset", "cut", "stall", "trickle", "slow_close"})
    lost = fault.step == "create" and arrives and not fault.detail.get("length")
    return (fault.times or 0) if lost else 0


NOBODY_ANSWERS = [
    *itertools.chain.from_iterable(
        at_every_step(f"HTTP {status}, three times", kind="status", status=status, times=3)
        for status in (500, 502, 503, 504)
    ),
    *at_every_step("connection reset, three times", kind="reset", times=3),
    *at_every_step("connection reset after the head", kind="reset", at=0),
    *at_every_step("connection reset after some bytes", kind="reset", at=20),
    *at_every_step("connection closed after some bytes", kind="cut", at=20),
    *at_every_step("connection reset before anything is done", kind="reset", handled=False),
    *at_every_step("HTTP 500, but it is done", kind="status", handled=True),
    *at_every_step("not JSON", kind="not_json", steps=API_STEPS),
    *at_every_step("a page instead of JSON", kind="html", steps=API_STEPS),
]
"""Retried."""

UNCOUNTED = {"times": FOR_EVER, "patience": 0.2}
"""Silence that is waited for some twenty times. Another answer that is late is asked for again; nothing is counted."""
NOBODY_ANSWERS_FOR_EVER = [
    *itertools.chain.from_iterable(
        at_every_step(f"HTTP {status}", kind="status", status=status, times=FOR_EVER, fails=f"HTTP {status} (for ")
        for status in (500, 502, 503, 504)
    ),
    *at_every_step("reset", kind="reset", steps=API_STEPS, times=FOR_EVER, fails="the connection broke"),
    *at_every_step("reset", kind="reset", steps=("file",), times=FOR_EVER, fails="the download broke off"),
    *at_every_step("not JSON", kind="not_json", steps=API_STEPS, times=FOR_EVER, fails="returned no JSON object"),
    *at_every_step("silence", kind="stall", steps=API_STEPS, **UNCOUNTED, fails="it took too long", slow=True),
    *at_every_step("silence", kind="stall", steps=("file",), **UNCOUNTED, fails="the download broke off"),
]
"""Retried within a deadline, then the day fails with a clear reason."""

SILENCE = [
    *at_every_step("silent before the head", kind="stall", headers=False),
    *at_every_step("silent after the head", kind="stall"),
    *(Case(f"silent {place}, file", (Fault("file", "stall", **where),)) for place, where in PLACES.items()),
    *at_every_step("no end, and no length, so that only the end could tell", kind="slow_close"),
    *at_every_step("no end, but a length", kind="slow_close", length=True),
    *at_every_step("never an end", kind="slow_close", times=FOR_EVER, steps=("file",)),
    *at_every_step("trickle", kind="trickle", real_time=True),
    Case("trickle mid-file", (Fault("file", "trickle", **MID_FILE),), real_time=True),
]
"""A read timeout; resumed."""

CUT_SHORT = [
    *(Case(f"cut {place}", (Fault("file", "cut", **where),), downloads=2) for place, where in PLACES.items()),
    *(Case(f"reset {place}", (Fault("file", "reset", **where),), downloads=2) for place, where in PLACES.items()),
    Case("cut five times", (Fault("file", "cut", at=500, times=5),), downloads=6),
    Case("cut, and the file changes", (Fault("file", "cut"), Fault("file", "changed")), downloads=3),
    Case("cut, and the Range is ignored", (Fault("file", "cut"), Fault("file", "ignore_range")), downloads=2),
    Case("cut, and never a Range honoured", (Fault("file", "cut"),), quirks=Quirks(range_requests="ignore")),
    Case("cut, and another range comes", (Fault("file", "cut"), Fault("file", "wrong_content_range")), downloads=3),
    Case(
        "cut, and an earlier range comes",
        (Fault("file", "cut"), Fault("file", "wrong_content_range", shift=-7)),
        downloads=3,
    ),
    Case("cut and silent by turns", (Fault("file", "cut", at=700), Fault("file", "stall", at=100)), downloads=3),
]
"""Resumed with Range and If-Match; started over if the object changed or the range is not what was asked for."""

EXPIRED = [
    Case("before the transfer", (Fault("file", "expired"),), downloads=2),
    Case("twice", (Fault("file", "expired", times=2),), downloads=3),
    Case("between two transfers", (Fault("file", "cut"), Fault("file", "expired")), downloads=3),
    Case("by the clock", (Fault("file", "status", status=503, times=5),), options={"link_seconds": 1}),
    Case("by the clock, during the transfer", (Fault("file", "cut", at=500, times=5),), options={"link_seconds": 1}),
]
"""Renewed by one more status request, never by a new export."""

DAMAGE = {
    "cut short and said to be whole": Fault("file", "truncate"),
    "one byte altered": Fault("file", "corrupt"),
    "checksum altered": Fault("file", "corrupt", at=-6),
    "garbage after the end": Fault("file", "trailing"),
    "zero bytes": Fault("file", "empty"),
    "a page with status 200": Fault("file", "html"),
    "a page that begins with a blank line": Fault("file", "html", body="\n  <!DOCTYPE html>\n<p>Later.</p>\n"),
    "nothing but blank lines": Fault("file", "html", body="\n\n"),
    "text with status 200": Fault("file", "not_json", body="Please try again later."),
}


def damaged(times, **how):
    for name, fault in DAMAGE.items():
        yield Case(name, (Fault("file", fault.kind, times=times, **fault.detail),), **how)


DAMAGED_ONCE = list(damaged(1, downloads=2))
"""Downloaded again."""
DAMAGED_TWICE = list(damaged(2, exports=2, downloads=3))
"""Exported again."""
DAMAGED_FOR_EVER = list(damaged(FOR_EVER, exports=3, downloads=6, fails="(export 3 of 3)"))
"""The day fails. A zero-byte object is damage too: an export of an empty day is an archive of nothing."""

FORMS = [
    Case("several gzip members", (Fault("file", "members"),)),
    Case("no newline at the end", (Fault("file", "no_newline"),)),
    Case("lines end as on Windows", (Fault("file", "crlf"),)),
    Case("blank lines", (Fault("file", "blank_lines"),)),
    Case("not compressed", (Fault("file", "plain"),)),
    Case("declared as Content-Encoding", (Fault("file", "content_encoding"),)),
]
"""Read correctly."""

SECRET_VALUE = "mallory@example.com"
WRONG_LINES = {
    "not JSON": f'{{"id": "{SECRET_VALUE}',
    "two objects in a line": '{"id": 1} {"id": 2}',
    "a list": f'["{SECRET_VALUE}"]',
    "null": "null",
    "without the key": f'{{"event_name": "{SECRET_VALUE}"}}',
    "a key of null": f'{{"id": null, "event_name": "{SECRET_VALUE}"}}',
    "a value that does not fit": f'{{"id": 1, "event_time_utc": "2025-02-17T12:00:00Z", "amount": "{SECRET_VALUE}"}}',
}
WRONG_LINES |= {
    "an integer without an end": '{"id": 1e9999999}',
    "not UTF-8": b'{"id": "\xff"}',
}
OF_ANOTHER_YEAR = '{"id": 1, "event_time_utc": "2024-07-01T12:00:00Z"}'
OTHER_DAYS = [
    Case(
        "a row of another year",
        (Fault("file", "rows", rows=[OF_ANOTHER_YEAR], replace=True, times=FOR_EVER),),
        downloads=1,
        fails="not that day in any time zone",
    ),
]
WRONG_ROWS = [
    Case(name, (Fault("file", "rows", rows=[line], times=FOR_EVER),), downloads=1, fails="line {after_the_last}")
    for name, line in WRONG_LINES.items()
] + OTHER_DAYS
"""The day fails with the line's number, never its content."""

WRONG_JOBS = [
    Case("failed once", (Fault("create", "failed"),), exports=2),
    Case("failed twice", (Fault("create", "failed", times=2),), exports=3),
    Case(
        "failed for ever",
        (Fault("create", "failed", times=FOR_EVER, message="out of memory"),),
        exports=3,
        fails="'failed': out of memory",
    ),
    Case("never finishes, once", (Fault("create", "never_finishes"),), exports=2),
    Case(
        "never finishes",
        (Fault("create", "never_finishes", times=FOR_EVER),),
        exports=3,
        fails="still 'processing' after 30 minutes",
    ),
    Case("a word nobody knows, for a while", (Fault("status", "unknown_status", times=4),)),
    Case("a word nobody knows, in the end", (Fault("link", "unknown_status", times=4),)),
    Case(
        "a word nobody knows, for ever",
        (Fault("create", "unknown_status", times=FOR_EVER, word="reticulating"),),
        fails="the export is 'reticulating', a status that is not known, and has been for 10 minutes",
    ),
    Case("404 right after create", (Fault("status", "not_found", times=2),)),
    Case("404 when it is finished", (Fault("link", "not_found", times=2),)),
    Case("404 for good", (Fault("create", "not_found", times=FOR_EVER),), exports=3, fails="does not know the export"),
    Case("404 of one job", (Fault("create", "not_found"),), exports=2),
    Case("completed without a link, twice", (Fault("link", "no_link", times=2),)),
    Case("completed without a link, one job", (Fault("create", "no_link"),), exports=2),
    Case(
        "completed without a link, for ever",
        (Fault("create", "no_link", times=FOR_EVER),),
        exports=3,
        fails="'completed' but has no download link",
    ),
]
"""Created again a bounded number of times; a word that nobody knows means that the job is still running."""

REFUSALS = [
    *at_every_step("401", kind="status", status=401, steps=API_STEPS, message="Unauthenticated.", stops="`api_key`"),
    *at_every_step("403", kind="status", status=403, steps=API_STEPS, message="No plan.", stops="subscription"),
    *at_every_step("422", kind="status", status=422, steps=API_STEPS, message="No such field.", stops="settings of"),
    *at_every_step("sent to the log-in page", kind="redirect", steps=API_STEPS, stops="`api_key`"),
]
"""Stops at once; delivered days stay delivered."""


@cases(NOBODY_ANSWERS)
def test_what_nobody_answers_is_asked_again(world, case):
    assert_whole(world, case)


@cases(NOBODY_ANSWERS_FOR_EVER)
def test_a_day_that_nobody_answers_for_fails_within_its_patience(world, case):
    began = world.clock.now()
    assert_fails(world, case, out_of_patience=True)
    assert world.clock.now() - began < 20 * 60


@pytest.mark.long
@cases(SILENCE)
def test_silence_is_ended_and_what_is_missing_asked_for_again(world, case):
    assert_whole(world, case)


@cases(CUT_SHORT)
def test_a_download_cut_short_is_resumed_or_begun_anew_but_never_glued(world, case):
    assert_whole(world, case)
    first, *later = world.requests("file")
    assert first.range is None
    for request in later:
        assert (request.range is None) == ("if-match" not in request.headers)


@cases(EXPIRED)
def test_an_expired_link_costs_a_status_request_and_no_export(world, case):
    assert_whole(world, case)
    files = world.requests("file")
    refused = sum(request.status == 403 for request in files)
    assert refused
    links = [request for request in world.requests("status") if world.cometly.truth_of(request.export_id)]
    assert len(links) >= 1 + refused


@cases(DAMAGED_ONCE)
def test_a_damaged_file_is_downloaded_again(world, case):
    assert_whole(world, case)


@cases(DAMAGED_TWICE)
def test_a_file_that_is_damaged_again_is_exported_again(world, case):
    assert_whole(world, case)


@cases(DAMAGED_FOR_EVER)
def test_a_day_whose_exports_are_all_damaged_fails(world, case):
    assert_fails(world, case)


@cases(FORMS)
def test_a_file_of_another_form_is_read_as_well(world, case):
    assert_whole(world, case)


@cases(WRONG_ROWS)
def test_a_line_that_cannot_be_taken_fails_its_day_and_is_never_shown(world, case, caplog):
    assert_fails(world, case)
    assert SECRET_VALUE not in world.told(caplog.text)


@cases(WRONG_JOBS)
def test_a_job_that_goes_wrong_is_created_again_a_bounded_number_of_times(world, case):
    if case.fails:
        assert_fails(world, case)
    else:
        assert_whole(world, case)


@cases(REFUSALS)
def test_a_refusal_stops_the_run_at_once_and_says_what_to_check(world, case):
    (fault,) = case.faults
    fault = Fault(fault.step, fault.kind, times=FOR_EVER, **fault.detail)
    world.cometly.faults.clear()
    world.inject(fault)
    output = world.run(max_exports_in_flight=1)
    assert isinstance(output.error, RequestRejectedError)
    assert case.stops in str(output.error)
    assert fault.detail.get("message", "").rstrip(".") in str(output.error)
    assert output.days == [world.days[0].isoformat()]
    assert output.bookmark["delivered"] == [[world.days[0].isoformat()] * 2]
    assert world.cometly.requests[-1].fault == fault.kind
    assert len([request for request in world.cometly.requests if request.fault == fault.kind]) == 1
    assert_next_run_brings_the_rest(world)


def assert_whole(world: World, case: Case) -> None:
    """Every day arrived, each row once, and the middle one with as many requests as the case says."""
    output = world.run()
    assert output.error is None
    assert output.days == [day.isoformat() for day in world.days]
    assert by_id(output.records) == world.truth()
    assert output.bookmark["delivered"] == [[world.days[0].isoformat(), world.days[-1].isoformat()]]
    assert not world.cometly.faults.pending() or any(fault.times is FOR_EVER for fault in case.faults)
    assert_requests(world, case)


def assert_fails(world: World, case: Case, *, out_of_patience: bool = False) -> None:
    """The other days arrived, nothing of this one was written, the error names it, and the next run brings it."""
    output = world.run()
    assert isinstance(output.error, UndeliveredDaysError)
    assert f"{world.middle}: " in str(output.error)
    assert case.fails.format(after_the_last=len(world.truth(world.middle)) + 1) in str(output.error)
    assert str(output.error).count("2025-") == 1
    assert output.days == [world.days[0].isoformat(), world.days[2].isoformat()]
    assert by_id(output.records) == world.truth(world.days[0], world.days[2])
    if not out_of_patience:
        assert_requests(world, case)
    assert_next_run_brings_the_rest(world)


def assert_requests(world: World, case: Case) -> None:
    created = [request for request in world.requests("create") if request.export_id]
    assert len(created) == case.exports
    if case.downloads is not None:
        assert len(world.requests("file")) == case.downloads


def assert_next_run_brings_the_rest(world: World) -> None:
    first = world.outputs[-1]
    world.cometly.faults.clear()
    second = world.run(state=first.state)
    assert second.error is None
    assert set(second.days) == {day.isoformat() for day in world.days} - set(first.days)
    assert by_id([*first.records, *second.records]) == world.truth()
