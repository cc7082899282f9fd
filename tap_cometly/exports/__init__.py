"""The export engine: fulfils orders at any vendor of asynchronous exports. Knows no Singer and no Cometly."""

from tap_cometly.exports.clock import Clock, SystemClock
from tap_cometly.exports.course import Limits
from tap_cometly.exports.jobs import Delivery, Failure
from tap_cometly.exports.pipeline import Pipeline

__all__ = ["Clock", "Delivery", "Failure", "Limits", "Pipeline", "SystemClock"]
