"""A day as the vendor has it now, compared with what the target holds of it.

In: verified days, in the order in which they are delivered. Out: whether a day must be written, its ledger row, and the
STATE that follows. May use: `records`, `windows`, `engine` (its errors and spool files).
"""
