"""The command line of a sandbox, as far as every vendor's has it: where to listen, what goes wrong, which unknowns."""

from __future__ import annotations

import argparse
import dataclasses
import datetime as dt
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any, get_type_hints

from bulk_exports.sandbox.faults import Fault, plain_value

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bulk_exports.sandbox.journal import LoggedRequest
    from bulk_exports.sandbox.local import LocalVendor


def parser_of(prog: str, vendor: str, example: str, fault: type[Fault], quirks: type[Any]) -> argparse.ArgumentParser:
    """Return a parser of the options that every sandbox has.

    Args:
        prog: Name of the program.
        vendor: Name of the vendor.
        example: What the help ends with.
        fault: The vendor's class of faults.
        quirks: A dataclass whose every field is an unknown of the vendor, with its likeliest answer as default.
    """
    parser = argparse.ArgumentParser(
        prog=prog,
        description=f"A faithful local {vendor} for demos, tests and CI. Runs until it is interrupted.",
        epilog=example,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    add("--port", type=int, default=0, help="port of the API (default: any free one)")
    add("--fault", type=_fault_of(fault), action="append", default=[], metavar="FAULT", help="what goes wrong")
    add("--quirk", type=_quirk_of(quirks), action="append", default=[], metavar="NAME=VALUE", help="an unknown")
    add("--verbose", action="store_true", help="one line per request on stderr")
    return parser


def run(
    parser: argparse.ArgumentParser,
    arguments: Sequence[str] | None,
    make: Callable[[argparse.Namespace], LocalVendor],
    banner: Callable[[Any], str],
) -> int:
    """Run a sandbox until SIGINT or SIGTERM.

    Args:
        parser: Reads the arguments.
        arguments: Those of the command line if None.
        make: Makes the sandbox from the options.
        banner: Says how to use a sandbox that has started.
    """
    options = parser.parse_args(arguments)
    try:
        sandbox = make(options)
    except (OSError, ValueError, LookupError) as error:  # a used port, an unknown zone
        parser.error(str(error))
    for fault in options.fault:
        sandbox.inject(fault)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with sandbox:
        print(banner(sandbox), flush=True)  # noqa: T201 - it is what the command is for
        while not stop.wait(0.5):  # Windows does not interrupt a wait without end
            pass
    return 0


def teller(options: argparse.Namespace) -> Callable[[LoggedRequest], None] | None:
    """Return what tells each request on stderr, if the user wants to see them."""
    if not options.verbose:
        return None
    return lambda entry: print(entry.line(), file=sys.stderr, flush=True)  # noqa: T201


def day(text: str) -> dt.date:
    """Read a day."""
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a day such as 2025-03-01") from None


def _fault_of(fault: type[Fault]) -> Callable[[str], Fault]:
    def read(text: str) -> Fault:
        try:
            return fault.parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return read


def _quirk_of(quirks: type[Any]) -> Callable[[str], tuple[str, Any]]:
    def read(text: str) -> tuple[str, Any]:
        name, _, given = text.partition("=")
        known = {field.name: field for field in dataclasses.fields(quirks)}
        if name not in known:
            raise argparse.ArgumentTypeError(f"unknown quirk {name!r}; known: {', '.join(known)}")
        words = getattr(get_type_hints(quirks)[name], "__args__", ())
        if isinstance(known[name].default, str):
            if given not in words:
                raise argparse.ArgumentTypeError(f"{name} is one of: {', '.join(words)}")
            return name, given
        if isinstance(known[name].default, tuple):
            return name, tuple(filter(None, given.split(",")))
        return name, plain_value(given)

    return read
