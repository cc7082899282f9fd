"""The command ``tap-cometly``."""

from __future__ import annotations

from bulk_exports.singer.command import run_command
from tap_cometly.tap import TapCometly


def main() -> None:
    """Run the tap; `run_command` says with which status it ends."""
    run_command(TapCometly)


if __name__ == "__main__":
    main()
