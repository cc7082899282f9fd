"""``tap-cometly-sandbox``: a local Cometly from the command line."""

from __future__ import annotations

import dataclasses
import sys
from typing import TYPE_CHECKING, Final

from bulk_exports.sandbox import command
from tap_cometly.sandbox.faults import Fault
from tap_cometly.sandbox.local import DEFAULT_KEY, Sandbox
from tap_cometly.sandbox.quirks import Quirks

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

_EXAMPLE: Final = """\
example:
  tap-cometly-sandbox --port 8080 --timezone Europe/Berlin --events-per-day 1000 \\
      --fault file:cut,at=1000,times=2,day=2025-03-01 --fault create:status,status=503,times=none \\
      --quirk empty_day=zero_bytes --verbose

Faults are step:kind,name=value,... (or the same as a JSON object) with the steps create, status, link, file (also
contacts_create, ...); kinds and details: python -c 'import bulk_exports.sandbox as s; help(s.Fault)'.
Quirks: python -c 'import tap_cometly.sandbox as s; help(s.Quirks)'.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a sandbox until SIGINT or SIGTERM."""
    return command.run(_parser(), arguments, _sandbox, _banner)


def _parser() -> argparse.ArgumentParser:
    parser = command.parser_of("tap-cometly-sandbox", "Cometly", _EXAMPLE, Fault, Quirks)
    add = parser.add_argument
    add("--api-key", default=DEFAULT_KEY, help="the key that is let in (default: %(default)s)")
    add("--forbidden-key", action="append", default=[], metavar="KEY", help="a key that gets 403; repeatable")
    add("--seed", type=int, default=1, help="another number, another Space (default: %(default)s)")
    add("--timezone", default="UTC", help="IANA time zone of the Space (default: %(default)s)")
    add("--first-day", type=command.day, metavar="DAY", help="days before it are empty (default: 400 days ago)")
    add("--events-per-day", type=int, default=200, metavar="N", help="mean (default: %(default)s)")
    add("--creates-per-minute", type=int, default=5, metavar="N", help="budget (default: %(default)s)")
    add("--polls-per-minute", type=int, default=30, metavar="N", help="budget (default: %(default)s)")
    add("--window", choices=("fixed", "sliding"), default="fixed", help="kind of minute (default: %(default)s)")
    add("--job-seconds", type=float, default=2.0, metavar="S", help="how long a job takes (default: %(default)s)")
    add("--link-seconds", type=float, default=900.0, metavar="S", help="how long a link is good (default: 900)")
    return parser


def _sandbox(options: argparse.Namespace) -> Sandbox:
    return Sandbox(
        seed=options.seed,
        timezone=options.timezone,
        first_day=options.first_day,
        events_per_day=options.events_per_day,
        creates_per_minute=options.creates_per_minute,
        polls_per_minute=options.polls_per_minute,
        window=options.window,
        job_seconds=options.job_seconds,
        link_seconds=options.link_seconds,
        keys={options.api_key: "active", **dict.fromkeys(options.forbidden_key, "forbidden")},
        host=options.host,
        port=options.port,
        quirks=dataclasses.replace(Quirks(), **dict(options.quirk)),
        on_request=command.teller(options),
    )


def _banner(sandbox: Sandbox) -> str:
    return (
        f"export TAP_COMETLY_API_URL={sandbox.api_url}\n"
        f"export TAP_COMETLY_API_KEY={sandbox.api_key}\n"
        f"# {sandbox.limits.create} creates and {sandbox.limits.status} status requests a minute.\n"
        f"# Files come from {sandbox.files_url}, control is at {sandbox.control_url}. Ctrl-C ends it."
    )


if __name__ == "__main__":
    sys.exit(main())
