"""The configuration: defaults, rules with their messages, warnings, and the range of days it asks for."""

from __future__ import annotations

import re
from copy import deepcopy
from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from singer_sdk import Tap
from singer_sdk.configuration._dict_config import parse_environment_config
from singer_sdk.plugin_base import JSONSchemaValidator

from bulk_exports.common_settings import BUILT_IN_SETTINGS
from bulk_exports.reading import SettingsError
from tap_cometly import vocabulary
from tap_cometly.config_schema import CONFIG_JSONSCHEMA
from tap_cometly.settings import Settings

NOW = datetime(2026, 6, 10, 13, 0, tzinfo=timezone.utc)  # 9 June has ended everywhere
KEY = "cmt_4f1d9c7e"
ATTRIBUTION = {"sources": ["google_ads"], "attribution_model": "linear", "attribution_window": 30}
PROPERTIES = CONFIG_JSONSCHEMA["properties"]


def settings(now=NOW, **config):
    return Settings.from_config({"api_key": KEY} | config, now=now)


def problems(now=NOW, **config):
    with pytest.raises(SettingsError) as caught:
        settings(now, **config)
    return caught.value.problems


class TestAKeyAlone:
    def test_is_enough(self):
        assert settings() == Settings(
            api_key=KEY,
            start_date=None,
            end_date=None,
            timezone=None,
            requested_fields=(
                "profile_id",
                "company_id",
                "space_id",
                "event_name",
                "configured_name",
                "amount",
                "is_upsell",
                "order_id",
                "order_name",
                "event_url",
            ),
            query_mode="profile",
            event_names=(),
            sources=(),
            attribution_model=None,
            attribution_window=None,
            lookback_days=3,
            include_open_day=False,
            backfill_order="oldest_first",
            resync=False,
            max_exports_in_flight=30,
            max_exports_per_run=None,
            export_timeout=timedelta(minutes=30),
            api_url="https://app.cometly.com/public-api/v1",
            user_agent=settings().user_agent,
            warnings=(),
        )
        assert re.fullmatch(r"tap-cometly/\d+\.\d+\.\d+\S*", settings().user_agent)

    def test_is_the_same_as_with_every_other_setting_null(self):
        assert settings(**dict.fromkeys(set(PROPERTIES) - {"api_key"})) == settings()

    def test_is_not_shown(self):
        assert KEY not in repr(settings())


class TestEverySetting:
    def test_arrives_in_its_own_type(self):
        full = settings(
            start_date="2026-01-31T00:00:00+00:00",
            end_date="2026-03-01",
            timezone="America/New_York",
            fields=["amount", "ad_name"],
            query_mode="company",
            event_names=["purchase", " custom_event_50 "],
            **ATTRIBUTION,
            lookback_days=0,
            max_exports_in_flight=1,
            max_exports_per_run=10,
            export_timeout=90,
            api_url="http://127.0.0.1:8080/v1/",
            user_agent="us",
        )
        assert full.warnings == ()
        assert full.attributed
        assert (full.start_date, full.end_date) == (date(2026, 1, 31), date(2026, 3, 1))
        assert full.timezone == ZoneInfo("America/New_York")
        assert full.requested_fields == ("amount", "ad_name")
        assert full.query_mode == "company"
        assert full.event_names == ("purchase", "custom_event_50")
        assert (full.sources, full.attribution_model, full.attribution_window) == (("google_ads",), "linear", 30)
        assert (full.lookback_days, full.max_exports_in_flight, full.max_exports_per_run) == (0, 1, 10)
        assert full.export_timeout == timedelta(minutes=90)
        assert full.api_url == "http://127.0.0.1:8080/v1"
        assert full.user_agent == "us"

    def test_of_attribution_asks_for_all_fields(self):
        assert settings(**ATTRIBUTION).requested_fields == vocabulary.REQUESTABLE_NAMES

    @pytest.mark.parametrize("window", vocabulary.ATTRIBUTION_WINDOWS)
    @pytest.mark.parametrize("model", vocabulary.ATTRIBUTION_MODELS)
    def test_of_attribution_takes_every_model_and_window(self, model, window):
        asked = settings(sources=["direct"], attribution_model=model, attribution_window=window)
        assert (asked.attribution_model, asked.attribution_window) == (model, window)

    @pytest.mark.parametrize(
        "url", ["http://localhost:8000", "http://[::1]:8000/x", "http://127.9.9.9", "HTTPS://proxy.example/cometly"]
    )
    def test_of_the_api_url_may_be_a_proxy_or_this_machine(self, url):
        assert settings(api_url=url).api_url == url


class TestARule:
    """Each case: the one problem of a configuration, by its essential words: setting, rule, found, fix."""

    @pytest.mark.parametrize(
        ("config", "words"),
        [
            # the key
            ({"api_key": None}, "api_key: | is required | found none | Generate a key in Cometly"),
            ({"api_key": ""}, "api_key: | must not be blank | Copy it alone"),
            ({"api_key": "   "}, "api_key: | must not be blank | Copy it alone"),
            ({"api_key": 12345678}, "api_key: | must be text | type int | Copy it alone"),
            ({"api_key": "Bearer abcdefgh"}, "api_key: | no white space | found a space | without quotes or `Bearer`"),
            ({"api_key": "abcdefgh\n"}, "api_key: | no white space | line break | Copy it alone"),
            ({"api_key": "abcdëfgh"}, "api_key: | plain ASCII | Copy it alone"),
            ({"api_key": "abcd\x07fgh"}, "api_key: | plain ASCII | Copy it alone"),
            # dates
            ({"start_date": "banana"}, "start_date: | 'banana' is not a day such as 2026-01-31 | YYYY-MM-DD"),
            ({"start_date": "2026-02-30"}, "start_date: | '2026-02-30' | is not a valid date | YYYY-MM-DD"),
            ({"end_date": "31/12/2026"}, "end_date: | '31/12/2026' is not a day | YYYY-MM-DD"),
            ({"end_date": 20260131}, "end_date: | 20260131 is not a day | YYYY-MM-DD"),
            (
                {"start_date": "2026-02-01", "end_date": "2026-01-31"},
                "start_date: | must not lie after `end_date` | 2026-02-01 after 2026-01-31 | Change one",
            ),
            ({"end_date": "2026-06-12"}, "end_date: | in the future | found 2026-06-12 | today is 2026-06-11 | Leave"),
            (
                {"end_date": "2026-06-11", "timezone": "America/New_York"},
                "end_date: | in the future | found 2026-06-11 | 2026-06-10 in America/New_York | Leave",
            ),
            (
                {"start_date": "0206-01-31"},
                "start_date: | not lie before 2000-01-01 | found 0206-01-31 | every day costs",
            ),
            # timezone
            ({"timezone": "Europe/Berln"}, "timezone: | 'Europe/Berln' is not | did you mean 'Europe/Berlin' | Leave"),
            ({"timezone": "../x"}, "timezone: | '../x' is not a known time zone | Leave the setting out"),
            ({"timezone": ""}, "timezone: | must not be blank | Leave the setting out"),
            ({"timezone": 2}, "timezone: | must be text | found 2 | quotes"),
            # lists
            (
                {"event_names": []},
                "event_names: | 1 to 10 | found 0 | leave the setting out for its default: all events",
            ),
            (
                {"sources": [], "attribution_model": "linear", "attribution_window": 7},
                "sources: | 1 to 15 | found 0 | no attribution",
            ),
            ({"fields": []}, "fields: | 1 to 20 | found 0 | leave the setting out"),
            (
                {"event_names": [f"custom_event_{n}" for n in range(1, 12)]},
                "event_names: | 1 to 10 | found 11 | Change the list",
            ),
            (
                {**ATTRIBUTION, "sources": list(vocabulary.SOURCES[:16])},
                "sources: | 1 to 15 | found 16 | Change the list",
            ),
            ({"fields": [f"new_{n}" for n in range(21)]}, "fields: | 1 to 20 | found 21 | Change the list"),
            ({"fields": ["event_name"] * 1_000_000}, "fields: | different names | found 1000000, event_name more"),
            (
                {"event_names": ["upsell_purchase", "purchase", " purchase"]},
                "event_names: | different names | purchase more than once",
            ),
            (
                {"event_names": "purchase"},
                "event_names: | list of names | found 'purchase' | Write it like [\"purchase\",",
            ),
            ({"event_names": {"purchase": True}}, "event_names: | must be a list of names | Write it like"),
            ({"event_names": ["purchase", 7]}, "event_names: | names only | found 7 | Write it like"),
            ({"event_names": [""]}, "event_names: | names only | found '' | Write it like"),
            ({"fields": ["amount", None]}, "fields: | names only | found None | Write it like"),
            # attribution
            ({"attribution_model": "linear"}, "attribution_model: | only with `sources` | Set `sources`, or remove"),
            ({"attribution_window": 0}, "attribution_window: | only with `sources` | Set `sources`, or remove"),
            (
                {"sources": ["email"], "attribution_window": 7},
                "attribution_model: | required with `sources` | u_shaped",
            ),
            (
                {"sources": ["email"], "attribution_model": "linear"},
                "attribution_window: | required with `sources` | 90",
            ),
            (
                {**ATTRIBUTION, "attribution_model": "lineal"},
                "attribution_model: | first_touch, last_touch | found 'lineal' | mean linear",
            ),
            ({**ATTRIBUTION, "attribution_model": 7}, "attribution_model: | must be one of | found 7 | Choose"),
            (
                {**ATTRIBUTION, "attribution_window": 8},
                "attribution_window: | 0, 1, 7, 14, 30, 60, 90 | found 8 | Choose",
            ),
            ({**ATTRIBUTION, "attribution_window": "7"}, "attribution_window: | 0, 1, 7, 14, 30, 60, 90 | found '7'"),
            ({**ATTRIBUTION, "attribution_window": True}, "attribution_window: | must be one of | found True | Choose"),
            (
                {"fields": ["amount", "ad_id", "ad_name"]},
                "fields: | need `sources` | ad_id, ad_name without | Set `sources`",
            ),
            ({"query_mode": "profiles"}, "query_mode: | profile, company | found 'profiles' | Did you mean profile?"),
            # whole numbers
            ({"lookback_days": -1}, "lookback_days: | from 0 to 365 | found -1 | default is 3"),
            ({"lookback_days": 366}, "lookback_days: | from 0 to 365 | found 366"),
            ({"lookback_days": 1.5}, "lookback_days: | whole number | found 1.5"),
            ({"lookback_days": True}, "lookback_days: | whole number | found True"),
            ({"lookback_days": "3"}, "lookback_days: | whole number | found '3' | without quotes"),
            ({"max_exports_in_flight": 0}, "max_exports_in_flight: | from 1 to 100 | found 0 | default is 30"),
            ({"max_exports_in_flight": 101}, "max_exports_in_flight: | from 1 to 100 | found 101"),
            ({"export_timeout": 0}, "export_timeout: | from 1 to 1440 | found 0 | default is 30"),
            ({"export_timeout": [30]}, "export_timeout: | whole number | found [30]"),
            # the address
            (
                {"api_url": "app.cometly.com/public-api/v1"},
                "api_url: | must be https:// and a host | Leave the setting out",
            ),
            ({"api_url": "ftp://app.cometly.com"}, "api_url: | must be https:// and a host | 'ftp://app.cometly.com'"),
            ({"api_url": "https:///public-api"}, "api_url: | must be https:// and a host | Leave"),
            (
                {"api_url": "http://app.cometly.com/v1"},
                "api_url: | https:// | http://app.cometly.com | in the clear | Use https",
            ),
            ({"api_url": "http://localhost.example.com"}, "api_url: | in the clear | Use https://"),
            ({"api_url": "https://[::1"}, "api_url: | cannot be read | Leave the setting out"),
            ({"api_url": "https://app.cometly.com:port"}, "api_url: | cannot be read | Leave the setting out"),
            ({"api_url": "https://app.cometly.com/ v1"}, "api_url: | white space | Leave the setting out"),
            ({"api_url": "http://localhost\\.example.com"}, "api_url: | backslash | Leave the setting out"),
            ({"api_url": ""}, "api_url: | must not be blank | Leave the setting out"),
            ({"api_url": 443}, "api_url: | must be text | found 443 | quotes"),
            (
                {"user_agent": "us\r\nX-Other: 1"},
                "user_agent: | one line of ASCII | found 'us\\r\\nX-Other: 1' | Use English",
            ),
            ({"user_agent": " "}, "user_agent: | must not be blank | Leave the setting out"),
        ],
        ids=lambda value: None if isinstance(value, str) else str(value)[:60],
    )
    def test_is_told_with_the_setting_what_was_found_and_the_fix(self, config, words):
        (problem,) = problems(**config)
        for word in words.split(" | "):
            assert word in problem

    @pytest.mark.parametrize("secret", ["key=s3cr3t", "s3cr3t"])
    @pytest.mark.parametrize("form", ["https://host/?{}", "https://host/#{}", "https://{}@host/", "https://u:{}@host/"])
    def test_about_the_api_url_shows_nothing_that_may_be_a_secret(self, form, secret):
        (problem,) = problems(api_url=form.format(secret))
        assert "api_url: must have no user, query or fragment" in problem
        assert "s3cr3t" not in problem

    @pytest.mark.parametrize("name", ["start_date", "timezone", "fields", "attribution_model", "lookback_days"])
    def test_shows_no_more_of_a_value_than_anybody_reads(self, name):
        (problem, *_) = problems(**{name: "x" * 1_000_000})
        assert len(problem) < 1200

    def test_is_not_the_only_one_told(self):
        told = problems(api_key=" ", start_date="banana", sources=["email"], lookback_days=-1)
        assert [text.partition(":")[0] for text in told] == [
            "api_key",
            "start_date",
            "lookback_days",
            "attribution_model",
            "attribution_window",
        ]

    def test_about_a_setting_that_is_missing_names_what_was_misspelt(self):
        with pytest.raises(SettingsError) as caught:
            Settings.from_config({"api_ky": "s3cr3t", "strat_date": "2026-01-01"}, now=NOW)
        missing, *unknown = caught.value.problems
        assert missing.startswith("api_key: is required; found none.")
        assert unknown == [
            "api_ky: unknown setting (did you mean 'api_key'?); it has no effect",
            "strat_date: unknown setting (did you mean 'start_date'?); it has no effect",
        ]

    def test_that_is_broken_does_not_break_others(self):
        told = problems(sources="email", attribution_model="linear", attribution_window=7, fields=["ad_id"])
        assert [text.partition(":")[0] for text in told] == ["sources"]

    def test_reads_as_one_message(self):
        with pytest.raises(SettingsError, match=r"(?s)cannot be used:\n- start_date: .*\n- lookback_days: "):
            settings(start_date="banana", lookback_days=-1)

    @given(
        st.dictionaries(
            st.sampled_from([*PROPERTIES, "stream_maps", "unknown"]),
            st.recursive(
                st.none()
                | st.booleans()
                | st.integers()
                | st.floats()
                | st.text()
                | st.sampled_from(["2026-01-01", "email"]),
                lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
                max_leaves=5,
            ),
        )
    )
    def test_ends_in_settings_or_in_problems_never_in_a_traceback(self, config):
        try:
            Settings.from_config(config, now=NOW)
        except SettingsError as error:
            assert all(text.partition(": ")[0] in {*PROPERTIES, "unknown"} for text in error.problems)  # noqa: PT017

    @given(st.text())
    def test_about_the_key_shows_no_part_of_it(self, rest):
        try:
            shown = repr(Settings.from_config({"api_key": "s3cr3t" + rest}, now=NOW))
        except SettingsError as error:
            shown = str(error)
        assert "s3cr3t" not in shown


class TestAWarning:
    @pytest.mark.parametrize(
        ("config", "words"),
        [
            (
                {"strat_date": "2026-01-01"},
                "strat_date: unknown setting (did you mean 'start_date'?); it has no effect",
            ),
            ({"flattening_max_dept": 1}, "flattening_max_dept: unknown setting (did you mean 'flattening_max_depth'?)"),
            ({"zzz": 1}, "zzz: unknown setting; it has no effect"),
            (
                {"event_names": ["purchse"]},
                "event_names: unknown name 'purchse' (did you mean 'purchase'?); Cometly may know it",
            ),
            (
                {"event_names": ["custom_event_51"]},
                "event_names: unknown name 'custom_event_51' (did you mean 'custom_event_5",
            ),
            (
                {**ATTRIBUTION, "sources": ["gogle_ads"]},
                "sources: unknown name 'gogle_ads' (did you mean 'google_ads'?)",
            ),
            ({"fields": ["ammount"]}, "fields: unknown name 'ammount' (did you mean 'amount'?); Cometly may know it"),
            ({"fields": ["id", "amount"]}, "fields: 'id' comes by itself in every row"),
            ({"fields": ["event_time_utc"]}, "fields: 'event_time_utc' comes by itself in every row"),
            ({"fields": ["touchpoint_id"]}, "fields: 'touchpoint_id' comes by itself with `sources`"),
            ({"fields": ["source"]}, "fields: 'source' comes by itself with `sources` and an ad hierarchy field"),
            ({"fields": ["event_date"]}, "fields: 'event_date' comes by itself in every row"),
            ({"start_date": "2062-01-01"}, "start_date: 2062-01-01 lies in the future; nothing is exported"),
        ],
        ids=str,
    )
    def test_tells_what_is_odd_and_the_run_goes_on(self, config, words):
        (warning,) = settings(**config).warnings
        assert words in warning

    def test_about_an_unknown_name_does_not_keep_it_from_cometly(self):
        odd = settings(event_names=["brand_new"], fields=["utm_term"], **ATTRIBUTION | {"sources": ["mastodon_ads"]})
        assert odd.event_names == ("brand_new",)
        assert odd.sources == ("mastodon_ads",)
        assert odd.requested_fields == ("utm_term",)

    def test_about_a_field_that_comes_by_itself_keeps_it_from_the_request(self):
        assert settings(fields=["id", "amount", "event_time_utc"]).requested_fields == ("amount",)
        assert settings(fields=["id"]).requested_fields == ()

    def test_is_not_given_for_the_settings_of_the_sdk(self):
        assert settings(**dict.fromkeys(BUILT_IN_SETTINGS, "x")).warnings == ()

    def test_knows_every_setting_of_the_sdk_in_use(self):
        class AnyTap(Tap):
            name = "tap-any"
            config_jsonschema = {"properties": {}}  # noqa: RUF012

        schema = {"properties": {}}
        AnyTap.append_builtin_config(schema)
        assert set(schema["properties"]) <= {*BUILT_IN_SETTINGS, *PROPERTIES}


class TestTheWantedDays:
    @pytest.mark.parametrize(
        ("config", "wanted"),
        [
            ({}, ("2026-05-11", "2026-06-09")),
            ({"start_date": "2025-01-01"}, ("2025-01-01", "2026-06-09")),
            ({"start_date": "2025-01-01", "end_date": "2025-12-31"}, ("2025-01-01", "2025-12-31")),
            ({"end_date": "2025-12-31"}, ("2025-12-02", "2025-12-31")),
            ({"start_date": "2026-06-09"}, ("2026-06-09", "2026-06-09")),
            ({"start_date": "2026-06-09", "end_date": "2026-06-10"}, ("2026-06-09", "2026-06-09")),
            ({"start_date": "2026-06-10"}, None),
            ({"start_date": "2026-06-10", "timezone": "Pacific/Kiritimati"}, ("2026-06-10", "2026-06-10")),
        ],
        ids=str,
    )
    def test_reach_from_the_start_to_the_last_closed_day(self, config, wanted):
        days = settings(**config).wanted(NOW)
        assert (days and tuple(map(str, days))) == wanted

    def test_are_thirty_by_default(self):
        first, last = settings().wanted(NOW)
        assert (last - first).days + 1 == 30

    def test_reach_back_to_the_first_delivered_day_when_no_start_is_set(self):
        assert settings().wanted(NOW, since=date(2026, 1, 1)) == (date(2026, 1, 1), date(2026, 6, 9))
        assert settings().wanted(NOW, since=date(2026, 6, 1)) == (date(2026, 5, 11), date(2026, 6, 9))
        assert settings(start_date="2026-06-08").wanted(NOW, since=date(2026, 1, 1))[0] == date(2026, 6, 8)


class TestTheSchema:
    def test_names_the_settings_in_the_order_a_reader_needs_them(self):
        assert list(PROPERTIES) == [
            *("api_key", "start_date", "end_date", "timezone", "fields", "query_mode", "event_names"),
            *("sources", "attribution_model", "attribution_window", "lookback_days", "include_open_day"),
            *("backfill_order", "resync", "max_exports_in_flight", "max_exports_per_run", "export_timeout"),
            *("api_url", "user_agent"),
        ]

    @pytest.mark.parametrize("name", PROPERTIES)
    def test_has_a_title_and_a_description_that_tells_the_default(self, name):
        schema = PROPERTIES[name]
        assert schema["title"]
        assert schema["description"].endswith(".")
        told = "Default: " in schema["description"] or "default" in schema
        assert told or name in {"api_key", "attribution_model", "attribution_window"}

    def test_holds_no_fractions(self):
        kinds = {kind for schema in PROPERTIES.values() for kind in schema["type"]}
        assert kinds == {"string", "integer", "boolean", "array", "null"}

    def test_hides_the_key_and_nothing_else(self):
        assert [name for name, schema in PROPERTIES.items() if schema.get("secret")] == ["api_key"]
        assert [name for name in PROPERTIES if re.search("password|id|token|key|secret", name)] == ["api_key"]

    def test_names_everything_that_can_be_chosen(self):
        for setting, names in (
            ("fields", vocabulary.REQUESTABLE_NAMES),
            ("event_names", vocabulary.STANDARD_EVENT_NAMES),
            ("sources", vocabulary.SOURCES),
        ):
            assert all(f"`{name}`" in PROPERTIES[setting]["description"] for name in names)

    def test_accepts_what_the_settings_accept(self):
        config = {"api_key": KEY, "start_date": "2026-01-31T00:00:00Z", "end_date": "2026-01-31", **ATTRIBUTION}
        assert list(JSONSchemaValidator(CONFIG_JSONSCHEMA).iter_errors(config)) == []
        assert settings(**config).warnings == ()

    def test_makes_the_sdk_read_the_environment_in_the_right_types(self, monkeypatch, tmp_path):
        for name, value in {
            "API_KEY": KEY,
            "START_DATE": "2026-01-31",
            "EVENT_NAMES": '["purchase", "sign_up"]',
            "SOURCES": '["google_ads"]',
            "ATTRIBUTION_MODEL": "linear",
            "ATTRIBUTION_WINDOW": "30",
            "LOOKBACK_DAYS": "0",
        }.items():
            monkeypatch.setenv(f"TAP_COMETLY_{name}", value)
        dotenv = tmp_path / ".env"
        dotenv.touch()
        config = parse_environment_config(deepcopy(CONFIG_JSONSCHEMA), "TAP_COMETLY_", dotenv)
        read = Settings.from_config(config, now=NOW)
        assert read == settings(
            start_date="2026-01-31", event_names=["purchase", "sign_up"], lookback_days=0, **ATTRIBUTION
        )
