"""The command ``tap-pardot-exports``."""

from __future__ import annotations

from bulk_exports.singer.command import run_command
from tap_pardot_exports.tap import TapPardotExports


def main() -> None:
    """Run the tap; `run_command` says with which status it ends."""
    run_command(TapPardotExports)


if __name__ == "__main__":
    main()
