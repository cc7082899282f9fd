"""`tap-cometly-sandbox`."""

from __future__ import annotations

import datetime as dt
import re
import shlex
import signal
import subprocess
import sys
import time

import pytest
import requests

from simulation.patience import HANG_SECONDS
from tap_cometly.sandbox.__main__ import _parser, _sandbox, main
from tests.documents import block


@pytest.fixture
def run():
    running = []

    def start(*arguments):
        command = [sys.executable, "-m", "tap_cometly.sandbox", *arguments]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        running.append(process)
        banner = "".join(process.stdout.readline() for _ in range(4))
        return process, banner

    yield start
    for process in running:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_says_how_to_use_it_and_ends_in_good_order(run, number):
    process, banner = run("--api-key", "my-key", "--creates-per-minute", "7", "--verbose", "--fault", "create:html")
    url = re.search(r"^export TAP_COMETLY_API_URL=(http://127\.0\.0\.1:\d+/public-api/v1)$", banner, re.MULTILINE)[1]
    assert "export TAP_COMETLY_API_KEY=my-key\n" in banner
    assert "7 creates and 30 status requests a minute" in banner
    headers = {"Authorization": "Bearer my-key", "Accept": "application/json"}
    replies = [
        requests.post(f"{url}/events/exports", json={"date": "2025-03-01"}, headers=headers, timeout=HANG_SECONDS)
        for _ in range(2)
    ]
    assert [(reply.status_code, reply.headers["X-RateLimit-Limit"]) for reply in replies] == [(200, "7"), (202, "7")]
    process.send_signal(number)
    _, errors = process.communicate(timeout=HANG_SECONDS)
    assert process.returncode == 0
    first, second = errors.splitlines()
    assert first.endswith("api POST /public-api/v1/events/exports 200 day=2025-03-01 fault=html")
    assert second.endswith("202 day=2025-03-01 export=40001")


@pytest.mark.slow
def test_the_command_in_the_document_breaks_files_as_it_says(run):
    program, *arguments = shlex.split(block("docs/sandbox.md", "sh", "tap-cometly-sandbox"))
    assert program == "tap-cometly-sandbox"
    _, banner = run(*arguments)
    asked = dict(re.findall(r"^export TAP_COMETLY_(API_\w+)=(.*)$", banner, re.MULTILINE))
    assert whole_files(asked["API_URL"], asked["API_KEY"]) == [False, False, True]


@pytest.mark.slow
def test_the_lines_of_python_in_the_document_do_the_same():
    found = []

    def run_my_pipeline(**settings):
        found.extend(whole_files(settings["TAP_COMETLY_API_URL"], settings["TAP_COMETLY_API_KEY"]))

    exec(block("docs/sandbox.md", "python", "from tap_cometly"), {"run_my_pipeline": run_my_pipeline})  # noqa: S102
    assert found == [False, False, True]


def whole_files(url, key):
    """Export a day, fetch its file three times, and return whether it came whole."""
    session = requests.Session()
    session.headers.update({"Authorization": f"Bearer {key}", "Accept": "application/json"})
    day = dt.datetime.now(dt.timezone.utc).date() - dt.timedelta(days=2)
    made = session.post(f"{url}/events/exports", json={"date": str(day)}, timeout=HANG_SECONDS).json()
    status = f"{url}/events/exports/{made['export_id']}"
    end = time.monotonic() + HANG_SECONDS
    while not (link := session.get(status, timeout=HANG_SECONDS).json().get("download_url")):
        assert time.monotonic() < end
        time.sleep(0.2)  # what is polled is a program of its own, in real time
    return [comes_whole(link) for _ in range(3)]


def comes_whole(link):
    try:
        return len(requests.get(link, timeout=HANG_SECONDS).content) > 1000
    except requests.RequestException:
        return False


def test_every_option_reaches_the_sandbox():
    arguments = (
        "--seed 7 --timezone Asia/Tokyo --first-day 2025-01-01 --events-per-day 50 --window sliding --job-seconds 0.5 "
        "--link-seconds 60 --forbidden-key lapsed --quirk member_rows=5 --quirk amounts=string "
        "--quirk new_columns=mood,colour --quirk final_newline=false"
    )
    cometly = _sandbox(_parser().parse_args(arguments.split()))
    quirks = cometly._space.quirks
    assert (quirks.member_rows, quirks.amounts, quirks.new_columns) == (5, "string", ("mood", "colour"))
    assert quirks.final_newline is False
    assert cometly._space.days.timezone == "Asia/Tokyo"
    cometly.stop()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--quirk", "amount=string"], "unknown quirk 'amount'"),
        (["--quirk", "amounts=roman"], "amounts is one of: shortest, cents, string"),
        (["--fault", "file:cutt"], "did you mean 'cut'"),
        (["--first-day", "soon"], "not a day such as 2025-03-01"),
        (["--timezone", "Mars/Olympus"], "Mars/Olympus"),
    ],
)
def test_a_mistake_is_explained(capsys, arguments, complaint):
    with pytest.raises(SystemExit) as error:
        main(arguments)
    assert error.value.code == 2
    assert complaint in capsys.readouterr().err


def test_help_has_an_example(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "--fault file:cut,at=1000,times=2,day=2025-03-01" in capsys.readouterr().out
