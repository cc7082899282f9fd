"""``tap-pardot-exports-sandbox``: a local Account Engagement from the command line."""

from __future__ import annotations

import dataclasses
import sys
from typing import TYPE_CHECKING, Final

from bulk_exports.sandbox import command
from tap_pardot_exports.sandbox.faults import Fault
from tap_pardot_exports.sandbox.local import Sandbox
from tap_pardot_exports.sandbox.quirks import Quirks

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

_EXAMPLE: Final = """\
example:
  tap-pardot-exports-sandbox --port 8080 --login-port 8081 --timezone Europe/Berlin --per-day 500 \\
      --fault create:code,code=183,times=2 --quirk bounds=inclusive --verbose

Faults are step:kind,name=value,... (or the same as a JSON object) with the steps create, status, link, file, token and
cancel; kinds and details: python -c 'import bulk_exports.sandbox as s; help(s.Fault)', and of this vendor
help(tap_pardot_exports.sandbox.Fault). Quirks: help(tap_pardot_exports.sandbox.Quirks).
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a sandbox until SIGINT or SIGTERM."""
    return command.run(_parser(), arguments, _sandbox, _banner)


def _parser() -> argparse.ArgumentParser:
    parser = command.parser_of("tap-pardot-exports-sandbox", "Account Engagement", _EXAMPLE, Fault, Quirks)
    add = parser.add_argument
    add("--login-port", type=int, default=0, help="port of the login (default: any free one)")
    add("--seed", type=int, default=1, help="another number, another business unit (default: %(default)s)")
    add("--timezone", default="UTC", help="IANA time zone of the API user (default: %(default)s)")
    add("--first-day", type=command.day, metavar="DAY", help="before it there was nothing (default: 60 days ago)")
    add("--per-day", type=int, default=20, metavar="N", help="new records a day, of each kind (default: %(default)s)")
    add("--job-seconds", type=float, default=2.0, metavar="S", help="how long an export takes (default: %(default)s)")
    add("--files", type=int, default=3, metavar="N", help="files of an export, at most (default: %(default)s)")
    add("--token-seconds", type=float, default=7200.0, metavar="S", help="life of a token (default: %(default)s)")
    add("--calls-per-day", type=int, default=25_000, metavar="N", help="quota (default: %(default)s)")
    add("--version", type=int, action="append", metavar="N", help="of the API; repeatable (default: 4 and 5)")
    return parser


def _sandbox(options: argparse.Namespace) -> Sandbox:
    return Sandbox(
        seed=options.seed,
        timezone=options.timezone,
        first_day=options.first_day,
        per_day=options.per_day,
        job_seconds=options.job_seconds,
        files=options.files,
        token_seconds=options.token_seconds,
        calls_per_day=options.calls_per_day,
        versions=options.version or (4, 5),
        host=options.host,
        port=options.port,
        login_port=options.login_port,
        quirks=dataclasses.replace(Quirks(), **dict(options.quirk)),
        on_request=command.teller(options),
    )


def _banner(sandbox: Sandbox) -> str:
    names = {name.upper(): value for name, value in sandbox.config.items()}
    lines = [f"export TAP_PARDOT_EXPORTS_{name}={value}" for name, value in names.items()]
    return "\n".join([*lines, f"# Control is at {sandbox.control_url}. Ctrl-C ends it."])


if __name__ == "__main__":
    sys.exit(main())
