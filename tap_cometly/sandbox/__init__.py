"""A faithful local Cometly: endpoints, limits, job life cycle, files, and everything that can go wrong.

For demos, tests and CI::

    from tap_cometly.sandbox import Fault, Sandbox

    with Sandbox(timezone="Europe/Berlin", events_per_day=500) as cometly:
        cometly.inject(Fault("file", "cut", at=1000, times=2))
        run_tap(api_url=cometly.api_url, api_key=cometly.api_key)
        assert rows == list(cometly.truth(day, fields=["amount"]))

or from the command line: ``tap-cometly-sandbox --help``. Everything is deterministic: the same seed gives the same
events on every machine. Nothing here is used by the tap itself.
"""

from __future__ import annotations

from bulk_exports.sandbox import LoggedRequest
from tap_cometly.sandbox.faults import Fault
from tap_cometly.sandbox.local import Sandbox
from tap_cometly.sandbox.quirks import Quirks

__all__ = ["Fault", "LoggedRequest", "Quirks", "Sandbox"]
