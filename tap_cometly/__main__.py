"""The command ``tap-cometly``: the SDK's command line, and errors that a person can act on."""

from __future__ import annotations

import logging
import sys
from typing import NoReturn

from singer_sdk.exceptions import ConfigValidationError

from tap_cometly import interpreter
from tap_cometly.errors import NOT_ACCEPTED, TapError
from tap_cometly.singer.tap import UnusableSettingsError
from tap_cometly.tap import TapCometly


def main() -> None:
    """Run the tap; end with a status that tells what happened.

    0: every due day was delivered. 1: it was not, and another attempt may end well. 2: settings, key, STATE or catalog
    are not accepted, so the same attempt ends in the same way. In both cases the last line on stderr says why. 128 + n:
    stopped by signal n (141, SIGPIPE: the reader went away).
    """
    interpreter.tune()
    try:
        TapCometly.cli()
    except ConfigValidationError as error:  # from options that the SDK deals with before it runs a command
        _fail(UnusableSettingsError(error.errors or [str(error)]))
    except TapError as error:
        _fail(error)


def _fail(error: TapError) -> NoReturn:
    """End with the words of an error: the user needs them, not our stack."""
    for line in error.lines:
        logging.getLogger(TapCometly.name).error(line)
    sys.exit(1 if error.is_passing else NOT_ACCEPTED)


if __name__ == "__main__":
    main()
