"""How long the program takes to start, beside the import of the SDK: ``python -m benchmarks.startup``."""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from benchmarks.measuring import Table, clean_up_when_stopped, paired

ROUNDS: Final = 9


def measure(rounds: int) -> None:
    """Run each command several times, in turn, and print medians and ratios."""
    program = str(Path(sys.executable).with_name("tap-cometly"))
    commands = {"import singer_sdk": [sys.executable, "-c", "import singer_sdk"]} | {
        f"tap-cometly {option}": [program, option] for option in ("--version", "--discover", "--about")
    }
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            began = time.perf_counter()
            subprocess.run(command, capture_output=True, check=True)
            seconds[name].append(time.perf_counter() - began)
    print(f"\nStart-up; medians of {rounds} rounds, ratios within a round\n")
    table = Table("", "seconds", "x import")
    for name, own in seconds.items():
        table.line(name, f"{statistics.median(own):.2f}", f"{paired(own, seconds['import singer_sdk']):.2f}")


def main() -> None:
    """Measure, and print."""
    clean_up_when_stopped()
    parser = argparse.ArgumentParser(prog="python -m benchmarks.startup", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    measure(parser.parse_args().rounds)


if __name__ == "__main__":
    main()
