"""The export engine: create ahead, poll, download, verify, hand over in order.

In: a vendor, requests, and a function that verifies files. Out: a `Delivery`, a `Failure` or a `Left` for each
request, in the order of the requests. Knows no Singer and no vendor, and uses no other room.
"""

from bulk_exports.engine.clock import Clock, SystemClock
from bulk_exports.engine.connection import Connection
from bulk_exports.engine.limits import Limits
from bulk_exports.engine.pipeline import Pipeline
from bulk_exports.engine.vendor import Delivery, Failure, Left, Started

__all__ = ["Clock", "Connection", "Delivery", "Failure", "Left", "Limits", "Pipeline", "Started", "SystemClock"]
