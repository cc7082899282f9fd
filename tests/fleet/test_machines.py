"""Two machines, one PostgreSQL, the daemon, and the web page: all as the demo starts them, and as the page is used."""

from __future__ import annotations

import os
import signal
import subprocess

from demo import fleet as story
from demo.dagster_server import CHECKS, Dagster, fleet_environment, most_at_once

WRONG_KEY = "space_03"
LIMITS = "{ instance { runQueueConfig { maxConcurrentRuns } } }"


def kill_a_worker(dagster, machine):
    """Kill the process that has started the tap of a run on the machine; return whether there was one."""
    command = ["ps", "-A", "-ww", "-o", "pgid=,ppid=,args="]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    group = dagster.process_group(machine)
    processes = [line.split(maxsplit=2) for line in listed.splitlines()]
    workers = [int(its[1]) for its in processes if int(its[0]) == group and "bin/tap-cometly " in its[2]]
    for worker in workers:
        os.kill(worker, signal.SIGKILL)
    return bool(workers)


def test_two_machines_load_their_own_spaces_one_run_each_at_a_time_and_a_killed_worker_is_replaced(postgres, tmp_path):
    with story.simulated(3, 3) as (spaces, keys):
        keys[spaces["spaces"][WRONG_KEY]["secrets"]["api_key"]] = "wrong"
        machines = {name: space["machine"] for name, space in spaces["spaces"].items()}
        assert set(machines.values()) == set(story.MACHINES)
        environment = fleet_environment(tmp_path, postgres, spaces, keys)
        with Dagster(tmp_path, environment, story.MACHINES) as dagster:
            assert dagster.ask(LIMITS)["instance"]["runQueueConfig"]["maxConcurrentRuns"] == 8

            def runs(space):
                return [run for run in dagster.runs() if run.space == space]

            dagster.launch(machines)
            dagster.launch(machines)  # the second of each waits for the first
            story.follow(dagster)
            for space in machines:
                # A wrong key is not tried again, and holds up no other Space.
                status = "FAILURE" if space == WRONG_KEY else "SUCCESS"
                assert [run.status for run in runs(space)] == [status, status]
                assert most_at_once(runs(space)) == 1
            for space, machine in machines.items():
                is_there = space != WRONG_KEY
                assert dict(zip(CHECKS, (dagster.check(machine, space, name) for name in CHECKS), strict=True)) == {
                    "rows_found_are_rows_told": True,
                    "no_day_is_missing": is_there,
                }
            assert sum(dagster.cells(machine) for machine in story.MACHINES) == 3 * 2

            dagster.launch({"space_01": machines["space_01"]})
            dagster.wait("A worker", lambda: kill_a_worker(dagster, machines["space_01"]))
            dagster.wait("Another run", lambda: len(runs("space_01")) == 4)
            story.follow(dagster)
            assert [run.status for run in runs("space_01")] == ["SUCCESS", "FAILURE", "SUCCESS", "SUCCESS"]
