"""The command ``tap-cometly``: the SDK's command line, and errors that a person can act on."""

from __future__ import annotations

import gc
import logging
import sys
from typing import Final

from singer_sdk.exceptions import ConfigValidationError

from tap_cometly.errors import NOT_ACCEPTED, TapError
from tap_cometly.tap import TapCometly

SWITCH_SECONDS: Final = 0.0002
"""How long a thread may have to wait for the interpreter. One that decompresses ahead needs it often, and each time for
next to nothing; with Python's usual 5 ms it waits longer than it works."""


def main() -> None:
    """Run the tap; end with a status that tells what happened.

    0: every due day was delivered. 1: it was not, and another attempt may end well. 2: settings, key, STATE or catalog
    are not accepted, so the same attempt ends in the same way. In both cases the last line on stderr says why. 128 + n:
    stopped by signal n (141, SIGPIPE: the reader went away).
    """
    log = logging.getLogger(TapCometly.name)
    sys.setswitchinterval(SWITCH_SECONDS)
    # What is loaded by now stays to the end. The collector need not look through it again, least of all on the way out,
    # where that takes a tenth of the time of `--version`.
    gc.freeze()
    try:
        TapCometly.cli()
    except ConfigValidationError as error:
        for problem in error.errors:
            log.error(problem)  # noqa: TRY400 - the user needs the problem, not our stack
        sys.exit(NOT_ACCEPTED)
    except TapError as error:
        log.error(error)  # noqa: TRY400 - as above
        sys.exit(1 if error.is_passing else NOT_ACCEPTED)


if __name__ == "__main__":
    main()
