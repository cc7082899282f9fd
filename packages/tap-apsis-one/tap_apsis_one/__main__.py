"""The command ``tap-apsis-one``."""

from __future__ import annotations

from bulk_exports.singer.command import run_command
from tap_apsis_one.tap import TapApsisOne


def main() -> None:
    """Run the tap; `run_command` says with which status it ends."""
    run_command(TapApsisOne)


if __name__ == "__main__":
    main()
