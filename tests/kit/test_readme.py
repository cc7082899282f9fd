"""The tap in the kit's README, run as it stands there against a vendor of a few lines."""

from __future__ import annotations

import http.server
import json
import re
import runpy
import threading
from datetime import date, timedelta
from pathlib import Path

import pytest

from bulk_exports.environment import Environment
from bulk_exports.windows.delivered import DeliveredDays
from simulation.tapping import sync
from tests import long_ago

README = Path(__file__).parents[2] / "packages" / "bulk-exports" / "README.md"
FIRST = long_ago.LAST_DAY - timedelta(days=39)
LONGEST = timedelta(days=30)


class Harvest(http.server.BaseHTTPRequestHandler):
    """Measurements of every day, three a day; an export is done when it was asked for once."""

    exports: list[dict] = []  # noqa: RUF012 - each test has its own
    asked: set[str] = set()  # noqa: RUF012

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.headers["Authorization"] != "Bearer right":
            return self._answer(401, {"message": "who are you?"})
        if date.fromisoformat(body["to"]) - date.fromisoformat(body["from"]) > LONGEST:
            return self._answer(400, {"message": "too long"})
        self.exports.append(body)
        return self._answer(202, {"id": len(self.exports) - 1})

    def do_GET(self):
        kind, _, number = self.path.strip("/").partition("/")
        if kind == "files":
            return self._answer(200, rows(self.exports[int(number)]))
        done = self.path in self.asked
        self.asked.add(self.path)
        url = f"http://127.0.0.1:{self.server.server_port}/files/{number}"
        return self._answer(200, {"state": "done", "files": [url]} if done else {"state": "waiting"})

    def _answer(self, status, content):
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


def rows(export):
    day, last = date.fromisoformat(export["from"]), date.fromisoformat(export["to"])
    lines = [",".join(export["columns"])]
    while day <= last:
        for hour in (0, 12, 23):
            row = {
                "id": day.toordinal() * 24 + hour,
                "station": 'Mount "Top", north',
                "celsius": f"{hour}.5",
                "taken_at": f"{day}T{hour:02}:00:00Z",
            }
            lines.append(",".join('"{}"'.format(str(row[name]).replace('"', '""')) for name in export["columns"]))
        day += timedelta(days=1)
    return ("\r\n".join(lines) + "\r\n").encode()


@pytest.fixture
def harvest():
    Harvest.exports, Harvest.asked = [], set()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Harvest) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def tap(tmp_path_factory):
    code = re.search(r"^```python\n(.*?)^```", README.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)[1]
    file = tmp_path_factory.mktemp("harvest") / "tap_harvest.py"
    file.write_text(code)
    assert len(code.splitlines()) < 150
    return runpy.run_path(str(file))["TapHarvest"]


def config(url, **more):
    return {"api_key": "right", "api_url": url, "start_date": str(FIRST), "end_date": str(long_ago.LAST_DAY), **more}


@pytest.mark.long
def test_every_row_comes_once_and_the_next_run_looks_back(tap, harvest):
    first = sync(config(harvest), tap=tap)
    found = [row["id"] for row in first.of("measurements")]
    assert len(found) == len(set(found)) == 3 * 40
    assert {row["station"] for row in first.of("measurements")} == {'Mount "Top", north'}
    assert [export["from"] for export in Harvest.exports] == [str(FIRST), str(FIRST + timedelta(days=20))]
    days = DeliveredDays.from_state(
        first.state["bookmarks"]["measurements"], start=FIRST, replication_key="taken_at"
    ).intervals
    assert days == ((FIRST, long_ago.LAST_DAY),)
    second = sync(config(harvest), state=first.state, tap=tap)
    assert {row["taken_at"][:10] for row in second.of("measurements")} == {str(long_ago.LAST_DAY)}
    third = sync(config(harvest), state=second.state, tap=tap)
    assert not third.of("measurements"), "the same window, unchanged"


def test_a_wrong_key_is_told_in_words(tap, harvest):
    with pytest.raises(Exception, match="Check the setting `api_key`"):
        sync(config(harvest, api_key="wrong"), tap=tap)


def test_it_is_a_singer_tap_like_any_other(tap):
    discovered = tap(config={}, environment=Environment(), validate_config=False).catalog_dict["streams"]
    assert [entry["tap_stream_id"] for entry in discovered] == ["measurements"]
