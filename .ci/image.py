"""Builds the image and tries it against a local Cometly, as Airbyte and people run it. Needs docker, or another engine.

The network of the machine is the container's: the sandbox listens on 127.0.0.1, the only place to which the tap sends a
key without TLS.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
import tempfile
import threading
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bulk_exports.shutdown import GRACE_SECONDS
from tap_cometly.sandbox import Sandbox

if TYPE_CHECKING:
    from bulk_exports.sandbox.journal import LoggedRequest

ROOT: Final = Path(__file__).parent.parent
ENGINE: Final = os.environ.get("ENGINE", "docker")
IMAGE: Final = os.environ.get("IMAGE", "source-cometly:test")
VERSION: Final = version("tap-cometly")
DAY: Final = dt.datetime.now(dt.timezone.utc).date() - dt.timedelta(days=3)
NEVER: Final = DAY + dt.timedelta(days=1)
"""The day whose export takes longer than any test."""
USER: Final = 1000


def main() -> int:
    """Build and try."""
    asked = threading.Event()

    def on_request(request: LoggedRequest) -> None:
        if request.date == NEVER:
            asked.set()

    def seconds(day: dt.date, _attempt: int) -> float:
        return 3600 if day == NEVER else 0.1

    _run("build", f"--build-arg=VERSION={VERSION}", f"--tag={IMAGE}", str(ROOT))
    _check_what_it_says_of_itself()
    with (
        tempfile.TemporaryDirectory(prefix="image-") as name,
        Sandbox(events_per_day=20, job_seconds=seconds, on_request=on_request) as cometly,
    ):
        folder = Path(name)
        folder.chmod(0o755)  # for the container's user
        config = {"api_key": cometly.api_key, "api_url": cometly.api_url, "start_date": str(DAY), "timezone": "UTC"}
        _write(folder / "config.json", config | {"end_date": str(DAY)})
        _write(folder / "endless.json", config | {"end_date": str(NEVER)})
        (status,) = _said(folder, "check", "--config=/in/config.json")
        _must(status["connectionStatus"] == {"status": "SUCCEEDED"}, "check succeeds")
        (catalog,) = _said(folder, "discover", "--config=/in/config.json")
        _write(folder / "catalog.json", {"streams": [{"stream": each} for each in catalog["catalog"]["streams"]]})
        messages = _said(folder, "read", "--config=/in/config.json", "--catalog=/in/catalog.json")
        ids = {
            each["record"]["data"]["id"]
            for each in messages
            if each["type"] == "RECORD" and each["record"]["stream"] == "events"
        }
        _must(ids == {row["id"] for row in cometly.truth(DAY)}, "read brings every event")
        _check_signal(folder, asked)
    print(f"{IMAGE}: everything that was tried works")
    return 0


def _check_what_it_says_of_itself() -> None:
    settings = json.loads(_run("image", "inspect", "--format={{json .Config}}", IMAGE))
    labels = settings["Labels"]
    _must(labels["io.airbyte.name"] == "source-cometly", "label io.airbyte.name")
    _must(labels["io.airbyte.version"] == VERSION, "label io.airbyte.version")
    entry_point = " ".join(settings["Entrypoint"])
    _must(f"AIRBYTE_ENTRYPOINT={entry_point}" in settings["Env"], "AIRBYTE_ENTRYPOINT is the entry point")
    _must(_run("run", "--rm", "--entrypoint=id", IMAGE, "-u").strip() == str(USER), f"it runs as user {USER}")
    shown = _run("run", "--rm", "--entrypoint=tap-cometly", IMAGE, "--version")
    _must(VERSION in shown, "it is the Singer tap as well")
    (spec,) = map(json.loads, _run("run", "--rm", "--network=none", "--read-only", IMAGE, "spec").splitlines())
    _must(spec["spec"]["connectionSpecification"]["required"] == ["api_key"], "spec needs neither network nor disk")


def _check_signal(folder: Path, asked: threading.Event) -> None:
    """Stop a sync that waits for an export."""
    asked.clear()
    options = ["--network=host", f"--volume={folder}:/in:ro", f"--cidfile={folder / 'id'}"]
    arguments = ["read", "--config=/in/endless.json", "--catalog=/in/catalog.json"]
    with subprocess.Popen([ENGINE, "run", *options, IMAGE, *arguments], stdout=subprocess.DEVNULL) as container:
        _must(asked.wait(timeout=60), "a sync begins")
        name = (folder / "id").read_text(encoding="utf-8")
        _run("kill", "--signal=TERM", name)
        status = container.wait(timeout=GRACE_SECONDS + 1)
        _run("rm", name)
    _must(status == 143, "SIGTERM ends a sync with 143")


def _said(folder: Path, *arguments: str) -> list[dict[str, Any]]:
    """Run the source; return its messages, LOG and TRACE left out."""
    lines = _run("run", "--rm", "--network=host", f"--volume={folder}:/in:ro", IMAGE, *arguments).splitlines()
    messages: list[dict[str, Any]] = [json.loads(line) for line in lines]
    return [message for message in messages if message["type"] not in {"LOG", "TRACE"}]


def _write(file: Path, content: object) -> None:
    file.write_text(json.dumps(content), encoding="utf-8")


def _must(fine: bool, what: str) -> None:  # noqa: FBT001 - it reads well
    print(f"{'ok' if fine else 'FAILED'}: {what}", flush=True)
    if not fine:
        sys.exit(1)


def _run(*command: str) -> str:
    result = subprocess.run(
        [ENGINE, *command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=False
    )
    if result.returncode:
        sys.exit(f"`{' '.join([ENGINE, *command])}` failed:\n{result.stdout}")
    return result.stdout


if __name__ == "__main__":
    sys.exit(main())
