"""``tap-apsis-one-sandbox``: a local APSIS One from the command line."""

from __future__ import annotations

import dataclasses
import sys
from typing import TYPE_CHECKING, Final

from bulk_exports.sandbox import command
from tap_apsis_one.sandbox.api import Limits
from tap_apsis_one.sandbox.faults import Fault
from tap_apsis_one.sandbox.local import DEFAULT_ID, DEFAULT_SECRET, Sandbox
from tap_apsis_one.sandbox.quirks import Quirks

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

_EXAMPLE: Final = """\
example:
  tap-apsis-one-sandbox --port 8090 --profiles 1000 --events-per-day 5000 \\
      --fault file:cut,at=1000,times=2 --fault emails_create:failed --quirk not_ready=202 --verbose

Faults are step:kind,name=value,... (or the same as a JSON object) with the steps create, status, link, file (of
profiles; emails_create, ... of e-mail events), token and list: see
python -c 'import tap_apsis_one.sandbox as s; help(s.Fault)'.
Quirks: python -c 'import tap_apsis_one.sandbox as s; help(s.Quirks)'.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a sandbox until SIGINT or SIGTERM."""
    return command.run(_parser(), arguments, _sandbox, _banner)


def _parser() -> argparse.ArgumentParser:
    parser = command.parser_of("tap-apsis-one-sandbox", "APSIS One", _EXAMPLE, Fault, Quirks)
    add = parser.add_argument
    add("--client-id", default=DEFAULT_ID, help="the key that is let in (default: %(default)s)")
    add("--client-secret", default=DEFAULT_SECRET, help="its secret (default: %(default)s)")
    add("--seed", type=int, default=1, help="another number, another account (default: %(default)s)")
    add("--profiles", type=int, default=200, metavar="N", help="how many there are (default: %(default)s)")
    add("--first-day", type=command.day, metavar="DAY", help="days before it are empty (default: 400 days ago)")
    add("--events-per-day", type=int, default=200, metavar="N", help="of profiles (default: %(default)s)")
    add("--emails-per-day", type=int, default=200, metavar="N", help="events of e-mails (default: %(default)s)")
    add("--creates-per-minute", type=int, default=1, metavar="N", help="event exports a minute (default: 1)")
    add("--pending", type=int, metavar="N", help="exports at a time (default: any number)")
    add("--rows", type=int, metavar="N", help="events of an export; more are too large (default: any number)")
    add("--job-seconds", type=float, default=2.0, metavar="S", help="how long an export takes (default: %(default)s)")
    add("--token-seconds", type=float, default=86_400.0, metavar="S", help="how long a token is good (default: a day)")
    return parser


def _sandbox(options: argparse.Namespace) -> Sandbox:
    quirks = dict(options.quirk)
    # A client that may ask more often than documented has to be told so.
    quirks.setdefault("limit_headers", options.creates_per_minute != 1)
    return Sandbox(
        seed=options.seed,
        profiles=options.profiles,
        first_day=options.first_day,
        events_per_day=options.events_per_day,
        emails_per_day=options.emails_per_day,
        job_seconds=options.job_seconds,
        token_seconds=options.token_seconds,
        limits=Limits(
            creates=options.creates_per_minute,
            polls=max(60, 10 * options.creates_per_minute),
            pending=options.pending,
            rows=options.rows,
        ),
        keys={options.client_id: options.client_secret},
        host=options.host,
        port=options.port,
        quirks=dataclasses.replace(Quirks(), **quirks),
        on_request=command.teller(options),
    )


def _banner(sandbox: Sandbox) -> str:
    client_id, client_secret = next(iter(sandbox.keys.items()))
    return (
        f"export TAP_APSIS_ONE_API_URL={sandbox.api_url}\n"
        f"export TAP_APSIS_ONE_CLIENT_ID={client_id}\n"
        f"export TAP_APSIS_ONE_CLIENT_SECRET={client_secret}\n"
        f"# {sandbox.limits.creates} event exports a minute.\n"
        f"# Files come from {sandbox.files_url}, control is at {sandbox.control_url}. Ctrl-C ends it."
    )


if __name__ == "__main__":
    sys.exit(main())
