"""What files hold, as rows: events of profiles, profiles, and e-mail events."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import logging
import re
from datetime import datetime, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_exports.engine.errors import InvalidRowsError, UnavailableError
from bulk_exports.files.json_parts import Part
from bulk_exports.records.keys import key_of
from tap_apsis_one.decoder import MAX_LOOKS, MAX_UNKNOWN, Decoder
from tap_apsis_one.definitions import Definition, Definitions, Version
from tap_apsis_one.emails import email_events
from tap_apsis_one.profiles import ProfileRows, profile_events, profiles
from tap_apsis_one.selection import Selection
from tap_apsis_one.settings import Settings

NOW = datetime(2026, 2, 10, tzinfo=timezone.utc)
SETTINGS = Settings.from_config({"client_id": "c", "client_secret": "s"}, now=NOW)
CREATED = 1_769_756_439_465
SOURCE = 1_769_756_356_000


def defined(name, own, *versions, kind="string", section="s.web", number=None):
    found = tuple(Version(each, "2025" if age else None, kind) for age, each in enumerate(versions))
    return Definition(section=section, discriminator=own, name=name, id=number, versions=found)


WEB = defined("Web", "s.web", number="4100")
ACCOUNT = Definitions(
    sections=(WEB,),
    attributes=(
        defined("First name", "com.apsis1.attributes.firstname", "1"),
        defined("City", "usercreated.attributes.city", "12", "11"),
        defined("Since", "usercreated.attributes.since", "13", kind="timestamp"),
        defined("Height", "usercreated.attributes.height", "14", kind="number", number="714"),
    ),
    tags=(defined("VIP", "usercreated.tags.vip", "21"), defined("Old", "usercreated.tags.old", "22")),
    event_types=(defined("Order", "e.order", "32", "31"),),
)


class FakeAccount:
    """What has been defined, and what has been since."""

    def __init__(self, definitions=ACCOUNT, later=None):
        self.definitions = definitions
        self.later = later
        self.log = logging.getLogger("tap-test")
        self.looks = 0

    def refreshed(self):
        self.looks += 1
        if isinstance(self.later, Exception):
            raise self.later
        self.definitions = self.later or self.definitions
        return self.definitions


def rows_of(stream, content, columns=None):
    names = {field.name: field.kind for field in stream.fields if columns is None or field.name in columns}
    reading = stream.format.read(io.BytesIO(content), names)
    rows = [json.loads(line, parse_float=Decimal) for block in reading.blocks() for line in block.splitlines()]
    return rows, reading


# Events of profiles


def file_with(*events, wrapper=True, section="4100", **more):
    profiles = {"p-1": {"sections": {section: {"attributes": {"1": {"value": "Åsa"}}, "events": list(events)}}}, **more}
    return json.dumps({"profiles": profiles} if wrapper else profiles).encode()


EVENT = {
    "correlationId": "fee86f03",
    "sourceEventTime": SOURCE,
    "typeId": "31",
    "createdAt": CREATED,
    "data": {"device": "MOBILE", "total": 1.10},
}


def events_of(*events, account=None, **file):
    return rows_of(profile_events(SETTINGS, Decoder(account or FakeAccount())), file_with(*events, **file))[0]


@pytest.mark.parametrize("wrapper", [True, False])
def test_an_event_becomes_a_row(wrapper):
    (row,) = events_of(EVENT, wrapper=wrapper)
    assert row.pop("event_key")
    assert row == {
        "export_key": "p-1",
        "section_id": "4100",
        "section_discriminator": "s.web",
        "type_id": "31",
        "event_discriminator": "e.order",
        "event_name": "Order",
        "correlation_id": "fee86f03",
        "created_at": "2026-01-30T07:00:39.465Z",
        "source_event_time": "2026-01-30T06:59:16Z",
        "source_event_ms": SOURCE,
        "data": {"device": "MOBILE", "total": Decimal("1.1")},
    }


def test_numbers_may_be_text_and_text_may_be_numbers():
    (one,) = events_of(EVENT)
    (other,) = events_of({**EVENT, "typeId": 31, "createdAt": str(CREATED), "sourceEventTime": str(SOURCE)})
    assert one == other


def test_profiles_without_events_have_no_rows():
    more = {"p-2": {"sections": {"4100": {"attributes": {}}}}, "p-3": {"sections": {"4100": {"events": []}}}, "p-4": {}}
    assert len(events_of(EVENT, **more)) == 1


@pytest.mark.parametrize(("source", "told"), [(0, None), (None, None), (5000, "1970-01-01T00:00:05Z")])
def test_a_time_that_is_not_known_is_null_and_one_of_1970_stays(source, told):
    (row,) = events_of({**EVENT, "sourceEventTime": source})
    assert (row["source_event_time"], row["source_event_ms"]) == (told, source)


def test_an_unknown_type_is_delivered_by_its_number_with_one_warning(caplog):
    account = FakeAccount()
    odd = {**EVENT, "typeId": "99"}
    rows = events_of(odd, {**odd, "createdAt": CREATED + 1}, account=account)
    assert [(row["type_id"], row["event_name"]) for row in rows] == [("99", None)] * 2
    assert [record.message for record in caplog.records] == [
        "The account defines no event type 99, which a file holds; it is delivered by its number"
    ]
    assert account.looks == 1


def test_a_type_that_was_defined_after_the_run_began_is_asked_for():
    newer = dataclasses.replace(ACCOUNT, event_types=(defined("Order", "e.order", "33", "32", "31"),))
    (row,) = events_of({**EVENT, "typeId": "33"}, account=FakeAccount(later=newer))
    assert row["event_name"] == "Order"


def test_many_unknown_numbers_do_not_ask_again_and_again_nor_fill_the_log(caplog):
    account = FakeAccount()
    rows = events_of(*({**EVENT, "typeId": str(number)} for number in range(90, 490)), account=account)
    assert len(rows) == 400
    assert account.looks == MAX_LOOKS
    assert len(caplog.records) == MAX_UNKNOWN


def test_a_file_is_read_all_the_same_when_definitions_cannot_be_asked_for():
    (row,) = events_of({**EVENT, "typeId": "99"}, account=FakeAccount(later=UnavailableError("down")))
    assert row["type_id"] == "99"


def test_a_section_that_no_definition_explains():
    (row,) = events_of(EVENT, section="77")
    assert (row["section_id"], row["section_discriminator"]) == ("77", None)


def test_data_that_is_no_object_is_kept_in_one():
    assert [row["data"] for row in events_of({**EVENT, "data": [1]}, {**EVENT, "data": None})] == [{"value": [1]}, None]


def test_something_else_in_place_of_an_event_is_refused():
    with pytest.raises(InvalidRowsError, match="where an event should be"):
        events_of("no event")


# Keys


@pytest.mark.parametrize(
    "change",
    [{"typeId": "32"}, {"correlationId": "other"}, {"createdAt": CREATED + 1}, {"sourceEventTime": SOURCE + 1}],
)
def test_another_event_has_another_key(change):
    one, other = events_of(EVENT, {**EVENT, **change})
    assert one["event_key"] != other["event_key"]


def test_data_that_drift_between_exports_do_not_change_the_key():
    one, other = events_of(EVENT, {**EVENT, "data": {"device": "TABLET"}})
    assert one["event_key"] == other["event_key"]


@pytest.mark.parametrize("nothing", ["", None])
def test_without_a_correlation_id_the_data_tell_events_apart_in_whichever_order(nothing):
    bare = {**EVENT, "correlationId": nothing}
    one, same, other = events_of(
        {**bare, "data": {"a": 1, "b": 2.50}},
        {**bare, "data": {"b": 2.50, "a": 1}},
        {**bare, "data": {"a": 2, "b": 2.5}},
    )
    assert one["event_key"] == same["event_key"] != other["event_key"]


def test_keys_stay_what_they_were():
    """Tables hold them: a key that comes out otherwise makes every event a new one."""
    assert key_of(("p-1", "4100", "31", "fee86f03", CREATED, SOURCE)) == "77aa8fad348a2dfe33dc624b8fdfe746"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(max_size=3) | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=4,
)


@given(st.dictionaries(st.sampled_from(sorted(EVENT)), json_values))
def test_whatever_an_event_holds_it_is_a_row_or_refused_in_words(event):
    try:
        rows = events_of(event)
    except InvalidRowsError:
        return
    assert len(rows) == 1
    assert rows[0]["event_key"]


@given(st.dictionaries(st.sampled_from(["1", "11", "12", "13", "21", "99"]), json_values) | json_values)
def test_whatever_a_section_of_a_profile_holds_it_is_a_row(attributes):
    rows = ProfileRows(Decoder(FakeAccount()), COLUMNS)
    assert len(list(rows(Part("section", ("p-1", "4100"), {"attributes": attributes})))) == 1


# Profiles


SELECTION = Selection(sections=(WEB,), attributes=ACCOUNT.attributes, tags=ACCOUNT.tags[:1])
COLUMNS = SELECTION.profile_columns()


def profile_row(attributes, section="4100"):
    rows = ProfileRows(Decoder(FakeAccount()), COLUMNS)
    (row,) = rows(Part("section", ("p-1", section), attributes))
    return row


def values(**given):
    return {"attributes": {number.lstrip("n"): {"value": value} for number, value in given.items()}}


def test_the_columns_of_profiles():
    declared = profiles(SETTINGS, SELECTION, Decoder(FakeAccount()))
    fields = {field.name: field.kind for field in declared.fields}
    assert list(fields) == [
        "export_key", "section_id", "section_discriminator", "section_name", "firstname", "city", "since", "height",
        "vip", "unmapped",
    ]  # fmt: skip
    assert (fields["since"], fields["height"], fields["vip"]) == ("timestamp", "number", "boolean")


def test_a_profile_becomes_a_row():
    row = profile_row(values(n1="Åsa", n12="Malmö", n14=Decimal("1.68"), n21=None))
    assert row == {
        "export_key": "p-1",
        "section_id": "4100",
        "section_discriminator": "s.web",
        "section_name": "Web",
        "firstname": "Åsa",
        "city": "Malmö",
        "height": Decimal("1.68"),
        "vip": True,
        "unmapped": None,
    }


def test_a_tag_that_is_absent_is_false():
    assert profile_row(values(n1="Åsa"))["vip"] is False
    assert "vip" not in profile_row(values(n1="Åsa"), section="77")


def test_values_may_be_named_by_the_definition_too():
    assert profile_row(values(n714=Decimal("1.5")))["height"] == Decimal("1.5")


@pytest.mark.parametrize("order", [("n11", "n12"), ("n12", "n11")])
def test_of_two_versions_the_one_in_force_is_right(order):
    said = {"n11": "old", "n12": "new"}
    assert profile_row(values(**{name: said[name] for name in order}))["city"] == "new"
    said = {"n11": "old", "n12": None}
    assert profile_row(values(**{name: said[name] for name in order}))["city"] == "old"


@pytest.mark.parametrize("value", [1_500_000_000, " 1500000000", 1_500_000_000_000, "2017-07-14T02:40:00Z"])
def test_a_timestamp_in_whichever_unit(value):
    assert profile_row(values(n13=value))["since"] == "2017-07-14T02:40:00Z"


def test_what_no_definition_explains_is_kept_by_its_number():
    assert profile_row(values(n1="Åsa", n99="?", n98=None))["unmapped"] == {"99": "?", "98": None}


def test_what_was_not_chosen_is_not_delivered():
    assert "Old" not in str(profile_row(values(n22=None)))


# E-mail events

CELLS = {
    "activity_id": "act-5",
    "split_id": "act-5-B",
    "type": "OPENED",
    "correlation_id": "fee86f03",
    "event_time": "0",
    "server_time": str(CREATED),
    "device": "MOBILE:iOS 19.1",
    "address": "a@example.com",
    "bounce_code": "",
    "link_id": "",
}
EMAILS = Selection(sections=(WEB,), email_attributes=(*ACCOUNT.attributes,), email_tags=(ACCOUNT.tags[0],))


def csv_of(*rows):
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0])
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def emails_of(*rows, selection=EMAILS):
    return rows_of(email_events(SETTINGS, selection), csv_of(*rows))


def test_an_email_event_becomes_a_row():
    (row,), reading = emails_of(CELLS)
    assert row["server_time"] == "2026-01-30T07:00:39.465Z"
    assert row["server_ms"] == CREATED
    assert (row["event_time"], row["event_ms"]) == (None, 0)
    assert row["device"] == "MOBILE:iOS 19.1"
    assert row["bounce_code"] is None
    assert not reading.unknown


def test_extra_columns_are_found_by_their_number_whatever_they_are_called():
    extra = {
        'height, "EU" (version_id: 14)': "1.639",
        "renamed (version_id: 12)": "",
        "City (version_id: 11)": "Malmö",
        "Since (version_id: 13)": "1500000000",
        "VIP (version_id: 21)": "TAG",
    }
    (row, bare), reading = emails_of({**CELLS, **extra}, {**CELLS, **dict.fromkeys(extra, "")})
    assert (row["height"], row["city"], row["vip"]) == (Decimal("1.639"), "Malmö", True)
    assert row["since"] == "2017-07-14T02:40:00Z"
    assert (bare["height"], bare["city"], bare["vip"], bare["since"]) == (None, None, False, None)
    assert not reading.unknown


def test_a_column_that_nobody_asked_for_is_told():
    _, reading = emails_of({**CELLS, "new": "1", "odd (version_id: 999)": "2"})
    assert reading.unknown == {"new", "odd (version_id: 999)"}


def test_columns_of_extras_do_not_take_names_that_are_there():
    selection = Selection(sections=(WEB,), email_attributes=(defined("A", "usercreated.attributes.address", "5"),))
    (name,) = selection.email_columns()
    assert re.fullmatch("address_[0-9a-f]{8}", name)


@pytest.mark.parametrize(
    "change",
    [
        {"type": "CLICKED"},
        {"activity_id": "act-6"},
        {"split_id": "act-5"},
        {"event_time": "5"},
        {"server_time": "5"},
        {"link_id": "7"},
        {"bounce_code": "1000"},
        {"correlation_id": "other"},
    ],
)
def test_another_email_event_has_another_key(change):
    (one, other), _ = emails_of(CELLS, {**CELLS, **change})
    assert one["event_key"] != other["event_key"]


def test_what_drifts_between_exports_does_not_change_the_key_of_an_email_event():
    drifted = {**CELLS, "address": "new@example.com", "device": "TABLET"}
    (one, other), _ = emails_of(CELLS, drifted)
    assert one["event_key"] == other["event_key"]


def test_without_a_correlation_id_addresses_tell_email_events_apart():
    bare = {**CELLS, "correlation_id": ""}
    (one, other), _ = emails_of(bare, {**bare, "address": "b@example.com"})
    assert one["event_key"] != other["event_key"]


# What a file says in another way


@pytest.mark.parametrize("created", [CREATED, f" {CREATED}", f"{CREATED}.0", float(CREATED)], ids=range(4))
def test_a_time_of_receipt_is_the_same_however_it_is_written(created):
    (row,) = events_of({**EVENT, "createdAt": created})
    (usual,) = events_of(EVENT)
    assert (row["created_at"], row["event_key"]) == (usual["created_at"], usual["event_key"])


def test_a_time_of_receipt_may_be_text():
    (row,) = events_of({**EVENT, "createdAt": "2026-01-30T08:00:39.465+01:00"})
    assert row["created_at"] == "2026-01-30T07:00:39.465Z"


@pytest.mark.parametrize("created", [None, "soon", 10**18, True])
def test_an_event_without_a_time_of_receipt_is_refused(created):
    with pytest.raises(InvalidRowsError, match="no time of receipt"):
        events_of({**EVENT, "createdAt": created})


@pytest.mark.parametrize("name", ["correlation_id", "activity_id", "split_id", "event_time"])
def test_a_file_without_what_tells_events_apart_is_refused(name):
    with pytest.raises(InvalidRowsError, match=f"told apart: {name}"):
        emails_of({column: cell for column, cell in CELLS.items() if column != name})


def test_numbers_in_another_spelling_are_the_same_event():
    (one, other), _ = emails_of(CELLS, {**CELLS, "server_time": f"0{CREATED}", "event_time": "0.0"})
    assert one["event_key"] == other["event_key"]
    assert one["server_time"] == other["server_time"]


def test_a_time_that_no_calendar_has_is_null_and_stays_as_a_number():
    (row,), _ = emails_of({**CELLS, "event_time": "253402300800000"})
    assert (row["event_time"], row["event_ms"]) == (None, 253402300800000)


@pytest.mark.parametrize(("number", "value"), [("14", "abc"), ("14", True), ("13", "soon")])
def test_a_value_that_is_not_what_its_definition_says_is_kept_by_its_number(caplog, number, value):
    row = profile_row({"attributes": {number: {"value": value}}})
    assert row["unmapped"] == {number: value}
    assert row.get("height") is row.get("since") is None
    assert len([record for record in caplog.records if "`unmapped`" in record.message]) == 1


@pytest.mark.parametrize("number", ["13", "14"])
def test_an_empty_text_is_nothing_where_something_else_is_expected(number):
    row = profile_row({"attributes": {number: {"value": ""}, "1": {"value": ""}}})
    assert (row["unmapped"], row["firstname"]) == (None, "")
    assert row.get("height") is row.get("since") is None


@pytest.mark.parametrize("order", [("8", "7"), ("7", "8")])
def test_of_two_old_versions_the_newer_one_is_right(order):
    old = defined("Old", "usercreated.attributes.old", "9", "8", "7")
    account = dataclasses.replace(ACCOUNT, attributes=(old,))
    rows = ProfileRows(Decoder(FakeAccount(account)), Selection(sections=(WEB,), attributes=(old,)).profile_columns())
    (row,) = rows(Part("section", ("p", "4100"), {"attributes": {each: {"value": f"v{each}"} for each in order}}))
    assert row["old"] == "v8"
