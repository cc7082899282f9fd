"""Singer tap for Cometly: every conversion event, one verified export per day."""
