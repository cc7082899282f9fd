"""What every tap's command does: the SDK's command line, and errors that a person can act on."""

from __future__ import annotations

import logging
import sys
from typing import NoReturn

from singer_sdk.exceptions import ConfigValidationError, SingerSDKError

from bulk_exports import interpreter
from bulk_exports.errors import NOT_ACCEPTED, TapError, refusal_of_the_system
from bulk_exports.outputs.standard_streams import give_up_stdout, open_all
from bulk_exports.singer.tap import ExportTap, UnusableSettingsError


def run_command(tap: type[ExportTap]) -> None:
    """Run a tap; end with a status that tells what happened.

    0: every due day was delivered. 1: it was not, and another attempt may end well. 2: settings, key, STATE or catalog
    are not accepted, so the same attempt ends in the same way. In both cases the last line on stderr says why. 128 + n:
    stopped by signal n (141, SIGPIPE: the reader went away).

    Args:
        tap: Its class.
    """
    interpreter.tune()
    try:
        open_all()
        tap.cli()
    except ConfigValidationError as error:  # from options that the SDK deals with before it runs a command
        _fail(tap, UnusableSettingsError(error.errors or [str(error)]))
    except TapError as error:
        _fail(tap, error)
    except SingerSDKError as error:
        _end(tap, str(error), NOT_ACCEPTED)
    except (MemoryError, OSError, RuntimeError) as error:
        refusal = refusal_of_the_system(error)
        if refusal is None:
            raise
        _fail(tap, refusal)


def _fail(tap: type[ExportTap], error: TapError) -> NoReturn:
    """End with the words of an error: the user needs them, not our stack."""
    *others, last = error.lines(tap.connector.documents)
    for line in others:
        logging.getLogger(tap.name).error(line)
    _end(tap, last, 1 if error.is_passing else NOT_ACCEPTED)


def _end(tap: type[ExportTap], last_line: str, status: int) -> NoReturn:
    logging.getLogger(tap.name).error(last_line)
    give_up_stdout()
    sys.exit(status)
