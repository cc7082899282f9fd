"""The command ``tap-cometly``: the SDK's command line, and errors that a person can act on."""

from __future__ import annotations

import gc
import logging
import sys
from typing import Final

from singer_sdk.exceptions import ConfigValidationError, SingerSDKError

from tap_cometly.errors import TapError
from tap_cometly.outputs.standard_streams import give_up_stdout, open_all
from tap_cometly.tap import TapCometly

SWITCH_SECONDS: Final = 0.0002
"""How long a thread may have to wait for the interpreter. One that decompresses ahead needs it often, and each time for
next to nothing; with Python's usual 5 ms it waits longer than it works."""

NO_THREAD: Final = "can't start new thread"
"""Python's words where the system has no memory for another thread, or does not allow it."""


def main() -> None:
    """Run the tap; end with a status that tells what happened.

    0: every due day was delivered. 1: it was not, and the last line on stderr says why. 128 + n: stopped by signal n
    (141, SIGPIPE: the reader went away).
    """
    log = logging.getLogger(TapCometly.name)
    sys.setswitchinterval(SWITCH_SECONDS)
    # What is loaded by now stays to the end. The collector need not look through it again, least of all on the way out,
    # where that takes a tenth of the time of `--version`.
    gc.freeze()
    try:
        open_all()
        TapCometly.cli()
    except ConfigValidationError as error:
        for problem in error.errors or [str(error)]:
            log.error(problem)  # noqa: TRY400 - the user needs the problem, not our stack
        sys.exit(1)
    except (TapError, SingerSDKError) as error:
        log.error(error)  # noqa: TRY400 - as above
        give_up_stdout()
        sys.exit(1)
    except OSError as error:
        log.error("The system refuses to go on: %s", error)  # noqa: TRY400 - as above
        give_up_stdout()
        sys.exit(1)
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, MemoryError) and str(error) != NO_THREAD:
            raise
        log.error(  # noqa: TRY400 - as above
            "The memory that this process may have is used up, or the number of its threads. Give it more, or set "
            "`max_exports_in_flight` lower"
        )
        sys.exit(1)


if __name__ == "__main__":
    main()
