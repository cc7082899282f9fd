"""What an account has defined, however it is told, and which of it the settings mean."""

from __future__ import annotations

import dataclasses
import re
from datetime import datetime, timezone

import pytest

from bulk_exports.reading import SettingsError
from tap_apsis_one.definitions import Definition, Definitions, Version, by_number
from tap_apsis_one.selection import Selection
from tap_apsis_one.settings import Settings

NOW = datetime(2026, 2, 10, tzinfo=timezone.utc)


def settings(**given):
    return Settings.from_config({"client_id": "c", "client_secret": "s", **given}, now=NOW)


def defined(name, *, section="s.web-1", own=None, versions=("1",), kind="string"):
    return Definition(
        section=section,
        discriminator=own or f"a.{name.lower()}-x9y8",
        name=name,
        versions=tuple(
            Version(number, "2025-01-01T00:00:00Z" if age else None, kind) for age, number in enumerate(versions)
        ),
    )


WEB, CLUB = defined("Web", own="s.web-1"), defined("Club", own="s.club-2")


class TestReading:
    def test_the_version_that_is_not_deprecated_comes_first(self):
        said = {
            "discriminator": "a.size-1",
            "name": "Size",
            "versions": [
                {"id": "11", "deprecated_at": "2024-01-01T00:00:00Z"},
                {"id": 13, "deprecated_at": None},
                {"id": "12", "deprecated_at": "2025-01-01T00:00:00Z"},
            ],
        }
        definition = Definition.of(said, "s.web-1")
        assert [version.id for version in definition.versions] == ["13", "12", "11"]

    def test_a_definition_without_versions_is_its_own(self):
        definition = Definition.of({"id": 7, "discriminator": "t.vip-1", "name": "VIP"}, "s.web-1")
        assert definition.versions == (Version("7"),)

    @pytest.mark.parametrize("said", [{}, {"discriminator": None}, {"discriminator": ""}, {"discriminator": True}])
    def test_what_has_no_discriminator_is_none(self, said):
        assert Definition.of(said) is None

    def test_a_definition_without_a_name_is_called_by_its_discriminator(self):
        assert Definition.of({"discriminator": "a.x-1"}).name == "a.x-1"

    @pytest.mark.parametrize(
        ("said", "kind"),
        [
            ({"data_type": "number"}, "integer"),
            ({"dataType": "Number with decimals"}, "number"),
            ({"type": "com.apsis1.types.TRUE_FALSE"}, "boolean"),
            ({"type": "TIMESTAMP"}, "timestamp"),
            ({"value_type": "something else"}, "string"),
            ({}, "string"),
        ],
    )
    def test_the_type_of_an_attribute_may_stand_in_several_places(self, said, kind):
        inside = Definition.of({"discriminator": "a", "versions": [{"id": "1", **said}]}, "s")
        beside = Definition.of({"discriminator": "a", "versions": [{"id": "1"}], **said}, "s")
        assert inside.kind == beside.kind == kind

    def test_where_versions_differ_in_type_values_are_text(self):
        said = {"discriminator": "a", "versions": [{"id": "1", "type": "number"}, {"id": "2", "type": "date"}]}
        assert Definition.of(said, "s").kind == "string"

    def test_a_number_of_a_version_comes_before_that_of_a_definition(self):
        first = Definition(section="s", discriminator="a", name="A", id="20", versions=(Version("10"),))
        second = Definition(section="s", discriminator="b", name="B", id="30", versions=(Version("20"),))
        found = by_number([first, second])
        assert {number: each.name for number, (each, _) in found.items()} == {"10": "A", "20": "B", "30": "B"}


class TestSelection:
    ACCOUNT = Definitions(
        sections=(WEB, CLUB),
        attributes=(
            defined("Email", own="com.apsis1.attributes.email", versions=("1",)),
            defined("Email", own="com.apsis1.attributes.email", section="s.club-2", versions=("2",)),
            defined("Birthday", versions=("3",)),
        ),
        tags=(defined("VIP", own="t.vip-1"),),
        event_types=(defined("Order", own="e.order-1", versions=("5", "4")), defined("Visit", section="s.club-2")),
    )

    def test_nothing_named_means_all_but_no_tags(self):
        selection = Selection.of(settings(), self.ACCOUNT)
        assert (len(selection.sections), len(selection.attributes), len(selection.event_types)) == (2, 3, 2)
        assert selection.tags == selection.email_attributes == selection.email_tags == ()

    def test_a_name_means_all_that_bear_it_a_discriminator_too(self):
        selection = Selection.of(settings(attributes=["Email"], event_types=["e.order-1"]), self.ACCOUNT)
        assert [each.section for each in selection.attributes] == ["s.web-1", "s.club-2"]
        assert [each.name for each in selection.event_types] == ["Order"]

    def test_only_what_the_selected_sections_have_is_meant(self):
        selection = Selection.of(settings(sections=["Web"]), self.ACCOUNT)
        assert {each.section for each in (*selection.attributes, *selection.event_types)} == {"s.web-1"}

    def test_identities_are_asked_for_whatever_is_chosen(self):
        selection = Selection.of(settings(attributes=["Birthday"]), self.ACCOUNT)
        assert [each.versions[0].id for each in selection.identities] == ["1", "2"]

    def test_in_a_section_without_identities_all_attributes_are_asked_for(self):
        club = defined("Points", section="s.club-2", versions=("7",))
        account = dataclasses.replace(self.ACCOUNT, attributes=(*self.ACCOUNT.attributes[:1], club))
        selection = Selection.of(settings(attributes=["Email"]), account)
        assert {each.versions[0].id for each in selection.identities} == {"1", "7"}

    def test_a_section_with_events_and_without_attributes_is_refused(self):
        account = dataclasses.replace(self.ACCOUNT, attributes=self.ACCOUNT.attributes[:1])
        with pytest.raises(SettingsError, match=r"sections: must have attributes; found none in 'Club'. Choose others"):
            Selection.of(settings(), account)
        assert Selection.of(settings(sections=["Web"]), account)

    def test_definitions_without_numbers_are_refused(self):
        events = (defined("Order", own="e.order-1", versions=()),)
        with pytest.raises(SettingsError, match="event_types: must have numbers"):
            Selection.of(settings(), dataclasses.replace(self.ACCOUNT, event_types=events))

    def test_older_versions_that_find_no_room_are_counted(self):
        many = tuple(defined(f"A{number}", versions=(f"{number}-new", f"{number}-old")) for number in range(60))
        selection = Selection.of(settings(), Definitions(sections=(WEB,), attributes=many))
        assert selection.versions_left_out() == 120 - 75
        assert Selection.of(settings(), self.ACCOUNT).versions_left_out() == 0

    def test_every_wrong_name_is_told_with_what_was_meant(self):
        wrong = settings(sections=["Web"], attributes=["Birtday"], tags=["nothing like it"], event_types=["Visit"])
        with pytest.raises(SettingsError) as caught:
            Selection.of(wrong, self.ACCOUNT)
        told = caught.value.problems
        assert "attributes: " in told[0]
        assert "Did you mean 'Birthday'?" in told[0]
        assert "There are: VIP." in told[1]
        assert told[2].startswith("event_types: ")

    def test_a_segment_is_found_by_its_name_or_discriminator(self):
        segments = (defined("Old", own="g.old-1"), defined("New", own="g.new-1"), defined("New", own="g.new-2"))
        account = dataclasses.replace(self.ACCOUNT, segments=segments)
        assert Selection.of(settings(segment="Old"), account).segment == "g.old-1"
        assert Selection.of(settings(segment="g.new-2"), account).segment == "g.new-2"
        with pytest.raises(SettingsError, match=r"found 2 called 'New'. Name one of them .* g.new-1, g.new-2"):
            Selection.of(settings(segment="New"), account)
        with pytest.raises(SettingsError, match=r"segment: must name what the account has; found 'Odl'. Did you mean"):
            Selection.of(settings(segment="Odl"), account)

    def test_a_segment_is_taken_as_it_is_where_none_are_listed(self):
        assert Selection.of(settings(segment="g.any"), self.ACCOUNT).segment == "g.any"

    def test_more_than_an_export_takes_is_told_before_it_is_asked_for(self):
        many = Definitions(sections=(WEB,), attributes=tuple(defined(f"A{number}") for number in range(76)))
        with pytest.raises(
            SettingsError, match=r"attributes: an export takes 75 at most; found 76, all that there are"
        ):
            Selection.of(settings(), many)
        assert Selection.of(settings(attributes=["A1"]), many).attributes


class TestColumns:
    def names(self, *definitions, tags=()):
        return [*Selection(sections=(WEB, CLUB), attributes=definitions, tags=tags).profile_columns()]

    def of_emails(self, *definitions):
        return [*Selection(sections=(WEB, CLUB), email_attributes=definitions).email_columns()]

    def test_columns_are_named_by_discriminators(self):
        given = ("com.apsis1.attributes.email", "usercreated.attributes.height-x7w", "com.apsis1.shop.attributes.id")
        tag = defined("VIP", own="usercreated.tags.vip-1a2")
        names = self.names(*(defined("whatever", own=own) for own in given), tags=(tag,))
        assert names == ["email", "height_x7w", "com_apsis1_shop_attributes_id", "vip_1a2"]

    def test_no_other_section_name_version_definition_or_order_moves_a_column(self):
        city = defined("City", own="usercreated.attributes.city-z9e")
        others = (
            defined("City", own="usercreated.attributes.city-a1b"),
            defined("City", own="usercreated.attributes.city-z9e", section="s.club-2"),
            defined("Town", own="usercreated.attributes.city-z9e", versions=("9", "1"), section="s.more"),
        )
        for order in (others, others[::-1]):
            assert set(self.names(city, *order)) == set(self.names(*order, city)) == {"city_z9e", "city_a1b"}
        assert self.names(city) == ["city_z9e"]

    def test_what_sections_have_in_common_is_one_column_and_text_where_they_differ(self):
        one = Definition.of({"discriminator": "a.x", "versions": [{"id": "1", "type": "number"}]}, "s.web-1")
        other = Definition.of({"discriminator": "a.x", "versions": [{"id": "2", "type": "date"}]}, "s.club-2")
        ((name, column),) = Selection(attributes=(one, other)).profile_columns().items()
        assert (name, column.field(name).kind) == ("a_x", "string")
        ((_, column),) = Selection(attributes=(one,)).profile_columns().items()
        assert column.field(name).kind == "integer"

    def test_a_name_that_is_taken_gets_another_that_is_always_the_same(self):
        taken = defined("x", own="usercreated.attributes.export-key")
        (name,) = self.names(taken)
        assert re.fullmatch(r"export_key_[0-9a-f]{8}", name)
        assert self.names(defined("y", own="a.y"), taken) == ["a_y", name]

    def test_events_of_emails_may_have_values_of_several_sections(self):
        city = defined("City", own="usercreated.attributes.city-z9e")
        other = defined("City", own="usercreated.attributes.city-z9e", section="usercreated.sections.club-p0l")
        assert self.of_emails(city) == ["city_z9e"]
        assert self.of_emails(city, other) == ["s_web_1_city_z9e", "club_p0l_city_z9e"]
