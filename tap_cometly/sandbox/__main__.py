"""``tap-cometly-sandbox``: a local Cometly from the command line."""

from __future__ import annotations

import argparse
import dataclasses
import datetime as dt
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any, Final, get_type_hints

from tap_cometly.sandbox.faults import Fault, plain_value
from tap_cometly.sandbox.local import DEFAULT_KEY, Sandbox
from tap_cometly.sandbox.quirks import Quirks

if TYPE_CHECKING:
    from collections.abc import Sequence

_EXAMPLE: Final = """\
example:
  tap-cometly-sandbox --port 8080 --timezone Europe/Berlin --events-per-day 1000 \\
      --fault file:cut,at=1000,times=2,day=2025-03-01 --fault create:status,status=503,times=none \\
      --quirk empty_day=zero_bytes --verbose

Faults are step:kind,name=value,... (or the same as a JSON object) with the steps create, status, link, file (also
contacts_create, ...); kinds and details: python -c 'import tap_cometly.sandbox as s; help(s.Fault)'.
Quirks: help(s.Quirks).
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a sandbox until SIGINT or SIGTERM."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        sandbox = _sandbox(options)
    except (OSError, ValueError, LookupError) as error:  # a used port, an unknown zone
        parser.error(str(error))
    for fault in options.fault:
        sandbox.inject(fault)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with sandbox:
        print(_banner(sandbox), flush=True)  # noqa: T201 - it is what the command is for
        while not stop.wait(0.5):  # Windows does not interrupt a wait without end
            pass
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tap-cometly-sandbox",
        description="A faithful local Cometly for demos, tests and CI. Runs until it is interrupted.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    add("--port", type=int, default=0, help="port of the API (default: any free one)")
    add("--api-key", default=DEFAULT_KEY, help="the key that is let in (default: %(default)s)")
    add("--forbidden-key", action="append", default=[], metavar="KEY", help="a key that gets 403; repeatable")
    add("--seed", type=int, default=1, help="another number, another Space (default: %(default)s)")
    add("--timezone", default="UTC", help="IANA time zone of the Space (default: %(default)s)")
    add("--first-day", type=_day, metavar="DAY", help="days before it are empty (default: 400 days ago)")
    add("--events-per-day", type=int, default=200, metavar="N", help="mean (default: %(default)s)")
    add("--creates-per-minute", type=int, default=5, metavar="N", help="budget (default: %(default)s)")
    add("--polls-per-minute", type=int, default=30, metavar="N", help="budget (default: %(default)s)")
    add("--window", choices=("fixed", "sliding"), default="fixed", help="kind of minute (default: %(default)s)")
    add("--job-seconds", type=float, default=2.0, metavar="S", help="how long a job takes (default: %(default)s)")
    add("--link-seconds", type=float, default=900.0, metavar="S", help="how long a link is good (default: 900)")
    add("--fault", type=_fault, action="append", default=[], metavar="FAULT", help="what goes wrong; repeatable")
    add("--quirk", type=_quirk, action="append", default=[], metavar="NAME=VALUE", help="an unknown; repeatable")
    add("--verbose", action="store_true", help="one line per request on stderr")
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
        on_request=(lambda entry: print(entry.line(), file=sys.stderr, flush=True)) if options.verbose else None,  # noqa: T201
    )


def _banner(sandbox: Sandbox) -> str:
    return (
        f"export TAP_COMETLY_API_URL={sandbox.api_url}\n"
        f"export TAP_COMETLY_API_KEY={sandbox.api_key}\n"
        f"# {sandbox.limits.create} creates and {sandbox.limits.status} status requests a minute.\n"
        f"# Files come from {sandbox.files_url}, control is at {sandbox.control_url}. Ctrl-C ends it."
    )


def _day(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a day such as 2025-03-01") from None


def _fault(text: str) -> Fault:
    try:
        return Fault.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _quirk(text: str) -> tuple[str, Any]:
    name, _, given = text.partition("=")
    known = {field.name: field for field in dataclasses.fields(Quirks)}
    if name not in known:
        raise argparse.ArgumentTypeError(f"unknown quirk {name!r}; known: {', '.join(known)}")
    words = getattr(get_type_hints(Quirks)[name], "__args__", ())
    if isinstance(known[name].default, str):
        if given not in words:
            raise argparse.ArgumentTypeError(f"{name} is one of: {', '.join(words)}")
        return name, given
    if isinstance(known[name].default, tuple):
        return name, tuple(filter(None, given.split(",")))
    return name, plain_value(given)


if __name__ == "__main__":
    sys.exit(main())
