"""Runs Dagster on ``examples/fleet``: web page, daemon, a code server for each machine; talked to as the page does."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import requests
from typing_extensions import Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from demo.postgres import Postgres

PROJECT: Final = Path(__file__).parent.parent
SECONDS_TO_START: Final = 300
SECONDS_TO_END: Final = 20
CHECKS: Final = ("rows_found_are_rows_told", "no_day_is_missing")
ENDED: Final = frozenset({"SUCCESS", "FAILURE", "CANCELED"})
DAEMONS: Final = frozenset({"QUEUED_RUN_COORDINATOR", "MONITORING", "SCHEDULER"})

HEALTH: Final = """{
    instance { daemonHealth { allDaemonStatuses { daemonType healthy } } }
    workspaceOrError { ... on Workspace { locationEntries {
        name locationOrLoadError { __typename ... on PythonError { message } }
    } } }
}"""
LAUNCH: Final = """mutation Launch($runs: [ExecutionParams!]!) { launchMultipleRuns(executionParamsList: $runs) {
    __typename
    ... on LaunchMultipleRunsResult { launchMultipleRunsResult { __typename ... on PythonError { message } } }
    ... on PythonError { message }
} }"""
RUNS: Final = """{ runsOrError { ... on Runs { results { runId status startTime endTime tags { key value } } } } }"""
CHECK: Final = """query Check($asset: AssetKeyInput!, $check: String!, $space: String!) {
    assetCheckExecutions(assetKey: $asset, checkName: $check, partition: $space, limit: 1) { evaluation { success } }
}"""
CELLS: Final = """query Cells($asset: AssetKeyInput!) {
    assetNodeOrError(assetKey: $asset) { ... on AssetNode { partitionStats { numMaterialized } } }
}"""


class DagsterError(Exception):
    """Dagster does not do as it should; the message says what, and where the logs are."""


@dataclasses.dataclass(frozen=True)
class Run:
    """What Dagster tells of a run; times are epoch seconds."""

    space: str
    status: str
    began: float | None
    ended: float | None


def most_at_once(runs: Iterable[Run]) -> int:
    """Return how many of the runs were under way at once, where there were most."""
    times = [(run.began, run.ended) for run in runs if run.began is not None and run.ended is not None]
    return max(sum(began <= moment < ended for began, ended in times) for moment, _ in times)


class Dagster:
    """Dagster with a code server for each machine of the fleet, for as long as a ``with`` block lasts.

    Args:
        folder: Where the instance and the logs are kept; `fleet_environment` describes what else it needs.
        environment: The environment of all its processes.
        machines: Whose Spaces there are. Each has a code server of its own.
        port: Of the web page; 0: any free one.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str], machines: Iterable[str], port: int = 0) -> None:
        self.folder = folder
        self.url = f"http://127.0.0.1:{port or _free_port()}"
        self._environment = {**environment, "DAGSTER_HOME": str(folder)}
        self._machines = tuple(machines)
        self._running = contextlib.ExitStack()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(PROJECT / "examples" / "fleet" / "dagster.yaml", self.folder)
        with contextlib.ExitStack() as stack:
            sockets = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fleet-")))
            migration = stack.enter_context(self._started("migrate", "dagster", "instance", "migrate"))
            if migration.wait(SECONDS_TO_START):
                raise DagsterError(f"Dagster cannot make its tables; see {self.folder / 'migrate.log'}.")
            del self._processes["migrate"]
            servers = []
            for machine in self._machines:
                code = (
                    "--module-name=fleet.definitions",
                    f"--location-name={machine}",
                    f"--socket={sockets / machine}",
                )
                stack.enter_context(self._started(machine, "dagster", "api", "grpc", *code, FLEET_MACHINE=machine))
                servers.append({"grpc_server": {"socket": str(sockets / machine), "location_name": machine}})
            workspace = self.folder / "workspace.yaml"
            workspace.write_text(json.dumps({"load_from": servers}), encoding="utf-8")  # JSON is YAML
            self.wait("The code servers", lambda: all((sockets / name).exists() for name in self._machines))
            port = self.url.rpartition(":")[2]
            stack.enter_context(self._started("daemon", "dagster-daemon", "run", f"--workspace={workspace}"))
            stack.enter_context(self._started("web", "dagster-webserver", f"--workspace={workspace}", f"--port={port}"))
            self.wait("Dagster", self._is_healthy)
            self._running = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._running.close()

    def launch(self, spaces: Mapping[str, str]) -> None:
        """Put a run of each Space into the queue; ``spaces`` says which machine has it."""
        runs = [
            {
                "selector": {
                    "repositoryLocationName": machine,
                    "repositoryName": "__repository__",
                    "jobName": "load_space",
                },
                "runConfigData": {},
                "executionMetadata": {"tags": [{"key": "dagster/partition", "value": space}]},
            }
            for space, machine in spaces.items()
        ]
        answer = self.ask(LAUNCH, runs=runs)["launchMultipleRuns"]
        refused = [
            one for one in answer.get("launchMultipleRunsResult", [answer]) if one["__typename"] != "LaunchRunSuccess"
        ]
        if refused:
            raise DagsterError(f"Dagster does not launch the runs: {refused[0]}")

    def runs(self) -> list[Run]:
        """Return all runs, the newest first."""
        return [
            Run(
                space=next(tag["value"] for tag in run["tags"] if tag["key"] == "dagster/partition"),
                status=run["status"],
                began=run["startTime"],
                ended=run["endTime"],
            )
            for run in self.ask(RUNS)["runsOrError"]["results"]
        ]

    def check(self, machine: str, space: str, name: str) -> bool | None:
        """Return whether a check passed when it was last made; None if it never was."""
        asset = {"path": [machine, "cometly_events"]}
        made = self.ask(CHECK, asset=asset, check=name, space=space)["assetCheckExecutions"]
        return made[0]["evaluation"]["success"] if made and made[0]["evaluation"] else None

    def process_group(self, machine: str) -> int:
        """Return the id of the group to which the code server of a machine and the runs that it starts belong."""
        return self._processes[machine].pid

    def cells(self, machine: str) -> int:
        """Return how many days of how many Spaces the grid of a machine shows."""
        node = self.ask(CELLS, asset={"path": [machine, "cometly_days"]})["assetNodeOrError"]
        return int(node["partitionStats"]["numMaterialized"])

    def ask(self, query: str, **variables: object) -> dict[str, Any]:
        """Ask the web server by GraphQL."""
        reply = requests.post(f"{self.url}/graphql", json={"query": query, "variables": variables}, timeout=120)
        answer = reply.json()
        if "data" not in answer:
            raise DagsterError(f"At {self.url} is another program, not Dagster: name another port with --port.")
        if answer.get("errors"):
            raise DagsterError(f"Dagster does not answer: {answer['errors'][0]['message']}")
        found: dict[str, Any] = answer["data"]
        return found

    def wait(self, who: str, is_so: Callable[[], bool], seconds: float = SECONDS_TO_START) -> None:
        """Wait until something is so.

        Raises:
            DagsterError: It takes too long, or one of the processes has ended.
        """
        end = time.monotonic() + seconds
        while not is_so():
            gone = [name for name, process in self._processes.items() if process.poll() is not None]
            if gone or time.monotonic() > end:
                what = f"{', '.join(gone)} has ended" if gone else f"{who}: not ready after {seconds:.0f} seconds"
                raise DagsterError(f"{what}. The logs are in {self.folder}.")
            time.sleep(0.5)

    def _is_healthy(self) -> bool:
        try:
            health = self.ask(HEALTH)
        except requests.RequestException:
            return False
        entries = health["workspaceOrError"]["locationEntries"]
        for entry in entries:
            loaded = entry["locationOrLoadError"]
            if loaded and loaded["__typename"] == "PythonError":
                raise DagsterError(f"Machine {entry['name']} cannot load its definitions: {loaded['message']}")
        daemons = health["instance"]["daemonHealth"]["allDaemonStatuses"]
        healthy = {daemon["daemonType"] for daemon in daemons if daemon["healthy"]}
        return (
            healthy >= DAEMONS
            and len(entries) == len(self._machines)
            and all(e["locationOrLoadError"] for e in entries)
        )

    @contextlib.contextmanager
    def _started(
        self, name: str, program: str, *arguments: str, **environment: str
    ) -> Iterator[subprocess.Popen[bytes]]:
        """Start a process group with a log of its own, and end all of it with the block."""
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [str(Path(sys.executable).with_name(program)), *arguments],
                env={**self._environment, **environment},
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._processes[name] = process
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(SECONDS_TO_END)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def fleet_environment(
    folder: Path, postgres: Postgres, spaces: Mapping[str, Any], keys: Mapping[str, str]
) -> dict[str, str]:
    """Write ``spaces.yaml``, make Dagster's database, and return the environment of every process of the fleet."""
    folder.mkdir(parents=True, exist_ok=True)
    described = folder / "spaces.yaml"
    described.write_text(json.dumps(spaces, indent=2), encoding="utf-8")
    with postgres.connect() as db:
        db.autocommit = True
        db.execute("create database dagster")
    others = {name: value for name, value in os.environ.items() if not name.startswith(("DAGSTER_", "FLEET_"))}
    return {
        **others,
        **keys,
        "DAGSTER_DATABASE": f"postgresql+psycopg2://postgres@/dagster?host={postgres.socket_folder}",
        # Everything is on one machine here, which may be busy.
        "DAGSTER_GRPC_TIMEOUT_SECONDS": "300",
        "FLEET_RETRY_SECONDS": "2",
        "FLEET_DATABASE": f"postgresql://postgres@/postgres?host={postgres.socket_folder}",
        "FLEET_SPACES": str(described),
        "PYTHONPATH": str(PROJECT / "examples"),
    }


def _free_port() -> int:
    """Return a free port that nobody is given by chance before the web page, which starts last, takes it."""
    first = 20_000 + os.getpid() % 10_000  # below the ports that systems give to whoever asks for any
    for port in range(first, first + 1000):
        with socket.socket() as taken:
            if taken.connect_ex(("127.0.0.1", port)):
                return port
    raise DagsterError("No port is free for the web page: name one with --port.")
