"""The export engine: fulfils orders at any vendor of asynchronous exports. Knows no Singer and no Cometly."""

from tap_cometly.exports.clock import Clock, SystemClock
from tap_cometly.exports.jobs import Failure
from tap_cometly.exports.pipeline import Delivery, Limits, Pipeline

__all__ = ["Clock", "Delivery", "Failure", "Limits", "Pipeline", "SystemClock"]
