"""What is asked of a vendor is remembered as STATE gives it back; what STATE cannot keep is refused in words."""

from __future__ import annotations

import dataclasses
import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_exports.airbyte.check import problem_with
from bulk_exports.airbyte.command import run_command
from bulk_exports.airbyte.source import Source
from bulk_exports.declarations import DeclarationError
from bulk_exports.fields import Field
from bulk_exports.spec import ExportStream, Ledger, Variant
from bulk_exports.windows.fingerprint import as_remembered
from tests.kit.account import Account
from tests.kit.orchard import CONNECTOR, PICKS, TapOrchard
from tests.kit.test_declarations import GOOD, WITH_LEDGER

DOORS = pytest.mark.parametrize("door", ["singer", "airbyte"])


@dataclasses.dataclass
class Query:
    columns: Any
    more: dict = dataclasses.field(default_factory=dict)
    breaking: tuple[str, ...] = ()
    what: str = "picks"
    asked: dict = dataclasses.field(default_factory=dict)

    def fingerprint(self):
        return {"fields": sorted(self.columns), **self.more}

    def ledger_values(self):
        return self.asked


def picks(**changes):
    return dataclasses.replace(PICKS, query=lambda columns: Query(columns, **changes))


class PicksAccount(Account):
    """An account whose picks are asked for otherwise."""

    def __init__(self, stream, **options):
        super().__init__(**options)
        connector = dataclasses.replace(CONNECTOR, export_streams=lambda _settings, _connection: [stream])
        kind = type("TapOfPicks", (TapOrchard,), {"connector": connector})
        self.tap = lambda **given: kind(**given, environment=self.environment)
        self.source = Source(connector)


TWICE = dataclasses.replace(
    CONNECTOR,
    export_streams=lambda _settings, _connection: [PICKS, dataclasses.replace(PICKS, variants=(Variant("all"),))],
)


class TapOfTwo(TapOrchard):
    """A tap with two streams of one name."""

    connector = TWICE


ASKED = {"list": ("a", ("b",)), "part": 0.1, "exact": Decimal("0.3"), "nested": {"of": [None, True, (1,)]}}


@DOORS
def test_a_run_sees_no_change_in_tuples_and_fractions(door, caplog):
    caplog.set_level("INFO")
    with PicksAccount(picks(more=ASKED, breaking=tuple(ASKED)), days=3) as account:
        account.run(door)
        assert account.table == account.truth()
        made = len(account.asked())
        assert isinstance(account.bookmark["request"]["part"], Decimal), "so it is when the SDK has read it"
        account.run(door)
        assert account.error is None
        assert len(account.asked()) == made


@DOORS
def test_a_run_that_was_killed_is_gone_on_with_whatever_the_query_is_made_of(door):
    with PicksAccount(picks(more=ASKED), days=3) as account:
        account.run(door, room=5, is_killed=True)
        assert account.bookmark["jobs"]
        made = len(account.asked())
        account.run(door)
        assert account.table == account.truth()
        assert len(account.asked()) == made


JSON_AND_TUPLES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats() | st.text(max_size=3) | st.decimals(-9, 9),
    lambda inner: st.lists(inner, max_size=3) | st.tuples(inner, inner) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=3), JSON_AND_TUPLES, max_size=4), st.sampled_from([float, Decimal]))
def test_what_is_remembered_is_what_state_gives_back(asked, number):
    remembered = as_remembered(asked)
    assert as_remembered(json.loads(json.dumps(remembered), parse_float=number)) == remembered


class NoQuery:
    breaking = ()


@pytest.mark.parametrize(
    ("query", "rule"),
    [
        (Query((), breaking=("segment",)), "`breaking` of its query names `segment`, which is not in the fingerprint"),
        (
            Query((), {"since": date(2025, 3, 10)}),
            "cannot keep `since` in the fingerprint of its query: it holds a date",
        ),
        (Query((), {"of": {"x"}}), "cannot keep `of` in the fingerprint of its query: it holds a set"),
        (Query((), {"of": {("a", "b"): 1}}), "cannot keep `of` in the fingerprint of its query: keys must be str"),
        (Query((), {"fields": None}), "the fingerprint of its query has no `fields`"),
        (Query((), {"fields": "id,day"}), "has no `fields`: the names of the columns, as a list"),
        (Query((), {"timezone": "UTC"}), "`timezone` in the fingerprint of its query is what a run says there"),
        (Query((), breaking=("variants",)), "`breaking` of its query names `variants`"),
        (NoQuery(), "its query, a NoQuery, lacks `fingerprint`"),
        (Query((), asked={"part": 1}), "and `query_fields` of its ledger differ in `part`, `share`"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_query_that_cannot_be_remembered_names_stream_and_rule(query, rule):
    ledger = Ledger("days", query_fields=(Field("share", "number", ""),))
    stream = ExportStream(**{**GOOD, **WITH_LEDGER, "ledger": ledger, "query": lambda columns: query})
    with pytest.raises(DeclarationError) as refused:
        stream.query_of(["id"])
    assert "the stream `things`" in str(refused.value)
    assert rule in str(refused.value)


def test_a_sound_query_is_the_stream_s_own():
    sound = Query(("id",), {"of": 1}, breaking=("of", "fields", "timezone", "ledger"))
    assert ExportStream(**{**GOOD, "query": lambda columns: sound}).query_of(["id"]) is sound


def test_each_door_refuses_it_before_anything_is_asked():
    with PicksAccount(picks(breaking=("segment",)), days=3) as account:
        with pytest.raises(DeclarationError, match=r"the stream `picks`.*`segment`"):
            account.run("singer")
        account.run("airbyte")
        told = [
            content["error"]["message"]
            for kind, _, content in account.messages
            if kind == "TRACE" and "error" in content
        ]
        assert "the stream `picks`" in told[-1]
        assert "`segment`" in told[-1]
        with pytest.raises(DeclarationError):
            problem_with(account.source, account.config, account.environment, None)
        assert not account.orchard.requests


@pytest.mark.parametrize("command", ["discover", "check", "read"])
def test_a_second_stream_of_a_name_is_refused_and_not_left_out_of_a_source(command, tmp_path, capsys):
    with Account() as account:
        files = {"config": account.config, "catalog": {"streams": []}}
        for name, content in files.items():
            (tmp_path / name).write_text(json.dumps(content))
        arguments = [f"--{name}={tmp_path / name}" for name in files if name == "config" or command == "read"]
        assert run_command(Source(TWICE), [command, *arguments], account.environment) == 1
    told = json.loads(capsys.readouterr().out.splitlines()[-1])["trace"]["error"]["message"]
    assert "the stream `picks`" in told
    assert "has the same name" in told


def test_a_second_stream_of_a_name_is_refused_and_not_left_out_of_a_tap():
    with Account() as account, pytest.raises(DeclarationError, match=r"the stream `picks`.*has the same name"):
        _ = TapOfTwo(config=account.config, environment=account.environment).streams


def test_a_stream_is_not_called_like_the_ledger_of_another():
    one = ExportStream(**{**GOOD, **WITH_LEDGER})
    other = ExportStream(**{**GOOD, "name": "days"})
    connector = dataclasses.replace(CONNECTOR, export_streams=lambda _settings, _connection: iter([one, other]))
    with pytest.raises(DeclarationError, match=r"the stream `days`.*the same name"):
        connector.streams(None, None)
    sound = dataclasses.replace(connector, export_streams=lambda _settings, _connection: iter([one]))
    assert list(sound.streams(None, None)) == [one]
