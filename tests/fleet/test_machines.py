"""Two machines, one PostgreSQL, the daemon, and the web page: all as the demo starts them, and as the page is used."""

from __future__ import annotations

from demo import fleet as story
from demo.dagster_server import CHECKS, Dagster, fleet_environment


def test_two_machines_share_a_database_and_load_their_own_spaces(postgres, tmp_path):
    with story.simulated(2, 3) as (spaces, keys):
        machines = {name: space["machine"] for name, space in spaces["spaces"].items()}
        assert sorted(machines.values()) == sorted(story.MACHINES)
        environment = fleet_environment(tmp_path, postgres, spaces, keys)
        with Dagster(tmp_path, environment, story.MACHINES) as dagster:
            dagster.launch(machines)
            dagster.launch(machines)  # the second of each waits for the first
            story.follow(dagster)
            for space in machines:
                second, first = [run for run in dagster.runs() if run.space == space]
                assert (first.status, second.status) == ("SUCCESS", "SUCCESS")
                assert first.ended <= second.began
            for space, machine in machines.items():
                assert [dagster.check(machine, space, name) for name in CHECKS] == [True, True]
                assert dagster.cells(machine) == 3
