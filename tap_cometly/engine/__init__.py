"""The export engine: fulfils orders at any vendor of asynchronous exports. Knows no Singer and no Cometly."""

from tap_cometly.engine.clock import Clock, SystemClock
from tap_cometly.engine.lifecycle import Limits
from tap_cometly.engine.pipeline import Pipeline
from tap_cometly.engine.vendor import Delivery, Failure

__all__ = ["Clock", "Delivery", "Failure", "Limits", "Pipeline", "SystemClock"]
