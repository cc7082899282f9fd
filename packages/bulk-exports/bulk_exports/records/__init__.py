"""From lines to records: every value checked against its column, then written without having been an object.

In: an export's files and the declared columns. Out: a `Verification` with the summary of what the files hold, and
encoded records. May use: `files`, `engine` (its errors).

The trick is to let C code do all the work, twice, a few hundred lines per call::

    files ─ blocks of lines ─► verify ── Verification (summary, shape) ─► day is delivered, or fails
      └──── blocks of lines ─► encode ── the same lines as records ─────► outputs

So a million rows become messages without a line of Python per value.
"""
