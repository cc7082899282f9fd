"""Loads of a table: through Meltano, or with what Meltano starts, and it alone.

Meltano reads the settings, keeps the STATE, and starts tap and target; that it does so is what some tests are about.
Where the rows are, it is left out: its own start costs more than both programs together.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import yaml

from simulation.patience import HANG_SECONDS
from tests import programs

ROOT = Path(__file__).parent.parent.parent


class Target:
    """A target as the project ships it, but for some settings, such as the address of the database.

    Args:
        name: In meltano.yml.
        plugins: The folder in which Meltano has installed it.
        folder: For its configuration.
        settings: What differs, as environment variables for Meltano.
        config: What differs further, as the target itself reads it.
    """

    def __init__(self, name, plugins, folder, settings, **config):
        project = yaml.safe_load((ROOT / "meltano.yml").read_text(encoding="utf-8"))
        shipped = next(each for each in project["plugins"]["loaders"] if each["name"] == name)
        prefix = name.upper().replace("-", "_") + "_"
        ours = {setting.removeprefix(prefix).lower(): value for setting, value in settings.items()}
        plain = {setting: value for setting, value in shipped["config"].items() if "$" not in str(value)}
        self.environment = {**os.environ, **shipped.get("env", {})}
        self.config = folder / f"{name}.json"
        self.config.write_text(json.dumps({**plain, **ours, **config}))
        self.program = plugins / "loaders" / name / "venv" / "bin" / name

    def start(self, **options):
        command = [self.program, "--config", self.config]
        return subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=self.environment, **options
        )

    def load(self, messages):
        """Take the messages in; return the STATE that was told last."""
        with self.start(stderr=subprocess.PIPE) as target:
            told, self.said = target.communicate("".join(messages), timeout=HANG_SECONDS)
        assert target.returncode == 0, self.said[-2000:]
        return json.loads(told.splitlines()[-1]) if told.strip() else None


class Piped:
    """What the tap writes goes into the target, and the STATE that the target tells to the next run of the tap.

    Args:
        plugins: The folder in which Meltano has installed the target.
        folder: For files.
        settings: Those of the tap and of the target, as environment variables for Meltano.
    """

    def __init__(self, plugins, folder, settings):
        self.plugins, self.folder = plugins, folder
        self.settings = {name: value for name, value in settings.items() if name.startswith("TAP_")}
        self.of_target = {name: value for name, value in settings.items() if name.startswith("TARGET_")}
        self.state = folder / "state.json"
        self.log = folder / "log"

    def __call__(self, name, **settings):
        """Load with this target; return what the tap logged."""
        state = ["--state", self.state] if self.state.exists() else []
        done = programs.run("--config=ENV", *state, **self.settings, **settings)
        assert done.returncode == 0, done.stderr[-2000:]
        target = Target(name, self.plugins, self.folder, self.of_target)
        self.state.write_text(json.dumps(target.load(done.stdout)))
        with self.log.open("a") as log:
            log.write(done.stderr + target.said)
        return done.stderr


class ThroughMeltano:
    """`meltano run`; see `Piped`."""

    def __init__(self, meltano):
        self.meltano = meltano
        self.log = meltano.log

    def __call__(self, name, **settings):
        return self.meltano("run", "tap-cometly", name, **settings)


def tap_of(meltano, program="tap-cometly"):
    """Return the process of a tap that this Meltano has started."""
    listing = subprocess.run(["ps", "-A", "-ww", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True)
    processes = [line.split(maxsplit=2) for line in listing.stdout.splitlines()]
    family = {pid for pid, _, command in processes if f"--env-file={meltano.env_file}" in command}
    for pid, parent, command in processes:
        if parent in family and program in command and pid not in family:
            return int(pid)
    raise AssertionError("no tap is running")
