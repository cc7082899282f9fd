"""A fleet: many Spaces, each loaded by one run at a time, on one machine or several."""
