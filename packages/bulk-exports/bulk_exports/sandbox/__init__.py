"""What every local vendor is built from: sockets, faults, limits, links, files, the journal, the command line.

A vendor's sandbox adds its endpoints, the life of its jobs, and its data. For demos, tests and CI; nothing else in the
kit uses it.
"""

from __future__ import annotations

from bulk_exports.sandbox.faults import Fault
from bulk_exports.sandbox.journal import LoggedRequest
from bulk_exports.sandbox.local import LocalVendor

__all__ = ["Fault", "LocalVendor", "LoggedRequest"]
