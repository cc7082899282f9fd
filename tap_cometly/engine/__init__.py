"""The export engine: create ahead, poll, download, verify, hand over in order.

In: a vendor, requests, and a function that verifies files. Out: a `Delivery` or a `Failure` for each request, in the
order of the requests. Knows no Singer and no vendor, and uses no other room.
"""

from tap_cometly.engine.clock import Clock, SystemClock
from tap_cometly.engine.lifecycle import Limits
from tap_cometly.engine.pipeline import Pipeline
from tap_cometly.engine.vendor import Delivery, Failure

__all__ = ["Clock", "Delivery", "Failure", "Limits", "Pipeline", "SystemClock"]
