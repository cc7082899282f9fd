"""Whatever happens on the way: runs that are cut short and resumed until all is done give exactly the truth."""

from __future__ import annotations

import contextlib
import io

from hypothesis import given
from hypothesis import strategies as st

from bulk_exports.run import UndeliveredDaysError
from simulation.tapping import Output, days_before, parse, tap_class
from simulation.virtual_time import VirtualClock
from tap_cometly.sandbox import Fault, Sandbox
from tests.examples import examples
from tests.faults.world import FIELDS, by_id

FAULTS = [
    ("create", "status", {"status": 500}),
    ("create", "status", {"status": 429, "retry_after": "20"}),
    ("create", "reset", {}),
    ("create", "failed", {}),
    ("create", "never_finishes", {}),
    ("create", "not_found", {}),
    ("status", "status", {"status": 503}),
    ("status", "status", {"status": 429}),
    ("status", "cut", {}),
    ("status", "unknown_status", {}),
    ("link", "no_link", {}),
    ("link", "not_found", {}),
    ("file", "status", {"status": 500}),
    ("file", "cut", {"at": 300}),
    ("file", "reset", {"at": -1}),
    ("file", "changed", {}),
    ("file", "expired", {}),
    ("file", "ignore_range", {}),
    ("file", "wrong_content_range", {}),
    ("file", "truncate", {}),
    ("file", "corrupt", {}),
    ("file", "trailing", {}),
    ("file", "empty", {}),
    ("file", "html", {}),
    ("file", "members", {"rows": 3}),
    ("file", "plain", {}),
    ("file", "rows", {"rows": ["not json"]}),
]


class KilledError(BaseException):
    """Nothing more is written."""


class Pipe(io.BytesIO):
    """Takes so many bytes; the next one kills the run."""

    def __init__(self, room):
        super().__init__()
        self._room = room

    def write(self, data):
        data = bytes(data)
        if self._room is None:
            return super().write(data)
        taken = super().write(data[: self._room])
        self._room -= taken
        if taken < len(data):
            raise KilledError
        return taken


class Story:
    """A Space, a target, and runs between them."""

    def __init__(self, draw):
        self.clock = VirtualClock()
        self.days = days_before(self.clock, draw(st.integers(1, 6), label="days"))
        first = self.days[0].toordinal()
        rows = [draw(st.integers(0, 12)) for _ in self.days]
        seconds = [draw(st.sampled_from([0, 1, 20, 300])) for _ in self.days]
        link_seconds = draw(st.sampled_from([1, 900]), label="link_seconds")
        faults = [self.any_fault(draw) for _ in range(draw(st.integers(0, 4), label="faults"))]
        self.config = {
            "timezone": "UTC",
            "start_date": self.days[0].isoformat(),
            "max_exports_in_flight": draw(st.integers(1, 5), label="in flight"),
            "lookback_days": draw(st.integers(0, 2), label="lookback"),
        }
        self.tap = tap_class(self.clock)
        # Last, because a draw may end the story, and only a Space that is entered is ever left.
        self.cometly = Sandbox(
            clock=self.clock.time,
            events_per_day=lambda day: rows[day.toordinal() - first] if day in self.days else 0,
            job_seconds=lambda day, _attempt: seconds[day.toordinal() - first],
            link_seconds=link_seconds,
        )
        self.config |= {"api_key": self.cometly.api_key, "api_url": self.cometly.api_url}
        for fault in faults:
            self.cometly.inject(fault)

    def any_fault(self, draw):
        step, kind, detail = draw(st.sampled_from(FAULTS))
        return Fault(step, kind, day=draw(st.sampled_from(self.days)), times=draw(st.integers(1, 7)), **detail)

    def run(self, *, state=None, room=None):
        """Run the tap until it is done or has written as many bytes as there is room."""
        stdout = io.TextIOWrapper(Pipe(room), encoding="utf-8", write_through=True)
        error = None
        with contextlib.redirect_stdout(stdout):
            try:
                self.tap(config=self.config, state=state).sync_all()
            except (KilledError, UndeliveredDaysError) as caught:
                error = caught
        written = stdout.buffer.getvalue()
        stdout.detach()
        return Output(parse(written[: written.rfind(b"\n") + 1].splitlines()), error)

    def truth(self):
        days = ({"event_date": day.isoformat(), **row} for day in self.days for row in self.rows(day))
        return by_id(days)

    def rows(self, day):
        return self.cometly.truth(day, fields=FIELDS)


def events(messages):
    records = (message for message in messages if message["type"] == "RECORD" and message["stream"] == "events")
    return {message["record"]["id"]: message["record"] for message in records}


def delivered(state):
    """Return the first and last days of the ranges that a STATE calls delivered."""
    return state.get("bookmarks", {}).get("events", {}).get("delivered", [])


def state_after(messages, before):
    states = [message["value"] for message in messages if message["type"] == "STATE"]
    return states[-1] if states else before


def assert_state_speaks_of_whole_days_only(story, table, messages):
    table = dict(table)
    for message in messages:
        if message["type"] == "STATE":
            for first, last in delivered(message["value"]):
                for day in story.days:
                    if first <= day.isoformat() <= last:
                        assert all(row["id"] in table for row in story.rows(day)), day
        table |= events([message])


@examples(12)
@given(data=st.data())
def test_runs_that_are_killed_and_resumed_give_the_truth(data):
    story = Story(data.draw)
    with story.cometly:
        table, state = {}, None
        for room in data.draw(st.lists(st.integers(0, 40_000), max_size=4), label="killed after bytes"):
            output = story.run(state=state, room=room)
            assert_state_speaks_of_whole_days_only(story, table, output.messages)
            table |= events(output.messages)
            state = state_after(output.messages, state)
        last = story.run(state=state)
        assert_state_speaks_of_whole_days_only(story, table, last.messages)
        table |= events(last.messages)
        story.cometly.faults.clear()
        if last.error:
            table |= events(story.run(state=state_after(last.messages, state)).messages)
        assert by_id(table.values()) == story.truth()


@examples(8)
@given(data=st.data())
def test_a_run_from_any_state_completes_what_was_written_before_it(data):
    story = Story(data.draw)
    with story.cometly:
        first = story.run()
        story.cometly.faults.clear()
        for position, message in enumerate(first.messages):
            if message["type"] == "STATE":
                rest = story.run(state=message["value"])
                assert rest.error is None
                table = events(first.messages[:position]) | events(rest.messages)
                assert by_id(table.values()) == story.truth()
