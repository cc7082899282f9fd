"""A faithful local Account Engagement: login, queue, exports, files, and everything that can go wrong.

For demos, tests and CI::

    from tap_pardot_exports.sandbox import Fault, Sandbox

    with Sandbox(timezone="Europe/Berlin") as pardot:
        pardot.inject(Fault("file", "cut", at=1000))
        run_tap(**pardot.config, timezone="Europe/Berlin")
        assert rows == list(pardot.truth("prospects"))

or from the command line: ``tap-pardot-exports-sandbox --help``. Everything is deterministic: the same seed gives the
same records on every machine. Nothing here is used by the tap itself.
"""

from __future__ import annotations

from bulk_exports.sandbox import LoggedRequest
from tap_pardot_exports.sandbox.faults import Fault
from tap_pardot_exports.sandbox.local import Sandbox
from tap_pardot_exports.sandbox.quirks import Quirks

__all__ = ["Fault", "LoggedRequest", "Quirks", "Sandbox"]
