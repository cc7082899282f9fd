"""The tap against the local account: every row that there is, whatever is not documented, whatever goes wrong."""

from __future__ import annotations

import itertools
import json
from datetime import date, timedelta

import jsonschema
import pytest

from bulk_exports.engine import Limits
from bulk_exports.engine.errors import RequestRejectedError
from bulk_exports.run import UndeliveredDaysError
from tap_apsis_one.sandbox import Fault, ProfileEvent, Quirks
from tap_apsis_one.sandbox import Limits as VendorLimits
from tests.apsis.account import NOW, World, counted, moment, told, truth


def emails_told(record):
    return (
        record["correlation_id"],
        record["type"],
        record["activity_id"],
        record["event_ms"],
        record["server_time"],
        record["subject"],
        record["bounce_code"],
        record["device"],
    )


def emails_truth(world, first=None, last=None):
    return [
        (
            row["correlation_id"] or None,
            row["type"],
            row["activity_id"],
            int(row["event_time"]),
            moment(int(row["server_time"])),
            row["subject"],
            row["bounce_code"] or None,
            row["device"] or None,
        )
        for row in world.sandbox.email_events(first or world.days[0], last or world.days[1])
    ]


def once(records):
    """Return the rows that a target has: of each key the last."""
    return list({record["event_key"]: record for record in records}.values())


def assert_true(world, output, *streams):
    """The target's tables hold exactly what the vendor has."""
    for stream in streams or ("profile_events", "email_events"):
        tell, truth_of = (told, truth) if stream == "profile_events" else (emails_told, emails_truth)
        records = once(output.of(stream))
        assert counted(map(tell, records)) == counted(truth_of(world)), stream


def test_every_event_is_delivered_once():
    with World.of() as world:
        output = world.run()
        assert_true(world, output)
        assert len(once(output.of("email_events"))) == len(output.of("email_events")) == 180


def test_every_row_fits_its_schema_and_has_a_key_of_its_own():
    with World.of(settings={"tags": ["VIP"], "email_attributes": ["City", "Member since"]}) as world:
        output = world.run()
    schemas = {message["stream"]: message for message in output.messages if message["type"] == "SCHEMA"}
    assert len(schemas) == 8
    for stream, message in schemas.items():
        rows = output.of(stream)
        validator = jsonschema.Draft7Validator(message["schema"], format_checker=jsonschema.FormatChecker())
        for row in rows:
            validator.validate(json.loads(json.dumps(row, default=float)))
            assert row.keys() == message["schema"]["properties"].keys()
        keys = [tuple(row[name] for name in message["key_properties"]) for row in rows]
        assert len(set(keys)) == len(keys) > 0, stream


UNKNOWNS = [
    {"request_shape": "objects"},
    {"request_shape": "by_section"},
    {"create_code": 200},
    {"create_answer": "other_name"},
    {"create_answer": "path"},
    {"create_answer": "location"},
    {"not_ready": 202},
    {"retry_after": True},
    {"limit_headers": True},
    {"jwt": "none"},
    {"jwt": "against_expires_in"},
    {"wrapper": False},
    {"more_members": True},
    {"type_ids": "number"},
    {"no_events": "empty"},
    {"words": ("queued", "reticulating", "almost")},
    {"header_auth": False},
    {"end_counts": True},
    {"byte_order_mark": True},
    {"columns": "reversed"},
    {"doubled": True},
    {"etag": False},
    {"cuts": "source"},
]


@pytest.mark.parametrize("unknown", UNKNOWNS, ids=lambda unknown: str(*unknown.items()))
def test_whichever_way_it_is_what_is_not_documented(unknown):
    """Windows of two days, so that there are several, and bounds between them."""
    shape = unknown.get("request_shape", "version_ids")
    with World.of(settings={"window_days": 2, "request_shape": shape}, quirks=Quirks(**unknown)) as world:
        output = world.run()
        if "cuts" not in unknown:
            assert_true(world, output)
            return
        # Events lie in other windows than their receipt: none between the first and the last window may be lost.
        inner = world.days[0] + timedelta(days=1)
        rows = counted(map(told, once(output.of("profile_events"))))
        assert not counted(truth(world, inner, inner)) - rows


def test_rows_outside_of_their_window_are_told(caplog):
    with World.of(quirks=Quirks(cuts="source")) as world:
        world.run("profile_events")
    assert "outside of the window, by the time that STATE goes by; they are delivered all the same" in caplog.text


def test_a_wrong_shape_is_refused_in_the_vendors_words():
    with (
        World.of(quirks=Quirks(request_shape="objects")) as world,
        pytest.raises(RequestRejectedError, match=r"attributes: the value is malformed.*`request_shape`"),
    ):
        world.run("profile_events")


def test_a_body_that_was_copied_takes_the_place_of_ours():
    numbers = {"attributes": ["490010"], "events": ["530000"]}
    with World.of(settings={"request_body": {"profile_events": numbers}}) as world:
        rows = world.run("profile_events").of("profile_events")
    assert {row["event_name"] for row in rows} == {"Order"}


# Windows


@pytest.mark.long
def test_days_are_asked_for_in_windows_and_never_more_than_one_export_a_minute():
    with World.of(days=60, settings={"window_days": 20, "max_exports_in_flight": 30}) as world:
        output = world.run("profile_events")
        creates = world.creates()
        assert_true(world, output, "profile_events")
    assert [entry.date for entry in creates] == [date(2025, 12, 12), date(2026, 1, 1), date(2026, 1, 21)]
    assert all(later.at - earlier.at >= 60 for earlier, later in itertools.pairwise(creates))
    assert not [entry for entry in world.sandbox.requests if entry.status == 429]


@pytest.mark.parametrize("form", ["create_400", "create_413", "create_status", "poll_status", "poll_503"])
def test_an_export_that_is_too_large_is_halved_until_it_fits(form, caplog):
    limits = VendorLimits(rows=130)  # two days have 120
    with World.of(days=8, quirks=Quirks(too_large=form), limits=limits) as world:
        output = world.run("profile_events", "email_events")
        assert_true(world, output)
    assert "asking for" in caplog.text


@pytest.mark.long
def test_what_one_window_has_found_out_the_others_need_not():
    """Of ten windows only the first pays for it: three exports are in vain, and not thirty."""
    settings = {"window_days": 8, "max_exports_in_flight": 1}
    with World.of(days=80, settings=settings, events_per_day=5, limits=VendorLimits(rows=11)) as world:
        output = world.run("profile_events")
        assert_true(world, output, "profile_events")
        assert 40 < len(world.creates()) <= 52


def test_a_day_that_is_too_large_fails_with_the_other_remedies():
    with World.of(days=2, limits=VendorLimits(rows=50), settings={"window_days": 2}) as world:
        output = world.run("email_events", catch=UndeliveredDaysError)
    assert "choose fewer `attributes`, `tags` or `event_types`" in str(output.error)
    assert not output.of("email_events")


def test_late_events_come_with_the_lookback_and_nothing_else_does():
    with World.of(settings={"lookback_days": 1}) as world:
        first = world.run("profile_events")
        # The last day alone was not exported yet: what it held is known from now on.
        alone = world.run("profile_events", state=first.state)
        unchanged = world.run("profile_events", state=alone.state)
        assert not unchanged.of("profile_events")
        late = ProfileEvent(
            profile=3,
            section=0,
            event_type=1,
            is_new=True,
            correlation_id="late",
            created_ms=int((NOW - timedelta(hours=8)).timestamp() * 1000),
            source_ms=0,
            data={},
        )
        world.sandbox.happenings.add(late)
        second = world.run("profile_events", state=unchanged.state)
        assert counted(map(told, second.of("profile_events"))) == counted(truth(world, world.days[1], world.days[1]))
    both = [*first.of("profile_events"), *alone.of("profile_events"), *second.of("profile_events")]
    assert len(once(both)) == 181


def test_names_that_drift_between_exports_give_no_event_another_key():
    with World.of(quirks=Quirks(drift=True)) as world:
        first, second = world.run("email_events"), world.run("email_events")
    keys = [{row["event_key"] for row in output.of("email_events")} for output in (first, second)]
    names = [{row["activity_name"] for row in output.of("email_events")} for output in (first, second)]
    assert keys[0] == keys[1]
    assert names[0] != names[1]


def test_the_pending_cap_holds_creates_and_nothing_is_lost():
    limits = VendorLimits(pending=1)
    settings = {"window_days": 1, "max_exports_in_flight": 10}
    with World.of(days=6, settings=settings, limits=limits, job_seconds=300) as world:
        output = world.run("profile_events")
        assert_true(world, output, "profile_events")
        refused = [entry for entry in world.sandbox.requests if entry.status == 429]
    assert len(world.creates()) == 6
    assert 0 < len(refused) < 60


# Tokens


@pytest.mark.long
@pytest.mark.parametrize("stale", [401, 403])
def test_a_token_that_ends_in_mid_run_is_renewed(stale):
    quirks = Quirks(stale_token=stale, jwt="against_expires_in")
    with World.of(days=20, settings={"window_days": 1}, token_seconds=600, quirks=quirks) as world:
        output = world.run("profile_events")
        assert_true(world, output, "profile_events")
        tokens = [entry for entry in world.sandbox.requests if entry.endpoint == "token"]
        refused = [entry for entry in world.sandbox.requests if entry.status == stale]
    assert 2 <= len(tokens) <= 6
    assert not refused  # it was renewed before it ended


@pytest.mark.parametrize("stale", [401, 403])
def test_a_token_that_is_revoked_is_renewed_once(stale):
    with World.of(quirks=Quirks(stale_token=stale)) as world:
        world.sandbox.faults.clear()
        tap = world.tap(config=world.config)  # has asked for definitions
        assert tap.streams
        world.sandbox.revoke_tokens()
        output = world.run()
        assert_true(world, output)


def test_wrong_credentials_end_the_run_in_words():
    with World.of(settings={"client_secret": "wrong"}) as world, pytest.raises(RequestRejectedError) as caught:
        world.run()
    assert "`client_id`, `client_secret`" in str(caught.value)
    assert "wrong" not in str(caught.value)


def test_the_bearer_goes_to_the_api_only():
    with World.of() as world:
        world.run()
        store = [entry for entry in world.sandbox.requests if entry.origin == "files"]
    assert store
    assert not [entry for entry in store if entry.had_authorization]
    assert all("x-apsis-auth" in entry.headers for entry in store)


# Faults


FAULTS = [
    ("profile_events", Fault("create", "status", status=500)),
    ("profile_events", Fault("create", "status", status=500, handled=True)),
    ("profile_events", Fault("create", "reset", handled=True)),
    ("profile_events", Fault("create", "html")),
    ("profile_events", Fault("create", "failed")),
    ("profile_events", Fault("create", "not_found")),
    ("profile_events", Fault("status", "status", status=503)),
    ("profile_events", Fault("status", "status", status=500, times=3)),
    ("profile_events", Fault("status", "status", status=429)),
    ("profile_events", Fault("status", "reset")),
    ("profile_events", Fault("link", "failed", times=2)),
    ("profile_events", Fault("link", "not_found")),
    ("profile_events", Fault("file", "cut")),
    ("profile_events", Fault("file", "cut", times=3, at=2000)),
    ("profile_events", Fault("file", "reset", at=100)),
    ("profile_events", Fault("file", "truncate")),
    ("profile_events", Fault("file", "corrupt")),
    ("profile_events", Fault("file", "corrupt", times=2, at=-6)),
    ("profile_events", Fault("file", "trailing")),
    ("profile_events", Fault("file", "empty")),
    ("profile_events", Fault("file", "plain")),
    ("profile_events", Fault("file", "status", status=503)),
    ("profile_events", Fault("file", "status", status=410)),
    ("profile_events", Fault("file", "status", status=401)),
    ("email_events", Fault("emails_create", "status", status=500, handled=True)),
    ("email_events", Fault("emails_create", "not_found")),
    ("email_events", Fault("emails_create", "failed")),
    ("email_events", Fault("emails_status", "unknown_status", word="paused", times=2)),
    ("email_events", Fault("emails_status", "status", status=503, times=2)),
    ("email_events", Fault("emails_link", "no_link")),
    ("email_events", Fault("emails_file", "expired")),
    ("email_events", Fault("emails_file", "cut", times=2)),
    ("email_events", Fault("emails_file", "truncate")),
    ("email_events", Fault("emails_file", "corrupt")),
    ("email_events", Fault("emails_file", "plain")),
    ("email_events", Fault("emails_file", "status", status=500)),
    ("email_events", Fault("token", "status", status=500)),
    ("email_events", Fault("list", "status", status=503, times=2)),
    ("email_events", Fault("list", "status", status=429)),
]


@pytest.mark.parametrize(
    ("stream", "fault"), FAULTS, ids=lambda value: value if isinstance(value, str) else str(value.as_json())
)
def test_whatever_goes_wrong_the_window_is_delivered_once_and_whole(stream, fault):
    with World.of() as world:
        world.sandbox.inject(Fault.from_json(fault.as_json()))
        output = world.run(stream)
        assert not world.sandbox.faults.pending()
        assert_true(world, output, stream)
        assert len(output.of(stream)) == 180


@pytest.mark.parametrize("step", ["create", "emails_create"])
def test_an_export_that_never_ends_is_given_up_and_made_again(step):
    stream = "profile_events" if step == "create" else "email_events"
    with World.of(settings={"export_timeout": 10}) as world:
        world.sandbox.inject(Fault(step, "never_finishes"))
        output = world.run(stream)
        assert_true(world, output, stream)
        assert len(world.creates("" if step == "create" else "emails_")) == 2


def test_a_window_that_cannot_be_had_leaves_the_others_alone_and_comes_with_the_next_run():
    with World.of(days=3, settings={"window_days": 1}, limits=VendorLimits(polls=600)) as world:
        middle = world.days[0] + timedelta(days=1)
        world.sandbox.inject(Fault("create", "failed", day=middle, times=None))
        first = world.run("profile_events", catch=UndeliveredDaysError)
        assert middle.isoformat() in str(first.error)
        world.sandbox.faults.clear()
        second = world.run("profile_events", state=first.state)
        assert {row["created_at"][:10] for row in second.of("profile_events")} == {middle.isoformat()}
        rows = [*first.of("profile_events"), *second.of("profile_events")]
        assert counted(map(told, rows)) == counted(truth(world))


# STATE


def test_a_run_from_any_state_ends_with_the_same_tables():
    with World.of(days=4, settings={"window_days": 1}) as world:
        whole = world.run("profile_events")
        for state in whole.states:
            seen = []
            for message in whole.messages:
                if message["type"] == "RECORD":
                    seen.append(message["record"])
                elif message["type"] == "STATE" and message["value"] == state:
                    break
            rest = world.run("profile_events", state=state)
            assert counted(map(told, once([*seen, *rest.of("profile_events")]))) == counted(truth(world))


def test_state_holds_nothing_secret():
    with World.of() as world:
        output = world.run()
    text = str(output.states)
    assert "sandbox-client-secret" not in text
    assert not [export.name for export in world.sandbox.exports.all() if export.name in text]


def test_other_event_types_stop_the_run_until_somebody_says_what_to_do():
    with World.of(settings={"event_types": ["Order"]}) as world:
        first = world.run("profile_events")
        error = world.run(
            "profile_events", state=first.state, event_types=["Order", "Store visit"], catch=Exception
        ).error
        assert "event_types" in str(error)
        again = world.run("profile_events", state=first.state, event_types=["Order", "Store visit"], resync=True).of(
            "profile_events"
        )
    assert {row["event_name"] for row in again} == {"Order", "Store visit"}


def test_trouble_that_lasts_ends_in_bounded_time():
    with World.of() as world:
        world.limits = Limits(trouble_seconds=300)
        world.sandbox.inject(Fault("create", "status", status=500, times=None))
        output = world.run("profile_events", catch=UndeliveredDaysError)
        assert world.clock.now() - NOW.timestamp() < 3600
    assert "HTTP 500" in str(output.error)
