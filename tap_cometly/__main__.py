"""The command ``tap-cometly``: the SDK's command line, and errors that a person can act on."""

from __future__ import annotations

import logging
import sys

from singer_sdk.exceptions import ConfigValidationError

from tap_cometly import interpreter
from tap_cometly.errors import TapError
from tap_cometly.tap import TapCometly


def main() -> None:
    """Run the tap; end with a status that tells what happened.

    0: every due day was delivered. 1: it was not, and the last line on stderr says why. 128 + n: stopped by signal n
    (141, SIGPIPE: the reader went away).
    """
    log = logging.getLogger(TapCometly.name)
    interpreter.tune()
    try:
        TapCometly.cli()
    except ConfigValidationError as error:
        for problem in error.errors:
            log.error(problem)  # noqa: TRY400 - the user needs the problem, not our stack
        sys.exit(1)
    except TapError as error:
        log.error(error)  # noqa: TRY400 - as above
        sys.exit(1)


if __name__ == "__main__":
    main()
